/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words that the rows of the .def files are written in. Included by the two files that make tables of them, one for
 * each ABI: WORD is the machine word of the ABI, DECODE_SIZE(id) the size of a struct in it.
 *
 *   SYS(name, result, classes, arguments…)          a call; SYS0 without arguments; SYSF with enum decode_service_flags
 *   SYS_AS(row, "name", result, classes, …)         the same, where another row has that name already (32-bit variants)
 *   SYSR(name, result, set, classes, …)             the same, with a set for the result (R_ENUM, R_FLAGS)
 *   SAME(name, row)                                 another name for the same arguments
 *
 * Variants, between VARIANTS(call, first, second, mask) and VARIANTS_END(call) (decode_selector has their meaning):
 *   CASE(call, VALUE, result, arguments…)           the call where the key is VALUE, a constant of a header
 *   CASE_N(call, id, value, result, arguments…)     the same, with a number and a name for the row
 *   CASE_S(call, VALUE, result, set, …)  CASE_NS    with a set for the result
 *   ALSO(call, VALUE, id)                           another value for a row that is there
 *
 *   CASE(call, VALUE, result, arguments…)           the call where its selector (SELECT in variants.def) has that
 * value; CASE_N with a name and a number, CASE_S(call, VALUE, result, set, …) with a set for the result, CASE_AS where
 * another value has a row
 *
 * An argument is its kind with its name and what else the kind needs. In pointers, the first word is the direction as
 * the program sees it: IN is read by the kernel (copied at entry), OUT written (copied at return), IO both. `n` is
 * always the number of another argument of the same call, counted from 0; S is a struct of structs.def.
 */
#ifndef QEBEK_DECODE_LINUX_ROW_H
#define QEBEK_DECODE_LINUX_ROW_H

#define DECODE_SIZE(S) sizeof(struct lay_##S) /* abi.inc lays it out */

#define ARG(x, t, ...)                                                                                                 \
    {                                                                                                                  \
        .name = #x, .type = (t), __VA_ARGS__                                                                           \
    }

