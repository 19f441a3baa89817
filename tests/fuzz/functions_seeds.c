/* SPDX-License-Identifier: GPL-2.0-or-later */
/* functions-seeds LIBRARY DIR: what the fuzzer of functions starts from. */
#include <glib.h>
#include <string.h>

static const char *const texts[] = {
    "kernel:vfs_raed\nvfs_read\nvfs_readv\nvfs_write",
    "kernel:*a*b?\naab\nab.cold\nabc\nabd",
    "libc.so.6:f(fd: int, buf: bytes[count], count: size_t, ...) -> ssize_t [stdcall]\nf\nf\nf",
    "sshd:libc.so.6+0x10(a: string, b: bytes[64]) [fastcall]",
    "0xffffffff81000000(p: pointer) -> void [microsoft]",
    "/usr/sbin/sshd:copy_page\ncopy_page.isra.0\n__pfx_copy_page",
};

static gboolean keep(const char *dir, unsigned number, const char *bytes, gsize size)
{
    g_autofree char *name = g_strdup_printf("%u", number);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    return g_file_set_contents(path, bytes, (gssize)size, NULL);
}

int main(int argc, char **argv)
{
    g_autofree char *library = NULL;
    gsize size;
    if (argc != 3 || !g_file_get_contents(argv[1], &library, &size, NULL) || g_mkdir_with_parents(argv[2], 0777) != 0)
        return 1;
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!keep(argv[2], i, texts[i], strlen(texts[i])))
            return 1;
    }
    return keep(argv[2], G_N_ELEMENTS(texts), library, size) ? 0 : 1;
}
