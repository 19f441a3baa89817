/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words that the rows of the .def files are written in. Included by the two files that make tables of them, one for
 * each ABI: WORD is the machine word of the ABI, DECODE_SIZE(id) the size of a struct in it.
 *
 *   SYS(name, result, classes, arguments…)          a call; SYS0 without arguments; SYSF with enum decode_service_flags
 *   SYS_AS(row, "name", result, classes, …)         the same, where another row has that name already (32-bit variants)
 *   SAME(name, row)                                 another name for the same arguments
 *
 * An argument is its kind with its name and what else the kind needs. In pointers, the first word is the direction as
 * the program sees it: IN is read by the kernel (copied at entry), OUT written (copied at return), IO both. `n` is
 * always the number of another argument of the same call, counted from 0; S is a struct of structs.def.
 */
#ifndef QEBEK_DECODE_LINUX_ROW_H
#define QEBEK_DECODE_LINUX_ROW_H

#define ARG(x, t, ...) {.name = #x, .type = (t), __VA_ARGS__}

/* Values. */
#define INT(x)        ARG(x, T_INT, )
#define UINT(x)       ARG(x, T_UINT, )
#define LONG(x)       ARG(x, T_LONG, )
#define ULONG(x)      ARG(x, T_ULONG, )
#define HEX(x)        ARG(x, T_HEX, )
#define HEX32(x)      ARG(x, T_HEX, .unit = 4)
#define SIZE(x)       ARG(x, T_SIZE, )
#define SIZE32(x)     ARG(x, T_UINT, )
#define OFF(x)        ARG(x, T_OFF, )
#define OFF32(x)      ARG(x, T_OFF, .unit = 4) /* the low half: HIGH follows (or HIGH_NEXT came before) */
#define HIGH(x)       ARG(x, T_HIGH, )
#define HIGH_NEXT(x)  ARG(x, T_HIGH_NEXT, )
#define FD(x)         ARG(x, T_FD, )
#define DFD(x)        ARG(x, T_DIRFD, )
#define PID(x)        ARG(x, T_PID, )
#define UID(x)        ARG(x, T_UID, )
#define GID(x)        ARG(x, T_GID, )
#define UID16(x)      ARG(x, T_UID, .unit = 2)
#define GID16(x)      ARG(x, T_GID, .unit = 2)
#define MODE(x)       ARG(x, T_MODE, )
#define DEV(x)        ARG(x, T_DEV, )
#define SIGNAL(x)     ARG(x, T_SIGNAL, )
#define FLAGS(x, s)   ARG(x, T_FLAGS, .set = DECODE_SET_##s)
#define FLAGSL(x, s)  ARG(x, T_FLAGS, .set = DECODE_SET_##s, .unit = WORD) /* a machine word of bits */
#define FLAGS64(x, s) ARG(x, T_FLAGS, .set = DECODE_SET_##s, .unit = 8)
#define ENUM(x, s)    ARG(x, T_ENUM, .set = DECODE_SET_##s)
#define ADDR(x)       ARG(x, T_ADDR, )
#define UNUSED(x)     ARG(x, T_UNUSED, )

/* Strings and bytes. */
#define PATH(x)       ARG(x, T_PATH, .dir = DIR_IN, .len_from = L_STRING)
#define OUT_PATH(x)   ARG(x, T_PATH, .dir = DIR_OUT, .len_from = L_STRING)
#define STR(x)        ARG(x, T_STR, .dir = DIR_IN, .len_from = L_STRING)
#define STRV(x)       ARG(x, T_STRV, .dir = DIR_IN)
#define ENVP(x)       ARG(x, T_STRV, .dir = DIR_IN, .set = DECODE_ENVIRONMENT)
#define IN_BUF(x, n)  ARG(x, T_BUF, .dir = DIR_IN, .len_from = L_ARG, .len = (n))     /* n bytes */
#define OUT_BUF(x, n) ARG(x, T_BUF, .dir = DIR_OUT, .len_from = L_RESULT, .len = (n)) /* result bytes, at most n */
#define IN_IOV(x, n)  ARG(x, T_IOVEC, .dir = DIR_IN, .len_from = L_ARG, .len = (n), .unit = 2 * WORD)
#define OUT_IOV(x, n) ARG(x, T_IOVEC, .dir = DIR_INOUT, .len_from = L_ARG, .len = (n), .unit = 2 * WORD)

