#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# said PATTERN: the last message of the driver that fits.
said() {
	logged | sed -n 's/^nameplate [0-9.:-]*: //p' | grep "$1" | tail -n 1
}

grep -q v0627p0001 /sys/bus/usb/devices/*/modalias || skip 'this machine has no such tablet'

loads
is 'it says who it is' "$(said 'is [0-9]')" 'It is 0627:0001.' 'The descriptor has 18 bytes, and the vendor is at offset 8.'
is 'it says what it is called' "$(said called)" 'It is called QEMU USB Tablet.' \
	'Byte 15 of the descriptor is the number of the string descriptor. Its text begins at offset 2.'
unloads
