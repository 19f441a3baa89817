/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i386 has one number for all calls of sockets: socketcall, whose first argument tells which (SYS_* of linux/net.h),
 * and whose second points at the arguments (net/socket.c has their number). Most have a number of their own as well.
 */
#include "decode/decode.h"

#define NR_SOCKETCALL 102u

static const struct decode_subcall socketcalls[] = {
    {NULL, 0, 0},           {"socket", 3, 359},   {"bind", 3, 361},        {"connect", 3, 362},
    {"listen", 2, 363},     {"accept", 3, 364},   {"getsockname", 3, 367}, {"getpeername", 3, 368},
    {"socketpair", 4, 360}, {"send", 4, 369},     {"recv", 4, 371},        {"sendto", 6, 369},
    {"recvfrom", 6, 371},   {"shutdown", 2, 373}, {"setsockopt", 5, 366},  {"getsockopt", 5, 365},
    {"sendmsg", 3, 370},    {"recvmsg", 3, 372},  {"accept4", 4, 364},     {"recvmmsg", 5, 337},
    {"sendmmsg", 4, 345},
};

#define SOCKETCALLS (sizeof(socketcalls) / sizeof(socketcalls[0]))

const struct decode_subcall *decode__subcall(enum qbk_abi abi, uint32_t nr, uint64_t which)
{
    if (abi != QBK_ABI_LINUX_I386 || nr != NR_SOCKETCALL || which == 0 || which >= SOCKETCALLS)
        return NULL;
    return &socketcalls[which];
}

int decode__carrier(enum qbk_abi abi, uint32_t nr)
{
    for (size_t i = 1; abi == QBK_ABI_LINUX_I386 && i < SOCKETCALLS; i++) {
        if (socketcalls[i].nr == nr)
            return NR_SOCKETCALL;
    }
    return -1;
}
