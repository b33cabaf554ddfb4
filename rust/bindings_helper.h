/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Headers whose declarations kernel::bindings does not carry. What is taken
 * from them is listed in bindgen_parameters.
 */

#include <linux/blk-mq.h>
#include <linux/device.h>
#include <linux/etherdevice.h>
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
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/netdevice.h>
#include <linux/pipe_fs_i.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/tty.h>
#include <linux/uinput.h>
#include <net/genetlink.h>
#include <net/netlink.h>
#include <net/sock.h>

/* bindgen numbers anonymous unions, differently for each configuration. */
const size_t LKM_PAGE_MAPCOUNT = offsetof(struct page, _mapcount);
const size_t LKM_FILENAME_NAME = offsetof(struct filename, name);
const size_t LKM_INODE_I_CDEV = offsetof(struct inode, i_cdev);
const size_t LKM_INODE_I_FOP = offsetof(struct inode, i_fop);
const size_t LKM_FILE_F_PATH = offsetof(struct file, f_path);
const size_t LKM_PIPE_HEAD = offsetof(struct pipe_inode_info, head);
const size_t LKM_PIPE_TAIL = offsetof(struct pipe_inode_info, tail);
static_assert(sizeof_field(struct pipe_inode_info, head) == sizeof(unsigned int));
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
const blk_mode_t LKM_BLK_OPEN_READ = BLK_OPEN_READ;
const unsigned int LKM_BLK_STS_IOERR = (__force u32)BLK_STS_IOERR;
const unsigned int LKM_BLK_STS_NOSPC = (__force u32)BLK_STS_NOSPC;
const unsigned int LKM_BLK_STS_NOTSUPP = (__force u32)BLK_STS_NOTSUPP;
const unsigned int LKM_BLK_STS_RESOURCE = (__force u32)BLK_STS_RESOURCE;
const gfp_t LKM_GFP_MAY_FAIL = GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL | __GFP_NOMEMALLOC;
const gfp_t LKM_GFP_NOIO = GFP_NOIO;
const fmode_t LKM_FMODE_ATOMIC_POS = FMODE_ATOMIC_POS;
const fmode_t LKM_FMODE_AT_POSITION = FMODE_PREAD | FMODE_PWRITE;
const unsigned int LKM_LOOKUP = LOOKUP_AUTOMOUNT;
const unsigned int LKM_LOOKUP_FOLLOW = LOOKUP_FOLLOW;
const unsigned int LKM_LOOKUP_REVAL = LOOKUP_REVAL;
const int LKM_IOCB_APPEND = IOCB_APPEND;
const int LKM_IOCB_NOWAIT = IOCB_NOWAIT;
const slab_flags_t LKM_SLAB_NO_MERGE = SLAB_NO_MERGE;

/* One member each of structs that drag half the kernel in. */
const size_t LKM_TTY_LOCK = offsetof(struct tty_struct, legacy_mutex);
const size_t LKM_TTY_COUNT = offsetof(struct tty_struct, count);
const size_t LKM_TTY_FLAGS = offsetof(struct tty_struct, flags);
const size_t LKM_TTY_OPS = offsetof(struct tty_struct, ops);
const size_t LKM_TTY_OPERATIONS_WRITE = offsetof(struct tty_operations, write);
const unsigned long LKM_TTY_DEAD = BIT(TTY_IO_ERROR) | BIT(TTY_HUPPED);

const unsigned int LKM_HWMON_TEMP = hwmon_temp;

#ifdef CONFIG_GPIOLIB
const size_t LKM_GPIO_CHIP_DEVICE = offsetof(struct gpio_chip, gpiodev);
const size_t LKM_GPIO_CHIP_PARENT = offsetof(struct gpio_chip, parent);
/* rust/gpio.rs has one with room for two, since the last member has no length. */
static_assert(offsetof(struct gpiod_lookup_table, list) == 0);
static_assert(offsetof(struct gpiod_lookup_table, dev_id) == sizeof(struct list_head));
static_assert(sizeof(struct gpiod_lookup_table) == sizeof(struct list_head) + sizeof(char *));
#endif

const size_t LKM_INPUT_NAME = offsetof(struct input_dev, name);
const size_t LKM_INPUT_BUSTYPE = offsetof(struct input_dev, id.bustype);

