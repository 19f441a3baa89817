/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * find-kernel VMLINUX [MUTATIONS SEED | map | functions SPEC…]: what the finder says of a real kernel, from its ELF
 * file instead of a running machine: the same bytes at the same addresses. Prints "key value" lines for the caller to
 * judge; exit status 1 where no kernel is recognised. With MUTATIONS it then damages the image that many times, and
 * only has to survive. With "map" it prints the symbols instead, as a System.map has them; with "functions SPEC…" which
 * functions each SPEC means, and what BTF says of them: "function NAME ARGUMENT:KIND/SIZE … -> KIND/SIZE", or "wrong"
 * and what it is told.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "decode/decode.h"
#include "functions/btf.h"
#include "functions/kernel.h"
#include "guest/find/image.h"

#define IMAGE_BASE  0xffffffff80000000u
#define IMAGE_PAGES (192u << 8) /* 192 MiB */

static uint8_t *bytes, *present;

/* Puts the segments of the kernel's half where they are linked to. */
static bool load(const char *elf, size_t size)
{
    const Elf64_Ehdr *head = (const void *)elf;
    bool any = false;
    if (size < sizeof(*head) || memcmp(elf, ELFMAG, SELFMAG) != 0 || head->e_phoff > size ||
        (size - head->e_phoff) / sizeof(Elf64_Phdr) < head->e_phnum)
        return false;
    for (unsigned i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *p = (const void *)(elf + head->e_phoff + i * sizeof(*p));
        if (p->p_type != PT_LOAD || p->p_vaddr < IMAGE_BASE || p->p_offset > size || p->p_filesz > size - p->p_offset)
            continue;
        uint64_t at = p->p_vaddr - IMAGE_BASE;
        if (at + p->p_memsz > (uint64_t)IMAGE_PAGES * IMAGE_PAGE)
            continue;
        memcpy(bytes + at, elf + p->p_offset, p->p_filesz);
        for (uint64_t page = at / IMAGE_PAGE; page <= (at + p->p_memsz - 1) / IMAGE_PAGE; page++)
            present[page / 8] = (uint8_t)(present[page / 8] | 1u << (page % 8));
        any = true;
    }
    return any;
}

static void tell_services(const struct find_image *image)
{
    struct find_symbols symbols;
    static struct find_service list[1024];
    if (!find__kallsyms(image, &symbols))
        return;
    printf("symbols %zu\n", symbols.count);
    size_t n = find__services(image, &symbols, list, G_N_ELEMENTS(list));
    for (size_t i = 0; i < n; i++) {
        const struct decode_service *row = decode__service(QBK_ABI_LINUX_X86_64, list[i].nr);
        printf("service %u %s %d %s %d", list[i].nr, list[i].name, list[i].nargs, row ? row->name : "-",
               row ? row->nargs : -1);
        for (int a = 0; a < list[i].nargs; a++)
            printf(" %s", list[i].args[a]);
        printf("\n");
    }
    find__symbols_clear(&symbols);
}

static void tell(const struct link_found *found, const struct linux_layout *layout)
{
    for (const char *key = found->text; key < found->text + found->text_len;) {
        const char *value = key + strlen(key) + 1;
        printf("text %s %s\n", key, value);
        key = value + strlen(value) + 1;
    }
    for (unsigned p = 0; p < LINUX_PROBES; p++)
        printf("probe %s %#llx\n", find__probe_name(p), (unsigned long long)layout->probe[p]);
    for (unsigned o = 0; o < LINUX_OFFSETS; o++)
        printf("offset %u %d\n", o, layout->offset[o] == LAYOUT_NONE ? -1 : (int)layout->offset[o]);
    printf("current %#llx\n", (unsigned long long)layout->current);
}

static int print_map(const struct find_image *image)
{
    struct find_symbols symbols;
    if (!find__kallsyms(image, &symbols))
        return 1;
    for (size_t i = 0; i < symbols.count; i++)
        printf("%016llx %c %s\n", (unsigned long long)symbols.symbol[i].addr, symbols.symbol[i].type,
               symbols.symbol[i].name);
    find__symbols_clear(&symbols);
    return 0;
}

static void tell_value(const struct function_value *v)
{
    static const char *const kinds[FUNCTION_KINDS] = {"void", "int",    "uint",   "bool",    "char",  "hex",
                                                      "enum", "struct", "string", "wide",    "bytes", "file",
                                                      "path", "dentry", "to_int", "to_uint", "chars"};
    printf("%s%s%s/%u", v->name, v->name[0] ? ":" : "", kinds[v->kind], v->size);
}

