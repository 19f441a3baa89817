/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a row of calls.def is written. S(number, name, result, flags, classes, arguments…); S0 for calls without any.
 * Arguments: the kind and the argument's name, and what its length comes from:
 *   OUTR(x, n)   bytes written out, as many as the result says but no more than argument n
 *   INB(x, n)    bytes read in, as many as argument n says
 *   STO, STI, STIO(x, size)  a struct of `size` bytes written out, read in, both; STD: its length lies at argument n
 */
#define A(n, t, ...) {.name = #n, .type = t, __VA_ARGS__}
#define INT(n) A(n, T_INT, )
#define UINT(n) A(n, T_UINT, )
#define LONG(n) A(n, T_LONG, )
#define ULONG(n) A(n, T_ULONG, )
#define HEX(n) A(n, T_HEX, )
#define SIZE(n) A(n, T_SIZE, )
#define OFF(n) A(n, T_OFF, )
#define FD(n) A(n, T_FD, )
#define DIRFD(n) A(n, T_DIRFD, )
#define PID(n) A(n, T_PID, )
#define UID(n) A(n, T_UID, )
#define GID(n) A(n, T_GID, )
#define MODE(n) A(n, T_MODE, )
#define DEV(n) A(n, T_DEV, )
#define SIG(n) A(n, T_SIGNAL, )
#define PTR(n) A(n, T_ADDR, )
#define FLAGS(n, s) A(n, T_FLAGS, .set = SET_##s)
#define ENUM(n, s) A(n, T_ENUM, .set = SET_##s)
#define PATH(n) A(n, T_PATH, .dir = DIR_IN, .len_from = L_STRING)
#define STR(n) A(n, T_STR, .dir = DIR_IN, .len_from = L_STRING)
#define OUTR(n, b) A(n, T_BUF, .dir = DIR_OUT, .len_from = L_RESULT, .len = b)
#define INB(n, b) A(n, T_BUF, .dir = DIR_IN, .len_from = L_ARG, .len = b)
#define ARGV(n) A(n, T_STRV, .dir = DIR_IN)
#define ENVP(n) A(n, T_STRV, .dir = DIR_IN, .set = 1)
#define IOVI(n, c) A(n, T_IOVEC, .dir = DIR_IN, .len_from = L_ARG, .len = c)
#define IOVO(n, c) A(n, T_IOVEC, .dir = DIR_INOUT, .len_from = L_ARG, .len = c)
#define FDP2(n) A(n, T_FDP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 2)
#define INTO(n) A(n, T_INTP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1)
#define INTI(n) A(n, T_INTP, .dir = DIR_IN, .len_from = L_FIXED, .len = 1)
#define STATUSO(n) A(n, T_INTP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .set = DECODE_WAIT_STATUS)
#define LONGO(n) A(n, T_LONGP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1)
#define LONGIO(n) A(n, T_LONGP, .dir = DIR_INOUT, .len_from = L_FIXED, .len = 1)
#define GIDSO(n) A(n, T_INTP, .dir = DIR_OUT, .len_from = L_RESULT, .len = 0)
#define GIDSI(n, c) A(n, T_INTP, .dir = DIR_IN, .len_from = L_ARG, .len = c)
#define STO(n, size) A(n, T_STRUCT, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = size)
#define STI(n, size) A(n, T_STRUCT, .dir = DIR_IN, .len_from = L_FIXED, .len = 1, .unit = size)
#define STIO(n, size) A(n, T_STRUCT, .dir = DIR_INOUT, .len_from = L_FIXED, .len = 1, .unit = size)
#define STIA(n, b) A(n, T_STRUCT, .dir = DIR_IN, .len_from = L_ARG, .len = b)
#define STD(n, b) A(n, T_STRUCT, .dir = DIR_OUT, .len_from = L_DEREF, .len = b)

/* Sizes of x86-64's structs, in bytes (include/uapi and asm headers of Linux). */
#define SZ_STAT 144
#define SZ_STATX 256
#define SZ_STATFS 120
#define SZ_TIMESPEC 16
#define SZ_TIMEVAL 16
#define SZ_RUSAGE 144
#define SZ_RLIMIT 16
#define SZ_SIGACTION 32
#define SZ_SIGSET 8
#define SZ_SIGINFO 128
#define SZ_UTSNAME 390
#define SZ_SYSINFO 112
#define SZ_ITIMERVAL 32
#define SZ_TIMEX 208
#define SZ_MSGHDR 56
