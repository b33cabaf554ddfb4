#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

said() {
	logged | grep -c "postpone: $1\$"
}

loads delay_ms=2000
echo first >/proc/postpone
is 'nothing is said yet' "$(said first)" 0 'Delayed work is a timer that starts work.'
becomes 'it is said a little later' '' 1 said first
echo second >/proc/postpone
echo third >/proc/postpone
becomes 'the last one is said' 'Where does the handler find what it has to say?' 1 said third
is 'the one before is not' "$(said second)" 0
unloads
loads delay_ms=600000
echo never >/proc/postpone
unloads
is 'what was not said is never said' "$(said never)" 0