static void tell_prototype(const char *name, const struct function_prototype *p)
{
    printf("function %s", name);
    for (unsigned i = 0; i < p->n_args; i++) {
        printf(" ");
        tell_value(&p->arg[i]);
    }
    printf("%s", p->known ? " -> " : " ?");
    if (p->known)
        tell_value(&p->result);
    printf("\n");
}

static void tell_types(const struct find_image *image, const struct function_symbol *functions, const GArray *found)
{
    g_autofree const char **names = g_new0(const char *, found->len);
    g_autofree struct function_prototype *prototypes = g_new0(struct function_prototype, found->len);
    g_autofree struct function_types *types = g_new0(struct function_types, 1);
    struct function_query query = {.name = names, .count = found->len};
    for (guint i = 0; i < found->len; i++)
        names[i] = functions[g_array_index(found, guint, i)].name;
    if (!find__btf(image, &query.blob, &query.size) || !functions__from_btf(&query, prototypes, types))
        printf("wrong no BTF\n");
    for (guint i = 0; i < found->len; i++)
        tell_prototype(names[i], &prototypes[i]);
}

static int print_functions(const struct find_image *image, char **specs)
{
    struct find_symbols symbols;
    size_t count;
    if (!find__kallsyms(image, &symbols))
        return 1;
    g_autofree struct function_symbol *functions = functions__of_kernel(&symbols, &count);
    for (; *specs; specs++) {
        g_autoptr(GError) error = NULL;
        struct function_spec spec;
        GArray *found = NULL;
        if (function__read_spec(*specs, &spec, &error)) {
            found = function__match(&spec, functions, count, 100000, &error);
            function__spec_clear(&spec);
        }
        if (found)
            tell_types(image, functions, found);
        else
            printf("wrong %s\n", error->message);
        g_clear_pointer(&found, g_array_unref);
    }
    find__symbols_clear(&symbols);
    return 0;
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Bytes of the tables themselves are hit, not of the 40 MiB around them: near the tokens, and in the BTF. */
static void mutate(struct find_image *image, unsigned rounds, uint64_t seed, size_t lo, size_t hi)
{
    for (unsigned i = 0; i < rounds; i++) {
        struct link_found found = {0};
        struct linux_layout layout;
        size_t at[8];
        uint8_t was[8];
        for (unsigned k = 0; k < 8; k++) {
            at[k] = lo + (size_t)(random_next(&seed) % (hi - lo));
            was[k] = bytes[at[k]];
            bytes[at[k]] = (uint8_t)random_next(&seed);
        }
        if (find__kernel(image, NULL, &found, &layout) && !linux_layout__valid(&layout))
            printf("invalid layout in round %u\n", i);
        for (unsigned k = 8; k-- > 0;)
            bytes[at[k]] = was[k];
    }
    printf("survived %u\n", rounds);
}

int main(int argc, char **argv)
{
    g_autofree char *elf = NULL;
    gsize size;
    struct link_found found = {0};
    struct linux_layout layout;
    if (argc < 2 || !g_file_get_contents(argv[1], &elf, &size, NULL))
        return 2;
    bytes = calloc(IMAGE_PAGES, IMAGE_PAGE);
    present = calloc(IMAGE_PAGES / 8, 1);
    if (!bytes || !present || !load(elf, size))
        return 2;
    struct find_image image = {.base = IMAGE_BASE, .pages = IMAGE_PAGES, .bytes = bytes, .present = present};
    if (argc > 2 && strcmp(argv[2], "map") == 0)
        return print_map(&image);
    if (argc > 3 && strcmp(argv[2], "functions") == 0)
        return print_functions(&image, argv + 3);
    if (!find__kernel(&image, NULL, &found, &layout))
        return 1;
    tell(&found, &layout);
    tell_services(&image);
    const uint8_t *blob;
    size_t blob_size;
    if (argc > 3 && find__btf(&image, &blob, &blob_size)) {
        unsigned rounds = (unsigned)atoi(argv[2]);
        uint64_t seed = strtoull(argv[3], NULL, 0) | 1;
        size_t btf = (size_t)(blob - bytes);
        mutate(&image, rounds, seed, btf, btf + blob_size);
        mutate(&image, rounds, seed, btf > (8u << 20) ? btf - (8u << 20) : 0, btf); /* kallsyms lies before it */
    }
    free(bytes);
    free(present);
    return 0;
}
