#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

hint='The code is not a number, but two: see the task.'
shows() {
	printf 'exited with an error: %d\nkilled by a signal: %d' "$1" "$2"
}

loads
is 'at first all is well' "$(cat /proc/failures)" "$(shows 0 0)" "$hint"
sh -c 'exit 0'
sh -c 'exit 3'
sh -c 'exit 128'
is 'two exit with an error, and one does not' "$(cat /proc/failures)" "$(shows 2 0)" "$hint"
sh -c 'kill -TERM $$' 2>/dev/null
is 'one is killed' "$(cat /proc/failures)" "$(shows 2 1)" "$hint"
unloads
