/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers with the values that select variants of calls. */
#ifndef QEBEK_DECODE_LINUX_ABI_HEADERS_H
#define QEBEK_DECODE_LINUX_ABI_HEADERS_H

#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#include <linux/fcntl.h>
#include <linux/blkzoned.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/rtc.h>
#include <linux/futex.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/io_uring.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <linux/sem.h>
#include <linux/shm.h>
#include <linux/msg.h>
#include <linux/quota.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <asm/socket.h>
/* clang-format on */

#endif
