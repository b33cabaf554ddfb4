#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

mirror() {
	ioctl --device /dev/ioctl_mirror "$@"
}

loads
can 'a message is taken' 'request.write_bytes(…).finish()' mirror set stressed
is 'it comes back turned round' "$(mirror get 2>&1)" desserts
is 'again and again' "$(mirror get 2>&1)" desserts
can 'one of 16 bytes is taken' '' mirror set 0123456789abcdef
is 'and comes back' "$(mirror get 2>&1)" fedcba9876543210
cannot 'one of 17 bytes is refused' 'write_bytes() does so, by the length of the Message that your closure takes.' \
	'Invalid argument' mirror set 0123456789abcdefg
is 'and changes nothing' "$(mirror get 2>&1)" fedcba9876543210
cannot 'the number of the guide is not known' 'Leave it to finish().' 'Inappropriate ioctl' mirror nth 0
unloads
