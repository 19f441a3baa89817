/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "calls/load.h"

typedef int (*init_fn)(const struct qebek_host *host, const char *args);

/* POSIX promises that this conversion works; ISO C does not, hence the copy. */
static void function_at(void *handle, const char *name, void *function)
{
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
}

/* Cuts "PATH=ARGUMENTS" in two. Returns the arguments, or NULL if the path is too long. */
static const char *split(const char *spec, char path[PATH_MAX])
{
    size_t len = strcspn(spec, "=");
    if (len >= PATH_MAX)
        return NULL;
    memcpy(path, spec, len);
    path[len] = '\0';
    return spec[len] == '=' ? spec + len + 1 : spec + len;
}

/* Is this a module, and one for this host or an older one? */
static int check(void *handle, const char *path, init_fn init, char *why, size_t room)
{
    const int *abi = dlsym(handle, "qebek_module_abi");
    if (init == NULL || abi == NULL) {
        snprintf(why, room, "%s: not a hook module (no %s)", path,
                 init == NULL ? "qebek_module_init" : "qebek_module_abi");
        return -ENOEXEC;
    }
    if (*abi < 1 || *abi > QEBEK_MODULE_ABI) {
        snprintf(why, room, "%s: built for version %d of the module interface, this qebek has %d", path, *abi,
                 QEBEK_MODULE_ABI);
        return -ENOEXEC;
    }
    return 0;
}

int load__module(struct load_module *module, const struct calls_host *host, const char *spec, char *why, size_t room)
{
    char path[PATH_MAX];
    const char *args = split(spec, path);
    if (args == NULL) {
        snprintf(why, room, "module: path too long");
        return -ENAMETOOLONG;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(why, room, "%s", reason != NULL ? reason : path);
        return -ENOENT;
    }
    init_fn init;
    function_at(handle, "qebek_module_init", (void *)&init);
    int err = check(handle, path, init, why, room);
    if (err != 0) {
        dlclose(handle);
        return err;
    }
    err = init(&host->api, args);
    if (err != 0) {
        const char *reason = strerrordesc_np(-err);
        /* It stays mapped: hooks that it registered before it failed may be in the chains. */
        snprintf(why, room, "%s: init failed: %s", path, reason != NULL ? reason : "its own error");
        return err < 0 ? err : -EINVAL;
    }
    module->handle = handle;
    function_at(handle, "qebek_module_exit", (void *)&module->exit);
    return 0;
}

void load__exit(struct load_module *module)
{
    if (module->exit != NULL)
        module->exit();
    module->exit = NULL;
}
