#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

file=/proc/memory_cache
tell() {
	echo "$*" >$file
}

# bytes_of_each: what the kernel says of the cache.
bytes_of_each() {
	awk '$1 == "lkmpg_job" { print $4 }' /proc/slabinfo
}

loads
can 'five jobs are added' '' tell add 5
is 'they are there' "$(cat $file)" 5
is 'they have a cache of their own' "$(bytes_of_each)" '[1-9]*' 'Cache::new(c"lkmpg_job"), and its alloc() instead of KBox::new().'
can 'two are done' '' tell 'done' 2
is 'three are left' "$(cat $file)" 3
can '9997 more are added' '' tell add 9997
is 'then there are 10000' "$(cat $file)" 10000
cannot 'there cannot be one more' 'Compare before you add.' 'No space left' tell add 1
# Without a limit, this takes all the memory.
good_so_far
cannot 'nor as many as there are numbers' 'A sum may overflow: subtract instead.' 'No space left' tell add 18446744073709551615
is 'which adds none' "$(cat $file)" 10000
can 'all are done' 'More than there are is all of them.' tell 'done' 20000
is 'none is left' "$(cat $file)" 0
can 'one is added' '' tell add 1
unloads
is 'the cache has gone with the module' "$(bytes_of_each)" '' 'Fields are dropped in their order: the jobs before the cache.'
is 'nothing was left in it' "$(logged | grep -c 'not freed')" 0
