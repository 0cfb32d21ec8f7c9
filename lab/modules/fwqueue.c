// SPDX-License-Identifier: GPL-2.0
/* A loader that holds a lock while a device gets ready; others queue behind it. */
#include <linux/module.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/delay.h>

static DEFINE_MUTEX(load_lock);
static int ready;

static noinline int await_ready(void)
{
	int polls = 0;

	while (!READ_ONCE(ready)) {	/* CULPRIT: without a limit */
		msleep_interruptible(100);
		polls++;
	}
	return polls;
}

static int load_thread(void *arg)
{
	int polls;

	mutex_lock(&load_lock);
	polls = await_ready();
	mutex_unlock(&load_lock);
	return polls;
}

static noinline int take_turn(void)
{
	mutex_lock(&load_lock);	/* VICTIM */
	ready++;
	mutex_unlock(&load_lock);
	return ready;
}

static int queue_thread(void *arg)
{
	msleep(500);
	return take_turn() == 0;
}

static int __init fwqueue_init(void)
{
	kthread_run(load_thread, NULL, "fwq-load");
	kthread_run(queue_thread, NULL, "fwq-one");
	kthread_run(queue_thread, NULL, "fwq-two");
	return 0;
}
module_init(fwqueue_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("loader queue");
