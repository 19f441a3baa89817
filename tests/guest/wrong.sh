#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the guest does while its observer is disturbed: short (some seconds), work (a lot), long (until somebody ends it),
# busy (many calls, then waits); kernel: as long, and tells which kernel it runs on.
case $1 in
blocked) ;;
kernel) echo "begun $(uname -r)" >/dev/ttyS1 ;;
*) echo begun >/dev/ttyS1 ;;
esac
case $1 in
short)
    for i in 1 2 3; do
        sleep 1
        echo "$i" >/tmp/a
        cat /tmp/a >/dev/null
    done
    ;;
work) # long enough for limits to be met, and many small writes
    for i in 1 2 3 4 5 6 7 8 9 10; do
        ls -lR /proc/self /sys/kernel >/tmp/a
        cat /tmp/a >/dev/null
    done
    ;;
long | kernel) # and one that is nearly always inside a call
    while :; do sleep 1; done &
    while :; do
        cat /proc/version >/dev/null
        sleep 0.1
    done
    ;;
blocked) # one that sleeps since before anybody looks, for a while, and others at work
    (sleep 6; echo slept >/dev/ttyS1) &
    sleep 0.3
    echo begun >/dev/ttyS1
    while :; do
        cat /proc/version >/dev/null
        sleep 0.1
    done
    ;;
hotplug) # waits for a second processor, and makes it work
    until echo 1 >/sys/devices/system/cpu/cpu1/online; do sleep 0.2; done 2>/dev/null
    echo "online $(cat /sys/devices/system/cpu/online)" >/dev/ttyS1
    for i in 1 2 3 4 5 6 7 8; do taskset 2 cat /proc/version >/dev/null; cat /proc/version >/dev/null; done
    ;;
crowd) # many calls on four processors at once
    for i in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=1 count=150000 2>/dev/null & done
    wait
    echo worked >/dev/ttyS1
    sleep 1
    ;;
exit) # other processors are at work when one ends QEMU by a device
    for i in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=1 count=100000000 2>/dev/null & done
    sleep 0.2
    /bin/truth port:0xf4 /dev/null
    ;;
reboot) # once: what is on the disk outlives it
    [ "$(head -c 5 /dev/nvme0n1)" = again ] && exit
    echo again >/dev/nvme0n1
    sync
    sleep 1000 &
    sleep 1
    reboot -f
    ;;
busy)
    dd if=/dev/zero of=/dev/null bs=1 count=400000 2>/dev/null
    echo worked >/dev/ttyS1
    sleep 1000
    ;;
esac
echo finished >/dev/ttyS1
