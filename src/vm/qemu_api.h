/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions of QEMU's TCG plugin interface that qebek calls, declared for the API level that this object is built
 * for (QEBEK_QEMU_API, see meson.build). The symbols come from the QEMU binary at load. Source of each fact: QEMU's
 * documentation of the plugin interface and the public header of the release that introduced the level:
 * 4 = QEMU 9.2 and 10.0, 5 = 10.1, 6 = 11.0, 7 = 11.1.
 *
 * This is the only file of qebek that differs between levels; vm/vm.c adapts the callbacks' signatures.
 */
#ifndef QEBEK_VM_QEMU_API_H
#define QEBEK_VM_QEMU_API_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef QEBEK_QEMU_API
#error "define QEBEK_QEMU_API"
#endif

typedef uint64_t qemu_plugin_id_t;

typedef struct qemu_info_t {
    const char *target_name;
    struct {
        int min;
        int cur;
    } version;
    bool system_emulation;
    union {
        struct {
            int smp_vcpus;
            int max_vcpus;
        } system;
    };
} qemu_info_t;

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_plugin_register;

typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;

typedef struct {
    struct qemu_plugin_register *handle;
    const char *name;
    const char *feature;
#if QEBEK_QEMU_API >= 6
    bool is_readonly;
#endif
} qemu_plugin_reg_descriptor;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_CB_RW_REGS };

enum qemu_plugin_cond {
    QEMU_PLUGIN_COND_NEVER,
    QEMU_PLUGIN_COND_ALWAYS,
    QEMU_PLUGIN_COND_EQ,
    QEMU_PLUGIN_COND_NE,
    QEMU_PLUGIN_COND_LT,
    QEMU_PLUGIN_COND_LE,
    QEMU_PLUGIN_COND_GT,
    QEMU_PLUGIN_COND_GE
};

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64, QEMU_PLUGIN_INLINE_STORE_U64 };

typedef void (*qemu_plugin_udata_cb_t)(qemu_plugin_id_t id, void *userdata);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu_index, void *userdata);

/* Level 7 hands the registration's userdata to every callback instead of the plugin's id alone. */
#if QEBEK_QEMU_API >= 7
#define QEMU_API_SIMPLE_ARGS    void *userdata
#define QEMU_API_VCPU_ARGS      unsigned int vcpu_index, void *userdata
#define QEMU_API_TB_ARGS        struct qemu_plugin_tb *tb, void *userdata
#define QEMU_API_UNUSED         (void)userdata
#define QEMU_API_USERDATA       , NULL
#define QEMU_API_USERDATA_PARAM , void *userdata
#else
#define QEMU_API_SIMPLE_ARGS qemu_plugin_id_t id
#define QEMU_API_VCPU_ARGS   qemu_plugin_id_t id, unsigned int vcpu_index
#define QEMU_API_TB_ARGS     qemu_plugin_id_t id, struct qemu_plugin_tb *tb
#define QEMU_API_UNUSED      (void)id
#define QEMU_API_USERDATA
#define QEMU_API_USERDATA_PARAM
#endif
typedef void (*qemu_api_simple_cb)(QEMU_API_SIMPLE_ARGS);
typedef void (*qemu_api_vcpu_cb)(QEMU_API_VCPU_ARGS);
typedef void (*qemu_api_tb_cb)(QEMU_API_TB_ARGS);

void qemu_plugin_reset(qemu_plugin_id_t id, qemu_api_simple_cb cb QEMU_API_USERDATA_PARAM);
void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_api_vcpu_cb cb QEMU_API_USERDATA_PARAM);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_api_tb_cb cb QEMU_API_USERDATA_PARAM);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata);

void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
                                            enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
                                                 enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
                                                 qemu_plugin_u64 entry, uint64_t imm, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_op op,
                                                         qemu_plugin_u64 entry, uint64_t imm);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
/* Where the instruction lies in QEMU's own memory; NULL if it is not in the machine's. */
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

GArray *qemu_plugin_get_registers(void);
bool qemu_plugin_read_memory_vaddr(uint64_t addr, GByteArray *data, size_t len);
/* Size read or -1 up to level 5, success from level 6 on; the bytes are appended to buf either way. */
#if QEBEK_QEMU_API >= 6
bool qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buf);
#else
int qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buf);
#endif

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu_index);
int qemu_plugin_num_vcpus(void);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);
void qemu_plugin_outs(const char *string);

#endif
