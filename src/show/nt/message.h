/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NT's calls carried in memory (decode/nt/message.h), out of their records: text of consoles, and what sockets
 * did. Outputs that show a terminal get NT's text from stream.h.
 */
#ifndef QEBEK_SHOW_NT_MESSAGE_H
#define QEBEK_SHOW_NT_MESSAGE_H

#include "decode/nt/message.h"
#include "show/model.h"
#include "show/show.h"

/* Of a call that has ended, or whose operation is done (EVENT_COMPLETION, with `completion`). False: nothing. */
bool nt_message__of(const struct model_call *call, bool completion, struct nt_message *m);
/* The bytes that it carried, one piece behind another, as far as they were captured; *full: how many there were. */
void nt_message__data(const struct model_call *call, const struct nt_message *m, GString *to, uint64_t *full);
/* One part of them, which is text, in UTF-8. */
void nt_message__part_text(const struct model_call *call, const struct nt_message *m, unsigned part, GString *to);
/* `,"console":{…}` or `,"socket":{…}`, or nothing. */
void nt_message__json(GString *to, const struct model_call *call, bool completion);
/* ` {connect 10.0.0.1:80}`, ` {console output "dir"}`, or nothing. */
void nt_message__text(GString *to, const struct show_options *o, const struct model_call *call, bool completion);

#endif
