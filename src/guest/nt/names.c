/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of objects, by their type: files, registry keys, processes and threads have other ones than those in the tree
 * of named objects. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "guest/nt/objects.h"

#define KEY_LEVELS_MAX 64u
#define KEY_NAME_MAX   512u
#define KEY_PARENT_MAX 0x80u
#define KEY_TRIES_MAX  1024u       /* keys that are looked at before it is given up */
#define KEY_BODY       0x6b793032u /* "ky02" */
#define FILE_OBJECT    5u
#define LINKS_MAX      4096u /* entries of a directory that are looked at */
#define BUCKETS        37u
#define LETTER_AGE     1024u /* names of devices without a letter until letters are read again */

static const struct offsets {
    unsigned file_device, file_name;
    unsigned entry_object; /* OBJECT_DIRECTORY_ENTRY: next, object */
    unsigned link_target;
    unsigned key_block;              /* CM_KEY_BODY */
    unsigned name_length, name_text; /* CM_NAME_CONTROL_BLOCK */
} offsets_of[2] = {{0x4, 0x30, 0x4, 0x8, 0x4, 0xc, 0xe}, {0x8, 0x58, 0x8, 0x8, 0x8, 0x18, 0x1a}};

static const struct offsets *known(const struct guest_cpu *cpu)
{
    return &offsets_of[cpu->guest->nt.is_64 != 0];
}

/* ---- files ---- */

