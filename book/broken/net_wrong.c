// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network interface that throws away what it is to send, and four ways to do it wrongly.
 *
 *	insmod net_wrong.ko how=1; ip link set wrong0 up; ip addr add 10.9.9.1/24 dev wrong0
 *	ping -c 1 -W 1 10.9.9.2
 *
 * 1: it looks at a packet that it has freed (KERNEL=debug). 2: it does not free it (KERNEL=debug,
 * kmemleak). 3: it has not stopped its queue, and says that it is busy. 4: it keeps a reference to
 * the interface; type `rmmod net_wrong &` and wait ten seconds.
 */
#include <linux/etherdevice.h>
#include <linux/module.h>

static int how;
module_param(how, int, 0444);
MODULE_PARM_DESC(how, "1: used after free, 2: not freed, 3: busy without a stopped queue, 4: keeps a reference");

// ANCHOR: xmit
static netdev_tx_t wrong_xmit(struct sk_buff *skb, struct net_device *dev)
{
	if (how == 2)
		return NETDEV_TX_OK;
	if (how == 3)
		return NETDEV_TX_BUSY;
	dev_kfree_skb(skb);
	DEV_STATS_INC(dev, tx_packets);
	DEV_STATS_ADD(dev, tx_bytes, skb->len);	/* too late */
	return NETDEV_TX_OK;
}
// ANCHOR_END: xmit

// ANCHOR: open
static int wrong_open(struct net_device *dev)
{
	if (how == 4)
		dev_hold(dev);	/* and nothing says dev_put() */
	return 0;
}
// ANCHOR_END: open

static const struct net_device_ops wrong_ops = {
	.ndo_open = wrong_open,
	.ndo_start_xmit = wrong_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

// ANCHOR: init
static void wrong_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &wrong_ops;
	dev->priv_flags |= IFF_NO_QUEUE;
	eth_hw_addr_random(dev);
}

static struct net_device *wrong_dev;

static int __init wrong_init(void)
{
	int err;

	wrong_dev = alloc_netdev(0, "wrong%d", NET_NAME_ENUM, wrong_setup);
	if (!wrong_dev)
		return -ENOMEM;
	err = register_netdev(wrong_dev);
	if (err)
		free_netdev(wrong_dev);
	return err;
}

static void __exit wrong_exit(void)
{
	unregister_netdev(wrong_dev);
	free_netdev(wrong_dev);
}
// ANCHOR_END: init

module_init(wrong_init);
module_exit(wrong_exit);

MODULE_DESCRIPTION("An interface that sends wrongly");
MODULE_LICENSE("GPL");
