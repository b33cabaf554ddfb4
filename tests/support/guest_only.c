// SPDX-License-Identifier: GPL-2.0-only

/*
 * Every test and every benchmark of the guest has this in it, whatever else it uses. It
 * runs before main, and ends what was started anywhere else: as root on a user's own
 * machine a test would load and unload that machine's modules.
 *
 * By this section the runner knows what belongs into the guest. It names a file that
 * only the guest's init makes.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((section("lkmpg_guest")))
static const char guest[] = "/run/lkmpg-guest";

__attribute__((constructor))
static void guest_only(int argc, char **argv)
{
	if (access(guest, F_OK) == 0)
		return;
	/* libtest then runs no test. A benchmark has no libtest. */
	for (int i = 1; i < argc; i++)
		if (HAS_LIBTEST && strcmp(argv[i], "--list") == 0)
			return;
	fprintf(stderr, "%s: this runs in the VM only: cargo test, or scripts/vm --test %s\n",
		argv[0], argv[0]);
	_exit(125);
}
