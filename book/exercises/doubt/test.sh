#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# verdict FAULT: what doubt.sh says of a module with that mistake.
verdict() {
	insmod /modules/doubt.ko "fault=$1" || exit 1
	if sh -x /attempt/doubt.sh >/tmp/said 2>&1; then verdict=passes; else verdict=fails; fi
	rmmod doubt || verdict='leaves the module in use'
}

# caught FAULT: doubt.sh fails with it.
caught() {
	verdict "$1"
	is "fault=$1 is noticed" "$verdict" fails 'Read the promises once more, word by word. Which one does no line of doubt.sh look at?'
}

verdict 0
is 'the module without a mistake passes' "$verdict" passes "Its last steps were: $(tail -n 3 /tmp/said)"
good_so_far
for fault in 1 2 3 4 5; do caught $fault; done
rm -f /tmp/said
