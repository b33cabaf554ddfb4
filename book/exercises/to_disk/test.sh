#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

begun() {
	cut -d' ' -f1 /proc/to_disk
}

# than N: whether more have begun.
than() {
	[ "$(begun)" -gt "$1" ] && echo more || echo 'no more'
}

# All that have begun have ended.
at_rest() {
	awk '{ print $1 == $3 ? "yes" : "no" }' /proc/to_disk
}

write() {
	dd if=/dev/zero of=/dev/ram0 bs=4k count=4 conv=notrunc "$@" 2>/dev/null
}

[ -e /dev/ram0 ] || skip 'this kernel has no RAM disk'

# Who closes the disk last has all of it written: here it is not dd.
exec 3</dev/ram0
sync
loads
before=$(begun)
write
is 'a write to the page cache does not count' "$(begun)" "$before" \
	'vfs_write is called for each write(2). Which function is called for each bio?'
sync
is 'sync brings it to the disk' "$(than "$before")" more \
	'This disk takes bios as they are: no request is made of them. Which function does each bio pass before that?'
good_so_far
before=$(begun)
write oflag=direct
is 'four direct writes are four' $(($(begun) - before)) 4
becomes 'each of them has ended' 'A bio ends in a function of block/bio.c.' yes at_rest
exec 3<&-
unloads
