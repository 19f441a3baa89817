/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters of packets and calls, asynchronous input and output. */
#include "show/linux/forms.h"

/* ---- classic BPF (linux/bpf_common.h) ---- */

static const char *const classes[] = {"BPF_LD",  "BPF_LDX", "BPF_ST",  "BPF_STX",
                                      "BPF_ALU", "BPF_JMP", "BPF_RET", "BPF_MISC"};
static const char *const sizes[] = {"BPF_W", "BPF_H", "BPF_B", "BPF_DW"};
static const char *const modes[] = {"BPF_IMM", "BPF_ABS", "BPF_IND", "BPF_MEM", "BPF_LEN", "BPF_MSH", "BPF_XADD"};
static const char *const alu_ops[] = {"BPF_ADD", "BPF_SUB", "BPF_MUL", "BPF_DIV", "BPF_OR",  "BPF_AND",  "BPF_LSH",
                                      "BPF_RSH", "BPF_NEG", "BPF_MOD", "BPF_XOR", "BPF_MOV", "BPF_ARSH", "BPF_END"};
static const char *const jump_ops[] = {"BPF_JA",  "BPF_JEQ",  "BPF_JGT",  "BPF_JGE",  "BPF_JSET",
                                       "BPF_JNE", "BPF_JSGT", "BPF_JSGE", "BPF_CALL", "BPF_EXIT",
                                       "BPF_JLT", "BPF_JLE",  "BPF_JSLT", "BPF_JSLE"};

static void part(const struct where *w, const char *const *names, size_t n, unsigned index, unsigned value)
{
    if (index < n)
        OUT("|%s", names[index]);
    else
        OUT("|%#x /* BPF_??? */", value);
}

static void rest(const struct where *w, unsigned value)
{
    if (value)
        OUT("|%#x /* BPF_??? */", value);
}

static void instruction_code(const struct where *w, unsigned code)
{
    static const char *const sources[] = {"BPF_K", "BPF_X"}, *const results[] = {"BPF_K", "BPF_X", "BPF_A"};
    static const char *const moves[] = {"BPF_TAX"};
    unsigned class = code & 7;
    TEXT(classes[class]);
    switch (class) {
    case 0:
    case 1:
        part(w, sizes, 4, code >> 3 & 3, code & 0x18);
        part(w, modes, 7, code >> 5 & 7, code & 0xe0);
        break;
    case 2:
    case 3:
        rest(w, code & ~7u);
        break;
    case 4:
    case 5:
        part(w, sources, 2, code >> 3 & 1, code & 8);
        part(w, class == 4 ? alu_ops : jump_ops, class == 4 ? G_N_ELEMENTS(alu_ops) : G_N_ELEMENTS(jump_ops),
             code >> 4 & 15, code & 0xf0);
        break;
    case 6:
        part(w, results, 3, code >> 3 & 3, code & 0x18);
        rest(w, code & ~0x1fu);
        break;
    default:
        if ((code & 0xf8) == 0x80)
            TEXT("|BPF_TXA");
        else
            part(w, moves, 1, code >> 3 & 31, code & 0xf8);
        rest(w, code & ~0xffu);
    }
}

static void filter_result(const struct where *w, uint32_t k)
{
    uint32_t action = k & 0xffff0000u, data = k & 0xffffu;
    print__enum(w->to, DECODE_SET_seccomp_actions, action);
    if (data)
        OUT("|%#x", data);
}

FORM_STRUCT(sock_filter)
{
    unsigned code = (unsigned)form_u16(bytes);
    bool seccomp = w->call->service && strcmp(w->call->service->name, "setsockopt") != 0;
    UNUSED_HAVE;
    OUT(bytes[2] || bytes[3] ? "BPF_JUMP(" : "BPF_STMT(");
    instruction_code(w, code);
    if (seccomp && (code & 0x1f) == 6 && !bytes[2] && !bytes[3]) {
        TEXT(", ");
        filter_result(w, form_u32(bytes + 4));
    } else {
        OUT(", %#x", form_u32(bytes + 4));
    }
    if (bytes[2] || bytes[3])
        OUT(", %#x, %#x", bytes[2], bytes[3]);
    TEXT(")");
}

FORM_STRUCT(sock_fprog)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, DECODE_STRUCT_sock_fprog);
    UNUSED_HAVE;
    OUT("{len=%u, ", (unsigned)form_u16(bytes));
    if (w->o->verbose) {
        print__field(w, s, &s->field[1], bytes);
    } else {
        TEXT("filter=");
        print__address(w->to, print__field_value(&s->field[1], bytes));
    }
    TEXT("}");
}

