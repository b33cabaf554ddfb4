#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# Turns a light of the keyboard on (1) or off (0): an input_event of type EV_LED. The keyboard
# acknowledges each byte of the command, with an interrupt.
light() {
	printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\021\0\002\0%b\0\0\0' "\\0$1" >"$keyboard"
}

# kernel_count: what the kernel itself has counted on that line, on all processors.
kernel_count() {
	awk '$1 == "1:" { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i; print n }' /proc/interrupts
}

# missed: how many interrupts the module has not counted.
missed() {
	echo $(($(kernel_count) - before - $(cat /proc/irq_count)))
}

keyboard=/dev/input/$(awk '/^N:/ { ours = /keyboard/ } ours && match($0, /event[0-9]+/) { print substr($0, RSTART, RLENGTH); exit }' \
	/proc/bus/input/devices)
[ -c "$keyboard" ] || skip 'there is no keyboard'

loads
is 'at first there were no interrupts' "$(cat /proc/irq_count)" 0
before=$(kernel_count)
for light in 1 0 1 0; do light $light; done
becomes 'interrupts are counted' 'Each call of handle() is one interrupt.' '[1-9]*' cat /proc/irq_count
becomes 'none is missed' 'The kernel has counted on the same line: /proc/interrupts.' 0 missed
can 'it is in /proc/interrupts, beside the driver' 'The flag is lkm::irq::Flags::SHARED.' \
	grep 'i8042, irq_count' /proc/interrupts
unloads
