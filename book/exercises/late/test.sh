#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

loads
is 'at first nobody has asked' "$(cat /proc/late)" 'Nobody has asked'
echo >/proc/late
is 'the kernel has no complaint' "$(logged | grep -m 1 BUG)" '' 'Is something held while ask() sleeps?'
good_so_far
is 'the device was asked' "$(cat /proc/late)" 'The device says 42'
for _ in 1 2 3; do echo >/proc/late & done
wait
is 'three can ask at a time' "$(cat /proc/late)" 'The device says 42'
unloads
