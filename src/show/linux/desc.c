/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for descriptors, terminals. */
#include "show/linux/forms.h"

/* ---- poll ---- */

FORM_STRUCT(pollfd)
{
    UNUSED_HAVE;
    TEXT("{fd=");
    print__descriptor(w, (int32_t)form_u32(bytes));
    if ((int32_t)form_u32(bytes) >= 0) {
        TEXT(", events=");
        print__flags(w->to, DECODE_SET_poll_events, form_u16(bytes + 4));
    }
    TEXT("}");
}

/* The time that was left, of a timespec or timeval behind argument `arg`, as it is after the call. */
static void time_left(const struct where *w, unsigned arg, const char *separator)
{
    struct where left = *w;
    if (!w->call->enter || arg >= w->call->enter->nargs || !w->call->enter->args[arg])
        return;
    OUT("%sleft ", separator);
    left.arg = &w->call->service->arg[arg];
    left.value = w->call->enter->args[arg];
    left.index = arg;
    left.after = true;
    print__value(&left);
}

static void ready(const struct where *w, int timeout_arg)
{
    uint64_t addr = w->call->enter ? w->call->enter->args[0] : 0, n = w->call->enter ? w->call->enter->args[1] : 0;
    struct where after = *w;
    unsigned shown = 0;
    const char *separator = "";
    after.after = true;
    if (w->value == 0) {
        TEXT("Timeout");
        return;
    }
    n &= 0xffffffffu;
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *bytes = print__whole(&after, addr + 8 * i, 8);
        if (bytes && form_u16(bytes + 6) == 0)
            continue;
        TEXT(*separator ? separator : "[");
        separator = ", ";
        if (!bytes || shown >= w->o->string_limit) {
            if (bytes)
                TEXT("...");
            else
                OUT("%#" PRIx64, addr + 8 * i);
            break;
        }
        OUT("{fd=%d, revents=", (int32_t)form_u32(bytes));
        print__flags(w->to, DECODE_SET_poll_events, form_u16(bytes + 6));
        TEXT("}");
        shown++;
    }
    TEXT(*separator ? "]" : "");
    if (timeout_arg >= 0)
        time_left(w, (unsigned)timeout_arg, separator);
}

FORM_RESULT(poll)
{
    ready(w, -1);
}

FORM_RESULT(ppoll)
{
    ready(w, 2);
}

/* ---- select ---- */

#define FDS_MAX (1024 * 1024)

static int32_t fds_of(const struct where *w)
{
    int32_t n = w->call->enter ? (int32_t)w->call->enter->args[0] : 0;
    return n > FDS_MAX ? FDS_MAX : n;
}

static bool bit(const uint8_t *bytes, int32_t i)
{
    return bytes[i / 8] >> (i % 8) & 1;
}

static const uint8_t *set_bytes(const struct where *w, uint64_t addr, int32_t n)
{
    unsigned word = print__word(w), bits = word * 8;
    return n > 0 && addr ? print__whole(w, addr, ((unsigned)n + bits - 1) / bits * word) : NULL;
}

FORM_POINTER(fd_set)
{
    int32_t n = fds_of(w);
    const uint8_t *bytes = set_bytes(w, w->value, n);
    const char *separator = "";
    if (n < 0 || (n > 0 && !bytes)) {
        print__address(w->to, w->value);
        return;
    }
    TEXT("[");
    for (int32_t i = 0; i < n; i++) {
        if (!bit(bytes, i))
            continue;
        TEXT(separator);
        print__descriptor(w, i);
        separator = " ";
    }
    TEXT("]");
}

static void selected(const struct where *w)
{
    static const char *const names[] = {"in", "out", "except"};
    struct where after = *w;
    int32_t n = fds_of(w);
    uint64_t left = w->value;
    const char *separator = "";
    after.after = true;
    if (left == 0) {
        TEXT("Timeout");
        return;
    }
    for (unsigned k = 0; k < 3 && left; k++) {
        const uint8_t *bytes = set_bytes(&after, w->call->enter ? w->call->enter->args[k + 1] : 0, n);
        bool first = true;
        for (int32_t i = 0; bytes && i < n && left; i++) {
            if (!bit(bytes, i))
                continue;
            if (first)
                OUT("%s%s [%d", separator, names[k], i);
            else
                OUT(" %d", i);
            first = false;
            separator = ", ";
            left--;
        }
        TEXT(first ? "" : "]");
    }
    time_left(w, 4, separator);
}

FORM_RESULT(select)
{
    selected(w);
}

/* ---- epoll ---- */

FORM_STRUCT(epoll_event)
{
    UNUSED_HAVE;
    TEXT("{events=");
    print__flags(w->to, DECODE_SET_epoll_events, form_u32(bytes));
    OUT(", data={u32=%u, u64=%" PRIu64 "}}", form_u32(bytes + 4), form_u64(bytes + 4));
}

/* ---- terminals (asm-generic/termbits.h) ---- */

struct delay {
    uint32_t mask;
    uint16_t set;
};

