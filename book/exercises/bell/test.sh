#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

asleep() {
	cat "/proc/$first/stat" "/proc/$second/stat" 2>/dev/null | grep -c '(head) S'
}

heard() {
	cat /tmp/first /tmp/second | tr '\n' ' '
}

loads
for round in 1 2; do
	head -n 1 /dev/bell >/tmp/first &
	first=$!
	head -n 1 /dev/bell >/tmp/second &
	second=$!
	becomes "round $round: two readers sleep" 'WaitQueue::wait puts a reader to sleep until a condition holds.' 2 asleep
	good_so_far
	echo >/dev/bell
	becomes "round $round: both hear the bell" 'wake_one() wakes one. Who else waits?' 'ding ding ' heard
	wait
done
head -n 1 /dev/bell >/tmp/first &
first=$!
becomes 'one more sleeps' '' 1 asleep
kill $first
becomes 'a signal ends the wait' 'wait() fails when a signal comes: pass that on with ?.' 0 asleep
rm /tmp/first /tmp/second
unloads
