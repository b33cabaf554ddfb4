/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Headers whose declarations kernel::bindings does not carry. What is taken
 * from them is listed in bindgen_parameters.
 */

#include <linux/proc_fs.h>
