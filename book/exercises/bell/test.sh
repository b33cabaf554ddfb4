#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

asleep() {
	cat "/proc/$first/stat" "/proc/$second/stat" 2>/dev/null | grep -c '(head) S'
}

heard() {
	cat /tmp/first /tmp/second | tr '\n' ' '
}

clue='WaitQueue::wait puts a reader to sleep until a condition holds. It takes the lock itself: nobody may have it already.'
loads
for round in 1 2; do
	head -n 1 /dev/bell >/tmp/first &
	first=$!
	head -n 1 /dev/bell >/tmp/second &
	second=$!
	becomes "round $round: two readers sleep" "$clue" 2 asleep
	good_so_far
	echo >/dev/bell
	becomes "round $round: both hear the bell" 'wake_one() wakes one of those who wait exclusively. Who else waits?' 'ding ding ' heard
	wait
	clue='The bell was rung before these two came, and they wait for the next time. How can a reader tell one from the other?'
done
head -n 1 /dev/bell >/tmp/first &
first=$!
becomes 'one more sleeps' "$clue" 1 asleep
kill $first
becomes 'a signal ends the wait' 'wait() fails when a signal comes: pass that on with ?.' 0 asleep
rm /tmp/first /tmp/second
unloads
