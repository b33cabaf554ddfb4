#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# said PATTERN: the last message of the driver that fits.
said() {
	logged | sed -n 's/^alive [0-9a-f:.]*: //p' | grep "$1" | tail -n 1
}

grep -q 0x11e8 /sys/bus/pci/devices/*/device || skip 'this machine has no edu device'

loads
is 'the device has this driver' "$(said edu)" 'This is edu *.'
is 'it is alive' "$(said alive)" 'It is alive.' 'What was written to 0x04 is read with each bit turned over: !number.'
is 'it has computed' "$(said '!')" '12! is 479001600.' 'Write 12 to 0x08, and read there when bit 0 of 0x20 is clear.'
unloads
