/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New processes, limits, capabilities, scheduling. */
#include "show/linux/forms.h"

/* ---- clone ---- */

#define CSIGNAL_MASK     0xffu
#define F_PIDFD          0x00001000u
#define F_SETTLS         0x00080000u
#define F_PARENT_SETTID  0x00100000u
#define F_CHILD_CLEARTID 0x00200000u
#define F_CHILD_SETTID   0x01000000u
#define F_INTO_CGROUP    0x200000000ull

static void number_at(const struct where *w, uint64_t addr, bool descriptor)
{
    struct where after = *w;
    after.after = true;
    after.arg = NULL;
    const uint8_t *bytes = addr ? print__whole(&after, addr, 4) : NULL;
    if (!bytes) {
        print__address(w->to, addr);
        return;
    }
    TEXT("[");
    if (descriptor)
        print__descriptor(&after, (int32_t)form_u32(bytes));
    else
        OUT("%d", (int32_t)form_u32(bytes));
    TEXT("]");
}

static void clone_entry(const struct where *w, const uint64_t *args)
{
    uint64_t flags = args[0] & ~(uint64_t)CSIGNAL_MASK;
    uint32_t signo = args[0] & CSIGNAL_MASK;
    TEXT("child_stack=");
    print__address(w->to, args[1]);
    TEXT(", flags=");
    if (flags)
        print__flags(w->to, DECODE_SET_clone_flags, flags);
    if (flags && signo)
        TEXT("|");
    if (signo || !flags)
        print__signal_name(w->to, (int32_t)signo);
}

FORM_ARGS(clone)
{
    bool wide = print__word(w) == 8; /* the last two arguments are the other way round in the 32-bit ABI */
    const uint64_t *args = w->call->enter->args;
    uint64_t flags = args[0];
    if (w->call->enter->nargs < 5)
        return;
    if (entry)
        clone_entry(w, args);
    if (!exit)
        return;
    if (flags & (F_PARENT_SETTID | F_PIDFD)) {
        TEXT(", parent_tid=");
        number_at(w, args[2], !(flags & F_PARENT_SETTID));
    }
    if (flags & F_SETTLS) {
        TEXT(", tls=");
        print__address(w->to, args[wide ? 4 : 3]);
    }
    if (flags & (F_CHILD_SETTID | F_CHILD_CLEARTID)) {
        TEXT(", child_tidptr=");
        print__address(w->to, args[wide ? 3 : 4]);
    }
}

/* struct clone_args (linux/sched.h): eleven 64-bit fields. */
enum {
    A_FLAGS,
    A_PIDFD,
    A_CHILD_TID,
    A_PARENT_TID,
    A_EXIT_SIGNAL,
    A_STACK,
    A_STACK_SIZE,
    A_TLS,
    A_SET_TID,
    A_SET_TID_SIZE,
    A_CGROUP,
    A_COUNT
};

