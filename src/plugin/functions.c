/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of hooked functions that came with the answer of what kernel this is. */
#include "plugin/functions_user.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(FRAMES_FILTER == VM_FILTER && FRAMES_PASSED == VM_PASSED && FRAMES_PASSED_ANY == VM_PASSED_ANY,
               "both sides mean the same words");

struct functions functions;

void functions__drop(void)
{
    functions_user__drop();
    vm_functions__free(functions.at);
    functions__clear(&functions.table);
    free(functions.values);
    free(functions.told);
    free(functions.on);
    free(functions.returns);
    functions.returns = NULL;
    functions.at = NULL;
    functions.values = NULL;
    functions.told = NULL;
    functions.on = NULL;
    functions_nt__end();
}

static struct vm_functions *index_table(const struct functions_table *table)
{
    uint64_t *address = calloc(table->count, sizeof(*address)); /* those of user code are none of the kernel's */
    struct vm_functions *at = NULL;
    for (uint32_t i = 0; address && i < table->count; i++)
        address[i] = table->entry[i].address;
    if (address)
        at = vm_functions__new(address, table->count);
    free(address);
    return at;
}

static struct values_plan *plan_values(const struct functions_table *table)
{
    struct values_plan *plans = calloc(table->count, sizeof(*plans));
    for (uint32_t i = 0; plans && i < table->count; i++)
        values__plan(&plans[i], functions__prototype(table, &table->entry[i]), table->entry[i].convention,
                     table->entry[i].n_args);
    return plans;
}

static void take_trampolines(void)
{
    unsigned n = 0;
    memset(functions.trampoline, 0, sizeof(functions.trampoline));
    for (unsigned i = 0; i < FUNCTIONS_TRAMPOLINES; i++) {
        if (functions.table.trampoline[i])
            functions.trampoline[n++] = functions.table.trampoline[i];
    }
}

bool functions__install(struct functions_table *table)
{
    functions__drop();
    if (table->count == 0)
        return true;
    functions.table = *table;
    functions.shared = plugin.guest.os == LINK_OS_NT;
    take_trampolines();
    memset(table, 0, sizeof(*table));
    functions.at = index_table(&functions.table);
    functions.values = plan_values(&functions.table);
    functions.told = calloc(functions.table.count, 1);
    functions.on = calloc(plugin.n_cpus, sizeof(struct function_thread *));
    functions.returns = calloc(plugin.n_cpus, sizeof(*functions.returns));
    if (functions.at && functions.values && functions.told && functions.on && functions.returns &&
        (!functions.shared || functions_nt__begin()) && functions_user__install())
        return true;
    functions__drop();
    return false;
}

const struct functions_entry *functions__entry(uint32_t index)
{
    const struct user_function *of_user = functions_user__get(index);
    return &functions.table.entry[of_user ? of_user->entry : index];
}

const struct values_plan *functions__values(uint32_t index)
{
    return &functions.values[functions__entry(index) - functions.table.entry];
}

void functions__plan(struct vm_plan *plan)
{
    const struct guest *g = &plugin.guest;
    plan->kernel_is_32 = g->os == LINK_OS_NT && !g->nt.is_64;
    functions_user__plan(plan);
    plan->functions = functions.at;
    plan->also_return = functions.trampoline;
}
