/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show/object.h"

#include <arpa/inet.h>
#include <string.h>

#define SOCK_STREAM_LINUX 1u /* include/linux/net.h, include/net/tcp_states.h */
#define ESTABLISHED       1u

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96 */

bool object__is_internet(const struct qbk_object *o)
{
    return o->kind == QBK_OBJECT_SOCKET && (o->family == OBJECT_INET || o->family == OBJECT_INET6);
}

bool object__is_connected(const struct qbk_object *o)
{
    return object__is_internet(o) && o->socket_type == SOCK_STREAM_LINUX && o->state == ESTABLISHED && o->peer_port;
}

const uint8_t *object__ipv4(const struct qbk_object *o, bool peer)
{
    const uint8_t *address = peer ? o->peer_address : o->local_address;
    if (!object__is_internet(o))
        return NULL;
    if (o->family == OBJECT_INET)
        return address;
    return memcmp(address, mapped, sizeof(mapped)) == 0 ? address + sizeof(mapped) : NULL;
}

char *object__address(const struct qbk_object *o, bool peer)
{
    const uint8_t *address = peer ? o->peer_address : o->local_address, *v4 = object__ipv4(o, peer);
    static const uint8_t none[16];
    uint16_t port = peer ? o->peer_port : o->local_port;
    char text[INET6_ADDRSTRLEN];
    if (!object__is_internet(o) || (port == 0 && memcmp(address, none, sizeof(none)) == 0))
        return NULL;
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? v4 : address, text, sizeof(text)))
        return NULL;
    return g_strdup_printf(v4 ? "%s:%u" : "[%s]:%u", text, port);
}
