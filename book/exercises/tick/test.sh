#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

driver=/sys/bus/platform/drivers/tick

# said PATTERN: the last message of the driver that fits.
said() {
	logged | sed -n 's/^tick PNP0103:00: //p' | grep "$1" | tail -n 1
}

[ -e /sys/bus/platform/devices/PNP0103:00 ] || skip 'this machine has no such timer'

loads
is 'the vendor is read' "$(said vendor)" 'Its vendor is 0x8086.'
is 'the length of a tick is read' "$(said tick)" 'A tick is 10000000 fs.' 'It is a register of its own, at 0x4.'
is 'the number of timers is read' "$(said timers)" 'There are 3 timers.' 'The register has the number of the last, and counts from 0.'
is 'the counter is read' "$(said counter)" 'The counter is at [0-9]*.' 'It is a register of its own, at 0xf0.'
good_so_far
first=$(said counter | tr -cd 0-9)
echo PNP0103:00 >$driver/unbind
echo PNP0103:00 >$driver/bind
cannot 'it counts' "It is at $first still." '' [ "$(said counter | tr -cd 0-9)" -eq "$first" ]
unloads
