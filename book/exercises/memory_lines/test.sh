#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

file=/proc/memory_lines
keep() {
	echo "$1" >$file
}

# line LENGTH: so many bytes, with the line's end.
line() {
	printf "%0$(($1 - 1))d" 0
}

loads limit=2000
is 'at first it keeps nothing' "$(cat $file)" ''
can 'it keeps a line' '' keep one
can 'it keeps another one' '' keep two
is 'both are there' "$(tr '\n' ' ' <$file)" 'one two '
can 'there is room for 992 bytes more' '' keep "$(line 992)"
can 'and for 1000' '' keep "$(line 1000)"
is 'that is all' "$(wc -c <$file)" 2000
cannot 'there is no room for a byte' 'Compare the lengths before you add.' 'No space left' keep ''
is 'which is not kept' "$(wc -c <$file)" 2000
can 'it takes clear' 'All but the word itself: trim_ascii().' keep clear
is 'then it is empty' "$(cat $file)" ''
cannot 'a write of 1001 bytes is too long' 'Message::copy_from() cuts what is too long: look at its length.' 'Invalid argument' \
	keep "$(line 1001)"
is 'and is not kept' "$(cat $file)" ''
unloads
