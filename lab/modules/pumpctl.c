// SPDX-License-Identifier: GPL-2.0
/* A pump controller: it stops things that want the lock which it holds, or waits for itself. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define stop_timer timer_delete_sync
#else
#define stop_timer del_timer_sync
#endif

static DEFINE_MUTEX(pump_lock);
static DEFINE_SPINLOCK(beat_lock);
static DECLARE_RWSEM(map_sem);
static struct work_struct refresh_work;
static struct timer_list beat_timer;
static struct task_struct *thread;
static u32 level, beats;
static u32 *zones;

static void pump_refresh(struct work_struct *work)
{
	msleep(200);
	mutex_lock(&pump_lock);		/* VICTIM_FLUSH */
	level++;
	mutex_unlock(&pump_lock);
}

/* The work item needs the lock that is held while it is waited for. */
static noinline void pump_halt(void)
{
	mutex_lock(&pump_lock);
	schedule_work(&refresh_work);
	msleep(50);
	cancel_work_sync(&refresh_work);	/* CULPRIT_FLUSH */
	level = 0;
	mutex_unlock(&pump_lock);
}

static noinline void pump_turn(void)
{
	mutex_lock(&pump_lock);		/* VICTIM_STOP */
	level++;
	mutex_unlock(&pump_lock);
}

static int pump_thread(void *unused)
{
	while (!kthread_should_stop()) {
		pump_turn();
		msleep(20);
	}
	return 0;
}

/* The thread needs the lock that is held while it is told to stop. */
static noinline void pump_stop(void)
{
	mutex_lock(&pump_lock);
	msleep(100);
	kthread_stop(thread);		/* CULPRIT_STOP */
	thread = NULL;
	mutex_unlock(&pump_lock);
}

static void beat_tick(struct timer_list *t)
{
	mdelay(20);
	spin_lock(&beat_lock);		/* VICTIM_BEAT */
	beats++;
	spin_unlock(&beat_lock);
	mod_timer(&beat_timer, jiffies + 1);
}

/* The timer needs the lock that is held while its end is waited for. */
static noinline void beat_stop(void)
{
	spin_lock_bh(&beat_lock);
	mdelay(30);
	stop_timer(&beat_timer);	/* CULPRIT_BEAT */
	beats = 0;
	spin_unlock_bh(&beat_lock);
}

/* A reader that becomes a writer waits for itself. */
static noinline int map_update(u32 value)
{
	int ret = 0;

	down_read(&map_sem);
	if (level != value) {
		down_write(&map_sem);	/* CULPRIT_UPGRADE */
		level = value;
		up_write(&map_sem);
		ret = 1;
	}
	up_read(&map_sem);
	return ret;
}

/* Waits for the end of all readers, and is one. */
static noinline void zones_swap(void)
{
	rcu_read_lock();
	level += zones ? *rcu_dereference(zones) : 1;
	synchronize_rcu();		/* CULPRIT_READER */
	rcu_read_unlock();
}

static ssize_t pump_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[16] = "";

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	switch (text[0]) {
	case 'h':
		pump_halt();
		break;
	case 'k':
		thread = kthread_run(pump_thread, NULL, "pump_turn");
		msleep(100);
		pump_stop();
		break;
	case 'b':
		beat_timer.expires = jiffies + 1;
		add_timer_on(&beat_timer, 0);
		msleep(100);
		beat_stop();
		break;
	case 'u':
		level += map_update(simple_strtoul(text + 1, NULL, 10));
		break;
	case 'r':
		zones_swap();
		break;
	}
	return len;
}

static const struct proc_ops pump_ops = { .proc_write = pump_write };

static int __init pump_init(void)
{
	INIT_WORK(&refresh_work, pump_refresh);
	timer_setup(&beat_timer, beat_tick, TIMER_PINNED);
	return proc_create("pumpctl", 0222, NULL, &pump_ops) ? 0 : -ENOMEM;
}
module_init(pump_init);

MODULE_DESCRIPTION("Pump controller");
MODULE_LICENSE("GPL");
