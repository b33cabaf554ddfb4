// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cache that is destroyed with an object in it (chapter 12):
 *
 *	insmod slab_left.ko; rmmod slab_left
 */
#include <linux/module.h>
#include <linux/slab.h>

struct ticket {
	u64 number;
	char text[32];
};

static struct kmem_cache *cache;

/* ANCHOR: left */
static int __init left_init(void)
{
	struct ticket *ticket;

	cache = KMEM_CACHE(ticket, SLAB_NO_MERGE);
	if (!cache)
		return -ENOMEM;
	ticket = kmem_cache_zalloc(cache, GFP_KERNEL);
	if (!ticket) {
		kmem_cache_destroy(cache);
		return -ENOMEM;
	}
	ticket->number = 1;
	return 0;
}

static void __exit left_exit(void)
{
	kmem_cache_destroy(cache);
}
/* ANCHOR_END: left */

module_init(left_init);
module_exit(left_exit);

MODULE_DESCRIPTION("A cache that is destroyed with an object in it");
MODULE_LICENSE("GPL");
