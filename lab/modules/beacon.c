// SPDX-License-Identifier: GPL-2.0
/* Beacons: things that are gone while a timer or a worker still knows them. */
#include <linux/delay.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
#include <linux/kfence.h>
#else
#define is_kfence_address(at) false
#endif
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

struct beacon_ops {
	void (*send)(void *of);
};

struct beacon {
	char name[32];
	const struct beacon_ops *ops;
	u64 sent;
	struct timer_list timer;
	struct delayed_work work;
};

static struct proc_dir_entry *entry;
static struct timer_list scan_timer;
static u64 all;

static void beacon_send(void *of)
{
	all++;
}

static const struct beacon_ops plain = { .send = beacon_send };

static void beacon_tick(struct timer_list *t)
{
	struct beacon *b = container_of(t, struct beacon, timer);

	b->ops->send(b);		/* VICTIM_TIMER */
	b->sent++;
	mod_timer(&b->timer, jiffies + HZ / 4);
}

static void beacon_work(struct work_struct *w)
{
	struct beacon *b = container_of(to_delayed_work(w), struct beacon, work);

	b->ops->send(b);		/* VICTIM_WORK */
	b->sent++;
	schedule_delayed_work(&b->work, HZ / 4);
}

static noinline struct beacon *beacon_new(const char *name)
{
	struct beacon *b = kzalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return NULL;
	strscpy(b->name, name, sizeof(b->name));
	b->ops = &plain;
	timer_setup(&b->timer, beacon_tick, 0);
	INIT_DELAYED_WORK(&b->work, beacon_work);
	return b;
}

/* Its timer or work goes on. */
static noinline void beacon_drop(struct beacon *b)
{
	kfree(b);			/* CULPRIT_TIMER */
}

static noinline u64 beacon_sent(struct beacon *b)
{
	return READ_ONCE(b->sent);	/* VICTIM_STALE */
}

/* Reads what it has just dropped; tries until the allocator guards the object. */
static noinline void beacon_stale(unsigned int tries)
{
	struct beacon *b;

	while (tries--) {
		b = beacon_new("stale");
		if (!b)
			return;
		if (is_kfence_address(b)) {
			kfree(b);
			all += beacon_sent(b);	/* CULPRIT_STALE */
			return;
		}
		kfree(b);
		msleep(1);
	}
}

/* What the buffer came from is not what gives it back. */
static noinline void beacon_pages(unsigned int n)
{
	char *pages = vmalloc(n * PAGE_SIZE);

	if (!pages)
		return;
	memset(pages, 1, n * PAGE_SIZE);
	kfree(pages + 64);		/* CULPRIT_KFREE */
}

static noinline void beacon_check(unsigned int n)
{
	if (n > 3)
		panic("beacon: %u channels, 3 at most\n", n);	/* CULPRIT_PANIC */
	all += n;
}

static void scan_tick(struct timer_list *t)
{
	all++;
	mod_timer(&scan_timer, jiffies + HZ / 4);
}

static ssize_t beacon_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[16] = "";
	struct beacon *b;
	unsigned int n;

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	n = simple_strtoul(text + 1, NULL, 10);
	switch (text[0]) {
	case 't':
		b = beacon_new(text);
		if (b) {
			mod_timer(&b->timer, jiffies + HZ / 2);
			beacon_drop(b);
		}
		break;
	case 'w':
		b = beacon_new(text);
		if (b) {
			schedule_delayed_work(&b->work, HZ / 2);
			beacon_drop(b);
		}
		break;
	case 'k':
		beacon_pages(n);
		break;
	case 'u':
		beacon_stale(n);
		break;
	case 'p':
		beacon_check(n);
		break;
	case 's':
		timer_setup(&scan_timer, scan_tick, 0);
		mod_timer(&scan_timer, jiffies + HZ);
		break;
	}
	return len;
}

static const struct proc_ops beacon_proc = { .proc_write = beacon_write };

static int __init beacon_init(void)
{
	entry = proc_create("beacon", 0222, NULL, &beacon_proc);
	return entry ? 0 : -ENOMEM;
}

/* The timer of the scan is forgotten. */
static void __exit beacon_exit(void)
{
	proc_remove(entry);
}
module_init(beacon_init);
module_exit(beacon_exit);

MODULE_DESCRIPTION("Beacons");
MODULE_LICENSE("GPL");
