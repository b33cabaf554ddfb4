#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

end() {
	rmmod tandem tandem_base 2>/dev/null
	conclude "$1"
}
trap 'end $?' EXIT

is 'tandem needs the other module' "$(modinfo -F depends /modules/tandem.ko)" tandem_base \
	'It does if it calls a function that the other one exports: mod shared; in both, lkm::export! in the one, bell::Symbols in the other.'
good_so_far
can 'modprobe tandem works' '' modprobe tandem
is 'it has loaded both' "$(lsmod | grep -c '^tandem')" 2
is 'the bell was rung once' "$(logged)" '*tandem: The bell was rung 1 times.*'
cannot 'the other one must stay' '' 'in use by: tandem' rmmod tandem_base
can 'tandem can go' '' rmmod tandem
can 'and come again' '' modprobe tandem
is 'the bell was rung once more' "$(logged)" '*tandem: The bell was rung 2 times.*' 'tandem_base was there all the time: a static in it keeps the number.'
can 'now both go' '' modprobe -r tandem
