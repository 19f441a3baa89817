/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "calls/load.h"

#define ERRNO_MAX 4096

/* POSIX promises that this conversion works; ISO C does not, hence the copy. */
static void function_at(void *handle, const char *name, void *function)
{
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
}

/* Is this a module, and one for this host or an older one? */
static int check(const struct load_module *module, const char *path, char *why, size_t room)
{
    const int *abi = dlsym(module->handle, "qebek_module_abi");
    if (module->init == NULL || abi == NULL) {
        snprintf(why, room, "%s: not a hook module (no %s)", path,
                 module->init == NULL ? "qebek_module_init" : "qebek_module_abi");
        return -ENOEXEC;
    }
    if (*abi < 1 || *abi > QEBEK_MODULE_ABI) {
        snprintf(why, room, "%s: built for version %d of the module interface, this qebek has %d", path, *abi,
                 QEBEK_MODULE_ABI);
        return -ENOEXEC;
    }
    return 0;
}

int load__open(struct load_module *module, const char *path, char *why, size_t room)
{
    *module = (struct load_module){.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (module->handle == NULL) {
        const char *reason = dlerror();
        if (reason == NULL || strstr(reason, path) == NULL) /* it may name a library that the module wants */
            snprintf(why, room, "%s: %s", path, reason != NULL ? reason : "cannot be loaded");
        else
            snprintf(why, room, "%s", reason);
        return -ENOENT;
    }
    function_at(module->handle, "qebek_module_init", (void *)&module->init);
    int err = check(module, path, why, room);
    if (err != 0)
        load__close(module);
    return err;
}

int load__init(struct load_module *module, const char *path, const struct qebek_host *host, const char *args, char *why,
               size_t room)
{
    int err = module->init(host, args);
    if (err == 0) {
        function_at(module->handle, "qebek_module_exit", (void *)&module->exit);
        return 0;
    }
    const char *reason = err < 0 && err > -ERRNO_MAX ? strerrordesc_np(-err) : NULL;
    if (reason != NULL)
        snprintf(why, room, "%s: its init failed: %s", path, reason);
    else
        snprintf(why, room, "%s: its init failed and returned %d", path, err);
    return err < 0 ? err : -EINVAL;
}

void load__exit(struct load_module *module)
{
    if (module->exit != NULL)
        module->exit();
    module->exit = NULL;
}

void load__close(struct load_module *module)
{
    if (module->handle != NULL)
        dlclose(module->handle);
    *module = (struct load_module){0};
}
