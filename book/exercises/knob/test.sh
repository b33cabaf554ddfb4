#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# pull LINE up|down
pull() {
	echo "pull-$2" >"$(echo /sys/devices/platform/gpio-sim.*/gpiochip*)/sim_gpio$1/pull"
}

# at WANTED WAY [HINT]: the lines only moves on when the second one was looked at.
at() {
	becomes "after a step to the $2 it is at $1" "${3-}" "$1" cat /proc/knob
}

# right WANTED
right() {
	pull 0 up
	at "$1" right
	pull 1 up
	pull 0 down
	pull 1 down
}

# left WANTED
left() {
	pull 1 up
	pull 0 up
	at "$1" left 'When the first line rises, the second is high already: ask for it, and look at its value().'
	pull 1 down
	pull 0 down
}

[ -e /sys/bus/platform/drivers/gpio-sim ] || skip 'this kernel has no gpio-sim'

mkdir -p /tmp/config
mount -t configfs none /tmp/config
chip=/tmp/config/gpio-sim/knob
mkdir $chip $chip/bank
echo 2 >$chip/bank/num_lines
echo knob >$chip/bank/label
echo 1 >$chip/live

# The chip goes, whatever the test ends with.
end() {
	echo 0 >$chip/live
	rmdir $chip/bank $chip
	umount /tmp/config
	conclude "$1"
}
trap 'end $?' EXIT

loads
is 'at first it is at 0' "$(cat /proc/knob)" 0
right 1
right 2
left 1
good_so_far
left 0
left -1
left -2
right -1
unloads
