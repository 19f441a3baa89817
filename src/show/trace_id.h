/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tells a trace from all others, wherever it is read: the same live and from the kept file. */
#ifndef QEBEK_SHOW_TRACE_ID_H
#define QEBEK_SHOW_TRACE_ID_H

#include "qebek/record.h"

#define TRACE_ID_SIZE 17u /* 16 hexadecimal digits and NUL */

/* From the trace's first record: its time to the nanosecond, the host, the machine's command. */
void trace_id__make(char id[TRACE_ID_SIZE], const struct qbk_record *meta);

#endif
