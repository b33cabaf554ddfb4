#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

cannot 'there is no such file system' '' 'mount' mount -t wanted none /tmp
is 'the kernel has loaded the module' "$(lsmod | grep -o '^wanted ')" 'wanted ' \
	'modinfo -F alias shows by which names the kernel finds it: the one it asks for must be among them.'
is 'and the module has said so' "$(logged)" '*wanted: here I am*'
if lsmod | grep -q '^wanted '; then unloads; fi
