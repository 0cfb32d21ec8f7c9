// SPDX-License-Identifier: GPL-2.0
/* A power grid monitor: waits for what does not come, walks what does not end, calls what it should not. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

struct feeder {
	struct hlist_node node;
	u32 id, load;
	int (*rate)(u32 load);
};

static HLIST_HEAD(feeders);
static DEFINE_RWLOCK(grid_lock);
static struct semaphore line_sem;
static DECLARE_WAIT_QUEUE_HEAD(ready_wait);
static struct feeder north = { .id = 1 }, south = { .id = 2 };
static struct task_struct *sampler;
static u32 readings, ready;

/* Adds an entry that may be in the list already. */
static noinline void feeder_add(struct feeder *f)
{
	hlist_add_head(&f->node, &feeders);	/* CULPRIT_TWICE */
	readings++;
}

static noinline u32 feeder_sum(u32 id)
{
	struct feeder *f;
	u32 sum = 0;

	hlist_for_each_entry(f, &feeders, node) {	/* VICTIM_LOOP */
		if (f->id == id)
			break;
		sum += f->load;
	}
	return sum;
}

/* Holds the lock to read and wants it to write. */
static noinline void grid_update(u32 load)
{
	read_lock(&grid_lock);
	if (readings != load) {
		write_lock(&grid_lock);		/* CULPRIT_RWLOCK */
		readings = load;
		write_unlock(&grid_lock);
	}
	read_unlock(&grid_lock);
}

/* Takes the semaphore and forgets it where there is nothing to do. */
static noinline int line_claim(u32 load)
{
	down(&line_sem);			/* CULPRIT_SEMA */
	if (!load)
		return -EINVAL;
	readings += load;
	up(&line_sem);
	return 0;
}

/* Has the semaphore while it looks for what never changes. */
static noinline void line_hold(u32 *sum)
{
	down(&line_sem);
	while (!READ_ONCE(ready)) {
		*sum += 5;
		msleep(30);			/* CULPRIT_HOLD */
	}
	up(&line_sem);
}

static int hold_fn(void *unused)
{
	line_hold(&readings);
	return 0;
}

/* Nobody ever says that it is ready. */
static noinline void grid_wait(void)
{
	wait_event(ready_wait, READ_ONCE(ready));	/* CULPRIT_WAKE */
	readings++;
}

static noinline void grid_sample(u32 *sum)
{
	for (;;) {
		*sum += 3;
		msleep(20);			/* CULPRIT_DEAF */
	}
}

static int sample_fn(void *unused)
{
	grid_sample(&readings);
	return 0;
}

/* The thread never looks whether it should stop. */
static noinline void sampler_stop(void)
{
	kthread_stop(sampler);			/* VICTIM_DEAF */
	sampler = NULL;
}

/* The operation was taken from user space. */
static noinline int feeder_rate(struct feeder *f)
{
	return f->rate(f->load) + 1;		/* CULPRIT_USER */
}

static noinline void label_store(char *to, const char *from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = from[i & 15];		/* CULPRIT_RETURN */
}

/* A buffer that no canary stands behind. */
static noinline __attribute__((no_stack_protector)) u32 label_hash(const char *text, size_t len)
{
	char label[24];
	u32 i, hash = 0;

	label_store(label, text, len);
	for (i = 0; i < sizeof(label); i++)
		hash = hash * 31 + label[i];
	return hash;
}

static noinline u32 curve_fit(const char *text, u32 deep)
{
	u8 curve[6144];				/* CULPRIT_FRAME */
	u32 i, sum = 0;

	label_store((char *)curve, text, sizeof(curve));
	if (deep)
		sum = curve_fit(text + 1, deep - 1);
	for (i = 0; i < sizeof(curve); i += 64)
		sum += curve[i];
	return sum;
}

static ssize_t grid_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[24] = "";

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	switch (text[0]) {
	case 'l':
		feeder_add(&north);
		feeder_add(&south);
		feeder_add(&north);
		readings += feeder_sum(7);
		break;
	case 'r':
		grid_update(77);
		break;
	case 's':
		line_claim(0);
		line_claim(5);
		break;
	case 'o':
		kthread_run(hold_fn, NULL, "grid_hold");
		msleep(100);
		line_claim(5);
		break;
	case 'w':
		grid_wait();
		break;
	case 'd':
		sampler = kthread_run(sample_fn, NULL, "grid_sample");
		msleep(100);
		sampler_stop();
		break;
	case 'u':
		north.rate = (void *)ubuf;
		readings += feeder_rate(&north);
		break;
	case 'h':
		readings += label_hash(text, 96);
		break;
	case 'f':
		readings += curve_fit(text, 2);
		break;
	}
	return len;
}

static const struct proc_ops grid_ops = { .proc_write = grid_write };

static int __init grid_init(void)
{
	sema_init(&line_sem, 1);
	return proc_create("gridmon", 0222, NULL, &grid_ops) ? 0 : -ENOMEM;
}
module_init(grid_init);

MODULE_DESCRIPTION("Power grid monitor");
MODULE_LICENSE("GPL");
