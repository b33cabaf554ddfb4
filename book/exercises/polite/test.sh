#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

keep() {
	echo "$1" >/proc/polite
}

loads slots=2
is 'it loads in silence' "$(logged | grep '^polite')" ''
is 'all may read, and only root write' "$(stat -c %a /proc/polite)" 644
is 'it has two slots' "$(cat /proc/polite)" '0 of 2'
can 'a word is kept' '' keep one
can 'so is a second' '' keep two
cannot 'a third finds no slot' 'A word that is dropped in silence looks as if it was kept.' 'No space left' keep three
is 'the two stay' "$(cat /proc/polite)" '2 of 2'
unloads
is 'it unloads in silence' "$(logged | grep '^polite')" ''
for slots in 0 1025 4294967295; do
	cannot "slots=$slots is refused" 'init returns EINVAL for it.' 'nvalid' insmod /modules/polite.ko slots=$slots
	is 'the log names the parameter' "$(logged | grep 'polite.*slots' | tail -n 1)" "*slots*$slots*" \
		'pr_err! says what is wrong with which parameter, and what it may be.'
	rmmod polite 2>/dev/null
done
can 'slots=1024 is not' '' insmod /modules/polite.ko slots=1024
