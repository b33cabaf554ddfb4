#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# node: the device's file in /dev.
node() {
	echo "/dev/input/$(awk '/^N:/ { ours = /"remote"/ } ours && match($0, /event[0-9]+/) { print substr($0, RSTART, RLENGTH); exit }' \
		/proc/bus/input/devices)"
}

# keys: all that were pressed (113:1) and released (113:0). An event has 24 bytes: behind 16 for the time there are its
# type, where 1 is a key, its code and its value.
keys() {
	od -An -v -tu2 -w24 /tmp/events | awk '$9 == 1 { printf "%s%s:%s", space, $10, $11; space = " " }'
}

# type_in WORD
type_in() {
	echo "$1" >/proc/remote
}

[ -d /sys/class/input ] || skip 'this kernel has no input devices'

loads
can 'there is a keyboard called remote' 'See /proc/bus/input/devices.' grep -q '"remote"' /proc/bus/input/devices
good_so_far
exec 3<"$(node)"
cat <&3 >/tmp/events &
reader=$!
can 'mute is taken' 'echo puts a newline behind the word: trim_ascii() takes it off.' type_in mute
good_so_far
becomes 'mute is pressed, and released' 'After key(KEY_MUTE, true) comes key(KEY_MUTE, false).' '113:1 113:0' keys
type_in mute
becomes 'and a second time' 'A key that is down cannot go down.' '113:1 113:0 113:1 113:0' keys
good_so_far
can 'louder is taken' 'Does Keyboard::new() announce all three keys?' type_in louder
becomes 'louder is another key' 'The word says which key it is.' '* 113:0 115:1 115:0' keys
can 'quieter is taken, too' 'Does Keyboard::new() announce all three keys?' type_in quieter
becomes 'and so is quieter' '' '* 115:0 114:1 114:0' keys
before=$(keys)
cannot 'nobody knows other words' 'Look at the word before a key is pressed.' 'Invalid argument' type_in sing
cannot 'and a word must be whole' 'trim_ascii() takes off what echo puts behind it, and no more.' 'Invalid argument' type_in mut
cannot 'and no longer' 'Compare all of it.' 'Invalid argument' type_in mutes
type_in mute
becomes 'they press no key' '' "$before 113:1 113:0" keys
kill $reader
exec 3<&-
unloads
