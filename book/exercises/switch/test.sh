#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

loads
can 'the kernel knows places to patch' 'A static key is asked by static_branch!, and leaves an entry in __jump_table.' \
	test -e /sys/module/switch/sections/__jump_table
is 'it is off at first' "$(cat /proc/switch)" 'off: 0'
echo on >/proc/switch
is 'on: each pass counts' "$(cat /proc/switch)" 'on: 1000'
echo off >/proc/switch
is 'off: no more passes count' "$(cat /proc/switch)" 'off: 1000'
unloads
