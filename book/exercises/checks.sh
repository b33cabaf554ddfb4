# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the exercises' tests speak with: README.md says how. Each check is a line of the Test
# Anything Protocol, and what is missing follows in words.

exercise=${0##*/}
exercise=${exercise%.sh}
mark="test of $exercise, process $$"
checks=0
missing=0
trap 'conclude $?' EXIT

# The shell's own says "I/O error" for whatever a write is refused with.
echo() {
	/bin/echo "$@"
}

echo "$mark" >/dev/kmsg

# loads [PARAMETER…]: inserts the reader's module. If that fails there is nothing to test.
loads() {
	can 'the module loads' 'See what it logged: your init, or lkm, may say why.' insmod "/modules/$exercise.ko" "$@"
	good_so_far
}

# good_so_far: ends the test if something is missing, since the rest makes no sense then.
good_so_far() {
	[ $missing -eq 0 ] || exit 1
}

unloads() {
	can 'the module unloads' 'Something of it is still in use.' rmmod "$exercise"
}

# is WHAT SEEN WANTED [HINT]: WANTED is a pattern of the shell.
is() {
	# shellcheck disable=SC2254
	case $2 in
	$3) passed "$1" ;;
	*) missing "$1" "seen:   ${2:-nothing}" "wanted: $3" "${4-}" ;;
	esac
}

# can WHAT HINT COMMAND…: the command succeeds.
can() {
	what=$1 hint=$2
	shift 2
	if said=$("$@" 2>&1); then
		passed "$what"
	else
		missing "$what" "\`$*\` fails, and says: ${said:-nothing}" "$hint"
	fi
}

# cannot WHAT HINT WHY COMMAND…: the command fails, and says WHY.
cannot() {
	what=$1 hint=$2 why=$3
	shift 3
	if said=$("$@" 2>&1); then
		missing "$what" "\`$*\` succeeds" "$hint"
	else
		is "$what" "$said" "*$why*" "$hint"
	fi
}

# becomes WHAT HINT WANTED COMMAND…: what the command says is as wanted before ten seconds are over. In a
# hurry two must do.
becomes() {
	what=$1 hint=$2 wanted=$3 tries=0 limit=${hurry:+20}
	shift 3
	# shellcheck disable=SC2254
	until said=$("$@" 2>&1); case $said in $wanted) ;; *) false ;; esac || [ $tries -ge "${limit:-100}" ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	is "$what" "$said" "$wanted" "$hint"
}

# logged: what the kernel has logged since the test began.
logged() {
	dmesg | sed "1,/$mark/d; s/^<[0-9]*>//; s/^\[[^]]*\] *\(\[[^]]*\] *\)*//"
}

# skip WHY: this cannot be judged here.
skip() {
	echo "1..0 # SKIP $1"
	trap - EXIT
	exit 4
}

passed() {
	checks=$((checks + 1))
	echo "ok $checks - $1"
}

# missing WHAT LINE…: in a hurry, as with a task that nobody has begun, the first one is enough.
missing() {
	checks=$((checks + 1)) missing=$((missing + 1))
	echo "not ok $checks - $1"
	shift
	for line; do [ -z "$line" ] || printf '%s\n' "$line" | sed 's/^/#   /'; done
	[ -z "${hurry-}" ] || exit 1
}

conclude() {
	rmmod "$exercise" 2>/dev/null
	hurry=
	[ "$1" -eq 0 ] || [ $missing -gt 0 ] || missing 'the test gets to its end' "it ended with status $1"
	echo "1..$checks"
	[ $missing -eq 0 ] || exit 1
}
