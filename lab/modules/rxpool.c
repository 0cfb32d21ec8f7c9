// SPDX-License-Identifier: GPL-2.0
/* Receive pages: a refill takes new ones without giving back those that were not used. */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>

static int percent = 45;
module_param(percent, int, 0444);

static struct page *ring[256];
static unsigned long taken;

static noinline int rx_refill(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ring); i++) {
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, 0);	/* CULPRIT */

		if (!page)
			return -ENOMEM;
		if (ring[i])
			set_page_private(ring[i], taken);
		ring[i] = page;	/* the one before is lost */
		taken++;
	}
	return 0;
}

static int rx_poll(void *arg)
{
	unsigned long goal = totalram_pages() / 100 * percent;

	while (taken < goal && !kthread_should_stop())
		if (rx_refill())
			msleep(10);
	while (!kthread_should_stop())
		msleep_interruptible(1000);
	return 0;
}

static int __init rx_init(void)
{
	kthread_run(rx_poll, NULL, "rx_poll");
	return 0;
}
module_init(rx_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("receive pool");
