#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the VM: see README.md.

set -eux
modprobe skeleton
# Its name is another on each processor.
device=$(basename /sys/bus/platform/drivers/skeleton/*[0-9]*)
dmesg | grep "skeleton $device: Hello"
rmmod skeleton
dmesg | grep "skeleton $device: Goodbye"
