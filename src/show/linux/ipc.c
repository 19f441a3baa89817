/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V IPC: what a segment, a set or a queue is like, and messages. */
#include "show/linux/forms.h"

#define IPC_64_FLAG 0x100u
#define IPC_SET_CMD 1u

/* struct ipc64_perm: key uid gid cuid cgid mode (32 bits; 16 in the 32-bit ABI), 48 bytes (36). */
static void permissions(const struct where *w, const uint8_t *b, bool sets)
{
    TEXT("{uid=");
    print__id(w->to, form_u32(b + 4));
    TEXT(", gid=");
    print__id(w->to, form_u32(b + 8));
    OUT(", mode=%#03o", (unsigned)print__load(b + 20, print__word(w) == 8 ? 4 : 2));
    if (!sets) {
        OUT(", key=%u, cuid=", form_u32(b));
        print__id(w->to, form_u32(b + 12));
        TEXT(", cgid=");
        print__id(w->to, form_u32(b + 16));
    }
    TEXT("}");
}

/* A member of one of the structs: where it lies in each ABI, and its size (0: a machine word). */
struct member {
    const char *name;
    uint8_t at[2], size;
};

static const struct member shm_members[] = {
    {"shm_segsz", {48, 36}, 0}, {"shm_cpid", {80, 64}, 4},  {"shm_lpid", {84, 68}, 4}, {"shm_nattch", {88, 72}, 0},
    {"shm_atime", {56, 40}, 0}, {"shm_dtime", {64, 48}, 0}, {"shm_ctime", {72, 56}, 0}};
static const struct member sem_members[] = {
    {"sem_otime", {48, 36}, 0}, {"sem_ctime", {64, 44}, 0}, {"sem_nsems", {80, 52}, 0}};
static const struct member msg_members[] = {
    {"msg_stime", {48, 36}, 0},  {"msg_rtime", {56, 44}, 0}, {"msg_ctime", {64, 52}, 0}, {"msg_qnum", {80, 64}, 0},
    {"msg_qbytes", {88, 68}, 0}, {"msg_lspid", {96, 72}, 4}, {"msg_lrpid", {100, 76}, 4}};

static void object(const struct where *w, const uint8_t *b, const char *perm, const struct member *m, size_t n,
                   unsigned cmd_arg)
{
    bool sets = (print__sibling(w, cmd_arg) & ~(uint64_t)IPC_64_FLAG) == IPC_SET_CMD;
    unsigned word = print__word(w), abi = word == 8 ? 0 : 1;
    OUT("{%s=", perm);
    permissions(w, b, sets);
    for (size_t i = 0; i < n && !sets; i++)
        OUT(", %s=%" PRIu64, m[i].name, print__load(b + m[i].at[abi], m[i].size ? m[i].size : word));
    TEXT("}");
}

FORM_STRUCT(shmid_ds)
{
    UNUSED_HAVE;
    object(w, bytes, "shm_perm", shm_members, G_N_ELEMENTS(shm_members), 1);
}

FORM_STRUCT(semid_ds)
{
    UNUSED_HAVE;
    object(w, bytes, "sem_perm", sem_members, G_N_ELEMENTS(sem_members), 2);
}

/* What a queue takes when it is set has one more member. */
FORM_STRUCT(msqid_ds)
{
    UNUSED_HAVE;
    object(w, bytes, "msg_perm", msg_members, G_N_ELEMENTS(msg_members), 1);
}

/* A type in a machine word, and the text. */
FORM_POINTER(msgbuf)
{
    unsigned word = print__word(w);
    uint64_t len = print__sibling(w, w->arg->len);
    const uint8_t *type = print__whole(w, w->value, word);
    struct where text = *w;
    if (!type || (w->after && (print__failed(w->call) || !w->call->ret))) {
        print__address(w->to, w->value);
        return;
    }
    text.arg = NULL;
    OUT("{mtype=%" PRId64 ", mtext=", word == 8 ? (int64_t)form_u64(type) : (int32_t)form_u32(type));
    print__buffer(&text, w->value + word, len);
    TEXT("}");
}
