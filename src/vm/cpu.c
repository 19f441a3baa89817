/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers and memory of the running vCPU. */
#include "vm/cpu.h"

#include <string.h>

#include "vm/qemu_api.h"

#define PAGE 4096u

static const char *const reg_names[VM_REGS] = {
    [VM_RAX] = "rax", [VM_RBX] = "rbx",         [VM_RCX] = "rcx",         [VM_RDX] = "rdx",
    [VM_RSI] = "rsi", [VM_RDI] = "rdi",         [VM_RBP] = "rbp",         [VM_RSP] = "rsp",
    [VM_R8] = "r8",   [VM_R9] = "r9",           [VM_R10] = "r10",         [VM_RIP] = "rip",
    [VM_CS] = "cs",   [VM_GS_BASE] = "gs_base", [VM_FS_BASE] = "fs_base", [VM_K_GS_BASE] = "k_gs_base",
    [VM_CR3] = "cr3", [VM_CR4] = "cr4",
};

bool vm_cpu__init(struct vm_cpu *cpu, unsigned index)
{
    GArray *list = qemu_plugin_get_registers();
    cpu->index = index;
    if (!cpu->buffer)
        cpu->buffer = g_byte_array_sized_new(2 * PAGE);
    for (guint i = 0; list && i < list->len; i++) {
        const qemu_plugin_reg_descriptor *desc = &g_array_index(list, qemu_plugin_reg_descriptor, i);
        for (unsigned r = 0; r < VM_REGS; r++) {
            if (!cpu->reg[r] && strcmp(desc->name, reg_names[r]) == 0)
                cpu->reg[r] = desc->handle;
        }
    }
    if (list)
        g_array_free(list, TRUE);
    return cpu->reg[VM_RAX] && cpu->reg[VM_RIP] && cpu->reg[VM_RSP];
}

uint64_t vm__reg(struct vm_cpu *cpu, enum vm_reg reg)
{
    GByteArray *buf = cpu->buffer;
    uint64_t value = 0;
    if (!cpu->reg[reg])
        return 0;
    buf->len = 0; /* QEMU appends. The member itself: GLib's way to empty an array costs half a register read */
    (void)qemu_plugin_read_register(cpu->reg[reg], buf);
    memcpy(&value, buf->data, buf->len < sizeof(value) ? buf->len : sizeof(value));
    return value;
}

size_t vm__read(struct vm_cpu *cpu, uint64_t addr, void *out, size_t len)
{
    GByteArray *buf = cpu->buffer;
    size_t done = 0;
    while (done < len) {
        uint64_t at = addr + done;
        size_t chunk = PAGE - (size_t)(at & (PAGE - 1));
        if (chunk > len - done)
            chunk = len - done;
        if (at < addr) /* wrapped around the address space */
            break;
        buf->len = 0;
        if (!qemu_plugin_read_memory_vaddr(at, buf, chunk) || buf->len < chunk)
            break;
        memcpy((uint8_t *)out + done, buf->data, chunk);
        done += chunk;
    }
    return done;
}

bool vm__read_exact(struct vm_cpu *cpu, uint64_t addr, void *out, size_t len)
{
    return vm__read(cpu, addr, out, len) == len;
}

/*
 * One translated block serves every virtual mapping of its physical page, so the address that the translation knew can
 * be another mapping's. Low 12 bits are the same in all; rip is somewhere in the running block, at or before this
 * instruction and less than a page away.
 */
uint64_t vm__pc(struct vm_cpu *cpu, unsigned page_offset)
{
    uint64_t rip = vm__reg(cpu, VM_RIP);
    return rip + ((page_offset - rip) & (PAGE - 1));
}
