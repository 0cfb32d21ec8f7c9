// SPDX-License-Identifier: GPL-2.0
/* A memory scrubber; what it writes back lacks a bit of what it read. */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "ksym.h"

struct chunk {
	struct list_head node;
	u32 number;
	u32 errors;
	char bank[24];
};

static LIST_HEAD(chunks);
static u32 total;
static u8 *window;

/* Code: the first push of a register above the eighth in the function that is named. */
static noinline void scrub_code(const char *name)
{
	u8 *at, byte;
	int i;

	if (ksym_init())
		return;
	at = (u8 *)ksym_lookup(name);
	for (i = 4; at && i < 48; i++) {
		if (at[i] == 0x41 && (at[i + 1] & 0xf8) == 0x50) {
			byte = at[i] ^ 0x20;
			ksym_put(at + i, &byte, 1);
			return;
		}
	}
}

/* Code: zeros, or what the CPU has no instruction for, over a part of the function that is named. */
static noinline void scrub_run(const char *name, bool zeros)
{
	u8 *at, run[24];
	int i;

	if (ksym_init())
		return;
	for (i = 0; i < sizeof(run); i++)
		run[i] = zeros ? 0 : i & 1 ? 0x0e : 0xd6;
	at = (u8 *)ksym_lookup(name);
	if (at)
		ksym_put(at + 16, run, sizeof(run));
}

static noinline u32 scrub_walk(void)
{
	struct chunk *c;
	u32 sum = 0;

	list_for_each_entry(c, &chunks, node)
		sum += READ_ONCE(c->errors) + c->number;	/* VICTIM_LIST */
	return sum;
}

/* How many of the banks between two numbers have names that begin so. */
static __attribute__((noipa)) u32 scrub_banks(const char *begin, u32 from, u32 to, u32 most)
{
	struct chunk *c;
	u32 found = 0;

	list_for_each_entry(c, &chunks, node) {
		if (c->number < from || c->number > to || found >= most)
			continue;
		if (!strncmp(c->bank, begin, strlen(begin)))
			found++;
	}
	return found;
}

static noinline void scrub_link(unsigned int bit)
{
	struct chunk *c = list_first_entry(&chunks, struct chunk, node);

	c = list_next_entry(list_next_entry(c, node), node);
	*(unsigned long *)&c->node.next ^= 1UL << bit;
}

static noinline u32 scrub_read(void)
{
	u32 sum = 0;
	int i;

	for (i = 0; i < 8 * PAGE_SIZE; i += 64)
		sum += READ_ONCE(window[i]);	/* VICTIM_PTE */
	return sum;
}

static noinline void scrub_entry(unsigned int bit)
{
	pte_t *(*lookup)(unsigned long at, unsigned int *level);
	unsigned long at = (unsigned long)window + 5 * PAGE_SIZE;
	unsigned int level;
	pte_t *pte;

	if (ksym_init())
		return;
	lookup = (void *)ksym_lookup("lookup_address");
	pte = lookup ? lookup(at, &level) : NULL;
	if (!pte)
		return;
	*(unsigned long *)pte ^= 1UL << bit;
	asm volatile("invlpg (%0)" : : "r"(at) : "memory");
}

static ssize_t scrub_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[40] = "";
	unsigned int bit;

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	if (text[0] == 'c') {
		scrub_code(text + 2);
	} else if (text[0] == 'x' || text[0] == 'z') {
		scrub_run(text + 2, text[0] == 'z');
	} else if (text[0] == 'n') {
		total += scrub_banks(text + 2, 1, 4, 9);
	} else if (sscanf(text + 1, "%u", &bit) == 1 && bit < 64) {
		if (text[0] == 'l') {
			scrub_link(bit);
			total += scrub_walk();
		} else if (text[0] == 'p') {
			scrub_entry(bit);
			total += scrub_read();
		}
	}
	return len;
}

static const struct proc_ops scrub_ops = { .proc_write = scrub_write };

static int __init scrub_init(void)
{
	int i;

	window = vmalloc(8 * PAGE_SIZE);
	if (!window)
		return -ENOMEM;
	memset(window, 7, 8 * PAGE_SIZE);
	for (i = 0; i < 6; i++) {
		struct chunk *c = kzalloc(sizeof(*c), GFP_KERNEL);

		if (!c)
			return -ENOMEM;
		c->number = i;
		snprintf(c->bank, sizeof(c->bank), "bank%d", i);
		list_add_tail(&c->node, &chunks);
	}
	return proc_create("scrubber", 0222, NULL, &scrub_ops) ? 0 : -ENOMEM;
}
module_init(scrub_init);

MODULE_DESCRIPTION("Memory scrubber");
MODULE_LICENSE("GPL");
