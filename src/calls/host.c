/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "calls/host.h"
#include "decode/decode.h"

/*
 * The table that a module gets is const, so that it cannot write to it by mistake; it is the first member of an object
 * that is not.
 */
static struct calls_host *host_of(const struct qebek_host *api)
{
    return (struct calls_host *)api;
}

static bool known(const struct calls_host *host, const struct qebek_hook *hook)
{
    for (size_t i = 0; i < host->n_hooks; i++) {
        const struct qebek_hook *other = &host->hooks[i];
        if (other->pre == hook->pre && other->post == hook->post && other->user == hook->user)
            return true;
    }
    return false;
}

/* Before it is registered, so that nothing is in force that cannot be taken out again. */
static int remember(struct calls_host *host, const struct qebek_hook *hook)
{
    if (host->closed || hook == NULL || hook->size < sizeof *hook)
        return -EINVAL;
    if (known(host, hook))
        return 0;
    struct qebek_hook *more = reallocarray(host->hooks, host->n_hooks + 1, sizeof *more);
    if (more == NULL)
        return -ENOMEM;
    host->hooks = more;
    host->hooks[host->n_hooks++] = *hook;
    return 0;
}

static int hook_service(const struct qebek_host *api, const char *name, const struct qebek_hook *hook)
{
    struct calls_host *host = host_of(api);
    struct calls_number numbers[QBK_ABIS];
    size_t count = 0;
    int err = name != NULL ? remember(host, hook) : -EINVAL;
    if (err != 0)
        return err;
    for (int abi = 0; abi < QBK_ABIS; abi++) {
        int nr = decode__number((enum qbk_abi)abi, name);
        if (nr >= 0)
            numbers[count++] = (struct calls_number){(enum qbk_abi)abi, (uint32_t)nr};
    }
    return count != 0 ? calls__hook_each(host->calls, numbers, count, hook) : -ENOENT;
}

static int hook_number(const struct qebek_host *api, enum qbk_abi abi, uint32_t nr, const struct qebek_hook *hook)
{
    struct calls_host *host = host_of(api);
    int err = remember(host, hook);
    return err != 0 ? err : calls__hook(host->calls, abi, nr, hook);
}

static int hook_all(const struct qebek_host *api, const struct qebek_hook *hook)
{
    struct calls_host *host = host_of(api);
    int err = remember(host, hook);
    return err != 0 ? err : calls__hook_all(host->calls, hook);
}

static uint32_t call_nr(struct qebek_call *call)
{
    return calls__number(call);
}

static enum qbk_abi call_abi(struct qebek_call *call)
{
    return (enum qbk_abi)call->abi;
}

static const char *call_name(struct qebek_call *call)
{
    const struct decode_service *service = decode__service((enum qbk_abi)call->abi, call->nr);
    return service != NULL ? service->name : NULL;
}

static unsigned call_depth(struct qebek_call *call)
{
    return call->depth;
}

static enum qbk_end call_end(struct qebek_call *call)
{
    return (enum qbk_end)call->end;
}

static int call_result(struct qebek_call *call, uint64_t *result)
{
    if ((call->flags & QBK_RETURN_HAS_RESULT) == 0)
        return -1;
    *result = call->result;
    return 0;
}

void host__init(struct calls_host *host, struct calls *calls)
{
    *host = (struct calls_host){.calls = calls,
                                .api = {.size = sizeof host->api,
                                        .abi = QEBEK_MODULE_ABI,
                                        .hook_service = hook_service,
                                        .hook_number = hook_number,
                                        .hook_all = hook_all,
                                        .nr = call_nr,
                                        .call_abi = call_abi,
                                        .name = call_name,
                                        .depth = call_depth,
                                        .end = call_end,
                                        .result = call_result}};
}

void host__close(struct calls_host *host)
{
    host->closed = true;
}

void host__clear(struct calls_host *host)
{
    for (size_t i = 0; i < host->n_hooks; i++)
        calls__unhook(host->calls, &host->hooks[i]);
    free(host->hooks);
    host->hooks = NULL;
    host->n_hooks = 0;
}
