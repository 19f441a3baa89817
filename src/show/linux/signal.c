/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals: masks, actions, what came with a signal. */
#include "show/linux/forms.h"
#include "trace/record.h"

/* A mask with most signals in it is shown as those that are not. */
void form__mask(GString *to, const uint8_t *bytes, size_t len)
{
    uint64_t mask = print__load(bytes, len);
    unsigned bits = (unsigned)len * 8;
    const char *separator = "";
    if ((unsigned)__builtin_popcountll(mask) >= bits * 2 / 3) {
        mask = ~mask;
        g_string_append_c(to, '~');
    }
    g_string_append_c(to, '[');
    for (unsigned i = 0; i < bits; i++) {
        const char *name = decode__signal_name(i + 1);
        if (!(mask >> i & 1))
            continue;
        g_string_append(to, separator);
        g_string_append(to, name ? name + 3 : "?");
        separator = " ";
    }
    g_string_append_c(to, ']');
}

static void set_at(const struct where *w, size_t least, size_t most, uint64_t len)
{
    const uint8_t *bytes = len >= least && len <= most ? print__whole(w, w->value, (size_t)len) : NULL;
    if (bytes)
        form__mask(w->to, bytes, (size_t)len);
    else
        print__address(w->to, w->value);
}

FORM_POINTER(sigset)
{
    set_at(w, print__word(w), 8, print__length(w));
}

FORM_POINTER(old_sigset)
{
    set_at(w, print__word(w), 8, print__word(w));
}

FORM_STRUCT(sigset_argpack)
{
    unsigned n = print__word(w);
    uint64_t len = print__load(bytes + n, n);
    struct where mask = *w;
    UNUSED_HAVE;
    mask.value = print__load(bytes, n);
    TEXT("{sigmask=");
    if (mask.value)
        set_at(&mask, n, 8, len);
    else
        TEXT("NULL");
    OUT(", sigsetsize=%" PRIu64 "}", len);
}

/* ---- sigaction ---- */

static void handler(const struct where *w, uint64_t value)
{
    static const char *const names[] = {"SIG_DFL", "SIG_IGN"};
    uint64_t error = print__word(w) == 4 ? 0xffffffffu : UINT64_MAX;
    if (value < 2)
        TEXT(names[value]);
    else if (value == error)
        TEXT("SIG_ERR");
    else
        print__address(w->to, value);
}

static void action(const struct where *w, uint64_t function, const uint8_t *mask, size_t mask_len, uint64_t flags,
                   uint64_t restorer)
{
    TEXT("{sa_handler=");
    handler(w, function);
    TEXT(", sa_mask=");
    form__mask(w->to, mask, mask_len);
    TEXT(", sa_flags=");
    print__flags(w->to, DECODE_SET_sigaction_flags, flags);
    if (flags & 0x04000000) {
        TEXT(", sa_restorer=");
        print__address(w->to, restorer);
    }
    TEXT("}");
}

FORM_STRUCT(sigaction)
{
    unsigned n = print__word(w);
    UNUSED_HAVE;
    action(w, print__load(bytes, n), bytes + 3 * n, 8, print__load(bytes + n, n), print__load(bytes + 2 * n, n));
}

FORM_STRUCT(old_sigaction)
{
    UNUSED_HAVE;
    action(w, form_u32(bytes), bytes + 4, 4, form_u32(bytes + 8), form_u32(bytes + 12));
}

/* ---- siginfo ---- */

static void source(const struct where *w, const uint8_t *at)
{
    OUT(", si_pid=%d, si_uid=", (int32_t)form_u32(at));
    print__id(w->to, form_u32(at + 4));
}

static void sent_value(const struct where *w, const uint8_t *at)
{
    OUT(", si_int=%d, si_ptr=", (int32_t)form_u32(at));
    print__address(w->to, print__load(at, print__word(w)));
}

static void clock_ticks(const struct where *w, const char *name, uint64_t ticks)
{
    OUT(", %s=%" PRIu64, name, ticks);
    if (ticks)
        OUT(" /* %.2f s */", (double)ticks / 100.0);
}

/* The union begins at 16 (12 in the 32-bit ABI): `u`. */
static void from_user(const struct where *w, int32_t code, const uint8_t *u)
{
    unsigned n = print__word(w);
    switch (code) {
    case 0:  /* SI_USER */
    case -6: /* SI_TKILL */
        source(w, u);
        break;
    case -2: /* SI_TIMER */
        OUT(", si_timerid=%#x, si_overrun=%d", form_u32(u), (int32_t)form_u32(u + 4));
        sent_value(w, u + 8);
        break;
    case -5: /* SI_SIGIO */
        OUT(", si_band=%" PRId64 ", si_fd=", (int64_t)print__load(u, n));
        print__descriptor(w, (int32_t)form_u32(u + n));
        break;
    default:
        source(w, u);
        if (print__load(u + 8, n))
            sent_value(w, u + 8);
    }
}

static void child(const struct where *w, int32_t code, const uint8_t *u)
{
    unsigned n = print__word(w);
    source(w, u);
    TEXT(", si_status=");
    if (code == 1)
        OUT("%d", (int32_t)form_u32(u + 8));
    else
        print__signal_name(w->to, (int32_t)form_u32(u + 8));
    const uint8_t *times = u + (n == 8 ? 16 : 12);
    clock_ticks(w, "si_utime", print__load(times, n));
    clock_ticks(w, "si_stime", print__load(times + n, n));
}

