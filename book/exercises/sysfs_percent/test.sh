#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

folder=/sys/kernel/sysfs_percent
store() {
	echo "$2" >$folder/"$1"
}

loads
is 'the level is 0 at first' "$(cat $folder/level)" 0
can 'it can be 100' '' store level 100
is 'it is stored' "$(cat $folder/level)" 100
cannot 'it cannot be 101' 'Parse it, and compare before you store it.' 'Numerical result out of range' store level 101
cannot 'it cannot be -1' 'A u8 does not parse -1 as out of range: parse a type that has it.' 'Numerical result out of range' store level -1
cannot 'it cannot be a word' '' 'Invalid argument' store level high
is 'what is refused is not stored' "$(cat $folder/level)" 100
can 'it can be lower again' '' store level 30
is 'there is a file for the highest' "$(cat $folder/highest 2>&1)" 100 'A second Attribute::read_write() in the same group.'
cannot 'the highest cannot be set' '' 'Invalid argument' store highest 50
can 'it can be forgotten' '0 is for that.' store highest 0
is 'then it is the level of now' "$(cat $folder/highest)" 30
can 'a higher level' '' store level 31
is 'is the highest' "$(cat $folder/highest)" 31
unloads
