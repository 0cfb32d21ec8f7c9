// SPDX-License-Identifier: GPL-2.0
/*
 * Clockwork that does not stop: h a high-resolution timer that is never moved on, i a call on the other CPU that does not come back,
 * c a report that prints without end while interrupts are off, s a frame that uses the stack up to its last word and then sleeps,
 * k a probe whose handler uses a pointer that is NULL, r the same in a function whose return is probed, l buffers that are lost.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/version.h>

struct tick_state {
	u64 count;
	struct tick_state *next;
};

static struct hrtimer timer;
static struct tick_state *state, first;
static int stopped;

static enum hrtimer_restart tick_fire(struct hrtimer *t)
{
	first.count++;
	return HRTIMER_RESTART;	/* CULPRIT_FIRE */
}

static noinline int tick_start(void)
{
	ktime_t soon = ktime_add_ns(ktime_get(), 1000);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer.function = tick_fire;
#else
	hrtimer_setup(&timer, tick_fire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#endif
	hrtimer_start(&timer, soon, HRTIMER_MODE_ABS);
	return 0;
}

static void tick_remote(void *arg)
{
	while (!READ_ONCE(stopped))	/* CULPRIT_REMOTE */
		cpu_relax();
}

static noinline int tick_ask(void)
{
	smp_call_function_single(raw_smp_processor_id() ? 0 : 1, tick_remote, NULL, 0);
	return 1;
}

static noinline int tick_report(void)
{
	unsigned long flags;
	unsigned int i = 0;

	local_irq_save(flags);
	while (!READ_ONCE(stopped))
		pr_info("tick: %u of %llu states were seen, none of them is of any interest to anybody\n", i++, first.count);	/* CULPRIT_REPORT */
	local_irq_restore(flags);
	return i;
}

static noinline int tick_wide(void)
{
	unsigned long *end = end_of_stack(current);

	OPTIMIZER_HIDE_VAR(end);
	memset(end, 0, 64);	/* CULPRIT_WIDE */
	msleep(20);
	return end[0];
}

static noinline u64 tick_seen(struct tick_state *s)
{
	return s->count++ + s->next->count;	/* CULPRIT_SEEN */
}

static int tick_before(struct kprobe *p, struct pt_regs *regs)
{
	return tick_seen(READ_ONCE(state)) > 1000;
}

static struct kprobe probe = { .symbol_name = "proc_reg_write", .pre_handler = tick_before };

static int tick_after(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	first.count++;
	return 0;
}

static struct kretprobe ret_probe = { .kp.symbol_name = "vfs_write", .handler = tick_after, .maxactive = 20 };

static noinline u32 tick_keep(void)
{
	u32 n = 0;
	u64 *buffer;

	for (;;) {
		buffer = kmalloc(1000, GFP_KERNEL | __GFP_NOWARN);	/* CULPRIT_KEEP */
		if (!buffer)
			return n;
		buffer[n++ % 100] = n;
	}
}

static ssize_t tick_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[8] = "";
	u64 got = 0;

	if (!len || copy_from_user(text, ubuf, min_t(size_t, len, 7)))
		return -EINVAL;
	switch (text[0]) {
	case 'h':
		got = tick_start();
		break;
	case 'i':
		got = tick_ask();
		break;
	case 'c':
		got = tick_report();
		break;
	case 's':
		got = tick_wide();
		break;
	case 'k':
		got = register_kprobe(&probe);
		break;
	case 'r':
		got = register_kretprobe(&ret_probe);
		break;
	case 'n':
		got = tick_seen(READ_ONCE(state));
		break;
	case 'l':
		got = tick_keep();
		break;
	}
	pr_info("tickdev: %llu\n", got);
	return len;
}

static const struct proc_ops tick_ops = { .proc_write = tick_write };

static int __init tick_init(void)
{
	return proc_create("tickdev", 0200, NULL, &tick_ops) ? 0 : -ENOMEM;
}
module_init(tick_init);

static void __exit tick_exit(void)
{
	remove_proc_entry("tickdev", NULL);
}
module_exit(tick_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Clockwork");
