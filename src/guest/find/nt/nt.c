/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/find/nt/nt.h"

#include <stdio.h>
#include <string.h>

#include "decode/decode.h"
#include "guest/find/image.h"
#include "guest/find/nt/code.h"
#include "guest/find/nt/isf.h"
#include "guest/find/nt/numbers.h"

/* KUSER_SHARED_DATA */
#define KUSER_ROOT  0x30u
#define KUSER_BUILD 0x260u /* Windows 10 and later */
#define KUSER_MAJOR 0x26cu
#define KUSER_MINOR 0x270u

static const char *const kernels[] = {"ntoskrnl.exe", "ntkrnlpa.exe", "ntkrnlmp.exe", "ntkrpamp.exe"};

/* Exports that tell where a field lies. `minus`: words before the field that is told. */
static const struct getter {
    const char *name;
    enum code_result result;
    enum nt_offset offset;
    unsigned minus;
} getters[] = {
    {"PsGetCurrentProcess", CODE_THREAD_FIELD, NT_THREAD_PROCESS, 0},
    {"IoGetCurrentProcess", CODE_THREAD_FIELD, NT_THREAD_PROCESS, 0},
    {"PsGetThreadTeb", CODE_FIELD, NT_THREAD_TEB, 0},
    {"PsGetThreadProcessId", CODE_FIELD, NT_THREAD_CID, 0},
    {"PsGetThreadId", CODE_FIELD, NT_THREAD_CID, 1},
    {"PsGetProcessId", CODE_FIELD, NT_PROCESS_ID, 0},
    {"PsGetProcessInheritedFromUniqueProcessId", CODE_FIELD, NT_PROCESS_PARENT, 0},
    {"PsGetProcessImageFileName", CODE_ADDRESS, NT_PROCESS_NAME, 0},
    {"PsGetProcessPeb", CODE_FIELD, NT_PROCESS_PEB, 0},
    {"PsGetProcessCreateTimeQuadPart", CODE_FIELD, NT_PROCESS_CREATE_TIME, 0},
    {"PsGetProcessExitStatus", CODE_FIELD, NT_PROCESS_EXIT_STATUS, 0},
    {"IoGetInitialStack", CODE_THREAD_FIELD, NT_THREAD_INITIAL_STACK, 0},
    {"PsGetCurrentThreadStackLimit", CODE_THREAD_FIELD, NT_THREAD_STACK_LIMIT, 0},
    {"PsGetCurrentThreadStackBase", CODE_THREAD_FIELD, NT_THREAD_STACK_BASE, 0},
};

static void miss(struct find_nt *nt, const char *what)
{
    g_string_append_printf(nt->missing, "%s%s", nt->missing->len ? ", " : "", what);
}

/* ---- offsets ---- */

/* Two getters that disagree about a field leave it unknown. */
static void offset_told(struct find_nt *nt, const struct getter *g, uint32_t value, bool *conflict)
{
    uint32_t *to = &nt->layout.offset[g->offset];
    uint32_t before = g->minus * (nt->layout.is_64 ? 8u : 4u);
    if (value < before)
        return;
    value -= before;
    if (*to != NT_NONE && *to != value)
        conflict[g->offset] = true;
    *to = value;
}

static void offsets(struct find_nt *nt, const struct pe *pe)
{
    bool conflict[NT_OFFSETS] = {false};
    for (size_t i = 0; i < G_N_ELEMENTS(getters); i++) {
        uint32_t value, rva = pe__export(pe, getters[i].name);
        if (rva && code__getter(pe, rva, &value) == getters[i].result)
            offset_told(nt, &getters[i], value, conflict);
    }
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        if (conflict[i])
            nt->layout.offset[i] = NT_NONE;
    }
}

static void missing_offsets(struct find_nt *nt)
{
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        if (nt->layout.offset[i] == NT_NONE)
            miss(nt, isf__offset_name(i));
    }
}

/* ---- a symbol table ---- */