/* Values. */
#define INT(x)             ARG(x, T_INT, )
#define UINT(x)            ARG(x, T_UINT, )
#define LONG(x)            ARG(x, T_LONG, )
#define ULONG(x)           ARG(x, T_ULONG, )
#define HEX(x)             ARG(x, T_HEX, )
#define HEX32(x)           ARG(x, T_HEX, .unit = 4)
#define ERROR_CODE(x)      ARG(x, T_ERROR, )
#define PAGES(x)           ARG(x, T_PAGES, )
#define SIZE(x)            ARG(x, T_SIZE, )
#define SIZE32(x)          ARG(x, T_UINT, )
#define OFF(x)             ARG(x, T_OFF, )
#define OFF32(x)           ARG(x, T_OFF, .unit = 4) /* the low half: HIGH follows (or HIGH_NEXT came before) */
#define HIGH(x)            ARG(x, T_HIGH, )
#define HIGH_NEXT(x)       ARG(x, T_HIGH_NEXT, )
#define FD(x)              ARG(x, T_FD, )
#define DFD(x)             ARG(x, T_DIRFD, )
#define PID(x)             ARG(x, T_PID, )
#define UID(x)             ARG(x, T_UID, )
#define GID(x)             ARG(x, T_GID, )
#define UID16(x)           ARG(x, T_UID, .unit = 2)
#define GID16(x)           ARG(x, T_GID, .unit = 2)
#define MODE(x)            ARG(x, T_MODE, )
#define FILE_MODE(x)       ARG(x, T_MODE, .set = DECODE_FILE_TYPE)
#define DEV(x)             ARG(x, T_DEV, )
#define SIGNAL(x)          ARG(x, T_SIGNAL, )
#define FLAGS(x, s)        ARG(x, T_FLAGS, .set = DECODE_SET_##s)
#define FLAGSL(x, s)       ARG(x, T_FLAGS, .set = DECODE_SET_##s, .unit = WORD) /* a machine word of bits */
#define FLAGS64(x, s)      ARG(x, T_FLAGS, .set = DECODE_SET_##s, .unit = 8)
#define FLAGS_LOW(x, s)    ARG(x, T_FLAGS, .set = DECODE_SET_##s, .unit = 4) /* the low half: HIGH follows */
#define ENUM(x, s)         ARG(x, T_ENUM, .set = DECODE_SET_##s)
#define ADDR(x)            ARG(x, T_ADDR, )
#define UNUSED(x)          ARG(x, T_UNUSED, )
#define NUMBERED(x, s)     ARG(x, T_NUMBERED, .set = DECODE_SET_##s)
#define NUMBERED_HEX(x, s) ARG(x, T_NUMBERED, .set = DECODE_SET_##s, .unit = 16)
/* Only there where argument n has one of these bits. */
#define INT_IF(x, n, bits) ARG(x, T_INT_IF, .len = (n), .unit = (bits))
/* By name where argument n has a value whose bit is set in `values`, else a number. */
#define ENUM_IF(x, s, n, values) ARG(x, T_ENUM_IF, .set = DECODE_SET_##s, .len = (n), .unit = (values))
#define HANDLER(x)               ARG(x, T_HANDLER, )
#define KVERSION(x)              ARG(x, T_KVERSION, )
#define QUOTA_CMD(x)             ARG(x, T_QCMD, )
#define KEY(x)                   ARG(x, T_KEY, .set = DECODE_SET_key_rings)
#define TRACER(x)                ARG(x, T_KEY, .set = DECODE_SET_pr_ptracer)
#define FAN_DFD(x)               ARG(x, T_FAN_DFD, )
#define ETHER(x)                 ARG(x, T_ETHER, )
#define IPC_FLAGS(x, s)          ARG(x, T_IPC_FLAGS, .set = DECODE_SET_##s)
#define IOPRIO(x)                ARG(x, T_IOPRIO, )
#define USER_OFFSET(x)           ARG(x, T_USER_OFFSET, )
#define WAKE_OP(x)               ARG(x, T_WAKE_OP, )
#define CLOCK(x)                 ARG(x, T_CLOCK, )
#define INNER(x, S)              ARG(x, T_INNER, .set = DECODE_STRUCT_##S) /* in structs: another in place */
#define CHARS(x)                 ARG(x, T_CHARS, )                         /* in structs: characters in place */

/* Strings and bytes. */
#define PATH(x)        ARG(x, T_PATH, .dir = DIR_IN, .len_from = L_STRING)
#define OUT_PATH(x, n) ARG(x, T_PATH, .dir = DIR_OUT, .len_from = L_RESULT, .len = (n)) /* as OUT_BUF, with its NUL */
#define STR(x)         ARG(x, T_STR, .dir = DIR_IN, .len_from = L_STRING)
#define STR_MOST(x, n) ARG(x, T_STR, .dir = DIR_IN, .len_from = L_STRING, .unit = (n)) /* n characters at most */
#define OUT_STR(x)     ARG(x, T_STR, .dir = DIR_OUT, .len_from = L_STRING)
#define STRV(x)        ARG(x, T_STRV, .dir = DIR_IN)
#define ENVP(x)        ARG(x, T_STRV, .dir = DIR_IN, .set = DECODE_ENVIRONMENT)
#define IN_BUF(x, n)   ARG(x, T_BUF, .dir = DIR_IN, .len_from = L_ARG, .len = (n))     /* n bytes */
#define OUT_BUF(x, n)  ARG(x, T_BUF, .dir = DIR_OUT, .len_from = L_RESULT, .len = (n)) /* result bytes, at most n */
/* … no more of them than fit into a name of the system's: else only where it is */
#define HOST_NAME(x, n) ARG(x, T_BUF, .dir = DIR_IN, .len_from = L_ARG, .len = (n), .set = DECODE_HOST_NAME)
#define OUT_XATTR(x, n) ARG(x, T_BUF, .dir = DIR_OUT, .len_from = L_RESULT, .len = (n), .set = DECODE_SIZE_QUERY)
#define OUT_TEXT(x, n)  ARG(x, T_BUF, .dir = DIR_OUT, .len_from = L_RESULT, .len = (n), .set = DECODE_TEXT)
#define OUT_HEX(x, n)   ARG(x, T_BUF, .dir = DIR_OUT, .len_from = L_RESULT, .len = (n), .set = DECODE_HEX_BYTES)
#define IN_IOV(x, n)    ARG(x, T_IOVEC, .dir = DIR_IN, .len_from = L_ARG, .len = (n), .unit = 2 * WORD)
#define OUT_IOV(x, n)   ARG(x, T_IOVEC, .dir = DIR_INOUT, .len_from = L_ARG, .len = (n), .unit = 2 * WORD)

