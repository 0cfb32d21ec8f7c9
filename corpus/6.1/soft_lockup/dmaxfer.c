// SPDX-License-Identifier: GPL-2.0
/* A transfer that waits, preemption off, for a flag which its device never sets. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

static volatile int device_ready;
static u64 polls;

static noinline void wait_for_device(void)
{
	while (!device_ready) {	/* CULPRIT */
		polls++;
		cpu_relax();
	}
}

static noinline int start_transfer(int chan)
{
	preempt_disable();
	wait_for_device();
	preempt_enable();
	return chan;
}

static ssize_t xfer_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	start_transfer(7);
	return len;
}

static const struct proc_ops xfer_ops = { .proc_write = xfer_write };

static int __init xfer_init(void)
{
	return proc_create("dmaxfer", 0222, NULL, &xfer_ops) ? 0 : -ENOMEM;
}
module_init(xfer_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("transfer engine");
