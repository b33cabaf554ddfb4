#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

devices=/sys/devices/faux

# who MESSAGE: which devices have said so.
who() {
	logged | sed -n "s/^faux_driver \(.*\): $1$/\1/p" | tr '\n' ' '
}

# boxes: those that are in the shelf.
boxes() {
	(cd $devices/shelf && echo box*)
}

loads
is 'the boxes are in the shelf' "$(boxes)" 'box0 box1' 'The second argument of faux::Registration::new is the parent.'
good_so_far
is 'each has said that it is there' "$(who 'It is empty.')" 'box0 box1 ' 'dev_info! puts the name of the device first.'
unloads
is 'the boxes went before the shelf' "$(who 'It is taken away.')" 'box0 box1 shelf ' \
	'Fields are dropped in the order in which they are declared.'
good_so_far
for count in 0 9; do
	cannot "boxes=$count is refused" 'init returns EINVAL for it.' 'nvalid' insmod /modules/shelf.ko boxes=$count
	is 'the log names the parameter' "$(logged | grep 'shelf: .*boxes' | tail -n 1)" "*boxes*$count*"
	is 'there is no shelf' "$(ls -d $devices/shelf 2>&1)" '*No such file*'
	rmmod shelf 2>/dev/null
done
loads boxes=8
is 'there can be eight' "$(boxes)" 'box0 box1 box2 box3 box4 box5 box6 box7'
unloads
