// SPDX-License-Identifier: GPL-2.0
/*
 * Requests and notes of the same size. A finished request is freed, but the table keeps it:
 * o open, f finish, s submit, u update, n note.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct io_target {
	u64 sectors;
	u32 depth;
};

struct io_req {
	u64 id;
	struct io_target *target;
	u64 span[20];
};

struct io_note {
	char text[176];
};

static struct io_req *table[4];
static struct io_note *notes[64];
static unsigned int noted;

static noinline int req_open(unsigned int slot)
{
	struct io_req *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	r->target = kzalloc(sizeof(*r->target), GFP_KERNEL);
	r->id = 100 + slot;
	table[slot] = r;
	return 0;
}

static noinline int req_finish(unsigned int slot)
{
	struct io_req *r = table[slot];

	kfree(r->target);
	kfree(r);	/* CULPRIT2: table[slot] still points to it */
	return 0;
}

static noinline int req_submit(unsigned int slot)
{
	struct io_req *r = table[slot];

	r->target->sectors += 8;	/* CULPRIT */
	return r->target->depth > 64 ? -EBUSY : 0;
}

static noinline int req_update(unsigned int slot)
{
	struct io_req *r = table[slot];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r->span); i++)
		r->span[i] += 8;	/* CULPRIT_WRITE */
	return 0;
}

static noinline int note_add(const char *text)
{
	struct io_note *n = kzalloc(sizeof(*n), GFP_KERNEL);	/* VICTIM_NOTE */

	if (!n || noted >= ARRAY_SIZE(notes)) {
		kfree(n);
		return -ENOMEM;
	}
	snprintf(n->text, sizeof(n->text), "%s", text);
	if (noted && notes[noted - 1]->text[0] != n->text[0])
		pr_info("another kind of note\n");
	notes[noted++] = n;
	return 0;
}

static ssize_t io_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[64];
	unsigned int slot, i;
	int ret = -EINVAL;

	len = min(len, sizeof(text) - 1);
	if (len < 2 || copy_from_user(text, ubuf, len))
		return -EFAULT;
	text[len] = 0;
	slot = text[1] & 3;
	if (text[0] == 'o')
		ret = req_open(slot);
	else if (text[0] == 'f' && table[slot])
		ret = req_finish(slot);
	else if (text[0] == 's' && table[slot])
		ret = req_submit(slot);
	else if (text[0] == 'u' && table[slot])
		ret = req_update(slot);
	else if (text[0] == 'n')
		for (i = 0, ret = 0; i < 60 && !ret; i++)
			ret = note_add(text + 1);
	return ret ? ret : len;
}

static const struct proc_ops io_ops = { .proc_write = io_write };

static int __init io_init(void)
{
	return proc_create("iotrack", 0222, NULL, &io_ops) ? 0 : -ENOMEM;
}
module_init(io_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("request tracker");
