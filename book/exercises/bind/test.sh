#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

devices=/sys/bus/platform/devices
driver=/sys/bus/platform/drivers/bind

# driver_of DEVICE: the name of its driver.
driver_of() {
	basename "$(readlink "$devices/$1/driver")"
}

# said MESSAGE: how often it was logged.
said() {
	logged | grep -c "$1"
}

for device in QEMU0002:00 PNP0103:00; do
	[ -e "$devices/$device" ] || skip "this machine has no $device"
done

loads
is "QEMU's device has this driver" "$(driver_of QEMU0002:00)" bind \
	"The table names none that is there: cat $devices/QEMU*/modalias"
is 'it is greeted' "$(said 'bind QEMU0002:00: Here is the configuration.')" 1
is 'the timer has this driver' "$(driver_of PNP0103:00)" bind 'A table has as many entries as there are kinds of devices.'
is 'it is greeted as a timer' "$(said 'bind PNP0103:00: Here is a timer.')" 1 'What is said comes from the table.'
good_so_far
echo PNP0103:00 >$driver/unbind
is 'the timer is given back' "$(said 'PNP0103:00: It is given back.')" 1 'What is there while a device is bound is dropped then.'
echo PNP0103:00 >$driver/bind
is 'it can be bound again' "$(said 'bind PNP0103:00: Here is a timer.')" 2
unloads
is 'the timer is given back again' "$(said 'PNP0103:00: It is given back.')" 2
is "and QEMU's device" "$(said 'QEMU0002:00: It is given back.')" 1
