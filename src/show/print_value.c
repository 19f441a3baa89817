/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plain values. */
#include <inttypes.h>
#include <string.h>

#include "decode/format.h"
#include "show/linux/forms.h"
#include "show/nt/nt.h"
#include "show/print.h"
#include "trace/record.h"

void print__address(GString *to, uint64_t value)
{
    if (value)
        g_string_append_printf(to, "%#" PRIx64, value);
    else
        g_string_append(to, "NULL");
}

bool print__failed(const struct model_call *call)
{
    return call->ret && (call->ret->flags & QBK_RETURN_HAS_RESULT) &&
           decode__wrote_nothing((enum qbk_abi)call->abi, call->ret->result);
}

/* ---- descriptors ---- */

#define DELETED " (deleted)" /* the kernel puts it behind the path of a file that has none any more */

void print__descriptor_name(const struct where *w, int32_t fd)
{
    const uint8_t *bytes;
    const struct qbk_snippet *s = NULL;
    if (!w->o->fd_names)
        return;
    enum qbk_snippet_kind kind = fd >= 0 ? QBK_SNIP_FD : QBK_SNIP_CWD;
    uint64_t key = fd >= 0 ? (uint64_t)fd : 0;
    if (w->call->enter)
        s = record__find(&w->call->enter->h, kind, key, &bytes);
    if (!s && w->call->ret)
        s = record__find(&w->call->ret->h, kind, key, &bytes);
    if (!s)
        return;
    size_t len = s->have, mark = strlen(DELETED);
    bool deleted = len > mark && memcmp(bytes + len - mark, DELETED, mark) == 0;
    if (deleted)
        len -= mark;
    g_string_append_c(w->to, '<');
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '<' || bytes[i] == '>')
            g_string_append_printf(w->to, "\\%o", bytes[i]);
        else
            print__byte(w->to, bytes[i], 0, false);
    }
    g_string_append(w->to, deleted ? ">(deleted)" : ">");
}

void print__descriptor(const struct where *w, int32_t fd)
{
    if (fd == -100 && w->arg && w->arg->type == T_DIRFD)
        g_string_append(w->to, "AT_FDCWD");
    else
        print__decimal(w->to, fd);
    print__descriptor_name(w, fd);
}

static void show_descriptor(const struct where *w)
{
    print__descriptor(w, (int32_t)w->value);
}

/* ---- numbers with names ---- */

void print__mode(GString *to, uint32_t mode, unsigned set_type)
{
    uint32_t type = mode & 0170000;
    static const struct {
        uint32_t bits;
        const char *name;
    } types[] = {{0010000, "S_IFIFO"}, {0020000, "S_IFCHR"}, {0040000, "S_IFDIR"}, {0060000, "S_IFBLK"},
                 {0100000, "S_IFREG"}, {0120000, "S_IFLNK"}, {0140000, "S_IFSOCK"}};
    static const struct {
        uint32_t bit;
        const char *name;
    } sets[] = {{04000, "S_ISUID"}, {02000, "S_ISGID"}, {01000, "S_ISVTX"}};
    const char *name = NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (types[i].bits == type)
            name = types[i].name;
    }
    if (type && !name) {
        g_string_append_printf(to, "%#03o", mode);
        return;
    }
    if (name)
        g_string_append_printf(to, "%s|", name);
    for (unsigned i = 0; i < G_N_ELEMENTS(sets) && name && set_type; i++) {
        if (mode & sets[i].bit)
            g_string_append_printf(to, "%s|", sets[i].name);
    }
    mode &= name && set_type ? 0777 : ~0170000u;
    g_string_append_printf(to, "%#03o", mode);
}

/* Permissions as a number; with the type of file by name where there can be one. */
static void show_mode(const struct where *w)
{
    if (w->arg->set != DECODE_FILE_TYPE) {
        g_string_append_printf(w->to, "%#03o", (unsigned)w->value & 0xffff);
        return;
    }
    print__mode(w->to, (uint32_t)w->value & 0xffff, 1);
}

void print__dev(GString *to, uint64_t dev)
{
    uint64_t major = (dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffull), minor = (dev & 0xff) | (dev >> 12 & ~0xffull);
    g_string_append_printf(to, "makedev(%#x, %#x)", (unsigned)major, (unsigned)minor);
}

void print__signal_name(GString *to, int32_t signo)
{
    const char *name = signo > 0 && signo < 65 ? decode__signal_name((unsigned)signo) : NULL;
    if (name)
        g_string_append(to, name);
    else
        g_string_append_printf(to, "%d", signo);
}

