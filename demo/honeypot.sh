#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The honeypot guest: an ssh server and an account whose password is its name. It ends when the one visitor has gone.
while read -r module; do
    insmod "/modules/$module.ko"
done </modules/order
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
mkdir -p /dev/pts /tmp
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
chmod 1777 /tmp
chown -R 1000:1000 /home/admin
hostname server
/usr/bin/dropbearkey -t ed25519 -f /etc/dropbear/key >/dev/null 2>&1
/usr/sbin/dropbear -F -E -r /etc/dropbear/key -p 22 2>/dev/ttyS1 &
server=$!
until grep -q ':0016 00000000:0000 0A ' /proc/net/tcp; do
    sleep 0.1
done
echo ready >/dev/ttyS1
# Each visitor has a child of the server's.
visitors() {
    [ -n "$(cat /proc/$server/task/$server/children)" ]
}
until visitors; do
    sleep 0.2
done
while visitors; do
    sleep 0.2
done
kill $server
