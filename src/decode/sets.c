/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The values come from the C library's and the kernel's headers at build time; those that older ones lack are given. */
#include <fcntl.h>
#include <linux/stat.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "decode/decode.h"
#include "decode/sets.h"

#ifndef MS_KERNMOUNT
#define MS_KERNMOUNT (1 << 22)
#endif
#ifndef CLONE_DETACHED
#define CLONE_DETACHED 0x00400000
#endif
#ifndef MAP_TYPE
#define MAP_TYPE 0x0f
#endif
#undef O_LARGEFILE /* the C library calls it 0 where it is always in force */
#define O_LARGEFILE 0100000
#ifndef AF_QIPCRTR
#define AF_QIPCRTR 42
#endif
#ifndef AF_SMC
#define AF_SMC 43
#endif
#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_IP
#define SOL_IP 0
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef SOL_TCP
#define SOL_TCP 6
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef SOL_IPV6
#define SOL_IPV6 41
#endif
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define U(x) ((uint64_t)(uint32_t)(x))
#define V(x)                                                                                                           \
    {                                                                                                                  \
        U(x), UINT64_MAX, #x                                                                                           \
    }
#define N(x, v)                                                                                                        \
    {                                                                                                                  \
        U(v), UINT64_MAX, #x                                                                                           \
    }
#define F(x)                                                                                                           \
    {                                                                                                                  \
        U(x), U(x), #x                                                                                                 \
    }
#define Z(x)                                                                                                           \
    {                                                                                                                  \
        0, UINT64_MAX, #x                                                                                              \
    }
#define M(x, m)                                                                                                        \
    {                                                                                                                  \
        U(x), U(m), #x                                                                                                 \
    }
#define N2(x, v, m)                                                                                                    \
    {                                                                                                                  \
        U(v), U(m), #x                                                                                                 \
    }

#define SET(id, unknown, ...) static const struct decode_const items_##id[] = {__VA_ARGS__};
#include "decode/linux/sets.def"
#undef SET

static const struct decode_set sets[DECODE_SETS] = {
#define SET(id, unknown, ...) [SET_##id] = {unknown, items_##id, sizeof(items_##id) / sizeof(items_##id[0])},
#include "decode/linux/sets.def"
#undef SET
};

const struct decode_set *decode__set(uint16_t index)
{
    static const struct decode_set empty = {"", NULL, 0};
    return index > 0 && index < DECODE_SETS ? &sets[index] : &empty;
}
