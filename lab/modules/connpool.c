// SPDX-License-Identifier: GPL-2.0
/* Connections to peers: each reconnect makes a new one, the old one stays. The cache is one that the kernel merges with others. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

static int percent = 45;
module_param(percent, int, 0444);

struct peer_conn {
	u32 id;
	u32 state;
	char address[48];
	u64 stats[9];
};

static struct kmem_cache *conn_cache;
static struct peer_conn *current_conn;
static unsigned long made;

static noinline int conn_reconnect(u32 id)
{
	struct peer_conn *c = kmem_cache_alloc(conn_cache, GFP_KERNEL);	/* CULPRIT */

	if (!c)
		return -ENOMEM;
	memset(c, 0, sizeof(*c));
	c->id = id;
	c->state = current_conn ? current_conn->state + 1 : 0;
	snprintf(c->address, sizeof(c->address), "10.1.%u.%u:443", id >> 8 & 255, id & 255);
	current_conn = c;	/* the one before is lost */
	made++;
	return 0;
}

static int conn_keep(void *arg)
{
	unsigned long goal = totalram_pages() / 100 * percent * (PAGE_SIZE / 128);

	while (made < goal && !kthread_should_stop()) {
		if (conn_reconnect(made) || !(made & 4095))
			msleep(1);
	}
	while (!kthread_should_stop())
		msleep_interruptible(1000);
	return 0;
}

static int __init conn_init(void)
{
	conn_cache = kmem_cache_create("peer_conn", sizeof(struct peer_conn), 8, SLAB_HWCACHE_ALIGN, NULL);
	if (!conn_cache)
		return -ENOMEM;
	kthread_run(conn_keep, NULL, "conn_keep");
	return 0;
}
module_init(conn_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("connection pool");
