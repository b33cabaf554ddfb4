#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the VM: see README.md.

set -eux
modprobe skeleton
echo hello >/dev/skeleton
[ "$(cat /dev/skeleton)" = hello ]

# What is too long is refused, and changes nothing.
if dd if=/dev/zero of=/dev/skeleton bs=100 count=1; then exit 1; fi
[ "$(cat /dev/skeleton)" = hello ]

# The module stays while somebody has the device open.
exec 3</dev/skeleton
if rmmod skeleton; then exit 1; fi
exec 3<&-
rmmod skeleton
[ ! -e /dev/skeleton ]