static void set_tid(const struct where *w, uint64_t addr, uint64_t n)
{
    struct where before = *w;
    before.after = false;
    const uint8_t *bytes = addr && n && n <= 32 ? print__whole(&before, addr, (size_t)n * 4) : NULL;
    if (!bytes) {
        print__address(w->to, addr);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        OUT("%s%d", i ? ", " : "[", (int32_t)form_u32(bytes + 4 * i));
    TEXT("]");
}

static void clone_fields(const struct where *w, const uint64_t *a)
{
    TEXT("{flags=");
    print__flags(w->to, DECODE_SET_clone3_flags, a[A_FLAGS]);
    if (a[A_FLAGS] & F_PIDFD)
        OUT(", pidfd=%#" PRIx64, a[A_PIDFD]);
    if (a[A_FLAGS] & (F_CHILD_SETTID | F_CHILD_CLEARTID))
        OUT(", child_tid=%#" PRIx64, a[A_CHILD_TID]);
    if (a[A_FLAGS] & F_PARENT_SETTID)
        OUT(", parent_tid=%#" PRIx64, a[A_PARENT_TID]);
    TEXT(", exit_signal=");
    if (a[A_EXIT_SIGNAL] < INT32_MAX)
        print__signal_name(w->to, (int32_t)a[A_EXIT_SIGNAL]);
    else
        OUT("%" PRIu64, a[A_EXIT_SIGNAL]);
    TEXT(", stack=");
    print__address(w->to, a[A_STACK]);
    OUT(", stack_size=%#" PRIx64, a[A_STACK_SIZE]);
    if (a[A_FLAGS] & F_SETTLS) {
        TEXT(", tls=");
        print__address(w->to, a[A_TLS]);
    }
    if (a[A_SET_TID] || a[A_SET_TID_SIZE]) {
        TEXT(", set_tid=");
        set_tid(w, a[A_SET_TID], a[A_SET_TID_SIZE]);
        OUT(", set_tid_size=%" PRIu64, a[A_SET_TID_SIZE]);
    }
    if (a[A_CGROUP] || a[A_FLAGS] & F_INTO_CGROUP)
        OUT(", cgroup=%" PRIu64, a[A_CGROUP]);
    TEXT("}");
}

static void clone_results(const struct where *w, const uint64_t *a)
{
    const char *separator = " => {";
    if (a[A_FLAGS] & F_PIDFD) {
        OUT("%spidfd=", separator);
        number_at(w, a[A_PIDFD], true);
        separator = ", ";
    }
    if (a[A_FLAGS] & F_PARENT_SETTID) {
        OUT("%sparent_tid=", separator);
        number_at(w, a[A_PARENT_TID], false);
        separator = ", ";
    }
    if (*separator == ',')
        TEXT("}");
}

FORM_ARGS(clone3)
{
    const struct qbk_enter *enter = w->call->enter;
    struct where before = *w;
    uint64_t a[A_COUNT] = {0};
    uint64_t size = enter->nargs > 1 ? enter->args[1] : 0;
    size_t len = (size_t)MIN(size, sizeof(a));
    const uint8_t *bytes = len >= 64 ? print__whole(&before, enter->args[0], len) : NULL;
    if (bytes)
        memcpy(a, bytes, len);
    if (entry && bytes)
        clone_fields(w, a);
    else if (entry)
        print__address(w->to, enter->args[0]);
    if (!exit)
        return;
    if (bytes && w->call->ret && !print__failed(w->call) && w->call->ret->result)
        clone_results(w, a);
    OUT(", %" PRIu64, size);
}

/* ---- limits ---- */

static void limit(const struct where *w, const char *name, uint64_t value, bool narrow)
{
    OUT("%s=", name);
    if (value == (narrow ? UINT32_MAX : UINT64_MAX))
        TEXT(narrow ? "RLIM_INFINITY" : "RLIM64_INFINITY");
    else if (value > 1024 && value % 1024 == 0)
        OUT("%" PRIu64 "*1024", value / 1024);
    else
        OUT("%" PRIu64, value);
}

FORM_STRUCT(rlimit)
{
    unsigned n = print__word(w);
    UNUSED_HAVE;
    limit(w, "{rlim_cur", print__load(bytes, n), n == 4);
    limit(w, ", rlim_max", print__load(bytes + n, n), n == 4);
    TEXT("}");
}

FORM_STRUCT(rlimit64)
{
    UNUSED_HAVE;
    limit(w, "{rlim_cur", form_u64(bytes), false);
    limit(w, ", rlim_max", form_u64(bytes + 8), false);
    TEXT("}");
}

/* ---- capabilities ---- */

static void capabilities(const struct where *w, const char *name, uint32_t low, uint32_t high)
{
    OUT("%s=", name);
    if (low || !high)
        print__flags(w->to, DECODE_SET_caps_low, low);
    if (low && high)
        TEXT("|");
    if (high)
        print__flags(w->to, DECODE_SET_caps_high, high);
}

FORM_POINTER(cap_data)
{
    struct where before = *w;
    const uint8_t *bytes, *header;
    bool wide;
    before.after = false;
    header = print__whole(&before, print__sibling(w, 0), 4);
    wide = header && (form_u32(header) == 0x20071026 || form_u32(header) == 0x20080522);
    bytes = header ? print__whole(w, w->value, wide ? 24 : 12) : NULL;
    if (!bytes) {
        print__address(w->to, w->value);
        return;
    }
    capabilities(w, "{effective", form_u32(bytes), wide ? form_u32(bytes + 12) : 0);
    capabilities(w, ", permitted", form_u32(bytes + 4), wide ? form_u32(bytes + 16) : 0);
    capabilities(w, ", inheritable", form_u32(bytes + 8), wide ? form_u32(bytes + 20) : 0);
    TEXT("}");
}

FORM_STRUCT(landlock_ruleset_attr)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, DECODE_STRUCT_landlock_ruleset_attr);
    if (have < s->size) {
        print__address(w->to, w->value);
        return;
    }
    TEXT("{");
    print__field(w, s, &s->field[0], bytes);
    TEXT(print__length(w) > s->size ? ", ...}" : "}");
}

/* ---- what the processor and the keys can do ---- */

FORM_STRUCT(xfeatures)
{
    UNUSED_HAVE;
    OUT("[%#" PRIx64 " /* ", form_u64(bytes));
    print__flags(w->to, DECODE_SET_xfeature_bits, form_u64(bytes));
    TEXT(" */]");
}

FORM_POINTER(key_caps)
{
    uint64_t n = print__length(w);
    if (!w->value || !w->after || !w->call->ret || print__failed(w->call)) {
        print__address(w->to, w->value);
        return;
    }
    TEXT("[");
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *byte = print__whole(w, w->value + i, 1);
        TEXT(i ? ", " : "");
        if (!byte || i >= w->o->string_limit) {
            TEXT("...");
            break;
        }
        if (i < 2)
            print__flags(w->to, i ? DECODE_SET_key_caps1 : DECODE_SET_key_caps0, *byte);
        else
            OUT("%#x", *byte);
    }
    TEXT("]");
}

/* ---- scheduling ---- */

#define SCHED_ATTR_FIRST 48u /* the size of the first version */
#define KEEP_POLICY      8u
#define KEEP_PARAMS      16u

