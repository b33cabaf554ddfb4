#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

set_day() {
	echo "$1" >/proc/weekday
}

loads
set_day 1
is '1 is Monday' "$(cat /proc/weekday)" Monday
set_day 6
is '6 is Saturday' "$(cat /proc/weekday)" Saturday
for day in 0 8 -1 18446744073709551615 18446744073709551616 seven; do
	cannot "$day is refused" 'Is there such a day? get() answers with an Option.' 'Invalid argument' set_day $day
done
is 'and changes nothing' "$(cat /proc/weekday)" Saturday
can '7 is taken' '' set_day 7
is '7 is Sunday' "$(cat /proc/weekday)" Sunday
unloads