static void from_kernel(const struct where *w, int32_t signo, int32_t code, const uint8_t *u)
{
    unsigned n = print__word(w);
    switch (signo) {
    case 17:
        child(w, code, u);
        break;
    case 4:
    case 5:
    case 7:
    case 8:
    case 11:
        TEXT(", si_addr=");
        print__address(w->to, print__load(u, n));
        if (signo == 11 && code == 3) {
            TEXT(", si_lower=");
            print__address(w->to, print__load(u + 2 * n, n));
            TEXT(", si_upper=");
            print__address(w->to, print__load(u + 3 * n, n));
        } else if (signo == 11 && code == 4) {
            OUT(", si_pkey=%u", form_u32(u + 2 * n));
        }
        break;
    case 29:
        if (code == 0x80) { /* SI_KERNEL: a lease broke, or the like */
            if (form_u64(u))
                source(w, u);
            break;
        }
        OUT(", si_band=%" PRId64 ", si_fd=%d", (int64_t)print__load(u, n), (int32_t)form_u32(u + n));
        break;
    case 31: {
        const struct decode_service *s = decode__service(
            form_u32(u + n + 4) == 0x40000003u ? QBK_ABI_LINUX_I386 : QBK_ABI_LINUX_X86_64, form_u32(u + n));
        TEXT(", si_call_addr=");
        print__address(w->to, print__load(u, n));
        if (s)
            OUT(", si_syscall=__NR_%s", s->name);
        else
            OUT(", si_syscall=%u", form_u32(u + n));
        TEXT(", si_arch=");
        print__enum(w->to, DECODE_SET_audit_arch, form_u32(u + n + 4));
        break;
    }
    default:
        if (form_u64(u))
            source(w, u);
        if (print__load(u + 8, n))
            sent_value(w, u + 8);
    }
}

FORM_STRUCT(siginfo)
{
    int32_t signo = (int32_t)form_u32(bytes), err = (int32_t)form_u32(bytes + 4), code = (int32_t)form_u32(bytes + 8);
    const char *name = decode__sicode_name((unsigned)signo, code);
    const uint8_t *u = bytes + (print__word(w) == 8 ? 16 : 12);
    TEXT("{");
    if (signo) {
        TEXT("si_signo=");
        print__signal_name(w->to, signo);
        if (name)
            OUT(", si_code=%s", name);
        else
            OUT(", si_code=%#x", (unsigned)code);
        if (err) {
            const char *error = decode__errno_name((unsigned)err);
            if (error)
                OUT(", si_errno=%s", error);
            else
                OUT(", si_errno=%u", (unsigned)err);
        }
        if (have < 48)
            ; /* its end was not read */
        else if (code <= 0)
            from_user(w, code, u);
        else if (code != 0x80 || signo != 5)
            from_kernel(w, signo, code, u);
        else
            from_kernel(w, signo, code, u);
    }
    TEXT("}");
}

void print__siginfo(GString *to, const struct qbk_signal *sig)
{
    static const struct show_options plain;
    struct model_call none = {.abi = QBK_ABI_LINUX_X86_64};
    struct where w = {.to = to, .o = &plain, .call = &none};
    uint8_t info[64] = {0};
    if (sig->info_len == 0) { /* the kernel had dropped it */
        g_string_append(to, "{si_signo=");
        print__signal_name(to, sig->signo);
        g_string_append_c(to, '}');
        return;
    }
    memcpy(info, sig->info, MIN(sig->info_len, sizeof(sig->info)));
    form__siginfo(&w, info, sig->info_len);
}

/* ---- sigevent ---- */

FORM_STRUCT(sigevent)
{
    unsigned n = print__word(w);
    uint32_t signo = form_u32(bytes + n), notify = form_u32(bytes + n + 4);
    const uint8_t *rest = bytes + n + 8;
    UNUSED_HAVE;
    TEXT("{");
    if (print__load(bytes, n)) {
        OUT("sigev_value={sival_int=%d, sival_ptr=", (int32_t)form_u32(bytes));
        print__address(w->to, print__load(bytes, n));
        TEXT("}, ");
    }
    TEXT("sigev_signo=");
    if (notify == 0 || notify == 2 || notify == 4)
        print__signal_name(w->to, (int32_t)signo);
    else
        OUT("%u", signo);
    TEXT(", sigev_notify=");
    print__enum(w->to, DECODE_SET_sigev, notify);
    if (notify == 4)
        OUT(", sigev_notify_thread_id=%d", (int32_t)form_u32(rest));
    if (notify == 2) {
        TEXT(", sigev_notify_function=");
        print__address(w->to, print__load(rest, n));
        TEXT(", sigev_notify_attributes=");
        print__address(w->to, print__load(rest + n, n));
    }
    TEXT("}");
}

/* What is made again is what the thread did last. */
FORM_ARGS(restart_syscall)
{
    const struct decode_service *last = w->call->thread->last;
    (void)exit;
    if (entry)
        OUT("<... resuming interrupted %s ...>", last ? last->name : "system call");
}

FORM_RESULT(rt_sigtimedwait)
{
    const char *name = decode__signal_name((unsigned)w->value);
    if (w->value && name)
        TEXT(name);
}

/* ---- rt_sigreturn: the mask out of the frame, which the capture keeps beside the arguments ---- */

FORM_ARGS(rt_sigreturn)
{
    struct snippet_iter it;
    const struct qbk_snippet *s;
    const uint8_t *bytes;
    (void)exit;
    if (!entry || !w->call->enter)
        return;
    record__snippets(&w->call->enter->h, &it);
    while ((s = record__next_snippet(&it, &bytes)) != NULL) {
        if (s->kind != QBK_SNIP_MEM || s->arg != 0xff || s->have != 8)
            continue;
        TEXT("{mask=");
        form__mask(w->to, bytes, 8);
        TEXT("}");
        return;
    }
}
