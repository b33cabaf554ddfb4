/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Headers whose declarations kernel::bindings does not carry. What is taken
 * from them is listed in bindgen_parameters.
 */

#include <linux/fs.h>
#include <linux/i8042.h>
#include <linux/interrupt.h>
#include <linux/kprobes.h>
#include <linux/namei.h>
#include <linux/proc_fs.h>
#include <linux/tty.h>

/* bindgen numbers anonymous unions, differently for each configuration. */
const size_t LKM_FILENAME_NAME = offsetof(struct filename, name);
const size_t LKM_INODE_I_CDEV = offsetof(struct inode, i_cdev);

/* One member each of structs that drag half the kernel in. */
const size_t LKM_TTY_FLAGS = offsetof(struct tty_struct, flags);
const size_t LKM_TTY_OPS = offsetof(struct tty_struct, ops);
const size_t LKM_TTY_OPERATIONS_WRITE = offsetof(struct tty_operations, write);
const unsigned long LKM_TTY_DEAD = BIT(TTY_IO_ERROR) | BIT(TTY_HUPPED);