/* Numbers: one, as many as argument n says, or (…_R) as many as the result says but no more than argument n. */
#define NUMBERS(x, t, d, from, n, size) ARG(x, t, .dir = (d), .len_from = (from), .len = (n), .unit = (size))
#define OUT_INT(x)                      NUMBERS(x, T_INTP, DIR_OUT, L_FIXED, 1, 4)
#define IO_INT(x)                       NUMBERS(x, T_INTP, DIR_INOUT, L_FIXED, 1, 4)
#define IN_INTS1(x)                     NUMBERS(x, T_INTP, DIR_IN, L_FIXED, 1, 4)
#define OUT_HINT(x, s)                  ARG(x, T_LONGP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = 8, .set = DECODE_SET_##s)
#define IN_HINT(x, s)                   ARG(x, T_LONGP, .dir = DIR_IN, .len_from = L_FIXED, .len = 1, .unit = 8, .set = DECODE_SET_##s)
#define IN_INTS(x, n)                   NUMBERS(x, T_INTP, DIR_IN, L_ARG, n, 4)
#define OUT_INTS(x, n)                  NUMBERS(x, T_INTP, DIR_OUT, L_ARG, n, 4)
#define OUT_FLAGS(x, s)                 ARG(x, T_INTP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = 4, .set = DECODE_SET_##s)
#define OUT_ENUM(x, s)                  ARG(x, T_INTP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = 4, .set = DECODE_SET_##s)
#define IN_ENUM(x, s)                   ARG(x, T_INTP, .dir = DIR_IN, .len_from = L_FIXED, .len = 1, .unit = 4, .set = DECODE_SET_##s)
#define OUT_SIGNAL(x)                   ARG(x, T_INTP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = 4, .set = DECODE_SIGNAL)
#define OUT_HEX_LONG(x)                                                                                                \
    ARG(x, T_LONGP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = WORD, .set = DECODE_HEX_WORD)
#define IN_ADDRESSES(x, n)                                                                                             \
    ARG(x, T_LONGP, .dir = DIR_IN, .len_from = L_ARG, .len = (n), .unit = WORD, .set = DECODE_ADDRESS)
#define OUT_HEX_QUAD(x)                                                                                                \
    ARG(x, T_LONGP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = 8, .set = DECODE_HEX_WORD)
#define IN_QUAD_HEX(x) ARG(x, T_LONGP, .dir = DIR_IN, .len_from = L_FIXED, .len = 1, .unit = 8, .set = DECODE_HEX_WORD)
#define OUT_ADDRESS(x)                                                                                                 \
    ARG(x, T_LONGP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = WORD, .set = DECODE_ADDRESS)
#define OUT_INTS_R(x, n)   NUMBERS(x, T_INTP, DIR_OUT, L_RESULT, n, 4)
#define OUT_SHORT(x)       NUMBERS(x, T_INTP, DIR_OUT, L_FIXED, 1, 2)
#define IN_SHORTS(x, n)    NUMBERS(x, T_INTP, DIR_IN, L_ARG, n, 2)
#define OUT_SHORTS_R(x, n) NUMBERS(x, T_INTP, DIR_OUT, L_RESULT, n, 2)
#define IN_FDS(x, n)       NUMBERS(x, T_FDP, DIR_IN, L_ARG, n, 4)
#define OUT_FDS(x, count)  NUMBERS(x, T_FDP, DIR_OUT, L_FIXED, count, 4)
#define OUT_STATUS(x)                                                                                                  \
    ARG(x, T_INTP, .dir = DIR_OUT, .len_from = L_FIXED, .len = 1, .unit = 4, .set = DECODE_WAIT_STATUS)
