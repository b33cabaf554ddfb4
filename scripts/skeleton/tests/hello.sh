#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the VM: see README.md.

set -eux
modprobe skeleton
dmesg | grep 'skeleton: Hello'
rmmod skeleton
dmesg | grep 'skeleton: Goodbye'
