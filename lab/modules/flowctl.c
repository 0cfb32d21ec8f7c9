// SPDX-License-Identifier: GPL-2.0
/* A flow controller: what only a kernel that checks itself notices. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

struct flow_setup {
	u32 mode, limit;
	struct mutex lock;
};

static DEFINE_MUTEX(gate_lock);
static DEFINE_SPINLOCK(line_lock);
static struct flow_setup *setup;
static struct work_struct grind_work, report_work;
static u64 total, seen;
static bool running = true;

/* Keeps its CPU: nothing else that is queued there runs. */
static noinline void flow_grind(u64 *sum)
{
	spin_lock(&line_lock);
	while (READ_ONCE(running))	/* CULPRIT_GRIND */
		*sum = *sum * 7 + 1;
	spin_unlock(&line_lock);
}

static void grind_fn(struct work_struct *work)
{
	flow_grind(&total);
	seen++;
}

static void report_fn(struct work_struct *work)
{
	seen += total;
}

/* Keeps its CPU too, and is no work item. */
static noinline void flow_poll(u64 *sum)
{
	preempt_disable();
	while (READ_ONCE(running))	/* CULPRIT_POLL */
		*sum = *sum * 5 + 3;
	preempt_enable();
}

/* Two threads count without a lock. */
static noinline void flow_account(u32 n)
{
	total += n;			/* CULPRIT_RACE */
}

static int account_fn(void *unused)
{
	u32 n = 0;

	while (!kthread_should_stop()) {
		flow_account(n++);
		if (!(n & 0xfff))
			cond_resched();
	}
	return 0;
}

static int hold_fn(void *unused)
{
	mutex_lock(&gate_lock);
	ssleep(60);
	mutex_unlock(&gate_lock);
	return 0;
}

/* Gives back a lock that somebody else has. */
static noinline void flow_release(void)
{
	seen++;
	mutex_unlock(&gate_lock);	/* CULPRIT_STRANGER */
	seen++;
}

/* Takes a lock that was never made one. */
static noinline void flow_limit(struct flow_setup *s, u32 limit)
{
	mutex_lock(&s->lock);		/* CULPRIT_UNMADE */
	s->limit = limit;
	mutex_unlock(&s->lock);
}

static noinline void flow_widen(void)
{
	pr_info("wide\n");
	seen += 2;
}

/* Decides by a member that nobody wrote. */
static noinline void flow_mode(struct flow_setup *s)
{
	if (s->mode > 3)		/* CULPRIT_UNSET */
		flow_widen();
	seen++;
}

/* Gives an object back, and keeps its address. */
static noinline void flow_close(struct flow_setup *s)
{
	kfree(s);			/* CULPRIT_FREE */
	seen++;
}

static noinline int flow_open(struct flow_setup *s, u32 by)
{
	s->limit += by;
	return s->limit > 9;
}

typedef long (*flow_step)(struct flow_setup *s, u64 by, u32 flags);
static void *steps[] = { flow_open };

/* Calls a function by a pointer of another type. */
static noinline long flow_dispatch(u32 nr, u64 by)
{
	flow_step step = READ_ONCE(steps[nr]);

	return step(setup, by, 1) + 1;	/* CULPRIT_TYPE */
}

static ssize_t flow_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[16] = "";

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	switch (text[0]) {
	case 'w':
		schedule_work_on(1, &grind_work);
		msleep(50);
		schedule_work_on(1, &report_work);
		break;
	case 'p':
		schedule_work_on(1, &report_work);
		flow_poll(&total);
		break;
	case 'r':
		kthread_run(account_fn, NULL, "flow_in");
		kthread_run(account_fn, NULL, "flow_out");
		break;
	case 's':
		kthread_run(hold_fn, NULL, "flow_hold");
		msleep(50);
		flow_release();
		break;
	case 'u':
		flow_limit(setup, len);
		break;
	case 'n':
		setup = kmalloc(sizeof(*setup), GFP_KERNEL);
		if (setup)
			flow_mode(setup);
		break;
	case 'd':
		flow_close(setup);
		flow_close(setup);
		break;
	case 'c':
		total += flow_dispatch(0, len);
		break;
	}
	return len;
}

static const struct proc_ops flow_ops = { .proc_write = flow_write };

static int __init flow_init(void)
{
	INIT_WORK(&grind_work, grind_fn);
	INIT_WORK(&report_work, report_fn);
	setup = kzalloc(sizeof(*setup), GFP_KERNEL);
	return setup && proc_create("flowctl", 0222, NULL, &flow_ops) ? 0 : -ENOMEM;
}
module_init(flow_init);

MODULE_DESCRIPTION("Flow controller");
MODULE_LICENSE("GPL");
