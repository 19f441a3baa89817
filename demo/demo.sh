#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the demo's guest does: a little of each thing that is worth seeing in a trace, with pauses so that it can be
# followed. Runs in the guest as /bin/demo.sh; what it says goes to the guest's console.
part() {
    sleep 0.7
    echo "$*"
}

part "files"
mkdir /tmp/box
echo "what the guest wrote" >/tmp/box/note
cat /tmp/box/note
mv /tmp/box/note /tmp/box/letter
ls -l /tmp/box
rm -r /tmp/box

part "a file that is not there"
cat /etc/no-such-file

part "a pipe between three processes"
seq 1 20 | grep 1 | wc -l

part "threads"
demo-threads 3 || echo "demo-threads FAILED"

part "a TCP connection over the loopback interface"
demo-tcp 4711 || echo "demo-tcp FAILED"

part "a signal that cuts a read short, and one that kills"
demo-signals || echo "demo-signals FAILED"

part "the end"
