// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every call of both ABIs with arguments and memory of chance, abbreviated and not, as text and as JSON: nothing reads
 * past what a record holds (the build with sanitizers sees that), nothing takes long, and nothing unprintable comes
 * out.
 */
#include "shown.h"

#include <string.h>

#include "decode/decode.h"

#define ROUNDS 6
#define SLOTS  6

static uint32_t chance(GRand *r, uint32_t below)
{
    return below ? g_rand_int(r) % below : 0;
}

/* Small numbers, addresses of the memory at hand, and anything. */
static uint64_t value(GRand *r)
{
    switch (chance(r, 4)) {
    case 0:
        return chance(r, 64);
    case 1:
        return (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    default:
        return 0x10000 + (uint64_t)chance(r, SLOTS) * 0x1000;
    }
}

static void fill(GRand *r, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t v = chance(r, 3) ? value(r) : 0;
        memcpy(bytes + i, &v, MIN(8, len - i));
    }
}

static void memory(struct build *b, GRand *r)
{
    uint8_t bytes[512];
    for (unsigned i = 0; i < SLOTS; i++) {
        uint32_t len = chance(r, sizeof(bytes) + 1);
        if (chance(r, 4) == 0)
            continue;
        fill(r, bytes, sizeof(bytes));
        build__snippet(b, QBK_SNIP_MEM, 0x10000 + i * 0x1000, bytes, len, len + chance(r, 3), (uint8_t)chance(r, 8),
                       (uint8_t)i, (uint8_t)chance(r, 3));
    }
}

static void call(struct build *b, GRand *r, const struct decode_service *service, uint32_t nr)
{
    uint64_t args[6];
    unsigned nargs = chance(r, 4) ? service->nargs : chance(r, 7);
    for (unsigned i = 0; i < 6; i++)
        args[i] = value(r);
    uint64_t seq = build__enter(b, 1, nr, MIN(nargs, 6), args);
    memory(b, r);
    build__return(b, 1, seq, chance(r, 8) ? QBK_END_RETURNED : QBK_END_THREAD_GONE,
                  chance(r, 3) ? chance(r, 300) : (uint64_t) - (int64_t)chance(r, 520));
    memory(b, r);
}

static void check(struct build *b, const char *kind, unsigned verbose)
{
    struct show_options options;
    show_options__init(&options);
    options.verbose = verbose;
    char *text = shown(b, kind, &options);
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 32 && *c != '\n')
            fail_msg("byte %d is not printable", *c);
    }
    assert_true(strlen(text) > 100);
    g_free(text);
}

static void every_call_with_memory_of_chance(void **state)
{
    static const enum qbk_abi abis[] = {QBK_ABI_LINUX_X86_64, QBK_ABI_LINUX_I386};
    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        GRand *r = g_rand_new_with_seed(round + 1);
        struct build b;
        build__init(&b);
        build__thread(&b, 1, 71, "a");
        for (unsigned a = 0; a < 2; a++) {
            b.abi = (uint8_t)abis[a];
            for (uint32_t nr = 0; nr < decode__service_end(abis[a]); nr++) {
                const struct decode_service *service = decode__service(abis[a], nr);
                for (unsigned k = 0; service && k < 2; k++)
                    call(&b, r, service, nr);
            }
        }
        check(&b, round % 3 == 2 ? "jsonl" : "strace", round % 2);
        build__free(&b);
        g_rand_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_with_memory_of_chance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
