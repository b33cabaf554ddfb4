#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

ask() {
	chan netlink echo "$1" 2>&1
}

# answer TEXT SUM
answer() {
	printf 'text: %s\nsum: %d' "$1" "$2"
}

loads
is 'a text comes back in capital letters' "$(ask 'Hello World')" "$(answer 'HELLO WORLD' 8)" \
	'reply.put(SUM, …) says how many have changed.'
is 'what is no letter stays' "$(ask '1 + 2 = 3')" "$(answer '1 + 2 = 3' 0)"
is 'so do letters of other alphabets' "$(ask 'grün')" "$(answer 'GRüN' 3)" 'Look at bytes: a letter a to z is one, and nothing else is.'
is 'an empty text is one, too' "$(ask '')" "$(answer '' 0)"
cannot 'a text of 257 bytes is refused' 'The policy says so: leave TEXT as it is.' 'out of range' chan netlink echo "$(printf '%0257d' 0)"
unloads
