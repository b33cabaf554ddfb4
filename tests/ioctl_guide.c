// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a reader of the guide has: a C program that knows the device by the
 * numbers of chapter 7's header, and by nothing of ours.
 *
 * Sets argv[1] as the message, prints what the device then has as the message,
 * and its bytes one by one up to the terminating NUL.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define MAJOR_NUM 100
#define IOCTL_SET_MSG _IOR(MAJOR_NUM, 0, char *)
#define IOCTL_GET_MSG _IOR(MAJOR_NUM, 1, char *)
#define IOCTL_GET_NTH_BYTE _IOWR(MAJOR_NUM, 2, int)

int main(int argc, char **argv)
{
	char message[100];
	int device, byte;

	if (argc != 2)
		return 2;
	device = open("/dev/char_dev", O_RDONLY);
	if (device < 0) {
		perror("/dev/char_dev");
		return 1;
	}
	if (ioctl(device, IOCTL_SET_MSG, argv[1]) < 0) {
		perror("IOCTL_SET_MSG");
		return 1;
	}
	if (ioctl(device, IOCTL_GET_MSG, message) < 0) {
		perror("IOCTL_GET_MSG");
		return 1;
	}
	printf("get_msg:%s\nget_nth_byte:", message);
	for (int n = 0; (byte = ioctl(device, IOCTL_GET_NTH_BYTE, n)) != 0; n++) {
		if (byte < 0) {
			perror("IOCTL_GET_NTH_BYTE");
			return 1;
		}
		putchar(byte);
	}
	putchar('\n');
	return 0;
}
