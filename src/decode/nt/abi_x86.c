/* SPDX-License-Identifier: GPL-2.0-or-later */
#define ABI  nt_x86
#define WORD 4
#include "decode/nt/abi.inc"
