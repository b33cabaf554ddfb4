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

loads
cat /dev/lossless >/tmp/lines &
reader=$!
writer a
becomes 'all lines of one writer arrive' '' 20 lines
writer b &
b=$!
writer c &
c=$!
writer d &
wait $b $c $!
becomes 'all lines of three writers arrive' \
	'Two writers find the pipe empty. Both then write: what became of the first line?' 80 lines
is 'and each of them once' "$(wc -l </tmp/lines)" 80
kill $reader
wait $reader
rm /tmp/lines
unloads
