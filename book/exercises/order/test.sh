#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

loads
is 'all is started, the power first' "$(logged)" '*power on*motor starts*belt runs*'
unloads
is 'all is stopped, the power last' "$(logged)" '*belt stops*motor stops*power off*' \
	'In which order does Rust drop the fields of a structure?'
