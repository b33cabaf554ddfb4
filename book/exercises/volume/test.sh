#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

file=/sys/module/volume/parameters/volume

set_volume() {
	echo "$1" >$file
}

loads volume=3
can '10 is taken' '' set_volume 10
is 'and logged' "$(logged)" '*volume: now 10*' 'on_set names a function that is called with each new value.'
cannot '11 is refused' 'The function returns a Result: an error refuses the value.' 'Invalid argument' set_volume 11
is 'and changes nothing' "$(cat $file)" 10
unloads
cannot '11 fails the load, too' '' 'Invalid' insmod /modules/volume.ko volume=11