/* The link "X:" of the directory of DOS devices, if this is one: its target is the device. */
static void take_link(struct guest_cpu *cpu, uint64_t object)
{
    struct nt_objects *o = &cpu->guest->objects;
    char type[32], buf[GUEST_PATH_MAX];
    struct nt_path name = {buf, GUEST_PATH_MAX}, target = {buf, GUEST_PATH_MAX};
    uint64_t root;
    if (!nt_objects__path(cpu, object, &name, &root))
        return;
    char letter = GUEST_PATH_MAX - name.at >= 2 ? buf[GUEST_PATH_MAX - 2] : 0;
    bool drive = GUEST_PATH_MAX - name.at > 2 && buf[GUEST_PATH_MAX - 1] == ':' && buf[GUEST_PATH_MAX - 3] == '\\' &&
                 ((letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z'));
    if (!drive || !nt_objects__type(cpu, object, type, sizeof(type)) || strcmp(type, "SymbolicLink") != 0 ||
        !nt_path__prepend_string(cpu, &target, object + known(cpu)->link_target, 2 * (NT_DEVICE_MAX - 1)))
        return;
    size_t len = GUEST_PATH_MAX - target.at;
    if (len == 0 || len >= NT_DEVICE_MAX || buf[target.at] != '\\')
        return;
    char *to = o->device[(letter | 0x20) - 'a'];
    memcpy(to, buf + target.at, len);
    to[len] = 0;
}

/* Each object of a directory. */
static void each_entry(struct guest_cpu *cpu, uint64_t directory, uint64_t (*fn)(struct guest_cpu *, uint64_t),
                       uint64_t *found)
{
    unsigned word = nt_objects__word(cpu), left = LINKS_MAX;
    for (unsigned i = 0; i < BUCKETS && !*found; i++) {
        uint64_t entry, object;
        bool more = nt_objects__read_word(cpu, directory + (uint64_t)i * word, &entry);
        while (more && nt_objects__is_kernel(cpu, entry) && left-- > 0 && !*found) {
            if (nt_objects__read_word(cpu, entry + known(cpu)->entry_object, &object) &&
                nt_objects__is_kernel(cpu, object))
                *found = fn(cpu, object);
            more = nt_objects__read_word(cpu, entry, &entry);
        }
        if (left == UINT32_MAX)
            return;
    }
}

static uint64_t is_dos_devices(struct guest_cpu *cpu, uint64_t object)
{
    char buf[GUEST_PATH_MAX];
    struct nt_path p = {buf, GUEST_PATH_MAX};
    uint64_t root;
    if (!nt_objects__path(cpu, object, &p, &root))
        return 0;
    size_t len = GUEST_PATH_MAX - p.at;
    bool it =
        (len == 9 && memcmp(buf + p.at, "\\GLOBAL??", 9) == 0) || (len == 3 && memcmp(buf + p.at, "\\??", 3) == 0);
    return it ? object : 0;
}

static uint64_t each_link(struct guest_cpu *cpu, uint64_t object)
{
    take_link(cpu, object);
    return 0;
}

static void read_letters(struct guest_cpu *cpu, uint64_t root)
{
    uint64_t directory = 0, none = 0;
    memset(cpu->guest->objects.device, 0, sizeof(cpu->guest->objects.device));
    each_entry(cpu, root, is_dos_devices, &directory);
    if (directory)
        each_entry(cpu, directory, each_link, &none);
}

static char letter_of(struct guest_cpu *cpu, const char *device, size_t len)
{
    for (unsigned i = 0; i < 26; i++) {
        const char *one = cpu->guest->objects.device[i];
        if (one[0] && strlen(one) == len && memcmp(one, device, len) == 0)
            return (char)('A' + i);
    }
    return 0;
}

/* Types of objects are in the tree of named objects as all are, so that they lead to its root. */
static uint64_t root_of_types(struct guest_cpu *cpu)
{
    char buf[GUEST_PATH_MAX];
    struct nt_path p = {buf, GUEST_PATH_MAX};
    uint64_t variable = cpu->guest->nt.type_variable[NT_TYPE_PROCESS], type, root;
    if (!variable || !nt_objects__read_word(cpu, variable, &type) || !nt_objects__is_kernel(cpu, type) ||
        !nt_objects__path(cpu, type, &p, &root))
        return 0;
    return root;
}

void nt_objects__letter(struct guest_cpu *cpu, struct nt_path *p)
{
    struct nt_objects *o = &cpu->guest->objects;
    uint64_t root;
    for (unsigned tries = 0; tries < 2; tries++) {
        for (size_t end = p->at + 1; end < GUEST_PATH_MAX; end++) {
            char letter = p->buf[end] == '\\' ? letter_of(cpu, p->buf + p->at, end - p->at) : 0;
            if (letter) {
                p->at = end - 2;
                p->buf[p->at] = letter;
                p->buf[p->at + 1] = ':';
                return;
            }
        }
        if (o->letter_age > 0) {
            o->letter_age--;
            return;
        }
        if (!(root = root_of_types(cpu)))
            return;
        o->letter_age = LETTER_AGE;
        read_letters(cpu, root);
    }
}

/* "C:" for a device that a drive letter leads to; else its own name stays. */
static void with_letter(struct guest_cpu *cpu, struct nt_path *p, size_t end, uint64_t root)
{
    struct nt_objects *o = &cpu->guest->objects;
    size_t len = end - p->at;
    char letter = letter_of(cpu, p->buf + p->at, len);
    if (!letter && root && o->letter_age-- == 0) {
        o->letter_age = LETTER_AGE;
        read_letters(cpu, root);
        letter = letter_of(cpu, p->buf + p->at, len);
    }
    if (!letter)
        return;
    p->at = end - 2;
    p->buf[p->at] = letter;
    p->buf[p->at + 1] = ':';
}

static void file_name(struct guest_cpu *cpu, uint64_t body, struct nt_path *p)
{
    uint16_t type;
    uint64_t device, root;
    if (!vm__read_exact(cpu->vm, body, &type, sizeof(type)) || type != FILE_OBJECT ||
        !nt_path__prepend_string(cpu, p, body + known(cpu)->file_name, GUEST_PATH_MAX / 2) ||
        !nt_objects__read_word(cpu, body + known(cpu)->file_device, &device) || !nt_objects__is_kernel(cpu, device))
        return;
    if (p->at < GUEST_PATH_MAX && p->buf[p->at] != '\\')
        (void)nt_path__prepend_ascii(p, "\\", 1);
    size_t end = p->at;
    if (nt_objects__path(cpu, device, p, &root) && end - p->at > 2)
        with_letter(cpu, p, end, root);
}

/* ---- keys ---- */

/* A name of one byte a character (compressed), or two. */
static bool key_component(struct guest_cpu *cpu, uint64_t block, struct nt_path *p)
{
    uint8_t flags, text[KEY_NAME_MAX], wide[2 * KEY_NAME_MAX];
    uint16_t len;
    if (!vm__read_exact(cpu->vm, block, &flags, 1) ||
        !vm__read_exact(cpu->vm, block + known(cpu)->name_length, &len, sizeof(len)) || len == 0 ||
        len > sizeof(text) || !vm__read_exact(cpu->vm, block + known(cpu)->name_text, text, len))
        return false;
    if (!(flags & 1))
        return nt_path__prepend(p, text, len);
    for (unsigned i = 0; i < len; i++) {
        wide[2 * i] = text[i];
        wide[2 * i + 1] = 0;
    }
    return nt_path__prepend(p, wide, 2 * (size_t)len);
}

/* The path of a CM_KEY_CONTROL_BLOCK, if its parent and its name are there. */
static bool key_path(struct guest_cpu *cpu, uint64_t block, unsigned parent, struct nt_path *p)
{
    static const char top[] = "\\REGISTRY";
    uint64_t name;
    size_t end = p->at;
    for (unsigned i = 0; i < KEY_LEVELS_MAX && nt_objects__is_kernel(cpu, block); i++) {
        size_t before = p->at;
        if (!nt_objects__read_word(cpu, block + parent + nt_objects__word(cpu), &name) ||
            !nt_objects__is_kernel(cpu, name) || !key_component(cpu, name, p) || !nt_path__prepend_ascii(p, "\\", 1) ||
            !nt_objects__read_word(cpu, block + parent, &block))
            break;
        if (block == 0 && before - p->at == sizeof(top) - 1 && strncasecmp(p->buf + p->at, top, sizeof(top) - 1) == 0)
            return true;
    }
    p->at = end; /* a piece of a path would be taken for all of it */
    return false;
}

/* Where the parent is differs between releases (the name comes next to it): where it leads up to the top. */
static void key_name(struct guest_cpu *cpu, uint64_t body, struct nt_path *p)
{
    struct nt_objects *o = &cpu->guest->objects;
    unsigned word = nt_objects__word(cpu);
    uint32_t type;
    uint64_t block;
    if (!vm__read_exact(cpu->vm, body, &type, sizeof(type)) || type != KEY_BODY ||
        !nt_objects__read_word(cpu, body + known(cpu)->key_block, &block))
        return;
    if (o->key_parent) {
        (void)key_path(cpu, block, o->key_parent, p);
        return;
    }
    for (unsigned parent = word; parent <= KEY_PARENT_MAX && o->key_tries < KEY_TRIES_MAX; parent += word) {
        if (key_path(cpu, block, parent, p)) {
            o->key_parent = parent;
            return;
        }
    }
    o->key_tries++;
}

/* ---- processes and threads ---- */

static bool field(struct guest_cpu *cpu, uint64_t base, enum nt_offset which, void *out, size_t size)
{
    uint32_t at = cpu->guest->nt.offset[which];
    return at != NT_NONE && vm__read_exact(cpu->vm, base + at, out, size);
}

static void process_name(struct guest_cpu *cpu, uint64_t body, struct nt_path *p)
{
    char image[16] = {0}, text[48];
    uint32_t pid;
    if (!field(cpu, body, NT_PROCESS_ID, &pid, sizeof(pid)))
        return;
    (void)field(cpu, body, NT_PROCESS_NAME, image, 15);
    for (unsigned i = 0; image[i]; i++) {
        if (image[i] < 32 || image[i] > 126)
            image[i] = '?';
    }
    int len = snprintf(text, sizeof(text), "%u%s%s", pid, image[0] ? " " : "", image);
    (void)nt_path__prepend_ascii(p, text, (size_t)len);
}

static void thread_name(struct guest_cpu *cpu, uint64_t body, struct nt_path *p)
{
    uint8_t cid[16];
    uint32_t pid, tid;
    unsigned word = nt_objects__word(cpu);
    char text[32];
    if (!field(cpu, body, NT_THREAD_CID, cid, 2 * word))
        return;
    memcpy(&pid, cid, sizeof(pid));
    memcpy(&tid, cid + word, sizeof(tid));
    int len = snprintf(text, sizeof(text), "%u/%u", pid, tid);
    (void)nt_path__prepend_ascii(p, text, (size_t)len);
}

static const struct {
    const char *type;
    void (*name)(struct guest_cpu *cpu, uint64_t body, struct nt_path *p);
} namers[] = {{"File", file_name}, {"Key", key_name}, {"Process", process_name}, {"Thread", thread_name}};

void nt_objects__name(struct guest_cpu *cpu, const char *type, uint64_t body, struct nt_path *p)
{
    uint64_t root;
    for (unsigned i = 0; i < sizeof(namers) / sizeof(namers[0]); i++) {
        if (strcmp(namers[i].type, type) == 0) {
            namers[i].name(cpu, body, p);
            return;
        }
    }
    (void)nt_objects__path(cpu, body, p, &root);
}
