/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of sockets, messages. */
#include <arpa/inet.h>

#include "show/linux/forms.h"

#define SOCKADDR_MAX 128u

/* ---- addresses by family ---- */

static unsigned port(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void unix_address(const struct where *w, const uint8_t *b, size_t len)
{
    size_t n = MIN(len, 110) - 2;
    TEXT(", sun_path=");
    if (b[2])
        print__string(w->to, w->o, b + 2, strnlen((const char *)b + 2, n), false);
    else {
        TEXT("@");
        print__string(w->to, w->o, b + 3, n - 1, false);
    }
}

static void inet_address(const struct where *w, const uint8_t *b, size_t len)
{
    char text[INET_ADDRSTRLEN];
    (void)len;
    inet_ntop(AF_INET, b + 4, text, sizeof(text));
    OUT(", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", port(b + 2), text);
}

static void inet6_address(const struct where *w, const uint8_t *b, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, b + 8, text, sizeof(text));
    OUT(", sin6_port=htons(%u), sin6_flowinfo=htonl(%u), inet_pton(AF_INET6, \"%s\", &sin6_addr)", port(b + 2),
        ntohl(form_u32(b + 4)), text);
    if (len > 24)
        OUT(", sin6_scope_id=%u", len >= 28 ? form_u32(b + 24) : 0);
}

static void netlink_address(const struct where *w, const uint8_t *b, size_t len)
{
    (void)len;
    OUT(", nl_pid=%d, nl_groups=%#08x", (int32_t)form_u32(b + 4), form_u32(b + 8));
}

/* Number 1 is the loopback in every network namespace; what others are called only the guest knows. */
void form__interface(const struct where *w, uint32_t index)
{
    if (index == 1)
        TEXT("if_nametoindex(\"lo\")");
    else
        OUT("%u", index);
}

static void packet_address(const struct where *w, const uint8_t *b, size_t len)
{
    unsigned n = b[11];
    TEXT(", sll_protocol=htons(");
    print__enum(w->to, DECODE_SET_ether_protocols, port(b + 2));
    TEXT("), sll_ifindex=");
    form__interface(w, form_u32(b + 4));
    TEXT(", sll_hatype=");
    print__enum(w->to, DECODE_SET_arp_types, form_u16(b + 8));
    TEXT(", sll_pkttype=");
    print__enum(w->to, DECODE_SET_packet_types, b[10]);
    OUT(", sll_halen=%u", n);
    if (n) {
        TEXT(", sll_addr=[");
        for (unsigned i = 0; i < n && 12 + i < len; i++)
            OUT("%s%#04x", i ? ", " : "", b[12 + i]);
        TEXT("]");
    }
}

static void vsock_address(const struct where *w, const uint8_t *b, size_t len)
{
    (void)len;
    OUT(", svm_cid=%#x, svm_port=%#x, svm_flags=%u", form_u32(b + 8), form_u32(b + 4), b[12]);
}

static const struct {
    uint16_t family;
    uint16_t least; /* bytes */
    void (*show)(const struct where *w, const uint8_t *b, size_t len);
} families[] = {{AF_UNIX, 3, unix_address},        {AF_INET, 16, inet_address},     {AF_INET6, 24, inet6_address},
                {AF_NETLINK, 12, netlink_address}, {AF_PACKET, 20, packet_address}, {AF_VSOCK, 16, vsock_address}};

void form__sockaddr_bytes(const struct where *w, const uint8_t *bytes, size_t len)
{
    uint16_t family = (uint16_t)form_u16(bytes);
    TEXT("{sa_family=");
    print__enum(w->to, DECODE_SET_socket_families, family);
    for (unsigned i = 0; i < G_N_ELEMENTS(families); i++) {
        if (families[i].family == family && len >= families[i].least) {
            families[i].show(w, bytes, len);
            TEXT("}");
            return;
        }
    }
    if (len > 2) {
        TEXT(", sa_data=");
        print__string(w->to, w->o, bytes + 2, len - 2, false);
    }
    TEXT("}");
}

