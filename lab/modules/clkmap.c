// SPDX-License-Identifier: GPL-2.0
/* A clock and its map: marks that are left set, memory and files that are gone while somebody knows them. */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seqlock.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/bit_spinlock.h>

struct slot {
	unsigned long marks;
	u32 users, value;
};

static seqcount_t clk_seq = SEQCNT_ZERO(clk_seq);
static struct slot slots[8];
static u32 *map;
static u64 clk_base, clk_sum;

/* The way out for a bad step leaves the count odd: readers wait for its end. */
static noinline int clk_adjust(s32 step)
{
	write_seqcount_begin(&clk_seq);
	if (step > 1000)
		return -ERANGE;		/* CULPRIT_SEQ */
	clk_base += step;
	write_seqcount_end(&clk_seq);
	return 0;
}

static noinline u64 clk_read(void)
{
	unsigned int seq;
	u64 now;

	do {
		seq = read_seqcount_begin(&clk_seq);	/* VICTIM_SEQ */
		now = clk_base;
	} while (read_seqcount_retry(&clk_seq, seq));
	return now;
}

/* The way out for a slot without users keeps its bit. */
static noinline int slot_claim(u32 index, u32 value)
{
	struct slot *s = &slots[index & 7];

	bit_spin_lock(0, &s->marks);
	if (!s->users)
		return -ENOENT;		/* CULPRIT_BIT */
	s->value = value;
	bit_spin_unlock(0, &s->marks);
	return 0;
}

static noinline u32 slot_read(u32 index)
{
	struct slot *s = &slots[index & 7];
	u32 value;

	bit_spin_lock(0, &s->marks);	/* VICTIM_BIT */
	value = s->value;
	bit_spin_unlock(0, &s->marks);
	return value;
}

/* The map is given back and still used. */
static noinline void map_drop(void)
{
	vfree(map);
}

static noinline u32 map_sum(u32 count)
{
	u32 i, sum = 0;

	for (i = 0; i < count; i++)
		sum += READ_ONCE(map[i]);	/* CULPRIT_MAP */
	return sum;
}

static ssize_t clk_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[16] = "";
	u32 n;

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	n = simple_strtoul(text + 1, NULL, 10);
	switch (text[0]) {
	case 'a':
		return clk_adjust(n) ? -ERANGE : len;
	case 'r':
		preempt_disable();
		clk_sum += clk_read();
		preempt_enable();
		break;
	case 'c':
		return slot_claim(n, 1) ? -ENOENT : len;
	case 's':
		clk_sum += slot_read(n);
		break;
	case 'm':
		map = vzalloc(8 * PAGE_SIZE);
		clk_sum += map_sum(64);
		map_drop();
		msleep(100);
		clk_sum += map_sum(64);
		break;
	}
	return len;
}

static const struct proc_ops clk_ops = { .proc_write = clk_write };

static int __init clk_init(void)
{
	return proc_create("clkmap", 0222, NULL, &clk_ops) ? 0 : -ENOMEM;
}
module_init(clk_init);

/* The file stays behind. */
static void __exit clk_exit(void)
{
}
module_exit(clk_exit);

MODULE_DESCRIPTION("Clock map");
MODULE_LICENSE("GPL");
