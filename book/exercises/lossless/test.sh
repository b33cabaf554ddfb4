#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

writer() {
	for n in $(seq 20); do
		printf '%s %s\n' "$1" "$n" >/dev/lossless
	done
}

lines() {
	sort /tmp/lines | uniq | wc -l
}

# state PROCESS: S of one that sleeps, D of one that no signal reaches, nothing if it has ended.
state() {
	sed -n 's/.*) \([^Z]\) .*/\1/p' "/proc/$1/stat" 2>/dev/null
}

loads
cat /dev/lossless >/tmp/lines &
reader=$!
writer a
becomes 'all lines of one writer arrive' '' 20 lines
kill $reader
wait $reader 2>/dev/null

/bin/echo slow >/dev/lossless &
writer=$!
becomes 'a slow line is on its way' 'fetch() stays as it is.' D state $writer
/bin/echo quick >/dev/lossless &
# It writes by now, or waits for its turn.
while [ "$(state $writer)" = D ]; do sleep 0.1; done
cat /dev/lossless >/tmp/lines &
reader=$!
becomes 'a line that is written meanwhile arrives, too' \
	'Two writers find the pipe empty. Both then write: what became of the first line?' 2 lines

writer b &
b=$!
writer c &
c=$!
writer d &
wait $b $c $!
becomes 'all lines of three writers arrive' '' 62 lines
is 'and each of them once' "$(wc -l </tmp/lines)" 62
kill $reader
wait $reader 2>/dev/null
good_so_far
/bin/echo slow >/dev/lossless &
writer=$!
becomes 'another slow line is on its way' '' D state $writer
head -n 1 /dev/lossless >/tmp/lines &
reader=$!
becomes 'a reader sleeps meanwhile' 'It is not asleep, but waits for the lock, and cannot be killed. Who holds it?' S state $reader
good_so_far
kill $reader
becomes 'and can give up' '' '' state $reader
is 'the slow line comes, too' "$(head -n 1 /dev/lossless)" slow
rm /tmp/lines
unloads
