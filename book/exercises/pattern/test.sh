#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

# read_once SIZE: how much one read of that size gives.
read_once() {
	dd if=/dev/pattern of=/tmp/once bs="$1" count=1 2>/dev/null
	stat -c %s /tmp/once
}

loads
is 'the first bytes are 0, 1, 2' "$(head -c 3 /dev/pattern | od -An -tu1)" '*0*1*2'
is 'a read with room for 100 bytes gives 100' "$(read_once 100)" 100 'Is there room left in out? Then go on.'
good_so_far
is 'after 255 comes 0' "$(dd if=/dev/pattern bs=300 count=1 2>/dev/null | od -An -v -tu1 -j 254 -N 4 | tr -s ' ')" ' 254 255 0 1'
is 'a read with room for 8 MiB gives 8 MiB' "$(read_once 8M)" 8388608 'Copy the same 256 bytes again and again.'
dd if=/dev/pattern of=/tmp/odd bs=999 count=100 2>/dev/null
dd if=/dev/pattern of=/tmp/whole bs=99900 count=1 2>/dev/null
can 'in pieces of 999 bytes it is the same' 'Where does the piece begin that is copied first?' cmp /tmp/odd /tmp/whole
rm /tmp/once /tmp/odd /tmp/whole
is 'nothing is logged' "$(logged | grep '^pattern')" ''
unloads
