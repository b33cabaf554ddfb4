#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

folder=/lib/firmware
mkdir -p $folder
printf abc >$folder/abc.bin

load() {
	insmod /modules/firmware_sum.ko image="$1"
}

loads image=abc.bin
is 'three bytes are added up' "$(logged)" '*firmware_sum: abc.bin has 3 bytes, their sum is 294.*' 'Image::request(), and data().'
unloads
head -c 100000 /dev/zero | tr '\0' '\377' >$folder/large.bin
can 'a large image is loaded' '' load large.bin
is 'its bytes are added up' "$(logged)" '*large.bin has 100000 bytes, their sum is 25500000.*' 'More than 8 bits are needed.'
unloads
rm $folder/abc.bin $folder/large.bin
# So insmod says it of ENOENT, whoever it is from.
cannot 'an image that is not there is an error' 'Pass the error on with ?.' 'Unknown symbol' load abc.bin
is 'the log says which' "$(logged)" '*firmware_sum: abc.bin cannot be loaded: ENOENT*' 'inspect_err() sees an error on its way.'
is 'nothing stays' "$(ls -d /sys/devices/faux/firmware_sum 2>/dev/null)" ''
