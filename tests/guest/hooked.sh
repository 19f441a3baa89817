#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Uses the kernel's own tools that change its code, then works until somebody ends it.
mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing || exit 1
echo __x64_sys_openat >set_ftrace_filter
echo function >current_tracer
echo 'p:closing __x64_sys_close' >kprobe_events
echo 'p:inside x64_sys_call+64' >>kprobe_events
echo 1 >events/kprobes/closing/enable
echo 1 >events/kprobes/inside/enable
for i in 1 2 3 4 5 6 7 8 9 10; do cat /proc/version >/dev/null; done
echo "traced $(grep -c openat trace) $(grep -c closing trace)" >/dev/ttyS1
echo begun >/dev/ttyS1
while :; do
    cat /proc/version >/dev/null
done