#define IN_LONG(x)  NUMBERS(x, T_LONGP, DIR_IN, L_FIXED, 1, WORD)
#define OUT_LONG(x) NUMBERS(x, T_LONGP, DIR_OUT, L_FIXED, 1, WORD)
#define IO_ULONG(x)                                                                                                    \
    ARG(x, T_LONGP, .dir = DIR_INOUT, .len_from = L_FIXED, .len = 1, .unit = WORD, .set = DECODE_UNSIGNED)
#define IO_LONG(x)           NUMBERS(x, T_LONGP, DIR_INOUT, L_FIXED, 1, WORD)
#define IN_LONGS_N(x, count) NUMBERS(x, T_LONGP, DIR_IN, L_FIXED, count, WORD)
#define IN_LONGS(x, n)       NUMBERS(x, T_LONGP, DIR_IN, L_ARG, n, WORD)
#define OUT_QUAD(x)          NUMBERS(x, T_LONGP, DIR_OUT, L_FIXED, 1, 8) /* 64 bits in every ABI */
#define IO_QUAD(x)           NUMBERS(x, T_LONGP, DIR_INOUT, L_FIXED, 1, 8)
#define IO_QUAD_E(x)         NUMBERS(x, T_LONGP, DIR_INOUT | DIR_BEFORE, L_FIXED, 1, 8)
#define OUT_QUADS_R(x, n)    NUMBERS(x, T_LONGP, DIR_OUT, L_RESULT, n, 8)

/* Structs: one; `count` of them; a vector (_V) of n, (_VR) of as many as the result says; a piece of n bytes (_B), of
 * as many bytes as the result says (_BR), as many as lie at argument n (_D). */
