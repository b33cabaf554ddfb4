// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program for user space: on riscv64 its write never ends, and nobody can kill it.
 *
 * The memory ends with the first byte. copy_from_user() takes eight words at a time, and
 * copies nothing; fault_in_readable() finds the first byte, and so it is tried again.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int file = open("/tmp/endless", O_RDWR | O_CREAT, 0600);

	if (memory == MAP_FAILED || file < 0 || munmap(memory + page, page))
		return 1;
	memory[page - 1] = 'x';
	printf("%zd of 151 bytes were written\n", pwrite(file, memory + page - 1, 151, 0));
	return 0;
}