/* It is keyed by this very build, so where it disagrees it is the derivation that is wrong; it is told, though. */
static void compare_offsets(struct find_nt *nt, const struct isf *isf)
{
    unsigned agree = 0, added = 0;
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        uint32_t *derived = &nt->layout.offset[i], told = isf->offset[i];
        if (told == NT_NONE)
            continue;
        if (*derived != NT_NONE && *derived != told)
            g_string_append_printf(nt->profile, "%s%s is %#x by its getter, %#x in the profile",
                                   nt->profile->len ? ", " : "", isf__offset_name(i), *derived, told);
        agree += *derived == told;
        added += *derived == NT_NONE;
        *derived = told;
    }
    g_string_append_printf(nt->how, ", profile (agrees on %u offsets, adds %u)", agree, added);
}

static void profile(struct find_nt *nt, const char *path)
{
    struct isf isf;
    g_autoptr(GError) error = NULL;
    g_autofree char *why = NULL;
    if (!isf__read(path, &isf, &error))
        why = g_strdup_printf("profile (%s)", error->message);
    else if (strcmp(isf.pdb_id, nt->pdb_id) != 0)
        why = g_strdup_printf("profile (it is of kernel %s)", isf.pdb_id[0] ? isf.pdb_id : "without a name");
    if (why)
        miss(nt, why);
    else
        compare_offsets(nt, &isf);
}

/* ---- types of objects ---- */

static void types(struct find_nt *nt, const struct pe *pe)
{
    static const char *const names[NT_TYPES] = {"PsProcessType",          "PsThreadType",
                                                "IoFileObjectType",       "ExEventObjectType",
                                                "MmSectionObjectType",    "CmKeyObjectType",
                                                "SeTokenObjectType",      "LpcPortObjectType",
                                                "AlpcPortObjectType",     "ExSemaphoreObjectType",
                                                "ExMutantObjectType",     "PsJobType",
                                                "ExDesktopObjectType",    "ExWindowStationObjectType",
                                                "ObpDirectoryObjectType", "ObpSymbolicLinkObjectType"};
    for (unsigned i = 0; i < NT_TYPES; i++) {
        uint32_t rva = pe__export(pe, names[i]);
        nt->layout.type_variable[i] = rva ? nt->layout.image_start + rva : 0;
    }
    if (!nt->layout.type_variable[NT_TYPE_PROCESS])
        miss(nt, names[NT_TYPE_PROCESS]);
}

/* ---- services ---- */

struct naming {
    struct find_nt *nt;
    const struct pe *pe;
    const char *prefix; /* of the exports that are stubs */
    const char *full;   /* what stands there instead in the service's name */
    unsigned table;
    uint32_t count;
};

/* Whose exports tell numbers. Before Windows 10 many functions of user32 and gdi32 are stubs themselves: ShowWindow is
 * NtUserShowWindow, CopyAcceleratorTableW is NtUserCopyAcceleratorTable. */
static const struct stub_image {
    const char *file, *prefix, *full;
    unsigned table;
    bool all; /* the calls of its table are expected to come from there */
} stub_images[NT_STUB_IMAGES] = {{"ntdll.dll", "Nt", "Nt", 0, true},
                                 {"win32u.dll", "Nt", "Nt", 1, true},
                                 {"user32.dll", "", "NtUser", 1, false},
                                 {"gdi32.dll", "", "NtGdi", 1, false}};

/* Names come out of the guest and go into a list with commas: letters and digits alone make one. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 3 && len < 64 && g_ascii_isupper(name[2]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

static void set_name(struct find_nt *nt, unsigned table, unsigned index, char *name)
{
    int row = name ? decode__number(QBK_ABI_NT_X64, name) : -1;
    g_free(nt->name[table][index]);
    nt->name[table][index] = name;
    nt->layout.row[table][index] = row >= 0 ? (uint16_t)(row + 1) : 0;
    nt->by_build[table][index] = false;
}

/* The service that an export is the stub of, to be freed; NULL: by its name it is none. A name that is not the
 * service's own has to lead to one that is known. */