static void address_at(const struct where *w, int64_t len)
{
    size_t have = 0, want = (size_t)CLAMP(len, 0, (int64_t)SOCKADDR_MAX);
    const uint8_t *bytes = want >= 2 && w->value ? print__memory(w, w->value, want, &have) : NULL;
    if (bytes && have == want)
        form__sockaddr_bytes(w, bytes, want);
    else
        print__address(w->to, w->value);
}

/* The 32-bit value at addr before and after the call; false where it is not known. */
bool form__length_at(const struct where *w, uint64_t addr, bool after, int32_t *value)
{
    struct where at = *w;
    const uint8_t *bytes;
    at.after = after;
    bytes = addr ? print__whole(&at, addr, 4) : NULL;
    if (bytes)
        *value = (int32_t)form_u32(bytes);
    return bytes != NULL;
}

FORM_POINTER(sockaddr)
{
    int32_t room, told;
    if (w->arg->len_from != L_DEREF) {
        address_at(w, (int32_t)print__sibling(w, w->arg->len));
        return;
    }
    uint64_t at = print__sibling(w, w->arg->len);
    if (form__length_at(w, at, false, &room) && form__length_at(w, at, true, &told))
        address_at(w, MIN(room, told));
    else
        print__address(w->to, w->value);
}

/* ---- control messages ---- */

void form__credentials(const struct where *w, const uint8_t *b)
{
    OUT("{pid=%d, uid=", (int32_t)form_u32(b));
    print__id(w->to, form_u32(b + 4));
    TEXT(", gid=");
    print__id(w->to, form_u32(b + 8));
    TEXT("}");
}

static void rights(const struct where *w, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i += 4) {
        TEXT(i ? ", " : "[");
        print__descriptor(w, (int32_t)form_u32(b + i));
    }
    TEXT(len < 4 ? "[]" : "]");
}

static void pair_of_times(const struct where *w, const uint8_t *b, size_t len, char unit)
{
    if (len >= 16)
        OUT("{tv_sec=%" PRId64 ", tv_%csec=%" PRId64 "}", (int64_t)form_u64(b), unit, (int64_t)form_u64(b + 8));
}

static void control_data(const struct where *w, int level, int type, const uint8_t *b, size_t len)
{
    bool socket = level == 1;
    if (socket)
        print__enum(w->to, DECODE_SET_scm_types, (uint32_t)type);
    else if (level == 0)
        print__enum(w->to, DECODE_SET_ip_cmsg_types, (uint32_t)type);
    else
        OUT("%#x", (unsigned)type);
    if (socket && type == 1 && len >= 4) {
        TEXT(", cmsg_data=");
        rights(w, b, len);
    } else if (socket && type == 2 && len >= 12) {
        TEXT(", cmsg_data=");
        form__credentials(w, b);
    } else if (socket && (type == 29 || type == 35) && len >= 16) {
        TEXT(", cmsg_data=");
        pair_of_times(w, b, len, type == 29 ? 'u' : 'n');
    } else if (level == 0 && type == 8 && len >= 12) {
        char one[INET_ADDRSTRLEN], two[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, b + 4, one, sizeof(one));
        inet_ntop(AF_INET, b + 8, two, sizeof(two));
        OUT(", cmsg_data={ipi_ifindex=%u, ipi_spec_dst=inet_addr(\"%s\"), ipi_addr=inet_addr(\"%s\")}", form_u32(b),
            one, two);
    } else if (level == 0 && type == 2 && len >= 4) {
        OUT(", cmsg_data=[%u]", form_u32(b));
    } else if (level == 0 && type == 1 && len >= 1) {
        OUT(", cmsg_data=[%#x]", b[0]);
    }
}

