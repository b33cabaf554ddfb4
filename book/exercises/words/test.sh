#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

loads
is 'at first there are no words' "$(cat /proc/words)" 0
echo 'one two  three' >/proc/words
is 'three words in one write are three' "$(cat /proc/words)" 3
(
	printf fo
	printf 'ur '
	printf 'five\n'
) >/proc/words
is 'a word in two writes is one' "$(cat /proc/words)" 5 \
	'When the second write begins, feed() must know how the first one ended.'
printf 'a word of %01000d bytes\n' 0 >/proc/words
is 'a word in many writes is one' "$(cat /proc/words)" 10
printf ' \t\n' >/proc/words
is 'white space is no word' "$(cat /proc/words)" 10
unloads
