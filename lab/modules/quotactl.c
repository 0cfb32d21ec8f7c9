// SPDX-License-Identifier: GPL-2.0
/* A table of limits, changed through /proc/quotactl. */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>

static DEFINE_MUTEX(quota_lock);
static unsigned long limits[16];

static noinline unsigned long quota_total(void)
{
	unsigned long sum = 0;
	int i;

	mutex_lock(&quota_lock);	/* CULPRIT: the caller holds it */
	for (i = 0; i < 16; i++)
		sum += limits[i];
	mutex_unlock(&quota_lock);
	return sum;
}

static noinline int quota_set(unsigned long value)
{
	int full;

	mutex_lock(&quota_lock);	/* VICTIM */
	limits[value % 16] = value;
	full = quota_total() > 1000;
	mutex_unlock(&quota_lock);
	return full;
}

static ssize_t quota_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	unsigned long value;

	if (kstrtoul_from_user(buf, len, 0, &value))
		return -EINVAL;
	return quota_set(value) ? -ENOSPC : len;
}

static const struct proc_ops quota_ops = { .proc_write = quota_write };

static int __init quotactl_init(void)
{
	return proc_create("quotactl", 0200, NULL, &quota_ops) ? 0 : -ENOMEM;
}
module_init(quotactl_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("limits");
