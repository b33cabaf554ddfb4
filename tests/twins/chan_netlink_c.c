// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of samples/18-channels/chan_netlink.rs: an echo and events, by a
 * generic family and by a protocol of its own. A text is any bytes but NUL.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

#define PROTOCOL	29
/* The classic socket's only group. */
#define GROUP		1
#define TEXT_MAX	4096
#define DEPTH_MAX	8

/* Message types, and commands. */
enum {
	ECHO = 16,
	PUBLISH,
	EVENT,
};

enum {
	TEXT = 1,
	LIST,
	NUMBER,
	SUM,
	SERVED,
};

static unsigned char protocol_number = PROTOCOL;
module_param(protocol_number, byte, 0444);
MODULE_PARM_DESC(protocol_number,
		 "The number of the classic socket's protocol");

static atomic64_t served;
static struct sock *sock;

/* The length of a text without the NUL that it may end with. */
static int text_length(const struct nlattr *text)
{
	int length;

	if (!text)
		return -EINVAL;
	length = nla_len(text);
	if (length && !((char *)nla_data(text))[length - 1])
		length--;
	if (length > TEXT_MAX || strnlen(nla_data(text), length) != length)
		return -EINVAL;
	return length;
}

static int put_text(struct sk_buff *skb, const struct nlattr *text, int length)
{
	struct nlattr *attr = nla_reserve(skb, TEXT, length + 1);
	char *to;

	if (!attr)
		return -EMSGSIZE;
	to = nla_data(attr);
	memcpy(to, nla_data(text), length);
	to[length] = '\0';
	return 0;
}

static int put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put(skb, type, sizeof(value), &value);
}

/* Adds up the numbers in a list, and in lists in it. */
static int sum(const struct nlattr *list, int depth, u64 *total)
{
	const struct nlattr *attr;
	int err;
	int rem;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	nla_for_each_nested(attr, list, rem) {
		switch (nla_type(attr)) {
		case NUMBER:
			if (nla_len(attr) != sizeof(u32))
				return -EINVAL;
			*total += nla_get_u32(attr);
			break;
		case LIST:
			err = sum(attr, depth + 1, total);
			if (err)
				return err;
			break;
		default:
			return -EINVAL;
		}
	}
	return rem > 0 ? -EINVAL : 0;
}

static size_t room_for(int length)
{
	return nla_total_size(length + 1) + 2 * nla_total_size(sizeof(u64));
}

static int fill_event(struct sk_buff *skb, const struct nlattr *text,
		      int length)
{
	return put_text(skb, text, length) ?:
	       put_u64(skb, SERVED, atomic64_inc_return(&served));
}

static int fill_answer(struct sk_buff *skb, const struct nlattr *text,
		       int length, u64 total)
{
	return put_text(skb, text, length) ?:
	       put_u64(skb, SUM, total) ?:
	       put_u64(skb, SERVED, atomic64_inc_return(&served));
}

/* The generic family. */

/* ANCHOR: policy */
static const struct nla_policy policy[LIST + 1] = {
	[TEXT]	= { .type = NLA_STRING, .len = TEXT_MAX },
	[LIST]	= { .type = NLA_NESTED },
};
/* ANCHOR_END: policy */

static struct genl_family family;

/* ANCHOR: echo */
static int echo_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *text = info->attrs[TEXT];
	struct sk_buff *answer;
	u64 total = 0;
	void *header;
	int length;
	int err;

	length = text_length(text);
	if (length < 0)
		return length;
	if (info->attrs[LIST]) {
		err = sum(info->attrs[LIST], 1, &total);
		if (err)
			return err;
	}

	answer = genlmsg_new(room_for(length), GFP_KERNEL);
	if (!answer)
		return -ENOMEM;
	header = genlmsg_put_reply(answer, info, &family, 0, ECHO);
	if (!header || fill_answer(answer, text, length, total)) {
		nlmsg_free(answer);
		return -EMSGSIZE;
	}
	genlmsg_end(answer, header);
	return genlmsg_reply(answer, info);
}
/* ANCHOR_END: echo */

/* Nobody listens, or who asked for it is told that a listener is full. */
static int heard(int err)
{
	return err == -ESRCH || err == -ENOBUFS ? 0 : err;
}

static int publish_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *text = info->attrs[TEXT];
	struct sk_buff *event;
	void *header;
	int length;

	length = text_length(text);
	if (length < 0)
		return length;

	event = genlmsg_new(room_for(length), GFP_KERNEL);
	if (!event)
		return -ENOMEM;
	header = genlmsg_put(event, 0, 0, &family, 0, EVENT);
	if (!header || fill_event(event, text, length)) {
		nlmsg_free(event);
		return -EMSGSIZE;
	}
	genlmsg_end(event, header);
	return heard(genlmsg_multicast(&family, event, 0, 0, GFP_KERNEL));
}

/* ANCHOR: family */
static const struct genl_small_ops ops[] = {
	{ .cmd = ECHO, .doit = echo_doit },
	{ .cmd = PUBLISH, .doit = publish_doit, .flags = GENL_ADMIN_PERM },
};

static const struct genl_multicast_group groups[] = {
	{ .name = "events" },
};

static struct genl_family family = {
	.name		= KBUILD_MODNAME,
	.version	= 1,
	.module		= THIS_MODULE,
	.parallel_ops	= true,
	.maxattr	= LIST,
	.policy		= policy,
	.small_ops	= ops,
	.n_small_ops	= ARRAY_SIZE(ops),
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};
/* ANCHOR_END: family */

