# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The test of doubt.ko. It is loaded; this is run by root.

set -e

echo hello >/dev/doubt
[ "$(cat /dev/doubt)" = hello ]