static void control(const struct where *w, uint64_t addr, uint64_t full)
{
    unsigned word = print__word(w), head = word + 8;
    size_t have = 0, at = 0, want = (size_t)MIN(full, 4096);
    const uint8_t *b = want >= head ? print__memory(w, addr, want, &have) : NULL;
    TEXT(", msg_control=");
    if (!b || have < want) {
        print__address(w->to, addr);
        return;
    }
    TEXT("[");
    while (have - at >= head) {
        uint64_t len = print__load(b + at, word);
        int level = (int)form_u32(b + at + word), type = (int)form_u32(b + at + word + 4);
        uint64_t inside = MIN(len, have - at), step;
        OUT("%s{cmsg_len=%" PRIu64 ", cmsg_level=", at ? ", " : "", len);
        print__enum(w->to, DECODE_SET_socket_levels, (uint32_t)level);
        TEXT(", cmsg_type=");
        control_data(w, level, type, b + at + head, inside > head ? (size_t)(inside - head) : 0);
        TEXT("}");
        if (inside < head) {
            at += head;
            break;
        }
        step = (len + word - 1) & ~(uint64_t)(word - 1);
        if (step >= have - at) {
            at = have;
            break;
        }
        at += step;
    }
    if (at < have)
        OUT(", ... /* %#" PRIx64 " */", addr + at);
    else if (want < full)
        TEXT(", ...");
    TEXT("]");
}

/* ---- messages ---- */

/* `data`: bytes of the buffers that hold something; UINT64_MAX: all. */
static void message(const struct where *w, const struct decode_struct *s, const uint8_t *b, uint64_t data,
                    int64_t name_room)
{
    const struct decode_field *f = s->field; /* name, namelen, iov, iovlen, control, controllen, flags */
    struct where each = *w;
    int64_t name_len = (int32_t)print__field_value(&f[1], b);
    each.within = s;
    each.bytes = b;
    each.have = s->size;
    each.arg = &f[0].arg;
    each.value = print__field_value(&f[0], b);
    TEXT("{msg_name=");
    address_at(&each, name_room >= 0 ? MIN(name_len, name_room) : name_len);
    TEXT(", msg_namelen=");
    if (name_room >= 0 && name_room != name_len)
        OUT("%" PRId64 " => ", name_room);
    OUT("%" PRId64 ", msg_iov=", name_len);
    each.arg = &f[2].arg;
    each.value = print__field_value(&f[2], b);
    print__iovec_upto(&each, data);
    OUT(", msg_iovlen=%" PRIu64, print__field_value(&f[3], b));
    uint64_t controllen = print__field_value(&f[5], b);
    if (controllen)
        control(w, print__field_value(&f[4], b), controllen);
    OUT(", msg_controllen=%" PRIu64 ", msg_flags=", controllen);
    print__flags(w->to, DECODE_SET_msg_flags, print__field_value(&f[6], b));
    TEXT("}");
}

/* The room for the name, as the program told the kernel, of the header at addr; -1 where the kernel reads. */
static int64_t name_room(const struct where *w, uint64_t addr)
{
    struct where before = *w;
    unsigned word = print__word(w);
    const uint8_t *bytes;
    if (!w->after)
        return -1;
    before.after = false;
    bytes = print__whole(&before, addr, word + 4);
    return bytes ? (int32_t)form_u32(bytes + word) : -1;
}

/* Of a message that was not received only the room for a name is told. */
FORM_POINTER(msghdr_failed)
{
    int64_t room = name_room(w, w->value);
    if (print__failed(w->call) && room >= 0)
        OUT("{msg_namelen=%" PRId64 "}", room);
    else
        print__address(w->to, w->value);
}

FORM_STRUCT(msghdr)
{
    UNUSED_HAVE;
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, w->arg->set);
    uint64_t data = w->after && w->call->ret ? w->call->ret->result : UINT64_MAX;
    message(w, s, bytes, data, name_room(w, w->value));
}

static void messages(const struct where *w, bool receives)
{
    const struct decode_struct *s = decode__struct((enum qbk_abi)w->call->abi, w->arg->set);
    const struct decode_struct *head =
        decode__struct((enum qbk_abi)w->call->abi, receives ? DECODE_STRUCT_msghdr : DECODE_STRUCT_msghdr_in);
    uint64_t done = w->call->ret && !print__failed(w->call) ? w->call->ret->result : 0;
    uint64_t n = receives ? done : print__length(w) / s->size;
    struct where each = *w;
    if (receives && (print__failed(w->call) || !w->call->ret)) {
        print__address(w->to, w->value);
        return;
    }
    each.after = receives;
    for (uint64_t i = 0; i < n; i++) {
        struct where written = *w;
        each.value = w->value + i * s->size;
        written.after = true;
        const uint8_t *bytes = print__whole(&each, each.value, s->size),
                      *after = print__whole(&written, each.value, s->size);
        if (!bytes && i == 0) {
            print__address(w->to, w->value);
            return;
        }
        TEXT(i ? ", " : "[");
        if (!bytes || i >= w->o->string_limit) {
            TEXT("...");
            break;
        }
        uint32_t len = after ? form_u32(after + head->size) : 0;
        TEXT("{msg_hdr=");
        message(&each, head, bytes, receives ? len : UINT64_MAX, name_room(&each, each.value));
        if (i < done)
            OUT(", msg_len=%u", len);
        TEXT("}");
    }
    TEXT(n ? "]" : "[]");
}

