#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

rooms=/sys/kernel/config/rooms
mounted=
grep -q configfs /proc/filesystems || skip 'this kernel has no configfs'
grep -q ' /sys/kernel/config ' /proc/mounts || {
	mount -t configfs none /sys/kernel/config
	mounted=yes
}

loads
is 'four places are free at first' "$(cat $rooms/free)" 4
can 'there may be four rooms' '' mkdir $rooms/a $rooms/b $rooms/c $rooms/d
is 'then no place is free' "$(cat $rooms/free)" 0 'Count in make(), and show what is left.'
cannot 'there cannot be a fifth room' 'What make() returns is what mkdir says.' 'No space left' mkdir $rooms/e
cannot 'nor a room that is there' '' 'File exists' mkdir $rooms/a
can 'a room can be removed' '' rmdir $rooms/b
is 'its place is free again' "$(cat $rooms/free)" 1 'The room is dropped then. What it owns is dropped, too.'
can 'for another one' '' mkdir $rooms/e
is 'which takes it' "$(cat $rooms/free)" 0
for room in a b c d e; do rmdir $rooms/$room 2>/dev/null; done
is 'in the end all places are free' "$(cat $rooms/free)" 4
unloads
[ -z "$mounted" ] || umount /sys/kernel/config