/* rust/net.rs reads or writes these, and C's inline functions no other. */
const size_t LKM_NETDEV_ADDR_ASSIGN_TYPE = offsetof(struct net_device, addr_assign_type);
const size_t LKM_NETDEV_LOCK = offsetof(struct net_device, lock);
const size_t LKM_NETDEV_MAX_MTU = offsetof(struct net_device, max_mtu);
const size_t LKM_NETDEV_MIN_MTU = offsetof(struct net_device, min_mtu);
const size_t LKM_NETDEV_MTU = offsetof(struct net_device, mtu);
const size_t LKM_NETDEV_OPS = offsetof(struct net_device, netdev_ops);
const size_t LKM_NETDEV_PRIV = offsetof(struct net_device, priv);
const size_t LKM_NETDEV_PRIV_FLAGS = offsetof(struct net_device, priv_flags_fast);
const size_t LKM_NETDEV_QUEUE_STATE = offsetof(struct netdev_queue, state);
const size_t LKM_NETDEV_REG_STATE = offsetof(struct net_device, reg_state);
const size_t LKM_NETDEV_STATE = offsetof(struct net_device, state);
const size_t LKM_NETDEV_TX = offsetof(struct net_device, _tx);
const size_t LKM_NETDEV_TX_DROPPED = offsetof(struct net_device_core_stats, tx_dropped);
const size_t LKM_NDO_GET_STATS64 = offsetof(struct net_device_ops, ndo_get_stats64);
const size_t LKM_NDO_OPEN = offsetof(struct net_device_ops, ndo_open);
const size_t LKM_NDO_SET_MAC_ADDRESS = offsetof(struct net_device_ops, ndo_set_mac_address);
const size_t LKM_NDO_START_XMIT = offsetof(struct net_device_ops, ndo_start_xmit);
const size_t LKM_NDO_STOP = offsetof(struct net_device_ops, ndo_stop);
const size_t LKM_NDO_VALIDATE_ADDR = offsetof(struct net_device_ops, ndo_validate_addr);
const unsigned int LKM_NETDEV_TX_OK = NETDEV_TX_OK;
typedef typeof_member(struct net_device_ops, ndo_get_stats64) lkm_ndo_get_stats64;
typedef typeof_member(struct net_device_ops, ndo_open) lkm_ndo_open;
typedef typeof_member(struct net_device_ops, ndo_set_mac_address) lkm_ndo_set_mac_address;
typedef typeof_member(struct net_device_ops, ndo_start_xmit) lkm_ndo_start_xmit;
typedef typeof_member(struct net_device_ops, ndo_stop) lkm_ndo_stop;
typedef typeof_member(struct net_device_ops, ndo_validate_addr) lkm_ndo_validate_addr;
const size_t LKM_NET_GENL_SOCK = offsetof(struct net, genl_sock);
const size_t LKM_SKB_DATA = offsetof(struct sk_buff, data);
const size_t LKM_SKB_DATA_LEN = offsetof(struct sk_buff, data_len);
const size_t LKM_SKB_END = offsetof(struct sk_buff, end);
const size_t LKM_SKB_HEAD = offsetof(struct sk_buff, head);
const size_t LKM_SKB_LEN = offsetof(struct sk_buff, len);
const size_t LKM_SKB_PRIORITY = offsetof(struct sk_buff, priority);
const size_t LKM_SKB_PROTOCOL = offsetof(struct sk_buff, protocol);
const size_t LKM_SKB_SHARED_FLAGS = offsetof(struct skb_shared_info, flags);
const size_t LKM_SKB_SHARED_HWTSTAMPS = offsetof(struct skb_shared_info, hwtstamps);
const size_t LKM_SKB_SHARED_TX_FLAGS = offsetof(struct skb_shared_info, tx_flags);
const size_t LKM_SKB_USERS = offsetof(struct sk_buff, users);
const u8 LKM_SKB_HW_TSTAMP_NETDEV = SKBTX_HW_TSTAMP_NETDEV;
const u8 LKM_SKB_ZEROCOPY = SKBFL_ZEROCOPY_ENABLE;
static_assert(sizeof(struct skb_shared_hwtstamps) == sizeof(u64));
static_assert(sizeof_field(struct skb_shared_info, tx_flags) == 1);
#ifndef NET_SKBUFF_DATA_USES_OFFSET
#error "skb->end is a pointer"
#endif
const unsigned long LKM_LINK_STATE_START = __LINK_STATE_START;
const unsigned long LKM_QUEUE_STATE_DRV_XOFF = __QUEUE_STATE_DRV_XOFF;
const u8 LKM_NETREG_REGISTERED = NETREG_REGISTERED;
const u32 LKM_IFF_TX_SKB_SHARING = IFF_TX_SKB_SHARING;
static_assert(sizeof_field(struct net_device, reg_state) == 1);

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
