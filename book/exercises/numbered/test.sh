#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# sectors SKIP COUNT BLOCK: the lines that are read there.
sectors() {
	dd if=/dev/numbered bs="$3" skip="$1" count="$2" iflag=direct 2>/dev/null | tr -d '\0'
}

write() {
	echo hello | dd of=/dev/numbered bs=4k conv=sync oflag=direct
}

loads
is 'sector 0 has its number' "$(sectors 0 1 512)" 'Sector 0' 'read() fills the segment: copy_from() takes as many bytes as the segment has.'
is 'sector 5 as well' "$(sectors 5 1 512)" 'Sector 5' 'position is in bytes. A segment may have several sectors: go through them.'
is 'eight sectors are read at once' "$(sectors 1 1 4k | tr '\n' ,)" \
	'Sector 8,Sector 9,Sector 10,Sector 11,Sector 12,Sector 13,Sector 14,Sector 15,' \
	'Here the segment begins at sector 8: position says so.'
is 'and 64 KiB' "$(sectors 1 1 64k | wc -l)" 128 'That is more than one segment.'
is 'the last one' "$(sectors 2047 1 512)" 'Sector 2047'
is 'the rest of a sector is zeroes' "$(dd if=/dev/numbered bs=512 count=1 2>/dev/null | tail -c 503 | tr -d '\0' | wc -c)" 0
good_so_far
cannot 'a write fails' 'Return an error from write().' 'Input/output error' write
is 'and has changed nothing' "$(sectors 0 1 512)" 'Sector 0'
unloads
