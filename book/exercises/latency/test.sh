#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

driver=/sys/bus/usb/drivers/latency

# set_to MILLISECONDS
set_to() {
	echo "$1" >/dev/latency
}

grep -q v0403p6001 /sys/bus/usb/devices/*/modalias || skip 'this machine has no such adapter'

loads
can 'there is a /dev/latency' 'The log says why probe has failed.' [ -c /dev/latency ]
good_so_far
can 'it can be set' 'The log may say why the transfer has failed.' set_to 5
is 'and is what was set' "$(cat /dev/latency)" 5
cannot '0 is refused' 'Look at the number before it goes to the chip.' 'Invalid argument' set_to 0
cannot '256 is refused' 'It is more than a byte can keep: look at it before it is cut.' 'Invalid argument' set_to 256
is 'nothing has changed' "$(cat /dev/latency)" 5
can 'the module unloads' '' rmmod latency
loads
is 'the chip still knows' "$(cat /dev/latency)" 5 'Set it in the chip, with control_out().'
good_so_far
set_to 40
device=$(basename "$(echo $driver/*:*)")
exec 3</dev/latency
echo "$device" >$driver/unbind
cannot 'nobody can ask a device that is gone' 'Ask the chip at each read, with control_in().' 'No such device' cat <&3
exec 3<&-
echo "$device" >$driver/bind
is 'when it is back, it still knows' "$(cat /dev/latency)" 40
unloads
