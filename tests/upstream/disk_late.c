// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that could not be added, and is released by somebody who has found it in sysfs meanwhile, after its
 * driver has undone what it had done, as drivers do:
 *
 *	insmod disk_late.ko
 *
 * With KASAN: a use after free in blk_mq_exit_queue().
 */
#include <linux/blk-mq.h>
#include <linux/module.h>
#include <linux/slab.h>

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *data)
{
	return BLK_STS_IOERR;
}

static const struct blk_mq_ops operations = {
	.queue_rq = queue_rq,
};

static int __init disk_late_init(void)
{
	struct blk_mq_tag_set *tags = kzalloc(sizeof(*tags), GFP_KERNEL);
	struct gendisk *disk;
	struct device *found;
	int error;

	if (!tags)
		return -ENOMEM;
	tags->ops = &operations;
	tags->nr_hw_queues = 1;
	tags->queue_depth = 1;
	tags->numa_node = NUMA_NO_NODE;
	error = blk_mq_alloc_tag_set(tags);
	if (error)
		goto free;
	disk = blk_mq_alloc_disk(tags, NULL, NULL);
	if (IS_ERR(disk)) {
		error = PTR_ERR(disk);
		goto free_tags;
	}

	/* What sysfs does for a process while device_add_disk() has not failed yet. */
	found = get_device(disk_to_dev(disk));

	put_disk(disk);
	blk_mq_free_tag_set(tags);
	kfree(tags);
	put_device(found);
	return -ENODEV;

free_tags:
	blk_mq_free_tag_set(tags);
free:
	kfree(tags);
	return error;
}

module_init(disk_late_init);
MODULE_DESCRIPTION("A disk that is released later than its tags");
MODULE_LICENSE("GPL");
