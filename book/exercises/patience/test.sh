#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

loads
is 'the thermometer is read' "$(cat /proc/patience)" 'reading 1: 21 degrees'
is 'the kernel does not complain' "$(logged | grep -c -e 'scheduling while atomic' -e 'sleeping function')" 0 \
	'Who holds a spinlock must not sleep. Which lock may be held by one who sleeps?'
good_so_far
for _ in 1 2 3 4; do
	cat /proc/patience >>/tmp/readings &
done
wait
is 'each of four readers at once has a reading of its own' "$(sort /tmp/readings | cut -d : -f 1 | tr '\n' ,)" \
	'reading 2,reading 3,reading 4,reading 5,'
rm /tmp/readings
unloads
