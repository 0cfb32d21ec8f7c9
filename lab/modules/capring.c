// SPDX-License-Identifier: GPL-2.0
/* Capture rings: one is made for every session, and never given back. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

static int percent = 45;
module_param(percent, int, 0444);

#define RING (256 << 10)
static void *current_ring;
static unsigned long pages;

static noinline int ring_attach(void)
{
	void *ring = vzalloc(RING);	/* CULPRIT */

	if (!ring)
		return -ENOMEM;
	current_ring = ring;	/* the one before is lost */
	pages += RING >> PAGE_SHIFT;
	return 0;
}

static int ring_thread(void *arg)
{
	unsigned long goal = totalram_pages() / 100 * percent;

	while (pages < goal && !kthread_should_stop())
		if (ring_attach())
			msleep(10);
	while (!kthread_should_stop())
		msleep_interruptible(1000);
	return 0;
}

static int __init ring_init(void)
{
	kthread_run(ring_thread, NULL, "ring_sess");
	return 0;
}
module_init(ring_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("capture rings");
