#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# said: what the module has logged, with levels.
said() {
	dmesg -r | sed -n 's/^\(<[0-9]>\).*\(fever: .*\)/\1\2/p'
}

loads temperatures=36
is '36 is information' "$(said)" '<6>fever: 36: well'
unloads
loads temperatures=39
is '39 is a warning' "$(said | tail -n 1)" '<4>fever: 39: a fever' 'There is a macro for each level: pr_info!, pr_warn!, ...'
unloads
good_so_far
loads temperatures=41,37,38,40
is 'each of four has its line, and no other' "$(said | tail -n +3)" \
	"$(printf '<2>fever: 41: call a doctor\n<6>fever: 37: well\n<4>fever: 38: a fever\n<4>fever: 40: a fever')" \
	'value() has all eight, count() says how many were given.'
unloads
for degrees in 19 46; do
	before=$(said | wc -l)
	cannot "$degrees is refused" 'init returns EINVAL for it.' 'nvalid' insmod /modules/fever.ko "temperatures=39,$degrees"
	is 'there is one line, of the level error, with the parameter and the number' "$(said | tail -n "+$((before + 1))")" \
		"<3>fever: *temperatures*$degrees*" 'Look at all of them before you speak of the first.'
	is 'only one' "$(($(said | wc -l) - before))" 1
	rmmod fever 2>/dev/null
done
cannot 'nine are too many' '' 'nvalid' insmod /modules/fever.ko temperatures=37,37,37,37,37,37,37,37,37
