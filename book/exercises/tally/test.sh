#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

writer() {
	for _ in $(seq 25); do
		echo >/proc/tally
	done
}

loads
is 'at first nobody has written' "$(cat /proc/tally)" 0
echo >/proc/tally
is 'one write counts' "$(cat /proc/tally)" 1
for _ in 1 2 3 4; do
	writer &
done
wait
is 'all writes of four writers count' "$(cat /proc/tally)" 101 \
	'What does another writer see between your load() and your store()?'
unloads
