#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

file=/tmp/first_line
printf 'the first\nthe second\n' >$file
loads path=$file
is 'of two lines it shows the first' "$(cat /proc/first_line)" 'the first'
: >$file
is 'of nothing it shows an empty line' "$(cat /proc/first_line)" ''
printf 'no newline' >$file
is 'a line may end with the file' "$(cat /proc/first_line)" 'no newline'
printf 'short\n%0100000d\n' 0 >$file
is 'a big file does' "$(cat /proc/first_line 2>&1)" short \
	'file::read() refuses what is longer than its limit. Open the file, and read a part.'
printf '%0200d\n' 0 >$file
is 'a long line is cut after 128 bytes' "$(cat /proc/first_line 2>&1)" "$(printf '%0128d' 0)"
rm $file
cannot 'a file that is gone is an error of the reader' 'Pass the error on with ?.' 'No such file' cat /proc/first_line
mkdir $file
cannot 'a folder is one, too' 'Pass the error on with ?.' 'Is a directory' cat /proc/first_line
rmdir $file
unloads