static char *service_of(const struct naming *n, const char *name)
{
    size_t prefix = strlen(n->prefix), len = strlen(name);
    if (strncmp(name, n->prefix, prefix) != 0 || len > 64)
        return NULL;
    g_autofree char *service = g_strconcat(n->full, name + prefix, NULL);
    if (prefix)
        return is_name(service) ? g_steal_pointer(&service) : NULL;
    if (decode__number(QBK_ABI_NT_X64, service) < 0 && g_str_has_suffix(service, "W"))
        service[strlen(service) - 1] = 0;
    return decode__number(QBK_ABI_NT_X64, service) < 0 ? NULL : g_steal_pointer(&service);
}

static void name_service(const char *name, uint32_t rva, void *data)
{
    struct naming *n = data;
    uint32_t number;
    uint8_t bytes;
    g_autofree char *service = service_of(n, name);
    if (!service || !code__stub(n->pe, rva, &number, &bytes) || number >> 12 != n->table ||
        (number & 0xfff) >= NT_TABLE_SIZE)
        return;
    unsigned index = number & 0xfff;
    set_name(n->nt, n->table, index, g_steal_pointer(&service));
    if (n->table == 0 && bytes != 0xff)
        n->nt->layout.arg_bytes[index] = bytes;
    n->count++;
}

static uint32_t name_services(struct find_nt *nt, const struct pe *pe, const char *prefix, const char *full,
                              unsigned table)
{
    struct naming n = {.nt = nt, .pe = pe, .prefix = prefix, .full = full, .table = table};
    uint32_t broken;
    (void)pe__exports(pe, name_service, &n, &broken);
    return n.count;
}

/* ---- numbers by release, for what nobody tells ---- */

/* What the table said before is forgotten first: the guest may have told more since, and speaks against it. */
static void name_by_build(struct find_nt *nt)
{
    g_autofree struct numbers *numbers = g_new(struct numbers, 1);
    const struct numbers_query query = {.is_64 = nt->layout.is_64 != 0,
                                        .build = nt->layout.build,
                                        .major = nt->major,
                                        .minor = nt->minor,
                                        .known = (const char *(*)[NT_TABLE_SIZE])nt->name};
    for (unsigned t = 0; t < NT_TABLES; t++) {
        for (unsigned i = 0; i < NT_TABLE_SIZE; i++) {
            if (nt->by_build[t][i])
                set_name(nt, t, i, NULL);
        }
    }
    numbers__find(&query, numbers);
    nt->from_build[0] = nt->from_build[1] = 0;
    nt->no_numbers = numbers->refuted ? "its own names are others" : numbers->releases ? NULL : "no such release";
    for (unsigned t = 0; t < NT_TABLES; t++) {
        for (unsigned i = 0; i < NT_TABLE_SIZE; i++) {
            const struct numbers_name *name = &numbers->name[t][i];
            if (nt->name[t][i] || !name->at)
                continue;
            set_name(nt, t, i, g_strdup_printf("Nt%.*s", (int)name->len, name->at));
            nt->by_build[t][i] = true;
            nt->from_build[t]++;
        }
    }
}

/* ---- version ---- */

static uint32_t build_of(const struct find_image *image, const struct pe *pe)
{
    uint32_t build = 0, rva = pe__export(pe, "NtBuildNumber");
    const uint8_t *at = rva ? pe__bytes(pe, rva, 4) : NULL;
    if (at)
        memcpy(&build, at, sizeof(build));
    else if (image->extra)
        memcpy(&build, image->extra + KUSER_BUILD, sizeof(build));
    return build & 0xffffu; /* the upper bits tell free and checked builds */
}

static void version(struct find_nt *nt, const struct find_image *image, const struct pe *pe)
{
    uint32_t major = 0, minor = 0;
    nt->layout.build = build_of(image, pe);
    if (image->extra) {
        memcpy(&major, image->extra + KUSER_MAJOR, sizeof(major));
        memcpy(&minor, image->extra + KUSER_MINOR, sizeof(minor));
        for (unsigned i = 0; i < sizeof(nt->root) - 1; i++) {
            uint8_t c = image->extra[KUSER_ROOT + 2 * i];
            if (c < 32 || c > 126 || image->extra[KUSER_ROOT + 2 * i + 1])
                break;
            nt->root[i] = (char)c;
        }
        g_string_append(nt->how, ", KUSER_SHARED_DATA");
    } else {
        miss(nt, "KUSER_SHARED_DATA");
    }
    nt->major = major;
    nt->minor = minor;
    snprintf(nt->release, sizeof(nt->release), "%u.%u.%u", major, minor, nt->layout.build);
    snprintf(nt->version, sizeof(nt->version), "Windows NT %u.%u build %u, %s, %s", major, minor, nt->layout.build,
             pe->name, pe->is_64 ? "x64" : "x86");
}

