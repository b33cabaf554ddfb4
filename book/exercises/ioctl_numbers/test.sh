#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
. /tests/checks.sh

says() {
	logged | sed -n "s/^ioctl_numbers: $1: //p"
}

loads
is 'BLKGETSIZE64' "$(says 0x80081272)" 'reads, 8 bytes, type 0x12, command 114' 'The command is the lowest byte, the type the next one.'
is 'EVIOCGVERSION' "$(says 0x80044501)" 'reads, 4 bytes, type 0x45, command 1' 'The size is 14 bits, from bit 16 on.'
is 'RNDADDTOENTCNT' "$(says 0x40045201)" 'writes, 4 bytes, type 0x52, command 1' 'The direction is the two highest bits.'
is 'FS_IOC_FIEMAP' "$(says 0xc020660b)" 'reads and writes, 32 bytes, type 0x66, command 11' 'Both bits of the direction are set.'
is 'TIOCGWINSZ' "$(says 0x5413)" 'none, 0 bytes, type 0x54, command 19' 'It is older than the scheme.'
unloads
