#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A container, made by hand: a control group and a pid namespace of its own. Tells what its inside says of itself.
case $1 in
'')
    mount -t cgroup2 none /sys/fs/cgroup
    mkdir -p /sys/fs/cgroup/machine/box
    /bin/sh -c 'echo $$ >/sys/fs/cgroup/machine/box/cgroup.procs; exec unshare -f -p /bin/container.sh inside'
    # One that is moved while it sleeps, by somebody else.
    sleep 1 &
    echo $! >/sys/fs/cgroup/machine/cgroup.procs
    echo "moved $!" >/dev/ttyS1
    wait
    ;;
inside)
    echo "inside $$ $(cat /proc/self/cgroup)" >/dev/ttyS1
    (exec /bin/true one)
    (exec /bin/true two)
    ;;
esac
