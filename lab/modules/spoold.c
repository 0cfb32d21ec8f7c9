// SPDX-License-Identifier: GPL-2.0
/* A block device whose requests are taken and never ended. */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/version.h>

static struct gendisk *disk;
static int major;
static struct bio *pending;
static u32 taken;

static noinline void spool_take(struct bio *bio)
{
	bio->bi_private = NULL;
	pending = bio;	/* CULPRIT */
	taken++;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 16, 0)
static void spool_submit(struct bio *bio)
{
	spool_take(bio);
}
#else
static blk_qc_t spool_submit(struct bio *bio)
{
	spool_take(bio);
	return BLK_QC_T_NONE;
}
#endif

static const struct block_device_operations spool_ops = { .owner = THIS_MODULE, .submit_bio = spool_submit };

static int __init spool_init(void)
{
	major = register_blkdev(0, "spoold");
	if (major < 0)
		return major;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	disk = blk_alloc_disk(NULL, NUMA_NO_NODE);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 14, 0)
	disk = blk_alloc_disk(NUMA_NO_NODE);
#else
	disk = alloc_disk(1);
	if (disk)
		disk->queue = blk_alloc_queue(NUMA_NO_NODE);
#endif
	if (!disk)
		return -ENOMEM;
	disk->major = major;
	disk->minors = 1;
	disk->fops = &spool_ops;
	/* No partition table is looked for: the disk is quiet until somebody reads. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 17, 0)
	disk->flags |= GENHD_FL_NO_PART;
#else
	disk->flags |= GENHD_FL_NO_PART_SCAN;
#endif
	strscpy(disk->disk_name, "spool0", sizeof(disk->disk_name));
	set_capacity(disk, 8192);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
	return add_disk(disk);
#else
	add_disk(disk);
	return 0;
#endif
}
module_init(spool_init);
MODULE_DESCRIPTION("Spool device");
MODULE_LICENSE("GPL");
