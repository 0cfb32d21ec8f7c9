// SPDX-License-Identifier: GPL-2.0
/* Packet headers: a helper copies more than its caller's buffer on the stack holds. */
#include <linux/module.h>
#include <linux/miscdevice.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define NAME_LEN 32

struct pkt_stats {
	unsigned long packets;
	unsigned long bytes;
	unsigned int last_hash;
};
static struct pkt_stats stats;

/* The callee: trusts the length that came from user space. */
static noinline void copy_field(char *dst, const char *src, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		WRITE_ONCE(dst[i], src[i]);	/* CULPRIT */
}

/* The victim: its 32-byte buffer, canary and return address get overwritten. */
static noinline unsigned int parse_header(const char *pkt, size_t len)
{
	char name[NAME_LEN];	/* VICTIM */
	unsigned int hash = 5381;
	int i;

	copy_field(name, pkt, len);
	for (i = 0; i < NAME_LEN; i++)
		hash = hash * 33 + name[i];
	stats.packets++;
	stats.bytes += len;
	return hash;
}

static ssize_t netpkt_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char *kbuf;

	if (!len || len > 4096)
		return -EINVAL;
	kbuf = memdup_user(ubuf, len);
	if (IS_ERR(kbuf))
		return PTR_ERR(kbuf);
	stats.last_hash = parse_header(kbuf, len);
	kfree(kbuf);
	return len;
}

static const struct file_operations netpkt_fops = {
	.owner = THIS_MODULE,
	.write = netpkt_write,
};

static struct miscdevice netpkt_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "netpkt",
	.fops = &netpkt_fops,
	.mode = 0666,
};
module_misc_device(netpkt_dev);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("packet headers");
