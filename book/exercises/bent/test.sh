#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# counted WHAT
counted() {
	cat "/sys/class/net/bent0/statistics/$1"
}

# send HOW_MANY: each asks once who has an address. Nobody answers.
send() {
	arping -q -c "$1" -w "$1" -I bent0 10.9.8.2
}

loads
# Without a word of IPv6's own.
! cd /proc/sys/net/ipv6/conf/bent0 2>/dev/null || echo 1 >disable_ipv6
cd /
ip addr add 10.9.8.1/24 dev bent0
ip link set bent0 up
send 3
sent=$(counted tx_packets)
is 'packets are sent' "$sent" '[1-9]*'
becomes 'as many have come back' \
	'Is the inbox open, does poll() take the packets out of it, and does anybody tell the kernel to poll?' "$sent" counted rx_packets
good_so_far
ip link set bent0 down
ip link set bent0 up
send 2
becomes 'when it was down meanwhile it still works' '' "$(counted tx_packets)" counted rx_packets
unloads
