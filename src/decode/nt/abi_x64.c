/* SPDX-License-Identifier: GPL-2.0-or-later */
#define ABI  nt_x64
#define WORD 8
#include "decode/nt/abi.inc"
