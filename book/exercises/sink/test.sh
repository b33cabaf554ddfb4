#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# counted WHAT: since the last `forget`.
counted() {
	echo $(($(cat "/sys/class/net/sink0/statistics/$1") - $(cat "/tmp/$1")))
}

forget() {
	for what in tx_packets tx_bytes tx_dropped; do
		cat /sys/class/net/sink0/statistics/$what >/tmp/$what
	done
}

# send BYTES: one packet, as long as that. 42 of them are headers: Ethernet's, IP's and ICMP's.
send() {
	ping -q -c 1 -W 1 -s $(($1 - 42)) 10.9.8.2 >/dev/null
}

loads
# Without a word of IPv6's own.
! cd /proc/sys/net/ipv6/conf/sink0 2>/dev/null || echo 1 >disable_ipv6
cd /
ip addr add 10.9.8.1/24 dev sink0
ip link set sink0 up
arp -s 10.9.8.2 02:00:00:00:00:02
forget
send 42
is 'a packet that is sent is counted' "$(counted tx_packets)" 1 'transmit() is called for each. What statistics() returns is in /sys/class/net/sink0/statistics.'
is 'with its bytes' "$(counted tx_bytes)" 42 'Packet::len() says how many.'
send 200
is 'another one is counted as well' "$(counted tx_packets)" 2
is 'with its bytes, too' "$(counted tx_bytes)" 242
is 'one of 200 bytes fits' "$(counted tx_dropped)" 0 'Only one of more than 200 bytes does not.'
forget
send 201
is 'one of 201 is dropped' "$(counted tx_dropped)" 1 'Look how long it is first.'
is 'it was not sent' "$(counted tx_packets) packets, $(counted tx_bytes) bytes" '0 packets, 0 bytes' \
	'What is dropped counts in tx_dropped only.'
unloads
