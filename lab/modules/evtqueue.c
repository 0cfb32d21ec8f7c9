// SPDX-License-Identifier: GPL-2.0
/*
 * A queue of events, parts of which were never set up: n deliver the first of a list without a head, y wake who waits on a queue
 * without a head, q queue work whose function was never set, p count by a per-CPU pointer as it is, s put more into a packet than fits,
 * b take a node out of a tree twice.
 */
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/rbtree.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct evt {
	u64 when;
	u32 kind;
	u32 flags;
	struct list_head node;
	u64 data[4];
};

struct evt_count {
	u64 seen;
	u64 lost;
};

struct evt_item {
	u64 key;
	struct rb_node node;
};

static struct list_head pending;
static wait_queue_head_t readers;
static struct work_struct flusher;
static work_func_t flush;
static struct evt_count __percpu *counts;
static struct rb_root tree = RB_ROOT;
static u64 delivered;

static noinline u32 evt_deliver(struct evt *e)
{
	delivered++;
	return e->kind + e->flags;	/* CULPRIT_DELIVER */
}

static noinline u32 evt_first(void)
{
	return evt_deliver(list_first_entry(&pending, struct evt, node)) + 1;	/* CULPRIT_FIRST */
}

static noinline u32 evt_notify(u32 kind)
{
	delivered += kind;
	wake_up_interruptible(&readers);	/* CULPRIT_NOTIFY */
	return delivered;
}

static noinline u32 evt_flush(u32 kind)
{
	delivered += kind;
	INIT_WORK(&flusher, READ_ONCE(flush));
	queue_work(system_wq, &flusher);	/* CULPRIT_FLUSH */
	return delivered;
}

static noinline u64 evt_account(u32 kind)
{
	struct evt_count *c = (struct evt_count __force *)counts;

	c->seen += kind;	/* CULPRIT_ACCOUNT */
	return c->lost;
}

static noinline int evt_fill(struct sk_buff *skb, const char *text, size_t len)
{
	memcpy(skb_put(skb, len), text, len);	/* CULPRIT_FILL */
	return skb->len;
}

static noinline int evt_send(const char *text, size_t len)
{
	struct sk_buff *skb = alloc_skb(64, GFP_KERNEL);
	int ret;

	if (!skb)
		return -ENOMEM;
	ret = evt_fill(skb, text, len);
	kfree_skb(skb);
	return ret;
}

static noinline void evt_insert(struct evt_item *item)
{
	struct rb_node **link = &tree.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = item->key < rb_entry(parent, struct evt_item, node)->key ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&item->node, parent, link);
	rb_insert_color(&item->node, &tree);
}

static noinline u32 evt_drop(struct evt_item *item)
{
	rb_erase(&item->node, &tree);	/* CULPRIT_DROP */
	delivered++;
	return item->key;
}

static noinline u32 evt_tree(void)
{
	static struct evt_item items[8];
	u32 sum = 0;
	int i;

	for (i = 0; i < 8; i++) {
		items[i].key = i * 10;
		evt_insert(&items[i]);
	}
	for (i = 0; i < 8; i++)
		sum += evt_drop(&items[i]);
	for (i = 0; i < 8; i++)
		sum += evt_drop(&items[7 - i]);
	return sum;
}

static ssize_t evt_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	static char text[512];
	u64 got = 0;

	if (!len || copy_from_user(text, ubuf, min_t(size_t, len, 511)))
		return -EINVAL;
	switch (text[0]) {
	case 'n':
		got = evt_first();
		break;
	case 'y':
		got = evt_notify(2);
		break;
	case 'q':
		got = evt_flush(2);
		break;
	case 'p':
		got = evt_account(2);
		break;
	case 's':
		got = evt_send(text, 500);
		break;
	case 'b':
		got = evt_tree();
		break;
	}
	pr_info("evtqueue: %llu\n", got);
	return len;
}

static const struct proc_ops evt_ops = { .proc_write = evt_write };

static int __init evt_init(void)
{
	counts = alloc_percpu(struct evt_count);
	if (!counts || !proc_create("evtqueue", 0200, NULL, &evt_ops))
		return -ENOMEM;
	return 0;
}
module_init(evt_init);

static void __exit evt_exit(void)
{
	remove_proc_entry("evtqueue", NULL);
	free_percpu(counts);
}
module_exit(evt_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Event queue");
