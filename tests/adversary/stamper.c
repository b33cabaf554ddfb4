// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends a copy of a packet with a device's time from vnet0 to vnet1, as a bridge
 * does that somebody else listens at. `kept=` says whether the packet itself still
 * has its time when the copy has come, and `came=` whether the copy had it.
 */

#include <linux/completion.h>
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#define TIME 0xffff888012345678

static bool kept, came;
module_param(kept, bool, 0444);
MODULE_PARM_DESC(kept, "Whether the packet has kept its time");
module_param(came, bool, 0444);
MODULE_PARM_DESC(came, "Whether the time came with the copy");

static DECLARE_COMPLETION(arrived);

static bool has_time(struct sk_buff *skb)
{
	return skb_hwtstamps(skb)->hwtstamp == TIME &&
	       skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP_NETDEV;
}

static int receive(struct sk_buff *skb, struct net_device *dev,
		   struct packet_type *type, struct net_device *from)
{
	came = skb_hwtstamps(skb)->hwtstamp ||
	       skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP_NETDEV;
	complete(&arrived);
	consume_skb(skb);
	return NET_RX_SUCCESS;
}

static struct packet_type listener = {
	.type = cpu_to_be16(ETH_P_802_EX1),
	.func = receive,
};

/* The packet, and a copy for C, or NULL. */
static struct sk_buff *make(struct net_device *dev, struct sk_buff **copy)
{
	struct sk_buff *skb = alloc_skb(128, GFP_KERNEL);

	if (!skb)
		return NULL;
	skb_put_zero(skb, ETH_ZLEN);
	skb_reset_mac_header(skb);
	eth_broadcast_addr(eth_hdr(skb)->h_dest);
	eth_hdr(skb)->h_proto = listener.type;
	skb->protocol = listener.type;
	skb->dev = dev;
	skb_hwtstamps(skb)->hwtstamp = TIME;
	skb_shinfo(skb)->tx_flags |= SKBTX_HW_TSTAMP_NETDEV;
	*copy = skb_clone(skb, GFP_KERNEL);
	if (*copy)
		return skb;
	kfree_skb(skb);
	return NULL;
}

static int __init stamper_init(void)
{
	struct net_device *from = dev_get_by_name(&init_net, "vnet0");
	struct sk_buff *skb, *copy;
	int err = -ENOMEM;

	if (!from)
		return -ENODEV;
	skb = make(from, &copy);
	if (!skb)
		goto put;
	listener.dev = dev_get_by_name(&init_net, "vnet1");
	dev_add_pack(&listener);
	dev_queue_xmit(copy);
	err = wait_for_completion_timeout(&arrived, 30 * HZ) ? 0 : -ETIMEDOUT;
	dev_remove_pack(&listener);
	dev_put(listener.dev);
	kept = has_time(skb);
	kfree_skb(skb);
put:
	dev_put(from);
	return err;
}

static void __exit stamper_exit(void)
{
}

module_init(stamper_init);
module_exit(stamper_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Sends a packet with a device's time");
MODULE_LICENSE("GPL");