static void show_signal(const struct where *w)
{
    print__signal_name(w->to, (int32_t)w->value);
}

void print__flags(GString *to, uint16_t set, uint64_t value)
{
    char text[2048];
    decode__flags_text(decode__set(set), value, text, sizeof(text));
    g_string_append(to, text);
}

void print__enum(GString *to, uint16_t set, uint64_t value)
{
    char text[256];
    decode__enum_text(decode__set(set), value, text, sizeof(text));
    g_string_append(to, text);
}

static uint64_t narrowed(const struct where *w)
{
    unsigned bytes = w->arg->unit ? w->arg->unit : 4;
    return bytes >= 8 ? w->value : w->value & ((1ull << (8 * bytes)) - 1);
}

/* A 64-bit value may lie in two arguments, in the 32-bit ABI. */
static uint64_t with_half(const struct where *w)
{
    const struct decode_service *s = w->call->service;
    uint64_t low = w->value & 0xffffffffu;
    if (w->within || !s || w->arg->unit != 4)
        return w->value;
    if (w->index + 1 < s->nargs && s->arg[w->index + 1].type == T_HIGH)
        return low | print__sibling(w, w->index + 1) << 32;
    if (w->index > 0 && s->arg[w->index - 1].type == T_HIGH_NEXT)
        return low | print__sibling(w, w->index - 1) << 32;
    return w->arg->type == T_OFF ? (uint64_t)(int64_t)(int32_t)low : low;
}

static void show_flags(const struct where *w)
{
    print__flags(w->to, w->arg->set, w->arg->unit == 4 ? with_half(w) : narrowed(w));
}

/* A request of ioctl that has no name: its fields. */
static void ioctl_code(const struct where *w, uint32_t code)
{
    static const char *const directions[] = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};
    g_string_append_printf(w->to, "_IOC(%s, %#x, %#x, %#x)", directions[code >> 30], code >> 8 & 0xff, code & 0xff,
                           code >> 16 & 0x3fff);
}

static bool has_name(const struct decode_set *set, uint64_t value)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->item[i].value == value)
            return true;
    }
    return false;
}

#define IPC_64_FLAG 0x100u

static bool is_ipc_command(uint16_t set)
{
    return set == DECODE_SET_shmctl_cmds || set == DECODE_SET_semctl_cmds || set == DECODE_SET_msgctl_cmds;
}

static void show_enum(const struct where *w)
{
    if (w->arg->set == DECODE_SET_ioctl_cmds && !has_name(decode__set(w->arg->set), w->value & 0xffffffffu)) {
        ioctl_code(w, (uint32_t)w->value);
        return;
    }
    if (is_ipc_command(w->arg->set) && w->value & IPC_64_FLAG) {
        g_string_append(w->to, "IPC_64|");
        print__enum(w->to, w->arg->set, w->value & 0xffffffffu & ~(uint64_t)IPC_64_FLAG);
        return;
    }
    print__enum(w->to, w->arg->set, w->value & 0xffffffffu);
}

static void show_enum_if(const struct where *w)
{
    uint64_t other = print__sibling(w, w->arg->len);
    if (other < 16 && w->arg->unit >> other & 1)
        print__enum(w->to, w->arg->set, w->value);
    else
        g_string_append_printf(w->to, "%#" PRIx64, w->value);
}

void print__id(GString *to, uint32_t id)
{
    g_string_append_printf(to, id == UINT32_MAX ? "-1" : "%u", id);
}

static void show_id(const struct where *w)
{
    uint32_t id = (uint32_t)w->value;
    if (w->arg->unit == 2)
        id = (id & 0xffff) == 0xffff ? UINT32_MAX : id & 0xffff;
    print__id(w->to, id);
}

/* ---- numbers ---- */

static int64_t with_sign(const struct where *w)
{
    return decode__word((enum qbk_abi)w->call->abi) == 4 && !w->within ? (int64_t)(int32_t)(uint32_t)w->value
                                                                       : (int64_t)w->value;
}

static void show_int(const struct where *w)
{
    print__decimal(w->to, (int32_t)w->value);
}

static void show_uint(const struct where *w)
{
    print__decimal(w->to, (uint32_t)w->value);
}

static void show_long(const struct where *w)
{
    print__decimal(w->to, with_sign(w));
}

static void show_ulong(const struct where *w)
{
    g_string_append_printf(w->to, "%" PRIu64, w->value);
}

static void show_clock(const struct where *w)
{
    show_ulong(w);
    if (w->value)
        g_string_append_printf(w->to, " /* %.2f s */", (double)w->value / 100.0);
}