FORM_POINTER(mmsghdr)
{
    messages(w, true);
}

FORM_POINTER(mmsghdr_in)
{
    messages(w, false);
}

FORM_RESULT(recvmmsg)
{
    struct where left = *w;
    if (w->value == 0) {
        TEXT("Timeout");
        return;
    }
    if (!w->call->enter || w->call->enter->nargs < 5 || !w->call->enter->args[4])
        return;
    TEXT("left ");
    left.arg = &w->call->service->arg[4];
    left.value = w->call->enter->args[4];
    left.after = true;
    print__value(&left);
}

/* ---- interfaces ---- */

static void interface_fact(const struct where *w, uint32_t request, const uint8_t *all)
{
    const uint8_t *u = all + 16;
    TEXT(", ");
    switch (request) {
    case 0x8913: /* SIOCGIFFLAGS, SIOCSIFFLAGS */
    case 0x8914:
        TEXT("ifr_flags=");
        print__flags(w->to, DECODE_SET_interface_flags, form_u16(u));
        break;
    case 0x8933:
        OUT("ifr_ifindex=%d", (int32_t)form_u32(u));
        break;
    case 0x891d:
    case 0x891e:
        OUT("ifr_metric=%d", (int32_t)form_u32(u));
        break;
    case 0x8921:
    case 0x8922:
        OUT("ifr_mtu=%d", (int32_t)form_u32(u));
        break;
    case 0x8942:
    case 0x8943:
        OUT("ifr_qlen=%d", (int32_t)form_u32(u));
        break;
    case 0x8910:
    case 0x8923:
        TEXT(request == 0x8910 ? "ifr_name=" : "ifr_newname=");
        print__string(w->to, w->o, request == 0x8910 ? all : u,
                      strnlen((const char *)(request == 0x8910 ? all : u), 16), false);
        break;
    case 0x8927: /* hardware addresses */
    case 0x8924:
    case 0x8931:
    case 0x8932:
        TEXT("ifr_hwaddr={sa_family=");
        print__enum(w->to, DECODE_SET_arp_types, form_u16(u));
        OUT(", sa_data=%02x:%02x:%02x:%02x:%02x:%02x}", u[2], u[3], u[4], u[5], u[6], u[7]);
        break;
    default:
        TEXT(request == 0x8915 || request == 0x8916   ? "ifr_addr="
             : request == 0x8917 || request == 0x8918 ? "ifr_dstaddr="
             : request == 0x8919 || request == 0x891a ? "ifr_broadaddr="
                                                      : "ifr_netmask=");
        form__sockaddr_bytes(w, u, 16);
    }
}

FORM_POINTER(ifreq)
{
    uint32_t request = (uint32_t)print__sibling(w, 1);
    struct where before = *w;
    before.after = false;
    const uint8_t *name = print__whole(&before, w->value, 20), *all = print__whole(w, w->value, w->arg->unit);
    if (!name) {
        print__address(w->to, w->value);
        return;
    }
    bool failed = w->after && (print__failed(w->call) || !w->call->ret);
    TEXT("{");
    if (request == 0x8910) /* SIOCGIFNAME */
        OUT("ifr_ifindex=%d", (int32_t)form_u32(name + 16));
    else {
        TEXT("ifr_name=");
        print__string(w->to, w->o, name, strnlen((const char *)name, 16), false);
    }
    if (failed || !all) {
        TEXT("}");
        return;
    }
    interface_fact(w, request, all);
    TEXT("}");
}
