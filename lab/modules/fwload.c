// SPDX-License-Identifier: GPL-2.0
/* Firmware sections applied by a work item: the section's length exceeds the buffer on the worker's stack. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

struct fw_image {
	struct work_struct work;
	size_t len;
	u32 checksum;
	u8 data[256];
};

static struct fw_image image;

static noinline void fw_copy_section(u8 *to, const u8 *from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		WRITE_ONCE(to[i], from[i]);	/* CULPRIT */
}

static noinline u32 fw_apply(const u8 *data, size_t len)
{
	u8 section[24];	/* VICTIM */
	u32 sum = 0;
	int i;

	fw_copy_section(section, data, len);
	for (i = 0; i < sizeof(section); i++)
		sum = sum * 31 + section[i];
	return sum;
}

static void fw_work(struct work_struct *work)
{
	struct fw_image *fw = container_of(work, struct fw_image, work);

	fw->checksum = fw_apply(fw->data, fw->len);
	pr_info("fwload: checksum %x\n", fw->checksum);
}

static ssize_t fw_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	if (len > sizeof(image.data))
		return -EINVAL;
	if (copy_from_user(image.data, ubuf, len))
		return -EFAULT;
	image.len = len;
	schedule_work(&image.work);
	flush_work(&image.work);
	return len;
}

static const struct proc_ops fw_ops = { .proc_write = fw_write };

static int __init fw_init(void)
{
	INIT_WORK(&image.work, fw_work);
	return proc_create("fwload", 0222, NULL, &fw_ops) ? 0 : -ENOMEM;
}
module_init(fw_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("firmware loader");