static void show_off(const struct where *w)
{
    g_string_append_printf(w->to, "%" PRId64, w->arg->unit == 4 ? (int64_t)with_half(w) : with_sign(w));
}

static void show_error(const struct where *w)
{
    int32_t code = (int32_t)w->value;
    const char *name = code < 0 ? decode__errno_name((unsigned)-(int64_t)code) : NULL;
    if (name)
        g_string_append_printf(w->to, "-%s", name);
    else
        print__decimal(w->to, code);
}

/* Where a file is mapped from, told in pages. */
static void show_pages(const struct where *w)
{
    g_string_append_printf(w->to, "%#" PRIx64, (w->value & 0xffffffffu) << 12);
}

static void show_hex(const struct where *w)
{
    uint64_t value = w->arg->unit ? narrowed(w) : w->value;
    g_string_append_printf(w->to, "%#" PRIx64, value);
}

static void show_version(const struct where *w)
{
    uint32_t v = (uint32_t)w->value;
    g_string_append_printf(w->to, "KERNEL_VERSION(%u, %u, %u)", v >> 16, v >> 8 & 0xff, v & 0xff);
}

static void show_quota_command(const struct where *w)
{
    static const char *const types[] = {"USRQUOTA", "GRPQUOTA", "PRJQUOTA"};
    uint32_t value = (uint32_t)w->value, type = value & 0xff;
    g_string_append(w->to, "QCMD(");
    print__enum(w->to, DECODE_SET_quota_cmds, value >> 8);
    if (type < G_N_ELEMENTS(types))
        g_string_append_printf(w->to, ", %s)", types[type]);
    else
        g_string_append_printf(w->to, ", %#x /* ???QUOTA */)", type);
}

static void show_numbered(const struct where *w)
{
    const struct decode_set *set = decode__set(w->arg->set);
    uint32_t value = (uint32_t)w->value;
    const char *name = set->name;
    for (size_t i = 0; i < set->count; i++) {
        if (set->item[i].value == value)
            name = set->item[i].name;
    }
    g_string_append_printf(w->to, w->arg->unit == 16 ? "%#x /* %s */" : "%u /* %s */", value, name);
}

static void show_handler(const struct where *w)
{
    if (w->value < 2)
        g_string_append(w->to, w->value ? "SIG_IGN" : "SIG_DFL");
    else
        print__address(w->to, w->value);
}

static void show_key(const struct where *w)
{
    int32_t key = (int32_t)w->value;
    const struct decode_set *set = decode__set(w->arg->set);
    for (size_t i = 0; i < set->count; i++) {
        if (set->item[i].value == (uint32_t)key) {
            g_string_append(w->to, set->item[i].name);
            return;
        }
    }
    g_string_append_printf(w->to, "%d", key);
}

static void show_fan_descriptor(const struct where *w)
{
    if ((int32_t)w->value == -1)
        g_string_append(w->to, "FAN_NOFD");
    else if ((int32_t)w->value == -100)
        g_string_append(w->to, "AT_FDCWD");
    else
        print__decimal(w->to, (int32_t)w->value);
    if ((int32_t)w->value != -1)
        print__descriptor_name(w, (int32_t)w->value);
}

static void show_ether(const struct where *w)
{
    uint16_t value = (uint16_t)w->value;
    g_string_append(w->to, "htons(");
    print__enum(w->to, DECODE_SET_ether_protocols, (uint16_t)(value >> 8 | value << 8));
    g_string_append_c(w->to, ')');
}

static void show_ipc_flags(const struct where *w)
{
    uint32_t value = (uint32_t)w->value;
    if (value & ~0777u) {
        print__flags(w->to, w->arg->set, value & ~0777u);
        g_string_append_c(w->to, '|');
    }
    g_string_append_printf(w->to, "%#03o", value & 0777);
}

static void show_ioprio(const struct where *w)
{
    print__ioprio(w->to, (uint32_t)w->value);
}

void print__ioprio(GString *to, uint32_t value)
{
    g_string_append(to, "IOPRIO_PRIO_VALUE(");
    print__enum(to, DECODE_SET_ioprio_class, value >> 13);
    g_string_append_printf(to, ", %u)", value & 0x1fff);
}

