// SPDX-License-Identifier: GPL-2.0-or-later
#include "help.h"

#include <stdio.h>
#include <string.h>

struct seen seen[SEEN_MAX];
unsigned n_seen;

static struct seen *note(char what, const struct noter *noter, const struct qebek_call *call, const void *context)
{
    if (n_seen == SEEN_MAX)
        fail_msg("more callbacks than expected");
    struct seen *s = &seen[n_seen++];
    *s = (struct seen){.what = what,
                       .hook = noter->letter,
                       .nr = call->nr,
                       .abi = call->abi,
                       .depth = call->depth,
                       .end = call->end,
                       .flags = call->flags,
                       .result = call->result,
                       .key = call->thread->key,
                       .machine = call->machine,
                       .context = context};
    return s;
}

/* The context must be zero, whatever it held before; then it is filled wholly. */
static enum qebek_verdict pre(struct qebek_call *call, void *context, void *user)
{
    const struct noter *noter = user;
    struct seen *s = note('<', noter, call, context);
    uint8_t *bytes = context;
    assert_int_equal(call->ended, 0);
    for (size_t i = 0; i < noter->hook.context_size; i++)
        assert_int_equal(bytes[i], 0);
    if (noter->hook.context_size > 0)
        memset(bytes, 0xa5, noter->hook.context_size);
    if (noter->hook.context_size >= 8) {
        s->stamp = (uint64_t)(uint8_t)noter->letter << 56 | call->args[0];
        memcpy(bytes, &s->stamp, 8);
    }
    return noter->skip ? QEBEK_SKIP : QEBEK_WATCH;
}

static void post(struct qebek_call *call, void *context, void *user)
{
    const struct noter *noter = user;
    struct seen *s = note('>', noter, call, context);
    const uint8_t *bytes = context;
    assert_int_equal(call->ended, 1);
    if (noter->hook.context_size >= 8) {
        memcpy(&s->stamp, bytes, 8);
        assert_int_equal(s->stamp, (uint64_t)(uint8_t)noter->letter << 56 | call->args[0]);
    }
    for (size_t i = 8; i < noter->hook.context_size; i++)
        assert_int_equal(bytes[i], 0xa5);
}

struct calls *help__calls(void)
{
    struct calls *calls = calls__new(2, 16);
    assert_non_null(calls);
    n_seen = 0;
    return calls;
}

void help__noter(struct noter *noter, char letter, size_t context_size)
{
    *noter = (struct noter){.letter = letter};
    noter->hook = (struct qebek_hook){
        .size = sizeof noter->hook, .pre = pre, .post = post, .user = noter, .context_size = context_size};
}

void help__hook(struct calls *calls, uint32_t nr, struct noter *noter)
{
    assert_int_equal(calls__hook(calls, QBK_ABI_LINUX_X86_64, nr, &noter->hook), 0);
}

static struct qebek_call *enter(struct calls *calls, struct calls_thread *thread, uint32_t nr, uint64_t arg,
                                bool nested)
{
    struct qebek_call prepare = {
        .nr = nr, .abi = QBK_ABI_LINUX_X86_64, .args = {arg}, .have_args = 1, .machine = &seen[0], .cookie = arg};
    return calls__enter(calls, thread, 0, &prepare, nested);
}

struct qebek_call *help__enter(struct calls *calls, struct calls_thread *thread, uint32_t nr, uint64_t arg)
{
    return enter(calls, thread, nr, arg, false);
}

struct qebek_call *help__nested(struct calls *calls, struct calls_thread *thread, uint32_t nr, uint64_t arg)
{
    return enter(calls, thread, nr, arg, true);
}

bool help__return(struct calls *calls, struct calls_thread *thread, uint64_t result)
{
    return calls__end(calls, thread, 0, &seen[1], QBK_END_RETURNED, QBK_RETURN_HAS_RESULT, result);
}

void help__expect(const char *text)
{
    char have[SEEN_MAX] = "";
    size_t len = 0;
    for (unsigned i = 0; i < n_seen && len < sizeof have - 16; i++)
        len += (size_t)snprintf(have + len, sizeof have - len, "%s%c%c%u", i > 0 ? " " : "", seen[i].what, seen[i].hook,
                                seen[i].depth);
    assert_string_equal(have, text);
    n_seen = 0;
}

void help__balanced(struct calls *calls, uint64_t in_flight)
{
    struct calls_counts counts;
    uint64_t ends = 0;
    calls__counts(calls, &counts);
    for (unsigned i = 0; i < QBK_ENDS; i++)
        ends += counts.ends[i];
    assert_int_equal(counts.entries, ends + in_flight);
}