/* Numbers: one, as many as argument n says, or (…_R) as many as the result says but no more than argument n. */
#define NUMBERS(x, t, d, from, n, size) ARG(x, t, .dir = (d), .len_from = (from), .len = (n), .unit = (size))
#define OUT_INT(x)                      NUMBERS(x, T_INTP, DIR_OUT, L_FIXED, 1, 4)
#define IO_INT(x)                       NUMBERS(x, T_INTP, DIR_INOUT, L_FIXED, 1, 4)
#define IN_INTS(x, n)                   NUMBERS(x, T_INTP, DIR_IN, L_ARG, n, 4)
#define OUT_INTS(x, n)                  NUMBERS(x, T_INTP, DIR_OUT, L_ARG, n, 4)
#define OUT_INTS_R(x, n)                NUMBERS(x, T_INTP, DIR_OUT, L_RESULT, n, 4)
#define OUT_SHORT(x)                    NUMBERS(x, T_INTP, DIR_OUT, L_FIXED, 1, 2)
#define IN_SHORTS(x, n)                 NUMBERS(x, T_INTP, DIR_IN, L_ARG, n, 2)
#define OUT_SHORTS_R(x, n)              NUMBERS(x, T_INTP, DIR_OUT, L_RESULT, n, 2)
#define OUT_FDS(x, count)               NUMBERS(x, T_FDP, DIR_OUT, L_FIXED, count, 4)
#define OUT_STATUS(x)                                                                                                  \
    ARG(x, T_INTP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = 4, .set = DECODE_WAIT_STATUS)
#define IN_LONG(x)            NUMBERS(x, T_LONGP, DIR_IN, L_FIXED, 1, WORD)
#define OUT_LONG(x)           NUMBERS(x, T_LONGP, DIR_OUT, L_FIXED, 1, WORD)
#define IO_LONG(x)            NUMBERS(x, T_LONGP, DIR_INOUT, L_FIXED, 1, WORD)
#define IN_LONGS_N(x, count)  NUMBERS(x, T_LONGP, DIR_IN, L_FIXED, count, WORD)
#define IN_LONGS(x, n)        NUMBERS(x, T_LONGP, DIR_IN, L_ARG, n, WORD)
#define OUT_QUAD(x)           NUMBERS(x, T_LONGP, DIR_OUT, L_FIXED, 1, 8) /* 64 bits in every ABI */
#define IO_QUAD(x)            NUMBERS(x, T_LONGP, DIR_INOUT, L_FIXED, 1, 8)
#define OUT_QUADS_R(x, n)     NUMBERS(x, T_LONGP, DIR_OUT, L_RESULT, n, 8)

/* Structs: one; `count` of them; a vector (_V) of n, (_VR) of as many as the result says; a piece of n bytes (_B), of
 * as many bytes as the result says (_BR), as many as lie at argument n (_D). */
