// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The floor of the bench: a plugin that has QEMU call it at every system-call and return instruction, as qebek must be
 * called, and does nothing there. What tracing costs above this is qebek's own.
 */
#include "vm/insn.h"
#include "vm/qemu_api.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_version = QEBEK_QEMU_API;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

static void on_instruction(unsigned int index, void *unused)
{
    (void)index;
    (void)unused;
}

static void on_translate(QEMU_API_TB_ARGS)
{
    uint8_t bytes[15];
    int wide;
    QEMU_API_UNUSED;
    size_t n = qemu_plugin_tb_n_insns(tb);
    if (n == 0)
        return;
    struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
    size_t len = qemu_plugin_insn_data(last, bytes, sizeof(bytes));
    if (insn__kind(bytes, len < sizeof(bytes) ? len : sizeof(bytes), &wide) != INSN_OTHER)
        qemu_plugin_register_vcpu_insn_exec_cb(last, on_instruction, QEMU_PLUGIN_CB_R_REGS, NULL);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate QEMU_API_USERDATA);
    return 0;
}
