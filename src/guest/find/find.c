/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer, put together. */
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>

#include "decode/decode.h"
#include "guest/find/image.h"

#define SERVICES_MAX 1024u
#define ALIGNMENT    0x200000u

/* A probe's symbol: the first of its names that the kernel has. Clones with a suffix have other arguments: not taken.
 */
static const char *const probe_names[LINUX_PROBES][4] = {
    [LINUX_PROBE_SWITCH_TO] = {"__switch_to"},
    [LINUX_PROBE_WAKE_UP_NEW] = {"wake_up_new_task"},
    [LINUX_PROBE_SCHEDULE_TAIL] = {"schedule_tail"},
    [LINUX_PROBE_DO_EXIT] = {"do_exit"},
    [LINUX_PROBE_FREE_TASK] = {"free_task", "__put_task_struct"},
    [LINUX_PROBE_DO_GROUP_EXIT] = {"do_group_exit"},
    [LINUX_PROBE_SIGNAL_WORK] = {"arch_do_signal_or_restart"},
    [LINUX_PROBE_SIGNAL_DONE] = {"signal_setup_done"},
    [LINUX_PROBE_DEQUEUE_SIGNAL] = {"dequeue_signal"},
    [LINUX_PROBE_SIGNAL_STOP] = {"do_signal_stop"},
    [LINUX_PROBE_COREDUMP] = {"do_coredump", "vfs_coredump"},
    [LINUX_PROBE_SET_COMM] = {"__set_task_comm"},
    [LINUX_PROBE_COMMIT_CREDS] = {"commit_creds"},
    [LINUX_PROBE_FD_INSTALL] = {"fd_install"},
    [LINUX_PROBE_DO_SYSCALL_64] = {"do_syscall_64"},
    [LINUX_PROBE_DO_INT80] = {"do_int80_syscall_32", "do_int80_emulation", "int80_emulation"},
    [LINUX_PROBE_DO_FAST_32] = {"do_fast_syscall_32", "do_SYSENTER_32"},
    [LINUX_PROBE_KEXEC] = {"machine_kexec"},
    [LINUX_PROBE_CGROUP_ATTACH] = {"cgroup_attach_task"},
    [LINUX_PROBE_PTRACE_NOTIFY] = {"ptrace_notify"},
    [LINUX_PROBE_SECCOMP] = {"__seccomp_filter", "__secure_computing"},
    [LINUX_PROBE_USER_DISPATCH] = {"syscall_user_dispatch"},
    [LINUX_PROBE_RUN_64] = {"x64_sys_call"},
    [LINUX_PROBE_RUN_32] = {"ia32_sys_call"},
    [LINUX_PROBE_MMAP] = {"perf_event_mmap"},
    [LINUX_PROBE_COPY_VMA] = {"copy_vma"},
    [LINUX_PROBE_EXIT_MMAP] = {"exit_mmap"},
    [LINUX_PROBE_FPUT] = {"__fput", "locks_remove_file"},
};

const char *find__probe_name(enum linux_probe probe)
{
    return probe < LINUX_PROBES ? probe_names[probe][0] : NULL;
}

struct text {
    char *buf;
    size_t len, size;
};

static void add(struct text *t, const char *key, const char *value)
{
    size_t k = strlen(key) + 1, v = strlen(value) + 1;
    if (t->len + k + v > t->size)
        return;
    memcpy(t->buf + t->len, key, k);
    memcpy(t->buf + t->len + k, value, v);
    t->len += k + v;
}

