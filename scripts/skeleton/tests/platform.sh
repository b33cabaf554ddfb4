#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the VM: see README.md.

set -eux
modprobe skeleton
[ -e /sys/bus/platform/drivers/skeleton/QEMU0002:00 ]
dmesg | grep 'skeleton QEMU0002:00: Hello'
rmmod skeleton
dmesg | grep 'skeleton QEMU0002:00: Goodbye'