/* The classic socket. */

static int find(const struct nlmsghdr *nlh, struct nlattr **text,
		struct nlattr **list)
{
	struct nlattr *attr;
	int rem;

	*text = NULL;
	*list = NULL;
	nlmsg_for_each_attr(attr, nlh, 0, rem) {
		if (nla_type(attr) == TEXT)
			*text = attr;
		else if (nla_type(attr) == LIST)
			*list = attr;
	}
	return rem > 0 ? -EINVAL : text_length(*text);
}

static int echo(struct sk_buff *skb, const struct nlmsghdr *nlh)
{
	u32 port = NETLINK_CB(skb).portid;
	struct nlattr *text, *list;
	struct sk_buff *answer;
	struct nlmsghdr *header;
	u64 total = 0;
	int length;
	int err;

	length = find(nlh, &text, &list);
	if (length < 0)
		return length;
	if (list) {
		err = sum(list, 1, &total);
		if (err)
			return err;
	}

	answer = nlmsg_new(room_for(length), GFP_KERNEL);
	if (!answer)
		return -ENOMEM;
	header = nlmsg_put(answer, port, nlh->nlmsg_seq, ECHO, 0, 0);
	if (!header || fill_answer(answer, text, length, total)) {
		nlmsg_free(answer);
		return -EMSGSIZE;
	}
	nlmsg_end(answer, header);
	return nlmsg_unicast(skb->sk, answer, port);
}

static int publish(struct sk_buff *skb, const struct nlmsghdr *nlh)
{
	struct nlattr *text, *list;
	struct nlmsghdr *header;
	struct sk_buff *event;
	int length;

	if (!netlink_capable(skb, CAP_NET_ADMIN))
		return -EPERM;
	length = find(nlh, &text, &list);
	if (length < 0)
		return length;

	event = nlmsg_new(room_for(length), GFP_KERNEL);
	if (!event)
		return -ENOMEM;
	header = nlmsg_put(event, 0, 0, EVENT, 0, 0);
	if (!header || fill_event(event, text, length)) {
		nlmsg_free(event);
		return -EMSGSIZE;
	}
	nlmsg_end(event, header);
	return heard(nlmsg_multicast(skb->sk, event, 0, GROUP, GFP_KERNEL));
}

static int receive_one(struct sk_buff *skb, const struct nlmsghdr *nlh)
{
	if (!(nlh->nlmsg_flags & NLM_F_REQUEST) ||
	    nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;

	switch (nlh->nlmsg_type) {
	case ECHO:
		return echo(skb, nlh);
	case PUBLISH:
		return publish(skb, nlh);
	default:
		return -EOPNOTSUPP;
	}
}

/* Tells that a message does not have the length that it says. */
static void refuse(struct sk_buff *skb, const struct nlmsghdr *nlh)
{
	u32 port = NETLINK_CB(skb).portid;
	struct nlmsghdr *header;
	struct nlmsgerr *error;
	struct sk_buff *answer;

	answer = nlmsg_new(sizeof(*error), GFP_KERNEL);
	if (!answer)
		return;
	header = nlmsg_put(answer, port, nlh->nlmsg_seq, NLMSG_ERROR,
			   sizeof(*error), NLM_F_CAPPED);
	if (!header) {
		nlmsg_free(answer);
		return;
	}
	error = nlmsg_data(header);
	error->error = -EBADMSG;
	error->msg = *nlh;
	nlmsg_unicast(skb->sk, answer, port);
}

/* As netlink_rcv_skb(), which passes over what it cannot read. */
static void receive(struct sk_buff *skb)
{
	while (skb->len >= NLMSG_HDRLEN) {
		struct nlmsghdr *nlh = nlmsg_hdr(skb);
		int err;

		if (nlh->nlmsg_len < NLMSG_HDRLEN || nlh->nlmsg_len > skb->len) {
			refuse(skb, nlh);
			return;
		}
		err = receive_one(skb, nlh);
		if (err || nlh->nlmsg_flags & NLM_F_ACK)
			netlink_ack(skb, nlh, err, NULL);
		skb_pull(skb, min(NLMSG_ALIGN(nlh->nlmsg_len), skb->len));
	}
}

static int open_socket(void)
{
	struct netlink_kernel_cfg cfg = {
		.groups	= GROUP,
		.input	= receive,
		.flags	= NL_CFG_F_NONROOT_RECV,
	};

	if (protocol_number >= MAX_LINKS)
		return -EINVAL;
	sock = netlink_kernel_create(&init_net, protocol_number, &cfg);
	return sock ? 0 : -EBUSY;
}

static int __init chan_netlink_init(void)
{
	int err;

	err = genl_register_family(&family);
	if (err)
		return err;
	/* Last: whoever opens a socket of this protocol keeps the module. */
	err = open_socket();
	if (err) {
		pr_alert("Sorry, there is no netlink protocol %u, or somebody has it\n",
			 protocol_number);
		genl_unregister_family(&family);
		return err;
	}
	pr_info("Talk to netlink protocol %u, or the family " KBUILD_MODNAME "\n",
		protocol_number);
	return 0;
}

static void __exit chan_netlink_exit(void)
{
	netlink_kernel_release(sock);
	genl_unregister_family(&family);
}

module_init(chan_netlink_init);
module_exit(chan_netlink_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Talks to user space by netlink");
MODULE_LICENSE("GPL");
