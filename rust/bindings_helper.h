/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Headers whose declarations kernel::bindings does not carry. What is taken
 * from them is listed in bindgen_parameters.
 */

#include <linux/blk-mq.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/gpio/consumer.h>
#include <linux/gpio/driver.h>
#include <linux/gpio/machine.h>
#include <linux/hwmon.h>
#include <linux/i2c.h>
#include <linux/i8042.h>
#include <linux/input.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kd.h>
#include <linux/kmemleak.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/tty.h>
#include <net/genetlink.h>
#include <net/netlink.h>
#include <net/sock.h>

/* bindgen numbers anonymous unions, differently for each configuration. */
const size_t LKM_FILENAME_NAME = offsetof(struct filename, name);
const size_t LKM_INODE_I_CDEV = offsetof(struct inode, i_cdev);
const size_t LKM_INODE_I_FOP = offsetof(struct inode, i_fop);
const size_t LKM_FILE_F_PATH = offsetof(struct file, f_path);
const size_t LKM_ATTRIBUTE_GROUP_ATTRS = offsetof(struct attribute_group, attrs);

/* Since 7.3 a kernel thread's own root directory is empty. */
#ifdef scoped_with_init_fs
const bool LKM_HAS_INIT_FS = true;
#else
const bool LKM_HAS_INIT_FS = false;
extern struct fs_struct *userspace_init_fs;
#endif

/* On x86 it is a per-CPU variable. */
#ifndef CONFIG_X86
const size_t LKM_TASK_PREEMPT_COUNT = offsetof(struct task_struct, thread_info.preempt_count);
#endif

/* Shifts of something that is no constant to bindgen. */
const size_t LKM_THREAD_SIZE = THREAD_SIZE;

/* Of lines with a number and no device: 16 on a PC. */
const unsigned int LKM_IRQS_LEGACY = NR_IRQS_LEGACY;

/* What is behind it has another name since 7.3. */
#ifdef CONFIG_BLOCK
const size_t LKM_BVEC_ITER_DONE = offsetofend(struct bvec_iter, bi_idx);
#endif

/* Casts, which are no constants to bindgen. */
const unsigned int LKM_BLK_STS_IOERR = (__force u32)BLK_STS_IOERR;
const unsigned int LKM_BLK_STS_NOSPC = (__force u32)BLK_STS_NOSPC;
const unsigned int LKM_BLK_STS_NOTSUPP = (__force u32)BLK_STS_NOTSUPP;
const unsigned int LKM_BLK_STS_RESOURCE = (__force u32)BLK_STS_RESOURCE;
const gfp_t LKM_GFP_MAY_FAIL = GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;
const fmode_t LKM_FMODE_ATOMIC_POS = FMODE_ATOMIC_POS;
const slab_flags_t LKM_SLAB_NO_MERGE = SLAB_NO_MERGE;

/* One member each of structs that drag half the kernel in. */
const size_t LKM_TTY_FLAGS = offsetof(struct tty_struct, flags);
const size_t LKM_TTY_OPS = offsetof(struct tty_struct, ops);
const size_t LKM_TTY_OPERATIONS_WRITE = offsetof(struct tty_operations, write);
const unsigned long LKM_TTY_DEAD = BIT(TTY_IO_ERROR) | BIT(TTY_HUPPED);

#ifdef CONFIG_GPIOLIB
const size_t LKM_GPIO_CHIP_DEVICE = offsetof(struct gpio_chip, gpiodev);
const size_t LKM_GPIO_CHIP_PARENT = offsetof(struct gpio_chip, parent);
/* rust/gpio.rs has one with room for two, since the last member has no length. */
static_assert(offsetof(struct gpiod_lookup_table, list) == 0);
static_assert(offsetof(struct gpiod_lookup_table, dev_id) == sizeof(struct list_head));
static_assert(sizeof(struct gpiod_lookup_table) == sizeof(struct list_head) + sizeof(char *));
#endif

const size_t LKM_INPUT_NAME = offsetof(struct input_dev, name);
const size_t LKM_INPUT_KOBJ_NAME = offsetof(struct input_dev, dev.kobj.name);
const size_t LKM_INPUT_BUSTYPE = offsetof(struct input_dev, id.bustype);

/* A union or a plain member, depending on the kernel's version. */
const size_t LKM_KOBJ_ATTRIBUTE_SHOW = offsetof(struct kobj_attribute, show);
const size_t LKM_KOBJ_ATTRIBUTE_STORE = offsetof(struct kobj_attribute, store);
/* rust/sysfs takes each for the other. */
static_assert(offsetof(struct device, kobj) == 0);
static_assert(sizeof(struct device_attribute) == sizeof(struct kobj_attribute));
static_assert(offsetof(struct device_attribute, show) == offsetof(struct kobj_attribute, show));
static_assert(offsetof(struct device_attribute, store) == offsetof(struct kobj_attribute, store));

/* kernel::bindings does not know what is in it. */
const size_t LKM_FS_LOCK = offsetof(struct fs_struct, seq.lock);
const size_t LKM_FS_ROOT = offsetof(struct fs_struct, root);
const size_t LKM_SOCK_REFCNT = offsetof(struct sock, sk_refcnt);
const size_t LKM_SOCK_USER_DATA = offsetof(struct sock, sk_user_data);
