#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

for number in 7 43; do
	cannot "$number is refused" 'init() has to return an error, and EINVAL is the one that insmod tells like this.' \
		'Invalid parameters' insmod /modules/refuse.ko answer=$number
	rmmod refuse 2>/dev/null
	is 'the log names it' "$(logged)" "*refuse:*$number*" 'pr_err! writes to the log.'
done
loads answer=42
unloads