/* Fields of 32 bits: operation 28 (and a flag in bit 31), comparison 24, argument 12, compared value 0. */
static void show_wake_op(const struct where *w)
{
    static const char *const ops[] = {"FUTEX_OP_SET", "FUTEX_OP_ADD", "FUTEX_OP_OR", "FUTEX_OP_ANDN", "FUTEX_OP_XOR"};
    static const char *const comparisons[] = {"FUTEX_OP_CMP_EQ", "FUTEX_OP_CMP_NE", "FUTEX_OP_CMP_LT",
                                              "FUTEX_OP_CMP_LE", "FUTEX_OP_CMP_GT", "FUTEX_OP_CMP_GE"};
    uint32_t value = (uint32_t)w->value, op = value >> 28 & 7, comparison = value >> 24 & 15;
    if (value >> 31)
        g_string_append(w->to, "FUTEX_OP_OPARG_SHIFT<<28|");
    if (op < G_N_ELEMENTS(ops))
        g_string_append_printf(w->to, "%s<<28|", ops[op]);
    else
        g_string_append_printf(w->to, "%#x<<28 /* FUTEX_OP_??? */|", op);
    g_string_append_printf(w->to, "%#x<<12|", value >> 12 & 0xfff);
    if (comparison < G_N_ELEMENTS(comparisons))
        g_string_append_printf(w->to, "%s<<24|", comparisons[comparison]);
    else
        g_string_append_printf(w->to, "%#x<<24 /* FUTEX_OP_CMP_??? */|", comparison);
    g_string_append_printf(w->to, "%#x", value & 0xfff);
}

static void show_dev(const struct where *w)
{
    print__dev(w->to, w->within ? w->value : w->value & 0xffffffffu);
}

static void show_address(const struct where *w)
{
    print__address(w->to, w->value);
}

static void show_handle(const struct where *w)
{
    nt__handle(w, w->value);
}

static void show_status(const struct where *w)
{
    nt__status(w->to, (uint32_t)w->value);
}

static void show_bool(const struct where *w)
{
    uint8_t value = (uint8_t)w->value; /* the upper bits are what was left in the register */
    if (value > 1)
        g_string_append_printf(w->to, "%u", value);
    else
        g_string_append(w->to, value ? "TRUE" : "FALSE");
}

static void show_control(const struct where *w)
{
    uint32_t value = (uint32_t)w->value;
    if (has_name(decode__set(w->arg->set), value))
        print__enum(w->to, w->arg->set, value);
    else
        nt__control_code(w->to, value);
}

typedef void (*show_fn)(const struct where *w);
static const show_fn shows[DECODE_TYPES] = {
    [T_NONE] = show_ulong,
    [T_INT] = show_int,
    [T_UINT] = show_uint,
    [T_LONG] = show_long,
    [T_ULONG] = show_ulong,
    [T_HEX] = show_hex,
    [T_ERROR] = show_error,
    [T_PAGES] = show_pages,
    [T_SIZE] = show_ulong,
    [T_OFF] = show_off,
    [T_FD] = show_descriptor,
    [T_DIRFD] = show_descriptor,
    [T_PID] = show_int,
    [T_UID] = show_id,
    [T_GID] = show_id,
    [T_MODE] = show_mode,
    [T_DEV] = show_dev,
    [T_SIGNAL] = show_signal,
    [T_FLAGS] = show_flags,
    [T_ENUM] = show_enum,
    [T_ADDR] = show_address,
    [T_UNUSED] = show_address,
    [T_HIGH] = show_hex,
    [T_HIGH_NEXT] = show_hex,
    [T_INNER] = show_address,
    [T_CHARS] = show_address,
    [T_CLOCK] = show_clock,
    [T_KVERSION] = show_version,
    [T_QCMD] = show_quota_command,
    [T_HANDLER] = show_handler,
    [T_NUMBERED] = show_numbered,
    [T_INT_IF] = show_int,
    [T_ENUM_IF] = show_enum_if,
    [T_KEY] = show_key,
    [T_FAN_DFD] = show_fan_descriptor,
    [T_ETHER] = show_ether,
    [T_IPC_FLAGS] = show_ipc_flags,
    [T_IOPRIO] = show_ioprio,
    [T_USER_OFFSET] = form__user_offset,
    [T_WAKE_OP] = show_wake_op,
    [T_HANDLE] = show_handle,
    [T_STATUS] = show_status,
    [T_BOOL] = show_bool,
    [T_CONTROL] = show_control,
    [T_WTEXT] = nt__text_at,
    [T_PATH] = print__string_at,
    [T_STR] = print__string_at,
    [T_BUF] = print__string_at,
    [T_STRV] = print__vector,
    [T_IOVEC] = print__iovec,
    [T_INTP] = print__numbers,
    [T_FDP] = print__numbers,
    [T_LONGP] = print__numbers,
    [T_STRUCT] = print__structs,
};

void print__value(const struct where *w)
{
    shows[w->arg->type < DECODE_TYPES ? w->arg->type : T_NONE](w);
}