#define STRUCT(x, S, d, from, n, size)                                                                                 \
    ARG(x, T_STRUCT, .dir = (d), .len_from = (from), .len = (n), .unit = (size), .set = DECODE_STRUCT_##S)
#define IN(x, S)              STRUCT(x, S, DIR_IN, L_FIXED, 1, DECODE_SIZE(S))
#define OUT(x, S)             STRUCT(x, S, DIR_OUT, L_FIXED, 1, DECODE_SIZE(S))
#define IO(x, S)              STRUCT(x, S, DIR_INOUT, L_FIXED, 1, DECODE_SIZE(S))
#define IN_N(x, S, count)     STRUCT(x, S, DIR_IN, L_FIXED, count, DECODE_SIZE(S))
#define IN_V(x, S, n)         STRUCT(x, S, DIR_IN, L_ARG, n, DECODE_SIZE(S))
#define IO_V(x, S, n)         STRUCT(x, S, DIR_INOUT, L_ARG, n, DECODE_SIZE(S))
#define OUT_VR(x, S, n)       STRUCT(x, S, DIR_OUT, L_RESULT, n, DECODE_SIZE(S))
#define IN_B(x, S, n)         STRUCT(x, S, DIR_IN, L_ARG, n, 1)
#define OUT_B(x, S, n)        STRUCT(x, S, DIR_OUT, L_ARG, n, 1)
#define IO_B(x, S, n)         STRUCT(x, S, DIR_INOUT, L_ARG, n, 1)
#define OUT_BR(x, S, n)       STRUCT(x, S, DIR_OUT, L_RESULT, n, 1)
#define OUT_D(x, S, n)        STRUCT(x, S, DIR_OUT, L_DEREF, n, 1)
/* Bit masks: as many bits as argument n says, in whole machine words. */
#define IN_BITS(x, S, n)      STRUCT(x, S, DIR_IN, L_BITS, n, WORD)
#define OUT_BITS(x, S, n)     STRUCT(x, S, DIR_OUT, L_BITS, n, WORD)
#define IO_BITS(x, S, n)      STRUCT(x, S, DIR_INOUT, L_BITS, n, WORD)
/* A byte for each page of n bytes. */
#define OUT_PAGES(x, S, n)    STRUCT(x, S, DIR_OUT, L_PAGES, n, 1)
/* A machine word and n bytes (or as many bytes as the result says) after it. */
#define IN_WORD_AND(x, S, n)  STRUCT(x, S, DIR_IN, L_ARG_WORD, n, WORD)
#define OUT_WORD_AND_R(x, S, n) STRUCT(x, S, DIR_OUT, L_RESULT_WORD, n, WORD)

/* Rows. What a row was made of is kept in an enum so that SAME can repeat it. */
#define ROW(row, text, res, fl, cl)                                                                                    \
    enum { row##_result = (res), row##_flags = (fl), row##_classes = (cl) };                                           \
    static const struct decode_service row_##row UNUSED_HERE = {                                                       \
        text, sizeof(args_##row) / sizeof(struct decode_arg), (res), (fl), (cl), args_##row}
#define UNUSED_HERE __attribute__((unused)) /* the other ABI uses it */
#define ROW_ARGS(row, ...)                                                                                             \
    static const struct decode_arg args_##row[] UNUSED_HERE = {__VA_ARGS__}
#define SYS(x, res, cl, ...)                                                                                           \
    ROW_ARGS(x, __VA_ARGS__);                                                                                          \
    ROW(x, #x, res, 0, cl);
#define SYSF(x, res, fl, cl, ...)                                                                                      \
    ROW_ARGS(x, __VA_ARGS__);                                                                                          \
    ROW(x, #x, res, fl, cl);
#define SYS0(x, res, cl) SYSF(x, res, 0, cl)
#define SYS_AS(row, text, res, cl, ...)                                                                                \
    ROW_ARGS(row, __VA_ARGS__);                                                                                        \
    ROW(row, text, res, 0, cl);
#define SYSF_AS(row, text, res, fl, cl, ...)                                                                           \
    ROW_ARGS(row, __VA_ARGS__);                                                                                        \
    ROW(row, text, res, fl, cl);
#define SAME(x, of)                                                                                                    \
    static const struct decode_service row_##x UNUSED_HERE = {                                                         \
        #x, sizeof(args_##of) / sizeof(struct decode_arg), of##_result, of##_flags, of##_classes, args_##of};

#endif
