#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the VM: see README.md.

set -eux
modprobe skeleton
[ "$(cat /proc/skeleton)" = 'You are reader 1' ]
[ "$(cat /proc/skeleton)" = 'You are reader 2' ]
rmmod skeleton
[ ! -e /proc/skeleton ]
