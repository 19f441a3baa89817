/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of the text and strace outputs about what is no call. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "decode/decode.h"
#include "show/exits.h"
#include "show/function_text.h"
#include "show/nt/process.h"
#include "show/text.h"
#include "show/unpack/layers.h"
#include "trace/record.h"

static void signal_name(GString *to, int32_t signo)
{
    const char *name = signo > 0 ? decode__signal_name((unsigned)signo) : NULL;
    if (name)
        g_string_append(to, name);
    else
        g_string_append_printf(to, "%d", signo);
}

void text__exit(GString *to, const struct ends_told *told)
{
    int32_t status = told->status;
    if (model__is_nt(&told->thread)) {
        struct exits exits = exits__read(true, status, told->flags & QBK_EXIT_UNKNOWN);
        g_string_append(to, "+++ ");
        exits__text(to, &exits);
        g_string_append(to, " +++");
        return;
    }
    if (!WIFSIGNALED(status)) {
        g_string_append_printf(to, "+++ exited with %d +++", WEXITSTATUS(status));
        return;
    }
    g_string_append(to, "+++ killed by ");
    signal_name(to, WTERMSIG(status));
    g_string_append(to, WCOREDUMP(status) ? " (core dumped) +++" : " +++");
}

static void signal_line(GString *to, const struct qbk_signal *sig)
{
    g_string_append(to, sig->how == QBK_SIGNAL_STOPPED ? "--- stopped by " : "--- ");
    signal_name(to, sig->signo);
    if (sig->how != QBK_SIGNAL_STOPPED)
        g_string_append_c(to, ' ');
    if (sig->how != QBK_SIGNAL_STOPPED)
        print__siginfo(to, sig);
    g_string_append(to, " ---");
}

static void text_pairs(GString *to, const struct qbk_text *rec, const char *const *keys)
{
    for (unsigned i = 0; keys[i]; i++) {
        const char *value = record__text_get(rec, keys[i]);
        if (value) {
            g_string_append_printf(to, "%s%s: ", i ? ", " : "", keys[i]);
            print__safe(to, value, strlen(value));
        }
    }
}

/* Records that strace has no lines for. False: nothing to show. */
static bool remark(GString *to, const struct qbk_record *rec)
{
    static const char *const guest_keys[] = {"os", "release", "how", "pairing", "missing", "hooked", NULL};
    const struct qbk_text *text = (const void *)rec;
    const char *control;
    switch (rec->type) {
    case QBK_GUEST:
        g_string_append(to, "# guest ");
        text_pairs(to, text, guest_keys);
        return true;
    case QBK_META: /* at the beginning there is nothing to tell */
        control = record__text_get(text, LINK_META_CONTROL);
        if (!control)
            return false;
        g_string_append(to, "# trace: ");
        print__safe(to, control, strlen(control));
        return true;
    case QBK_GAP:
        g_string_append_printf(to, "# lost %" PRIu64 " records", ((const struct qbk_gap *)rec)->records);
        return true;
    case QBK_ERROR:
    case QBK_LOG:
        g_string_append(to, rec->type == QBK_LOG ? "# log " : "# error ");
        print__line(to, text->text, text->len);
        return true;
    default:
        return false;
    }
}

static void layer_line(GString *to, const struct layer *l)
{
    const struct qbk_layer *r = l->rec;
    g_string_append_printf(to,
                           "+++ runs layer %u at 0x%" PRIx64 ", written by %s0x%" PRIx64 "; %" PRIu64
                           " bytes from 0x%" PRIx64 ", sha256 %s%s +++",
                           r->layer, r->entry, r->flags & QBK_LAYER_BY_KERNEL ? "the kernel for " : "", r->writer,
                           (uint64_t)l->size, l->start, l->sha256, l->complete ? "" : ", not complete");
}

bool text__record(struct text *t, const struct output *out, const struct model_event *e)
{
    const struct qbk_record *rec = e->rec;
    const struct qbk_signal *sig = (const void *)rec;
    if (rec->type == QBK_SIGNAL && number_set__has(&out->options->signals, (uint32_t)sig->signo)) {
        text__leader(t->line, t, out, e->thread, rec->time_ns, NULL);
        signal_line(t->line, sig);
        return true;
    }
    if (rec->type == QBK_THREAD && e->process == PROCESS_EXECS && !t->strace) {
        text__leader(t->line, t, out, e->thread, rec->time_ns, NULL);
        g_string_append(t->line, "+++ ");
        nt_process__text(t->line, e->thread);
        g_string_append(t->line, " +++");
        return true;
    }
    if (e->layer && !t->strace) {
        text__leader(t->line, t, out, e->thread, rec->time_ns, NULL);
        layer_line(t->line, e->layer);
        return true;
    }
    if (e->function && e->function->ret && !t->strace) {
        text__leader(t->line, t, out, e->thread, rec->time_ns, NULL);
        g_string_append(t->line, e->thread ? "" : "kernel ");
        function_text__call(t->line, out->options, e->function);
        return true;
    }
    return !t->strace && remark(t->line, rec);
}
