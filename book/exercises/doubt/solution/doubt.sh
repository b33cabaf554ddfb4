# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# The test of doubt.ko. It is loaded; this is run by root.

set -e

# At first it is empty, and its mode is 644.
[ -z "$(cat /dev/doubt)" ]
[ "$(stat -c %a /dev/doubt)" = 644 ]

# A word of 15 bytes is kept, with its end of line.
echo 12345678901234 >/dev/doubt
echo 12345678901234 | cmp - /dev/doubt

# One of 16 bytes is refused, and the old one stays.
if said=$(/bin/echo 123456789012345 2>&1 >/dev/doubt); then exit 1; fi
case $said in *'nvalid argument'*) ;; *) exit 1 ;; esac
[ "$(cat /dev/doubt)" = 12345678901234 ]
