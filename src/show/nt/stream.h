/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NT's programs read from and write to whoever sits there: consoles (messages to their server, or files of the
 * console driver), and the standard handles that a process was started with, wherever they lead.
 */
#ifndef QEBEK_SHOW_NT_STREAM_H
#define QEBEK_SHOW_NT_STREAM_H

#include "show/model.h"

enum nt_standard { NT_STANDARD_NONE = 0, NT_STANDARD_INPUT, NT_STANDARD_OUTPUT, NT_STANDARD_ERROR };

struct nt_stream {
    bool input;                /* else it was written */
    bool console;              /* it is a console */
    bool driver;               /* … of which NtReadFile or NtWriteFile was given a file */
    enum nt_standard standard; /* it is a standard handle */
};

/* Of a call that has ended, or whose operation is done (`completion`). False: neither. Nothing is copied. */
bool nt_stream__of(const struct model_call *call, bool completion, struct nt_stream *stream);
/* The same, and what was read or written is appended to *text, as far as it was captured; *missing: bytes that were
 * not. Text that programs hand over as UTF-16 comes as UTF-8, other text in whatever encoding it has. */
bool nt_stream__text(const struct model_call *call, bool completion, struct nt_stream *stream, GString *text,
                     uint64_t *missing);
/* What NtReadFile or NtWriteFile moved, whatever the file is. False: nothing, or another call. */
bool nt_stream__transfer(const struct model_call *call, GString *bytes, uint64_t *missing);
/* Each line ends in a line feed alone from here on; with `keys` a carriage return by itself (the key) becomes one, too.
 */
void nt_stream__lines(GString *text, bool keys);
/* ` {standard output}`, ` {console input}`, or nothing, where nt_message.h does not say it. */
void nt_stream__mark(GString *to, const struct model_call *call, bool completion);
/* ,"standard":"output","console_file":"input" */
void nt_stream__json(GString *to, const struct model_call *call, bool completion);

#endif
