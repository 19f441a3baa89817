/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of an NT process beside its numbers: image, command line and user. */
#ifndef QEBEK_SHOW_NT_PROCESS_H
#define QEBEK_SHOW_NT_PROCESS_H

#include "show/model.h"

/* The name of a well-known user by its SID in letters; NULL: it is nobody whom every Windows knows. */
const char *nt_process__user_name(const char *sid);
/* `started "C:\…\cmd.exe", command line "cmd /c dir", parent 412, user S-1-5-18 (NT AUTHORITY\SYSTEM)` */
void nt_process__text(GString *to, const struct model_thread *thread);
/* ,"exe":"…","command":"…","user":"S-1-5-18","user_name":"NT AUTHORITY\\SYSTEM", as far as they are known. */
void nt_process__json(GString *to, const struct model_thread *thread);
/* ,"user":… alone. */
void nt_process__user_json(GString *to, const struct model_thread *thread);

#endif
