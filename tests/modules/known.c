// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it does is known exactly, for the tests of the tests: three allocations
 * when it loads; two and two copies in each read, one and one in each write.
 * /dev/known can be mapped, one page of it.
 *
 *	insmod known.ko leave=1		# leaves a folder in /proc when it goes
 *	insmod known.ko leave=2		# takes that away
 *	insmod known.ko node=1 hole=1	# maps what is behind the page, too
 */

#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static bool node;
module_param(node, bool, 0);
MODULE_PARM_DESC(node, "have /dev/known, which takes more allocations");

static int leave;
module_param(leave, int, 0);
MODULE_PARM_DESC(leave, "1: leave /proc/known behind, 2: take it away");

static bool hole;
module_param(hole, bool, 0);
MODULE_PARM_DESC(hole, "do not look at the offset of a mapping");

static void *kept[3];
static void *page;

static ssize_t known_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char *bytes[2] = { kzalloc(64, GFP_KERNEL), kzalloc(64, GFP_KERNEL) };
	ssize_t ret = -ENOMEM;

	if (bytes[0] && bytes[1]) {
		ret = -EFAULT;
		if (!copy_to_user(to, bytes[0], min(size, 64)) &&
		    !copy_to_user(to, bytes[1], min(size, 64)))
			ret = min(size, 64);
	}
	kfree(bytes[0]);
	kfree(bytes[1]);
	return ret;
}

static ssize_t known_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	char *bytes = memdup_user(from, min(size, 64));

	if (IS_ERR(bytes))
		return PTR_ERR(bytes);
	kfree(bytes);
	return size;
}

static int known_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long pfn = page_to_pfn(virt_to_page(page));

	if (vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	if (vma->vm_pgoff && !hole)
		return -EINVAL;
	/* It is two pages, so that the hole shows nobody else's. */
	return remap_pfn_range(vma, vma->vm_start, pfn + !!vma->vm_pgoff, PAGE_SIZE,
			       vma->vm_page_prot);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.mmap = known_mmap,
	.read = known_read,
	.write = known_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "known",
	.mode = 0666,
	.fops = &operations,
};

static void free_all(void)
{
	for (int i = 0; i < ARRAY_SIZE(kept); i++)
		kfree(kept[i]);
	free_pages((unsigned long)page, 1);
}

static int __init known_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(kept); i++) {
		kept[i] = kmalloc(64, GFP_KERNEL);
		if (!kept[i]) {
			free_all();
			return -ENOMEM;
		}
	}
	if (node) {
		int ret = -ENOMEM;

		page = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
		if (page)
			ret = misc_register(&device);
		if (ret) {
			free_all();
			return ret;
		}
	}
	return 0;
}
module_init(known_init);

static void __exit known_exit(void)
{
	if (leave == 1)
		proc_mkdir("known", NULL);
	if (leave == 2)
		remove_proc_entry("known", NULL);
	if (node)
		misc_deregister(&device);
	free_all();
}
module_exit(known_exit);

MODULE_AUTHOR("lkmpg-rs developers");
MODULE_DESCRIPTION("Does what is known exactly, for the tests of the tests");
MODULE_LICENSE("GPL");