static void output_modes(const struct where *w, uint32_t value)
{
    static const struct delay delays[] = {{0000400, DECODE_SET_tty_nl},  {0003000, DECODE_SET_tty_cr},
                                          {0014000, DECODE_SET_tty_tab}, {0020000, DECODE_SET_tty_bs},
                                          {0040000, DECODE_SET_tty_vt},  {0100000, DECODE_SET_tty_ff}};
    for (unsigned i = 0; i < G_N_ELEMENTS(delays); i++) {
        print__enum(w->to, delays[i].set, value & delays[i].mask);
        TEXT("|");
        value &= ~delays[i].mask;
    }
    print__flags(w->to, DECODE_SET_tty_output, value);
}

#define TTY_BAUD    0010017u
#define TTY_SIZE    0000060u
#define TTY_IN_BAUD 002003600000u

static void control_modes(const struct where *w, uint32_t value)
{
    print__enum(w->to, DECODE_SET_tty_baud, value & TTY_BAUD);
    TEXT("|");
    if (value & TTY_IN_BAUD) {
        print__enum(w->to, DECODE_SET_tty_baud, (value & TTY_IN_BAUD) >> 16);
        TEXT("<<IBSHIFT|");
    }
    print__enum(w->to, DECODE_SET_tty_size, value & TTY_SIZE);
    TEXT("|");
    print__flags(w->to, DECODE_SET_tty_control, value & ~(TTY_BAUD | TTY_IN_BAUD | TTY_SIZE));
}

static void characters(const struct where *w, const uint8_t *cc, unsigned n)
{
    static const char *const names[] = {"VINTR",    "VQUIT",    "VERASE",  "VKILL",  "VEOF",  "VTIME",
                                        "VMIN",     "VSWTC",    "VSTART",  "VSTOP",  "VSUSP", "VEOL",
                                        "VREPRINT", "VDISCARD", "VWERASE", "VLNEXT", "VEOL2"};
    for (unsigned i = 0; i < n; i++) {
        TEXT(i ? ", " : "[");
        if (i < G_N_ELEMENTS(names))
            OUT("[%s]=%#x", names[i], cc[i]);
        else
            OUT("[%u]=%#x", i, cc[i]);
    }
    TEXT("]");
}

static void terminal(const struct where *w, const uint8_t *bytes)
{
    TEXT("{c_iflag=");
    print__flags(w->to, DECODE_SET_tty_input, form_u32(bytes));
    TEXT(", c_oflag=");
    output_modes(w, form_u32(bytes + 4));
    TEXT(", c_cflag=");
    control_modes(w, form_u32(bytes + 8));
    TEXT(", c_lflag=");
    print__flags(w->to, DECODE_SET_tty_local, form_u32(bytes + 12));
    if (!w->o->verbose) {
        TEXT(", ...");
        return;
    }
    TEXT(", c_line=");
    print__enum(w->to, DECODE_SET_tty_lines, bytes[16]);
    TEXT(", c_cc=");
    characters(w, bytes + 17, 19);
}

FORM_STRUCT(termios)
{
    UNUSED_HAVE;
    terminal(w, bytes);
    TEXT("}");
}

FORM_STRUCT(termios2)
{
    UNUSED_HAVE;
    terminal(w, bytes);
    if (w->o->verbose)
        OUT(", c_ispeed=%u, c_ospeed=%u", form_u32(bytes + 36), form_u32(bytes + 40));
    TEXT("}");
}

/* ---- pages in memory ---- */

FORM_POINTER(page_vector)
{
    uint64_t n = print__length(w);
    if (!w->value || (n && (!w->after || print__failed(w->call) || !w->call->ret))) {
        print__address(w->to, w->value);
        return;
    }
    TEXT("[");
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *byte = print__whole(w, w->value + i, 1);
        TEXT(i ? ", " : "");
        if (!byte || (i >= w->o->string_limit && !w->o->verbose)) {
            TEXT("...");
            break;
        }
        OUT("%u", *byte & 1u);
    }
    TEXT("]");
}

/* Nodes of memory: whole words in hexadecimal. */
FORM_POINTER(nodemask)
{
    unsigned word = print__word(w);
    /* The kernel counts from 1: a maximum of 1 is no node at all. */
    uint64_t most = print__sibling(w, w->arg->len), n = MIN(most, UINT64_MAX - 64);
    n = (n + 8 * word - 2) / (8 * word);
    if (most == 0 && w->value) {
        TEXT("[]");
        return;
    }
    if (!w->value || n == 0 || !print__whole(w, w->value, (size_t)MIN(n, 128) * word)) {
        print__address(w->to, w->value);
        return;
    }
    for (uint64_t i = 0; i < n && i < 128; i++) {
        const uint8_t *bytes = print__whole(w, w->value + i * word, word);
        TEXT(i ? ", " : "[");
        if (i >= w->o->string_limit && !w->o->verbose) {
            TEXT("...");
            break;
        }
        OUT("%0*" PRIx64, (int)word * 2, print__load(bytes, word));
    }
    TEXT("]");
}
