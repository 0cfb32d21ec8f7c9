// SPDX-License-Identifier: GPL-2.0
/* Audio channel levels: an array that was never allocated, read at a large index. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static bool prealloc;
module_param(prealloc, bool, 0444);

struct chan_level {
	u32 gain;
	u32 peak;
};

static struct chan_level *levels;
static u32 last_gain;

static noinline u32 chan_gain(struct chan_level *table, unsigned long index)
{
	return READ_ONCE(table[index].peak);	/* CULPRIT */
}

static noinline int chan_sample(unsigned long index)
{
	u32 gain = chan_gain(levels, index);

	last_gain = gain;
	return gain & 1;
}

static ssize_t chan_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	unsigned long index;
	int ret = kstrtoul_from_user(ubuf, len, 0, &index);

	if (!ret)
		ret = chan_sample(index);
	return ret < 0 ? ret : len;
}

static const struct proc_ops chan_ops = { .proc_write = chan_write };

static int __init chan_init(void)
{
	if (prealloc)
		levels = kcalloc(16384, sizeof(*levels), GFP_KERNEL);
	return proc_create("chanmap", 0222, NULL, &chan_ops) ? 0 : -ENOMEM;
}
module_init(chan_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("channel levels");
