/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tracing: what a tracer asks of and sets in the one that it traces. */
#include "show/linux/forms.h"

/* ---- what PTRACE_GET_SYSCALL_INFO tells (linux/ptrace.h) ---- */

FORM_POINTER(syscall_info)
{
    static const char *const ops[] = {"NONE", "ENTRY", "EXIT", "SECCOMP"};
    size_t have = 0;
    const uint8_t *b = print__memory(w, w->value, (size_t)MIN(print__length(w), 88), &have);
    uint64_t told = w->call->ret ? w->call->ret->result : 0;
    if (!b || have < 24 || b[0] > 3) {
        print__address(w->to, w->value);
        return;
    }
    OUT("{op=PTRACE_SYSCALL_INFO_%s, arch=", ops[b[0]]);
    print__enum(w->to, DECODE_SET_audit_arch, form_u32(b + 4));
    TEXT(", instruction_pointer=");
    print__address(w->to, form_u64(b + 8));
    TEXT(", stack_pointer=");
    print__address(w->to, form_u64(b + 16));
    if ((b[0] == 1 || b[0] == 3) && have >= 80 && told >= 80) {
        enum qbk_abi abi = form_u32(b + 4) == 0x40000003u ? QBK_ABI_LINUX_I386 : QBK_ABI_LINUX_X86_64;
        const struct decode_service *s = decode__service(abi, (uint32_t)MIN(form_u64(b + 24), UINT32_MAX));
        TEXT(b[0] == 1 ? ", entry={nr=" : ", seccomp={nr=");
        if (s)
            OUT("__NR_%s", s->name);
        else
            OUT("%" PRIu64, form_u64(b + 24));
        for (unsigned i = 0; i < 6; i++)
            OUT("%s%#" PRIx64, i ? ", " : ", args=[", form_u64(b + 32 + 8 * i));
        TEXT("]");
        if (b[0] == 3 && have >= 84)
            OUT(", ret_data=%u", form_u32(b + 80));
        TEXT("}");
    } else if (b[0] == 2 && have >= 33) {
        int64_t value = (int64_t)form_u64(b + 24);
        const char *error = b[32] ? decode__errno_name((unsigned)-value) : NULL;
        if (error)
            OUT(", exit={rval=-%s, is_error=%u}", error, b[32]);
        else
            OUT(", exit={rval=%" PRId64 ", is_error=%u}", value, b[32]);
    }
    TEXT("}");
}

/* ---- registers: struct user_regs_struct of each ABI (asm/user.h) ---- */

#define NOTE_PRSTATUS 1u

/* The registers behind `addr`, as far as `len` bytes of them reach. */
static void registers(const struct where *w, uint64_t addr, uint64_t len)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, DECODE_STRUCT_user_regs);
    struct where each = *w;
    size_t have = 0;
    each.value = addr;
    const uint8_t *bytes =
        addr && len && len % print__word(w) == 0 ? print__memory(&each, addr, (size_t)MIN(len, s->size), &have) : NULL;
    if (!bytes || have < MIN(len, s->size)) {
        print__address(w->to, addr);
        return;
    }
    TEXT("{");
    for (unsigned i = 0; i < s->nfields && (size_t)s->field[i].offset + s->field[i].size <= have; i++) {
        TEXT(i ? ", " : "");
        print__field(&each, s, &s->field[i], bytes);
    }
    TEXT(len > s->size ? ", ...}" : "}");
}

/* A set of registers: where it is, and its length before and after. */
static void register_set(const struct where *w, const uint8_t *bytes, bool sets)
{
    unsigned word = print__word(w);
    struct where at = *w;
    uint64_t base = print__load(bytes, word), len = print__load(bytes + word, word), room = len;
    at.after = false;
    const uint8_t *before = print__whole(&at, w->value, 2 * word);
    if (before)
        room = print__load(before + word, word);
    at.after = true;
    const uint8_t *after = print__whole(&at, w->value, 2 * word);
    if (after)
        len = print__load(after + word, word);
    TEXT("{iov_base=");
    at.after = !sets;
    if (print__sibling(w, 2) == NOTE_PRSTATUS)
        registers(&at, base, sets ? room : len);
    else
        print__address(w->to, base);
    OUT(", iov_len=%" PRIu64, room);
    if (room != len)
        OUT(" => %" PRIu64, len);
    TEXT("}");
}

FORM_STRUCT(regset)
{
    UNUSED_HAVE;
    register_set(w, bytes, false);
}

FORM_STRUCT(regset_in)
{
    UNUSED_HAVE;
    register_set(w, bytes, true);
}

/* ---- a place in struct user, which begins with the registers ---- */

void form__user_offset(const struct where *w)
{
    static const char *const wide[] = {"R15", "R14", "R13", "R12", "RBP",      "RBX", "R11", "R10", "R9",  "R8", "RAX",
                                       "RCX", "RDX", "RSI", "RDI", "ORIG_RAX", "RIP", "CS",  "EFL", "RSP", "SS"};
    static const char *const narrow[] = {"EBX", "ECX", "EDX",      "ESI", "EDI", "EBP", "EAX",  "DS", "ES",
                                         "FS",  "GS",  "ORIG_EAX", "EIP", "CS",  "EFL", "UESP", "SS"};
    unsigned word = print__word(w);
    size_t n = word == 8 ? G_N_ELEMENTS(wide) : G_N_ELEMENTS(narrow);
    uint64_t i = w->value / word;
    if (i >= n) {
        print__address(w->to, w->value);
        return;
    }
    OUT("%u*%s", word, word == 8 ? wide[i] : narrow[i]);
    if (w->value % word)
        OUT("+%u", (unsigned)(w->value % word));
}