/* What a filter is told of a call. */
FORM_STRUCT(seccomp_data)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, DECODE_STRUCT_seccomp_data);
    enum qbk_abi abi = form_u32(bytes + 4) == 0x40000003u ? QBK_ABI_LINUX_I386 : QBK_ABI_LINUX_X86_64;
    const struct decode_service *service = decode__service(abi, form_u32(bytes));
    UNUSED_HAVE;
    if (service)
        OUT("{nr=__NR_%s", service->name);
    else
        OUT("{nr=%d", (int32_t)form_u32(bytes));
    for (unsigned i = 1; i < 3; i++) {
        TEXT(", ");
        print__field(w, s, &s->field[i], bytes);
    }
    TEXT(", args=[");
    for (unsigned i = 0; i < 6; i++)
        OUT("%s%#" PRIx64, i ? ", " : "", form_u64(bytes + 16 + 8 * i));
    TEXT("]}");
}

/* ---- asynchronous input and output ---- */

FORM_STRUCT(iocb)
{
    uint16_t opcode = (uint16_t)form_u16(bytes + 16);
    struct where data = *w;
    UNUSED_HAVE;
    OUT("{aio_data=%#" PRIx64, form_u64(bytes));
    if (form_u32(bytes + 8))
        OUT(", aio_key=%u", form_u32(bytes + 8));
    if (form_u32(bytes + 12)) {
        TEXT(", aio_rw_flags=");
        print__flags(w->to, DECODE_SET_rwf_flags, form_u32(bytes + 12));
    }
    TEXT(", aio_lio_opcode=");
    print__enum(w->to, DECODE_SET_iocb_cmds, opcode);
    if (form_u16(bytes + 18))
        OUT(", aio_reqprio=%d", (int16_t)form_u16(bytes + 18));
    TEXT(", aio_fildes=");
    data.arg = NULL;
    print__descriptor(&data, (int32_t)form_u32(bytes + 20));
    if (opcode <= 1) {
        uint64_t n = form_u64(bytes + 32);
        TEXT(", aio_buf=");
        if (opcode == 1)
            print__buffer(&data, form_u64(bytes + 24), n);
        else
            OUT("%#" PRIx64, form_u64(bytes + 24));
        OUT(", aio_nbytes=%" PRIu64 ", aio_offset=%" PRId64, n, (int64_t)form_u64(bytes + 40));
    }
    if (form_u32(bytes + 56)) {
        TEXT(", aio_flags=");
        print__flags(w->to, DECODE_SET_iocb_flags, form_u32(bytes + 56));
    }
    if (form_u32(bytes + 56) & 1)
        OUT(", aio_resfd=%d", (int32_t)form_u32(bytes + 60));
    TEXT("}");
}

/* A pointer to each. */
FORM_STRUCT(iocb_pointer)
{
    struct where each = *w;
    UNUSED_HAVE;
    each.value = print__load(bytes, print__word(w));
    const uint8_t *block = each.value ? print__whole(w, each.value, 64) : NULL;
    if (block)
        form__iocb(&each, block, 64);
    else
        print__address(w->to, each.value);
}

FORM_STRUCT(io_uring_params)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, DECODE_STRUCT_io_uring_params);
    enum { SQ, CQ, FLAGS_, CPU, IDLE, FEATURES, WQ, SQ_OFF, CQ_OFF };
    UNUSED_HAVE;
    TEXT("{");
    print__field(w, s, &s->field[FLAGS_], bytes);
    OUT(", sq_thread_cpu=%#x, ", form_u32(bytes + s->field[CPU].offset));
    print__field(w, s, &s->field[IDLE], bytes);
    if (form_u32(bytes + s->field[FLAGS_].offset) & 0x20) {
        TEXT(", ");
        print__field(w, s, &s->field[WQ], bytes);
    }
    const uint8_t *after = w->call->ret && !print__failed(w->call) ? print__written(w, w->value, s->size) : NULL;
    if (after) {
        static const uint8_t told[] = {SQ, CQ, FEATURES, SQ_OFF, CQ_OFF};
        for (unsigned i = 0; i < G_N_ELEMENTS(told); i++) {
            TEXT(", ");
            print__field(w, s, &s->field[told[i]], after);
        }
    }
    TEXT("}");
}
