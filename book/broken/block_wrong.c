// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk of 1 MiB without anything in it, and three ways to answer a write wrongly.
 *
 *	insmod block_wrong.ko how=1; dd if=/dev/zero of=/dev/wrong bs=4096 count=1 oflag=direct &
 *
 * 1: it is never ended; look with `echo w > /proc/sysrq-trigger`. 2: it is ended twice.
 * 3: the driver sleeps.
 */
#include <linux/blk-mq.h>
#include <linux/delay.h>
#include <linux/module.h>

static int how;
module_param(how, int, 0444);
MODULE_PARM_DESC(how, "1: never ended, 2: ended twice, 3: sleeps");

// ANCHOR: queue_rq
static blk_status_t wrong_queue_rq(struct blk_mq_hw_ctx *hctx,
				   const struct blk_mq_queue_data *bd)
{
	struct request *rq = bd->rq;

	blk_mq_start_request(rq);
	if (req_op(rq) == REQ_OP_WRITE && how == 1)
		return BLK_STS_OK;	/* and nobody ends it */
	if (req_op(rq) == REQ_OP_WRITE && how == 2)
		blk_mq_end_request(rq, BLK_STS_OK);
	if (req_op(rq) == REQ_OP_WRITE && how == 3)
		msleep(10);
	blk_mq_end_request(rq, BLK_STS_OK);
	return BLK_STS_OK;
}
// ANCHOR_END: queue_rq

static const struct blk_mq_ops wrong_mq_ops = {
	.queue_rq = wrong_queue_rq,
};

static const struct block_device_operations wrong_fops = {
	.owner = THIS_MODULE,
};

static struct blk_mq_tag_set wrong_set = {
	.ops = &wrong_mq_ops,
	.nr_hw_queues = 1,
	.queue_depth = 8,
	.numa_node = NUMA_NO_NODE,
};
static struct gendisk *wrong_disk;

// ANCHOR: init
static int __init wrong_init(void)
{
	int err = blk_mq_alloc_tag_set(&wrong_set);

	if (err)
		return err;
	wrong_disk = blk_mq_alloc_disk(&wrong_set, NULL, NULL);
	if (IS_ERR(wrong_disk)) {
		err = PTR_ERR(wrong_disk);
		goto out_set;
	}
	wrong_disk->flags |= GENHD_FL_NO_PART;
	wrong_disk->fops = &wrong_fops;
	strscpy(wrong_disk->disk_name, "wrong");
	set_capacity(wrong_disk, 2048);
	err = add_disk(wrong_disk);
	if (err)
		goto out_disk;
	return 0;

out_disk:
	put_disk(wrong_disk);
out_set:
	blk_mq_free_tag_set(&wrong_set);
	return err;
}

static void __exit wrong_exit(void)
{
	del_gendisk(wrong_disk);
	put_disk(wrong_disk);
	blk_mq_free_tag_set(&wrong_set);
}
// ANCHOR_END: init

module_init(wrong_init);
module_exit(wrong_exit);

MODULE_DESCRIPTION("A disk that answers a write wrongly");
MODULE_LICENSE("GPL");
