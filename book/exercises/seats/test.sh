#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

visitor() {
	for _ in $(seq 25); do
		cat /dev/seats
	done
}

loads
is 'one is inside' "$(cat /dev/seats)" '1 of 3 seats are taken'
is 'and has left, when the next one comes' "$(cat /dev/seats)" '1 of 3 seats are taken' \
	'The session is dropped when the file is closed.'
exec 3</dev/seats 4</dev/seats 5</dev/seats
cannot 'a fourth is refused' 'open() may return Err(EBUSY).' busy cat /dev/seats
exec 4<&-
can 'when one leaves there is a seat' 'Who was refused must not take a seat.' cat /dev/seats
exec 3<&- 5<&-
for _ in 1 2 3 4 5 6; do
	visitor &
done >/tmp/seen 2>&1
wait
is 'never more than three are inside' "$(grep -c '[4-9] of 3' /tmp/seen)" 0 \
	'Looking and taking must be one step, under the lock.'
rm /tmp/seen
is 'and all have left' "$(cat /dev/seats)" '1 of 3 seats are taken'
unloads