#define STRUCT(x, S, d, from, n, size)                                                                                 \
    ARG(x, T_STRUCT, .dir = (d), .len_from = (from), .len = (n), .unit = (size), .set = DECODE_STRUCT_##S)
#define IN(x, S)              STRUCT(x, S, DIR_IN, L_FIXED, 1, DECODE_SIZE(S))
#define LEFT(x, S)            STRUCT(x, S, DIR_OUT | DIR_INTERRUPTED, L_FIXED, 1, DECODE_SIZE(S))
#define OUT(x, S)             STRUCT(x, S, DIR_OUT, L_FIXED, 1, DECODE_SIZE(S))
#define OUT_UNLESS_NULL(x, S) STRUCT(x, S, DIR_OUT | DIR_UNLESS_NULL, L_FIXED, 1, DECODE_SIZE(S))
#define IO_EVEN_FAILED(x, S)  STRUCT(x, S, DIR_INOUT | DIR_EVEN_FAILED, L_FIXED, 1, DECODE_SIZE(S))
#define IO_E(x, S)            STRUCT(x, S, DIR_INOUT | DIR_BEFORE, L_FIXED, 1, DECODE_SIZE(S)) /* shown as before */
#define IO(x, S)              STRUCT(x, S, DIR_INOUT, L_FIXED, 1, DECODE_SIZE(S))
#define IN_N(x, S, count)     STRUCT(x, S, DIR_IN, L_FIXED, count, DECODE_SIZE(S))
#define IN_V(x, S, n)         STRUCT(x, S, DIR_IN, L_ARG, n, DECODE_SIZE(S))
#define IO_VE(x, S, n)        STRUCT(x, S, DIR_INOUT | DIR_BEFORE, L_ARG, n, DECODE_SIZE(S))
#define IO_V(x, S, n)         STRUCT(x, S, DIR_INOUT, L_ARG, n, DECODE_SIZE(S))
#define OUT_VR(x, S, n)       STRUCT(x, S, DIR_OUT, L_RESULT, n, DECODE_SIZE(S))
#define IN_B(x, S, n)         STRUCT(x, S, DIR_IN, L_ARG, n, 1)
#define OUT_B(x, S, n)        STRUCT(x, S, DIR_OUT, L_ARG, n, 1)
#define IO_B(x, S, n)         STRUCT(x, S, DIR_INOUT, L_ARG, n, 1)
#define OUT_BR(x, S, n)       STRUCT(x, S, DIR_OUT, L_RESULT, n, 1)
#define OUT_D(x, S, n)        STRUCT(x, S, DIR_OUT, L_DEREF, n, 1)
/* Bit masks: as many bits as argument n says, in whole machine words. */
#define IN_BITS(x, S, n)  STRUCT(x, S, DIR_IN, L_BITS, n, WORD)
#define OUT_BITS(x, S, n) STRUCT(x, S, DIR_OUT, L_BITS, n, WORD)
#define IO_BITS(x, S, n)  STRUCT(x, S, DIR_INOUT | DIR_BEFORE, L_BITS, n, WORD)
/* A byte for each page of n bytes. */
#define OUT_PAGES(x, S, n) STRUCT(x, S, DIR_OUT, L_PAGES, n, 1)
/* A machine word and n bytes after it. */
#define IN_WORD_AND(x, S, n)  STRUCT(x, S, DIR_IN, L_ARG_WORD, n, WORD)
#define OUT_WORD_AND(x, S, n) STRUCT(x, S, DIR_OUT, L_ARG_WORD, n, WORD)

/* Rows. What a row was made of is kept in an enum so that SAME can repeat it. */
#define ROW(row, text, res, fl, cl)                                                                                    \
    enum { row##_result = (res), row##_flags = (fl), row##_classes = (cl) };                                           \
    static const struct decode_service row_##row UNUSED_HERE = {                                                       \
        text, sizeof(args_##row) / sizeof(struct decode_arg), (res), (fl), (cl), args_##row, 0}
#define UNUSED_HERE        __attribute__((unused)) /* the other ABI uses it */
#define ROW_ARGS(row, ...) static const struct decode_arg args_##row[] UNUSED_HERE = {__VA_ARGS__}
#define SYS(x, res, cl, ...)                                                                                           \
    ROW_ARGS(x, __VA_ARGS__);                                                                                          \
    ROW(x, #x, res, 0, cl);
#define SYSF(x, res, fl, cl, ...)                                                                                      \
    ROW_ARGS(x, __VA_ARGS__);                                                                                          \
    ROW(x, #x, res, fl, cl);
#define SYSR(x, res, results, cl, ...)                                                                                 \
    ROW_ARGS(x, __VA_ARGS__);                                                                                          \
    enum { x##_result = (res), x##_flags = 0, x##_classes = (cl) };                                                    \
    static const struct decode_service row_##x UNUSED_HERE = {                                                         \
        #x, sizeof(args_##x) / sizeof(struct decode_arg), (res), 0, (cl), args_##x, DECODE_SET_##results};
#define SYS0(x, res, cl) SYSF(x, res, 0, cl)
#define SYS_AS(row, text, res, cl, ...)                                                                                \
    ROW_ARGS(row, __VA_ARGS__);                                                                                        \
    ROW(row, text, res, 0, cl);
#define SYSF_AS(row, text, res, fl, cl, ...)                                                                           \
    ROW_ARGS(row, __VA_ARGS__);                                                                                        \
    ROW(row, text, res, fl, cl);
#define SAME(x, of)                                                                                                    \
    static const struct decode_service row_##x UNUSED_HERE = {                                                         \
        #x, sizeof(args_##of) / sizeof(struct decode_arg), of##_result, of##_flags, of##_classes, args_##of, 0};

/* Variants (variants_*.def): rows of their own; what is the same for all comes from the call's row. */
#define DECODE_KEY(value)   (sizeof(value) == 8 ? (uint64_t)(value) : (uint64_t)(uint32_t)(value))
#define KEY2(first, second) ((uint64_t)(uint32_t)(second) << 32 | (uint32_t)(first))
#define CASE_ROW(row, x, res, set, ...)                                                                                \
    ROW_ARGS(row, __VA_ARGS__);                                                                                        \
    static const struct decode_service row_##row UNUSED_HERE = {                                                       \
        #x, sizeof(args_##row) / sizeof(struct decode_arg), (res), x##_flags, x##_classes, args_##row, (set)};

#endif