FORM_POINTER(sched_attr)
{
    uint64_t told = w->arg->len_from == L_ARG ? print__length(w) : 0;
    size_t have = 0;
    const uint8_t *bytes = print__memory(w, w->value, told ? (size_t)MIN(told, 56) : 56, &have);
    bool sets = told == 0;
    if (!bytes || have < 4) {
        print__address(w->to, w->value);
        return;
    }
    uint32_t size = form_u32(bytes), known;
    OUT("{size=%u", size);
    known = sets && size == 0 ? SCHED_ATTR_FIRST : size;
    if (known >= SCHED_ATTR_FIRST && have >= SCHED_ATTR_FIRST) {
        uint64_t flags = form_u64(bytes + 8);
        if (!sets || (int32_t)form_u32(bytes + 4) < 0 || !(flags & (KEEP_POLICY | KEEP_PARAMS))) {
            TEXT(", sched_policy=");
            print__enum(w->to, DECODE_SET_sched_policies, form_u32(bytes + 4));
        }
        TEXT(", sched_flags=");
        print__flags(w->to, DECODE_SET_sched_attr_flags, flags);
        if (!sets || !(flags & KEEP_PARAMS))
            OUT(", sched_nice=%d, sched_priority=%u, sched_runtime=%" PRIu64 ", sched_deadline=%" PRIu64
                ", sched_period=%" PRIu64,
                (int32_t)form_u32(bytes + 16), form_u32(bytes + 20), form_u64(bytes + 24), form_u64(bytes + 32),
                form_u64(bytes + 40));
        if (known >= 56 && have >= 56)
            OUT(", sched_util_min=%u, sched_util_max=%u", form_u32(bytes + 48), form_u32(bytes + 52));
    }
    if (known > 56)
        TEXT(", ...");
    TEXT("}");
}

FORM_STRUCT(sched_param)
{
    UNUSED_HAVE;
    OUT("[%d]", (int32_t)form_u32(bytes));
}

FORM_RESULT(ioprio_get)
{
    print__ioprio(w->to, (uint32_t)w->value);
}

FORM_POINTER(cpumask)
{
    uint64_t len = print__length(w);
    size_t have = 0;
    const char *separator = "";
    if (w->after && (print__failed(w->call) || !w->call->ret)) {
        print__address(w->to, w->value);
        return;
    }
    const uint8_t *bytes = len ? print__memory(w, w->value, (size_t)MIN(len, 1024), &have) : NULL;
    if (len && !bytes) {
        print__address(w->to, w->value);
        return;
    }
    TEXT("[");
    for (size_t i = 0; i < have * 8; i++) {
        if (!(bytes[i / 8] >> (i % 8) & 1))
            continue;
        OUT("%s%zu", separator, i);
        separator = " ";
    }
    TEXT("]");
}

/* ---- segments of the 32-bit ABI ---- */

static void entry_number(const struct where *w, uint32_t number)
{
    TEXT("{entry_number=");
    print__id(w->to, number);
}

static void segment(const struct where *w, const uint8_t *bytes)
{
    uint32_t bits = form_u32(bytes + 12);
    OUT(", base_addr=%#08x, limit=%#08x, seg_32bit=%u, contents=%u, read_exec_only=%u, limit_in_pages=%u, "
        "seg_not_present=%u, useable=%u",
        form_u32(bytes + 4), form_u32(bytes + 8), bits & 1, bits >> 1 & 3, bits >> 3 & 1, bits >> 4 & 1, bits >> 5 & 1,
        bits >> 6 & 1);
    if (print__word(w) == 8)
        OUT(", lm=%u", bits >> 7 & 1);
    TEXT("}");
}

FORM_STRUCT(user_desc)
{
    UNUSED_HAVE;
    entry_number(w, form_u32(bytes));
    segment(w, bytes);
}

/* Which one is asked for, and what it is. */
FORM_ARGS(get_thread_area)
{
    struct where at = *w;
    at.value = w->call->enter->args[0];
    at.arg = &w->call->service->arg[0];
    const uint8_t *number = print__whole(&at, at.value, 4);
    if (entry && number)
        entry_number(w, form_u32(number));
    else if (entry)
        print__address(w->to, at.value);
    if (!exit || !number)
        return;
    at.after = true;
    const uint8_t *bytes = print__failed(w->call) ? NULL : print__whole(&at, at.value, 16);
    if (bytes)
        segment(w, bytes);
    else
        TEXT(", ...}");
}

/* Which one it became. */
FORM_RESULT(set_thread_area)
{
    const uint8_t *number = w->call->enter ? print__written(w, w->call->enter->args[0], 4) : NULL;
    if (number)
        OUT("entry_number=%u", form_u32(number));
}

/* ---- old calls of the 32-bit ABI, whose arguments lie in memory ---- */

FORM_STRUCT(arguments)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, w->arg->set);
    UNUSED_HAVE;
    for (unsigned i = 0; i < s->nfields; i++) {
        struct where each = *w;
        each.arg = &s->field[i].arg;
        each.within = s;
        each.bytes = bytes;
        each.have = s->size;
        each.value = print__field_value(&s->field[i], bytes);
        TEXT(i ? ", " : "");
        print__value(&each);
    }
}
