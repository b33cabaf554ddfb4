/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Headers whose declarations kernel::bindings does not carry. What is taken
 * from them is listed in bindgen_parameters.
 */

#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/proc_fs.h>

/* bindgen numbers anonymous unions, differently for each configuration. */
const size_t LKM_INODE_I_CDEV = offsetof(struct inode, i_cdev);
