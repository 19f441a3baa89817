/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace/functions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/prototype.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static int by_address(const void *a, const void *b)
{
    const struct functions_entry *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static bool write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

int functions__write(struct functions_table *table)
{
    struct functions_header header = {FUNCTIONS_MAGIC, table->count, table->text_len, table->values_len, {0}};
    int fd = memfd_create("qebek-functions", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    memcpy(header.trampoline, table->trampoline, sizeof(header.trampoline));
    qsort(table->entry, table->count, sizeof(*table->entry), by_address);
    if (write_all(fd, &header, sizeof(header)) && write_all(fd, table->entry, table->count * sizeof(*table->entry)) &&
        write_all(fd, table->values, table->values_len) && write_all(fd, table->text, table->text_len) &&
        fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

static bool read_all(int fd, void *to, size_t len, off_t offset)
{
    uint8_t *at = to;
    while (len > 0) {
        ssize_t n = pread(fd, at, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        offset += n;
        len -= (size_t)n;
    }
    return true;
}

const struct qbk_prototype *functions__prototype(const struct functions_table *table,
                                                 const struct functions_entry *entry)
{
    if (entry->prototype == FUNCTIONS_NO_PROTOTYPE)
        return NULL;
    return (const struct qbk_prototype *)(const void *)(table->values + entry->prototype);
}

static bool prototype_sane(const struct functions_table *table, const struct functions_entry *e)
{
    return e->prototype == FUNCTIONS_NO_PROTOTYPE ||
           (e->prototype % 8 == 0 && e->prototype < table->values_len &&
            prototype__valid(table->values + e->prototype, table->values_len - e->prototype));
}

/* Each name is NUL-terminated and not empty, no address comes twice, nothing exceeds its limit. */
static bool sane(const struct functions_table *table)
{
    if (table->text[table->text_len - 1] != 0)
        return false;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct functions_entry *e = &table->entry[i];
        if (e->name >= table->text_len || e->address == 0 || e->n_args > FUNCTIONS_ARGS_MAX ||
            e->convention >= QBK_CALL_CONVENTIONS || (i > 0 && e->address <= e[-1].address) ||
            !prototype_sane(table, e))
            return false;
        size_t len = strnlen(table->text + e->name, FUNCTIONS_NAME_MAX);
        if (len == 0 || len == FUNCTIONS_NAME_MAX)
            return false;
    }
    return true;
}

bool functions__read(int fd, struct functions_table *table)
{
    struct functions_header h;
    struct stat st;
    memset(table, 0, sizeof(*table));
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0 || !read_all(fd, &h, sizeof(h), 0) ||
        h.magic != FUNCTIONS_MAGIC || h.count == 0 || h.count > FUNCTIONS_MAX || h.text_len == 0 ||
        h.text_len > FUNCTIONS_TEXT_MAX || h.values_len > FUNCTIONS_VALUES_MAX || h.values_len % 8 != 0)
        return false;
    size_t size = h.count * sizeof(*table->entry);
    off_t values = (off_t)(sizeof(h) + size), text = values + (off_t)h.values_len;
    if (st.st_size != text + (off_t)h.text_len)
        return false;
    *table = (struct functions_table){.count = h.count, .values_len = h.values_len, .text_len = h.text_len};
    table->entry = malloc(size);
    table->values = malloc(h.values_len + 1u);
    table->text = malloc(h.text_len);
    memcpy(table->trampoline, h.trampoline, sizeof(table->trampoline));
    if (table->entry && table->values && table->text && read_all(fd, table->entry, size, sizeof(h)) &&
        read_all(fd, table->values, h.values_len, values) && read_all(fd, table->text, h.text_len, text) && sane(table))
        return true;
    functions__clear(table);
    return false;
}

void functions__clear(struct functions_table *table)
{
    free(table->entry);
    free(table->values);
    free(table->text);
    memset(table, 0, sizeof(*table));
}
