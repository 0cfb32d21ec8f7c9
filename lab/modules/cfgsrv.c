// SPDX-License-Identifier: GPL-2.0
/* A configuration store: locks that are not given back, or taken where they must not be. */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

static DEFINE_MUTEX(cfg_lock);
static DEFINE_SPINLOCK(stat_lock);
static struct timer_list stat_timer;
static struct work_struct scan_work;
static u32 cfg_values[16], cfg_count, stat_sum, scan_goal = 1;

/* The way out for a wrong key keeps the lock. */
static noinline int cfg_store(u32 key, u32 value)
{
	mutex_lock(&cfg_lock);
	if (key >= ARRAY_SIZE(cfg_values))
		return -EINVAL;		/* CULPRIT_LOST */
	cfg_values[key] = value;
	cfg_count++;
	mutex_unlock(&cfg_lock);
	return 0;
}

static noinline u32 cfg_sum(void)
{
	u32 i, sum = 0;

	mutex_lock(&cfg_lock);	/* VICTIM_LOST */
	for (i = 0; i < cfg_count; i++)
		sum += cfg_values[i & 15];
	mutex_unlock(&cfg_lock);
	return sum;
}

static void stat_tick(struct timer_list *t)
{
	spin_lock(&stat_lock);		/* VICTIM_TICK */
	stat_sum++;
	spin_unlock(&stat_lock);
	mod_timer(&stat_timer, jiffies + 1);
}

/* The timer takes the same lock: spin_lock_bh() was needed. */
static noinline void stat_fold(u32 rounds)
{
	spin_lock(&stat_lock);
	while (rounds--) {
		stat_sum ^= rounds;
		udelay(100);		/* CULPRIT_TICK */
	}
	spin_unlock(&stat_lock);
}

/* Waits with interrupts off for something that never comes. */
static noinline void cfg_quiesce(void)
{
	unsigned long flags;

	local_irq_save(flags);
	while (!READ_ONCE(cfg_values[15]))
		cpu_relax();		/* CULPRIT_OFF */
	local_irq_restore(flags);
}

/* A search whose end never comes, in a work item. */
static void cfg_scan(struct work_struct *work)
{
	u32 i = 0;

	while (READ_ONCE(scan_goal))
		stat_sum += cfg_values[i++ & 15];	/* CULPRIT_SCAN */
}

static ssize_t cfg_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[16] = "";
	u32 n;

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	n = simple_strtoul(text + 1, NULL, 10);
	switch (text[0]) {
	case 's':
		return cfg_store(n, 1) ? -EINVAL : len;
	case 'r':
		stat_sum += cfg_sum();
		break;
	case 't':
		timer_setup(&stat_timer, stat_tick, TIMER_PINNED);
		mod_timer(&stat_timer, jiffies + 1);
		stat_fold(n);
		break;
	case 'q':
		cfg_quiesce();
		break;
	case 'w':
		schedule_work_on(1, &scan_work);
		break;
	}
	return len;
}

static const struct proc_ops cfg_ops = { .proc_write = cfg_write };

static int __init cfg_init(void)
{
	INIT_WORK(&scan_work, cfg_scan);
	return proc_create("cfgsrv", 0222, NULL, &cfg_ops) ? 0 : -ENOMEM;
}
module_init(cfg_init);

MODULE_DESCRIPTION("Configuration store");
MODULE_LICENSE("GPL");
