#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

laughs() {
	logged | grep -c 'tickle: Tee hee, that tickles!'
}

cd /tmp || exit
mkdir skin
touch skin/a skin/b
ln skin/a skin/c
loads
is 'at first nobody laughs' "$(cat /proc/tickle)" 0
rm skin/a
becomes 'a file that is deleted tickles' 'Does the probe sit on the function that unlink(2) gets to?' 1 laughs
is 'and is counted' "$(cat /proc/tickle)" 1
rm skin/b skin/c
becomes 'so do two more' '' 3 laughs
rmdir skin
is 'a folder does not' "$(cat /proc/tickle)" 3
unloads