/* One pass over all symbols: 90,000 names times 20 wanted would be a long walk each. */
static void probes(const struct find_image *image, const struct find_symbols *symbols, struct linux_layout *layout,
                   GString *missing)
{
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
    size_t unused;
    for (size_t i = 0; i < symbols->count; i++)
        g_hash_table_insert(by_name, (gpointer)(uintptr_t)symbols->symbol[i].name, &symbols->symbol[i]);
    for (unsigned p = 0; p < LINUX_PROBES; p++) {
        for (unsigned n = 0; n < 4 && probe_names[p][n] && layout->probe[p] == 0; n++) {
            const struct find_symbol *s = g_hash_table_lookup(by_name, probe_names[p][n]);
            if (s && image__offset(image, s->addr, &unused))
                layout->probe[p] = s->addr;
        }
        if (layout->probe[p] == 0)
            g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", probe_names[p][0]);
    }
    const struct find_symbol *current = g_hash_table_lookup(by_name, "current_task");
    if (!current) /* 6.2 to 6.14: the first member of struct pcpu_hot */
        current = g_hash_table_lookup(by_name, "pcpu_hot");
    layout->current = current ? current->addr : 0;
    const struct find_symbol *pages = g_hash_table_lookup(by_name, "vmemmap_base");
    const struct find_symbol *memory = g_hash_table_lookup(by_name, "page_offset_base");
    layout->vmemmap_base = pages ? pages->addr : 0;
    layout->page_offset_base = memory ? memory->addr : 0;
}

/* The GNU build id lies between __start_notes and __stop_notes: name size 4, id size 20, type 3, "GNU". */
static void build_id(const struct find_image *image, const struct find_symbols *symbols, struct text *text)
{
    static const uint8_t note[16] = {4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0};
    const struct find_symbol *start = find__symbol(symbols, "__start_notes");
    const struct find_symbol *stop = find__symbol(symbols, "__stop_notes");
    size_t from, to;
    char hex[41];
    if (!start || !stop || !image__offset(image, start->addr, &from) || !image__offset(image, stop->addr, &to) ||
        to < from || !image__has(image, from, to - from))
        return;
    const uint8_t *at = memmem(image->bytes + from, to - from, note, sizeof(note));
    if (!at || (size_t)(at - image->bytes) + 36 > to)
        return;
    for (unsigned i = 0; i < 20; i++)
        snprintf(hex + 2 * i, 3, "%02x", at[16 + i]);
    add(text, "build_id", hex);
}

/*
 * How far the kernel lies from where its System.map has it. Several strings of the image begin as the banner does; the
 * right one is off by a multiple of what the kernel's place is aligned to (CONFIG_PHYSICAL_ALIGN, 2 MiB at least).
 */
static bool slide_of(const struct find_image *image, const struct find_symbols *symbols, uint64_t *slide)
{
    static const char text[] = "Linux version ";
    const struct find_symbol *banner = find__symbol(symbols, "linux_banner");
    const uint8_t *at = image->bytes, *end = at + image__size(image);
    for (; banner && (at = memmem(at, (size_t)(end - at), text, sizeof(text) - 1)) != NULL; at++) {
        *slide = image->base + (uint64_t)(at - image->bytes) - banner->addr;
        if ((*slide & (ALIGNMENT - 1)) == 0)
            return true;
    }
    return false;
}

static bool symbols_of(const struct find_image *image, const struct find_options *options, struct find_symbols *symbols,
                       GString *how, GString *missing)
{
    uint64_t slide;
    if (options && options->map_file && find__system_map(options->map_file, symbols, NULL)) {
        if (slide_of(image, symbols, &slide)) {
            for (size_t i = 0; i < symbols->count; i++) /* per-CPU offsets do not move with the image */
                symbols->symbol[i].addr += (int64_t)symbols->symbol[i].addr < 0 ? slide : 0;
            g_string_append(how, "System.map");
            return true;
        }
        find__symbols_clear(symbols); /* another kernel's */
        g_string_append(missing, "System.map (it is not of this kernel)");
    }
    if (!find__kallsyms(image, symbols))
        return false;
    g_string_append(how, "kallsyms");
    return true;
}

/* Calls that our tables lack, "471 name, 472 name": an old qebek still names what a new kernel has. */
static void new_services(const struct find_image *image, const struct find_symbols *symbols, struct text *text)
{
    g_autofree struct find_service *list = g_try_new(struct find_service, SERVICES_MAX);
    g_autoptr(GString) names = g_string_new(NULL);
    size_t n = list ? find__services(image, symbols, list, SERVICES_MAX) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!decode__service(QBK_ABI_LINUX_X86_64, list[i].nr))
            g_string_append_printf(names, "%s%u %s", names->len ? ", " : "", list[i].nr, list[i].name);
    }
    if (names->len > 0)
        add(text, "services", names->str);
}