/* ---- the answer ---- */

static void add(struct link_found *found, const char *key, const char *value)
{
    size_t k = strlen(key) + 1, v = strlen(value) + 1;
    if (found->text_len + k + v > sizeof(found->text) || v == 1)
        return;
    memcpy(found->text + found->text_len, key, k);
    memcpy(found->text + found->text_len + k, value, v);
    found->text_len += (uint32_t)(k + v);
}

static void add_services(const struct find_nt *nt, struct link_found *found)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (unsigned t = 0; t < NT_TABLES; t++) {
        for (unsigned i = 0; i < NT_TABLE_SIZE; i++) {
            if (nt->name[t][i])
                g_string_append_printf(list, "%s%u %s", list->len ? ", " : "", t << 12 | i, nt->name[t][i]);
        }
    }
    add(found, "services", list->str);
}

/* "EPROCESS.Peb 0x550, …": for reports, and for `qebek doctor --profile`. */
static void add_offsets(const struct find_nt *nt, struct link_found *found)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (unsigned i = 0; i < NT_OFFSETS; i++) {
        if (nt->derived[i] != NT_NONE)
            g_string_append_printf(list, "%s%s %#x", list->len ? ", " : "", isf__offset_name(i), nt->derived[i]);
    }
    add(found, "offsets", list->str);
}

static void answer(struct find_nt *nt, struct link_found *found)
{
    name_by_build(nt);
    g_autoptr(GString) how = g_string_new(nt->how->str), missing = g_string_new(nt->missing->str);
    char number[32];
    if (nt->from_kernel)
        g_string_append_printf(how, ", %u names of services from its Zw exports", nt->from_kernel);
    for (unsigned i = 0; i < NT_STUB_IMAGES; i++) {
        int file = (int)strcspn(stub_images[i].file, ".");
        if (nt->from_stubs[i])
            g_string_append_printf(how, ", %u from %.*s", nt->from_stubs[i], file, stub_images[i].file);
        else if (stub_images[i].all)
            g_string_append_printf(missing, "%s%.*s", missing->len ? ", " : "", file, stub_images[i].file);
    }
    if (nt->from_build[0] || nt->from_build[1])
        g_string_append_printf(how, ", numbers by build table (%u services, %u of graphics)", nt->from_build[0],
                               nt->from_build[1]);
    else if (nt->no_numbers && (!nt->from_stubs[0] || !nt->from_stubs[1]))
        g_string_append_printf(missing, "%snumbers by build table (%s)", missing->len ? ", " : "", nt->no_numbers);
    found->os = LINK_OS_NT;
    found->text_len = 0;
    add(found, "os", "nt");
    add(found, "release", nt->release);
    add(found, "version", nt->version);
    add(found, "pdb", nt->pdb);
    add(found, "pdb_id", nt->pdb_id);
    add(found, "system_root", nt->root);
    add(found, "base", nt->base);
    add(found, "how", how->str);
    add(found, "missing", missing->str);
    add(found, "profile", nt->profile->str);
    add_offsets(nt, found);
    snprintf(number, sizeof(number), "%lld", (long long)nt->took_us);
    add(found, "took_us", number);
    add_services(nt, found);
    found->layout_len = sizeof(nt->layout);
}

void find_nt__clear(struct find_nt *nt)
{
    for (unsigned t = 0; t < NT_TABLES; t++) {
        for (unsigned i = 0; i < NT_TABLE_SIZE; i++)
            g_free(nt->name[t][i]);
    }
    if (nt->how)
        g_string_free(nt->how, TRUE);
    if (nt->missing)
        g_string_free(nt->missing, TRUE);
    if (nt->profile)
        g_string_free(nt->profile, TRUE);
    memset(nt, 0, sizeof(*nt));
}

