// SPDX-License-Identifier: GPL-2.0
/* Records with a length of their own: memcpy() with that length into a buffer on the stack. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

struct tlv_stats {
	unsigned long records;
	unsigned int last_sum;
};

static struct tlv_stats stats;

static noinline unsigned int tlv_decode_name(const u8 *record)
{
	char name[40];	/* VICTIM */
	char *to = name;
	unsigned int sum = 0;
	int i;

	OPTIMIZER_HIDE_VAR(to);	/* the compiler's own bounds check would stop it */
	memcpy(to, record + 2, record[1]);	/* CULPRIT */
	for (i = 0; i < sizeof(name); i++)
		sum += (u8)name[i];
	return sum;
}

static noinline int tlv_decode(const u8 *record, size_t len)
{
	unsigned int sum;

	if (len < 2)
		return -EINVAL;
	sum = tlv_decode_name(record);
	stats.records++;
	stats.last_sum = sum;
	return 0;
}

static ssize_t tlv_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	u8 *record;
	int ret;

	if (len > 4096)
		return -EINVAL;
	record = memdup_user_nul(ubuf, len);
	if (IS_ERR(record))
		return PTR_ERR(record);
	ret = tlv_decode(record, len);
	kfree(record);
	return ret ? ret : len;
}

static const struct proc_ops tlv_ops = { .proc_write = tlv_write };

static int __init tlv_init(void)
{
	return proc_create("tlvdec", 0222, NULL, &tlv_ops) ? 0 : -ENOMEM;
}
module_init(tlv_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("record decoder");