static bool layouts_of(const struct find_image *image, const struct find_options *options, struct linux_layout *layout,
                       GString *how, GString *missing)
{
    const uint8_t *blob = NULL;
    gchar *file = NULL;
    gsize file_size = 0;
    size_t size = 0;
    char why[128] = "";
    if (options && options->btf_file && g_file_get_contents(options->btf_file, &file, &file_size, NULL)) {
        blob = (const uint8_t *)file;
        size = file_size;
    } else if (!find__btf(image, &blob, &size)) {
        g_string_append_printf(missing, "%slayouts (no BTF)", missing->len ? ", " : "");
        return false;
    }
    bool ok = find__btf_layout(blob, size, layout, why, sizeof(why));
    g_free(file);
    if (ok)
        g_string_append_printf(how, "%s%s", how->len ? " and " : "", file ? "BTF file" : "BTF");
    else
        g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", why);
    return ok;
}

static void layout_init(const struct find_image *image, struct linux_layout *layout)
{
    memset(layout, 0, sizeof(*layout));
    layout->version = LINUX_LAYOUT_VERSION;
    layout->size = sizeof(*layout);
    layout->image_start = image->base;
    layout->image_end = image->base + image__size(image);
    layout->dequeue_info_arg = LAYOUT_NONE;
    layout->thread_size = 16384; /* without symbols: that of all kernels since 3.15, save those with KASAN */
    for (unsigned i = 0; i < LINUX_OFFSETS; i++)
        layout->offset[i] = LAYOUT_NONE;
}

/* The stack of the first thread is part of the image, and as large as all (INIT_TASK_DATA of the kernel's linker
 * scripts, whose mark at its end has changed its name with 6.11). */
static void thread_size_of(const struct find_symbols *symbols, struct linux_layout *layout)
{
    const struct find_symbol *start = find__symbol(symbols, "init_stack"), *end;
    if (!(end = find__symbol(symbols, "__end_init_stack")))
        end = find__symbol(symbols, "__end_init_task");
    uint64_t size = start && end ? end->addr - start->addr : 0;
    if (size >= 4096 && size <= 1u << 20 && (size & (size - 1)) == 0)
        layout->thread_size = (uint32_t)size;
}

bool find__kernel(const struct find_image *image, const struct find_options *options, struct link_found *found,
                  struct linux_layout *layout)
{
    g_autoptr(GString) how = g_string_new(NULL), missing = g_string_new(NULL);
    struct text text = {.buf = found->text, .size = sizeof(found->text)};
    struct find_symbols symbols = {0};
    char banner[256], release[128], number[32];
    gint64 began = g_get_monotonic_time();
    layout_init(image, layout);
    if (!find__banner(image, banner, sizeof(banner), release, sizeof(release)))
        return false;
    add(&text, "os", "linux");
    add(&text, "release", release);
    add(&text, "version", banner);
    if (symbols_of(image, options, &symbols, how, missing)) {
        probes(image, &symbols, layout, missing);
        thread_size_of(&symbols, layout);
        build_id(image, &symbols, &text);
        if (options && options->known)
            options->known(image, &symbols, options->data);
    } else {
        g_string_append_printf(missing, "%ssymbols (no kallsyms)", missing->len ? ", " : "");
    }
    layouts_of(image, options, layout, how, missing);
    add(&text, "how", how->len ? how->str : "version string");
    if (missing->len)
        add(&text, "missing", missing->str);
    snprintf(number, sizeof(number), "%lld", (long long)(g_get_monotonic_time() - began));
    add(&text, "took_us", number);
    find__integrity(image, &symbols, &layout->integrity);
    new_services(image, &symbols, &text); /* last: it may be long */
    find__symbols_clear(&symbols);
    found->os = LINK_OS_LINUX;
    found->text_len = (uint32_t)text.len;
    found->layout_len = sizeof(*layout);
    return true;
}
