// SPDX-License-Identifier: GPL-2.0
/* A table of flows whose entries are replaced and never freed; filled to a share of memory by a thread. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

static int percent = 45;
module_param(percent, int, 0444);

struct flow {
	u64 hash;
	u32 source, target;
	char label[48];
	u64 packets[16];
};

static struct kmem_cache *flow_cache;
static struct flow *latest[64];
static unsigned long count;

static noinline int flow_insert(u64 hash)
{
	struct flow *f = kmem_cache_zalloc(flow_cache, GFP_KERNEL);	/* CULPRIT */

	if (!f)
		return -ENOMEM;
	f->hash = hash;
	snprintf(f->label, sizeof(f->label), "flow-%llu", hash);
	latest[hash & 63] = f;	/* the one before is lost */
	count++;
	return 0;
}

static int flow_learn(void *arg)
{
	unsigned long goal = totalram_pages() / 100 * percent * (PAGE_SIZE / sizeof(struct flow));

	while (count < goal && !kthread_should_stop()) {
		if (flow_insert(count) || !(count & 4095))
			msleep(1);
	}
	while (!kthread_should_stop())
		msleep_interruptible(1000);
	return 0;
}

static int __init flow_init(void)
{
	flow_cache = kmem_cache_create_usercopy("flow_entry", sizeof(struct flow), 0, 0, 16, 48, NULL);
	if (!flow_cache)
		return -ENOMEM;
	kthread_run(flow_learn, NULL, "flow_learn");
	return 0;
}
module_init(flow_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("flow table");
