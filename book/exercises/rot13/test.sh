#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

too_long() {
	dd if=/dev/zero bs=81 count=1 >&3
}

loads
exec 3<>/dev/rot13 4<>/dev/rot13
echo 'Hello, World 42' >&3
is 'letters are turned, and nothing else' "$(cat <&3)" 'Uryyb, Jbeyq 42'
is 'each open file has a text of its own' "$(cat <&4)" '' \
	'What all openers share is Data; what one of them has is a field of Session.'
echo abcxyz-ABCXYZ >&4
is 'behind z comes a' "$(cat <&4)" nopklm-NOPKLM
echo stay >&3
cannot '81 bytes are refused' 'data.len() says how many were offered.' 'Invalid argument' too_long
is 'and the text before stays' "$(cat <&3)" fgnl 'Look at the length before anything is stored.'
printf %080d 7 >&3
is '80 bytes are not' "$(cat <&3)" "$(printf %080d 7)"
exec 3<&- 4<&-
unloads
