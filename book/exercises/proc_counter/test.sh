#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

file=/proc/proc_counter
add() {
	echo "$1" >$file
}

# at_once: two processes add 1, 500 times each.
at_once() {
	for _ in 1 2; do
		(for _ in $(seq 500); do command echo 1 >$file || exit; done) &
	done
	wait
}

loads
is 'it begins with 0' "$(cat $file)" 0
can 'it takes a number' 'Show has a function write, which this file does not have yet.' add 40
good_so_far
can 'it takes another one' '' add 2
is 'they are added up' "$(cat $file)" 42
can 'it takes a negative one' 'i64 parses a minus.' add -43
is 'the sum may be negative' "$(cat $file)" -1
cannot 'a word is refused' 'Answer Err(EINVAL).' 'Invalid argument' add many
cannot 'two numbers are refused' 'Trim the line, and parse all of it.' 'Invalid argument' add '1 2'
is 'what is refused changes nothing' "$(cat $file)" -1
can 'it takes the smallest number and 1' '' add -9223372036854775807
cannot 'what does not fit is refused' 'checked_add() says whether it fits.' 'Numerical result out of range' add -1
is 'and changes nothing' "$(cat $file)" -9223372036854775808
can 'it goes back to 0' '' add 9223372036854775807
add 1
at_once
is 'no addition is lost' "$(cat $file)" 1000 'Between reading the sum and storing it, nobody else may store one.'
unloads
