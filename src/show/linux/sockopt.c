/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of sockets. */
#include <arpa/inet.h>

#include "show/linux/forms.h"

static void in_group(const struct where *w, const uint8_t *b)
{
    char group[INET6_ADDRSTRLEN], at[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, b, group, sizeof(group));
    inet_ntop(AF_INET, b + 4, at, sizeof(at));
    OUT("{imr_multiaddr=inet_addr(\"%s\"), imr_interface=inet_addr(\"%s\")}", group, at);
}

static void in6_group(const struct where *w, const uint8_t *b)
{
    char group[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, b, group, sizeof(group));
    OUT("{inet_pton(AF_INET6, \"%s\", &ipv6mr_multiaddr), ipv6mr_interface=", group);
    form__interface(w, form_u32(b + 16));
    TEXT("}");
}

static void linger(const struct where *w, const uint8_t *b)
{
    OUT("{l_onoff=%d, l_linger=%d}", (int32_t)form_u32(b), (int32_t)form_u32(b + 4));
}

static void so_error(const struct where *w, const uint8_t *b)
{
    const char *name = decode__errno_name(form_u32(b));
    if (name)
        OUT("[%s]", name);
    else
        OUT("[%u]", form_u32(b));
}

/* Options that are structs; all others are a number where they have four bytes, and bytes otherwise. */
static const struct {
    int level, name;
    size_t size;
    bool get, set;
    void (*show)(const struct where *w, const uint8_t *b);
} options[] = {{1, 13, 8, true, true, linger},       {1, 17, 12, true, false, form__credentials},
               {1, 4, 4, true, false, so_error},     {0, 35, 8, false, true, in_group},
               {0, 36, 8, false, true, in_group},    {41, 20, 20, false, true, in6_group},
               {41, 21, 20, false, true, in6_group}, {41, 27, 20, false, true, in6_group},
               {41, 28, 20, false, true, in6_group}};

/* Options of SOL_SOCKET, below 64, that are an int however long the buffer is (asm-generic/socket.h). */
#define O(n) (1ull << (n))
static const uint64_t int_options = O(1) | O(2) | O(5) | O(6) | O(7) | O(8) | O(9) | O(10) | O(11) | O(12) | O(14) |
                                    O(15) | O(16) | O(18) | O(19) | O(27) | O(29) | O(30) | O(32) | O(33) | O(34) |
                                    O(35) | O(36) | O(37) | O(40) | O(41) | O(42) | O(43) | O(44) | O(45) | O(46) |
                                    O(49) | O(53) | O(56) | O(60) | O(63);
#undef O

static void filter_option(const struct where *w, int64_t len)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, DECODE_STRUCT_sock_fprog);
    const uint8_t *bytes = len == s->size ? print__whole(w, w->value, s->size) : NULL;
    if (bytes)
        form__sock_fprog(w, bytes, s->size);
    else
        print__address(w->to, w->value);
}

static void option(const struct where *w, int64_t len, bool get)
{
    int level = (int)print__sibling(w, 1), name = (int)print__sibling(w, 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        if (options[i].level != level || options[i].name != name || (get ? !options[i].get : !options[i].set))
            continue;
        const uint8_t *bytes = len >= (int64_t)options[i].size ? print__whole(w, w->value, options[i].size) : NULL;
        if (bytes)
            options[i].show(w, bytes);
        else
            print__address(w->to, w->value);
        return;
    }
    bool is_number =
        (level == SOL_SOCKET && name >= 0 && name < 64 && (int_options >> name & 1)) ||
        (level == SOL_SOCKET && name >= 64 && name <= 75 && name != SO_RCVTIMEO_NEW && name != SO_SNDTIMEO_NEW) ||
        level == SOL_NETLINK;
    const uint8_t *number = len == 4 || (is_number && len > 4) ? print__whole(w, w->value, 4) : NULL;
    if (level == SOL_SOCKET && (name == SO_ATTACH_FILTER || name == SO_ATTACH_REUSEPORT_CBPF) && !get)
        filter_option(w, len);
    else if (number)
        OUT("[%d]", (int32_t)form_u32(number));
    else if (len <= 0 || (is_number && !get && len < 4))
        print__address(w->to, w->value);
    else
        print__buffer(w, w->value, (uint64_t)len);
}

FORM_POINTER(sockopt)
{
    int32_t room, told;
    if (w->arg->len_from != L_DEREF) {
        option(w, (int32_t)print__sibling(w, w->arg->len), false);
        return;
    }
    uint64_t at = print__sibling(w, w->arg->len);
    if (form__length_at(w, at, false, &room) && form__length_at(w, at, true, &told) && room > 0 && told > 0)
        option(w, told, true);
    else
        print__address(w->to, w->value);
}