static void begin(struct find_nt *nt, const struct pe *pe)
{
    struct nt_layout *l = &nt->layout;
    find_nt__clear(nt);
    nt->how = g_string_new("PE exports and getters");
    nt->missing = g_string_new(NULL);
    nt->profile = g_string_new(NULL);
    l->version = NT_LAYOUT_VERSION;
    l->size = sizeof(*l);
    l->is_64 = pe->is_64;
    l->image_start = pe->image->base + pe->at;
    l->image_end = l->image_start + pe->size;
    snprintf(nt->base, sizeof(nt->base), "%#llx", (unsigned long long)l->image_start);
    memset(l->arg_bytes, 0xff, sizeof(l->arg_bytes));
    for (unsigned i = 0; i < NT_OFFSETS; i++)
        l->offset[i] = NT_NONE;
}

bool find_nt__is_kernel(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kernels); i++) {
        if (g_ascii_strcasecmp(name, kernels[i]) == 0)
            return true;
    }
    return false;
}

bool find_nt__kernel(struct find_nt *nt, const struct find_image *image, const struct find_options *options,
                     struct link_found *found)
{
    gint64 began = g_get_monotonic_time();
    struct pe pe;
    if (!pe__open(image, 0, &pe) || !find_nt__is_kernel(pe.name))
        return false;
    begin(nt, &pe);
    version(nt, image, &pe);
    if (!pe__pdb(&pe, nt->pdb, sizeof(nt->pdb), nt->pdb_id, sizeof(nt->pdb_id)))
        miss(nt, "PDB name");
    offsets(nt, &pe);
    memcpy(nt->derived, nt->layout.offset, sizeof(nt->derived));
    if (options && options->isf_file)
        profile(nt, options->isf_file);
    missing_offsets(nt);
    types(nt, &pe);
    if (!code__service_tables(&pe, &nt->layout.services, &nt->layout.services_shadow))
        miss(nt, "service tables");
    nt->from_kernel = name_services(nt, &pe, "Zw", "Nt", 0);
    nt->known = true;
    nt->took_us = g_get_monotonic_time() - began;
    if (options && options->known_nt)
        options->known_nt(&pe, options->data);
    answer(nt, found);
    return true;
}

bool find_nt__stubs(struct find_nt *nt, const struct find_image *image, struct link_found *found)
{
    static const char *const names[NT_DISPATCHERS] = {"KiUserCallbackDispatcher", "KiUserApcDispatcher",
                                                      "KiUserExceptionDispatcher", "KiRaiseUserExceptionDispatcher"};
    gint64 began = g_get_monotonic_time();
    struct pe pe;
    if (!nt->known || !pe__open(image, 0, &pe) || pe.is_64 != (nt->layout.is_64 != 0))
        return false;
    unsigned which = 0;
    while (which < NT_STUB_IMAGES && g_ascii_strcasecmp(pe.name, stub_images[which].file) != 0)
        which++;
    if (which == NT_STUB_IMAGES)
        return false;
    const struct stub_image *stubs = &stub_images[which];
    uint32_t told = name_services(nt, &pe, stubs->prefix, stubs->full, stubs->table);
    if (!stubs->all && told <= nt->from_stubs[which]) /* seen before, and no more of it is resident now */
        return false;
    nt->from_stubs[which] = told;
    if (stubs->all)
        nt->layout.stubs[stubs->table] = (struct nt_module){image->base, image->base + pe.size};
    for (unsigned i = 0; i < NT_DISPATCHERS && which == 0; i++) {
        uint32_t rva = pe__export(&pe, names[i]);
        nt->layout.dispatcher[i] = rva ? image->base + rva : 0;
    }
    if (which == 0) {
        uint32_t gate = pe__export(&pe, "KiIntSystemCall");
        uint32_t start = pe__export(&pe, "LdrInitializeThunk");
        nt->layout.thread_start = start ? image->base + start : 0;
        nt->layout.int_gate = gate ? image->base + gate : 0;
    }
    nt->took_us += g_get_monotonic_time() - began;
    answer(nt, found);
    return true;
}
