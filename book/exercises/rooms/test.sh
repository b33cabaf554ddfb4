#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

room() {
	printf 'lamp 1 of the %s\nlamp 2 of the %s\nalive: 3' "$1" "$1"
}

loads
is 'at first there is nothing' "$(cat /proc/rooms)" 'alive: 0'
echo kitchen >/proc/rooms
is 'a room has two lamps' "$(cat /proc/rooms)" "$(room kitchen)"
echo cellar >/proc/rooms
is 'the next one takes its place' "$(cat /proc/rooms)" "$(room cellar)" \
	'The room before is not dropped. Who has an Arc of it? And who has one of those?'
for _ in 1 2 3 4 5; do echo hall >/proc/rooms; done
is 'however many there were' "$(cat /proc/rooms)" "$(room hall)"
unloads
