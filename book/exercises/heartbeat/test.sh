#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

beats() {
	[ "$(cat /proc/heartbeat)" -ge "$1" ] && echo enough
}

loads period_ms=600000
is 'it does not beat before its time' "$(cat /proc/heartbeat)" 0 'The parameter is in milliseconds, the timer counts in jiffies.'
unloads
for round in 1 2 3; do
	loads period_ms=20
	becomes "round $round: it beats" 'A timer goes off once, and again if its handler says so.' enough beats 5
	good_so_far
	unloads
done
