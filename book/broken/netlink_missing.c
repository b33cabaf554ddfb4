// SPDX-License-Identifier: GPL-2.0-only
/*
 * A netlink command that takes an attribute for granted (chapter 19):
 *
 *	insmod netlink_missing.ko; chan netlink echo hello
 */
#include <linux/module.h>
#include <net/genetlink.h>

enum {
	ECHO = 16,
};

enum {
	TEXT = 1,
	LIST,
};

static struct genl_family family;

/* ANCHOR: echo */
static int echo_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *attr;
	u64 total = 0;
	int rem;

	nla_for_each_nested(attr, info->attrs[LIST], rem)
		total += nla_get_u32(attr);
	pr_info("The sum is %llu.\n", total);
	return 0;
}
/* ANCHOR_END: echo */

static const struct nla_policy policy[LIST + 1] = {
	[TEXT]	= { .type = NLA_STRING },
	[LIST]	= { .type = NLA_NESTED },
};

static const struct genl_small_ops ops[] = {
	{ .cmd = ECHO, .doit = echo_doit },
};

/* The client asks for it. */
static const struct genl_multicast_group groups[] = {
	{ .name = "events" },
};

static struct genl_family family = {
	.name		= "chan_netlink",
	.version	= 1,
	.module		= THIS_MODULE,
	.maxattr	= LIST,
	.policy		= policy,
	.small_ops	= ops,
	.n_small_ops	= ARRAY_SIZE(ops),
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

static int __init missing_init(void)
{
	return genl_register_family(&family);
}

static void __exit missing_exit(void)
{
	genl_unregister_family(&family);
}

module_init(missing_init);
module_exit(missing_exit);

MODULE_DESCRIPTION("A netlink command that takes an attribute for granted");
MODULE_LICENSE("GPL");
