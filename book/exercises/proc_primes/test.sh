#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

file=/proc/proc_primes
set_last() {
	echo "$1" >/sys/module/proc_primes/parameters/last
}

loads last=20
is 'it lists those up to 20' "$(tr '\n' ' ' <$file)" '2 3 5 7 11 13 17 19 '
set_last 1
is 'up to 1 there are none' "$(cat $file)" ''
set_last 10000
is 'up to 10000 there are 1229' "$(wc -l <$file)" 1229 'The list is longer than any buffer: show one number at a time.'
is 'the last of them is 9973' "$(tail -n 1 $file)" 9973
is 'a reader of ten bytes sees the same' "$(dd if=$file bs=10 2>/dev/null | md5sum)" "$(md5sum <$file)" \
	'next() is asked for the first number that is at least "from".'
unloads
