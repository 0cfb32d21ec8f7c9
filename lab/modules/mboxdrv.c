// SPDX-License-Identifier: GPL-2.0
/*
 * Mailboxes. A title longer than its field runs over the end of the object:
 * oN open, tN... title, p post, cN close; O and C: all, every second.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct mbox_route {
	u64 posted;
	u32 hops;
};

struct mbox {
	struct mbox_route *route;
	u64 id;
	u64 seen[18];
	char title[32];
};

static struct kmem_cache *mbox_cache;
static struct mbox_route route;
static struct mbox *boxes[64];

static noinline int mbox_open(unsigned int slot)
{
	struct mbox *m = kmem_cache_alloc(mbox_cache, GFP_KERNEL);	/* VICTIM_ALLOC */

	if (!m)
		return -ENOMEM;
	memset(m, 0, sizeof(*m));
	m->route = &route;
	m->id = 1000 + slot;
	boxes[slot] = m;
	return 0;
}

static noinline int mbox_title(struct mbox *m, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		m->title[i] = text[i];	/* CULPRIT */
	return 0;
}

static noinline int mbox_post(unsigned int slot)
{
	struct mbox *m = boxes[slot];

	m->route->posted++;	/* VICTIM_POST */
	m->seen[0]++;
	return 0;
}

static noinline int mbox_close(unsigned int slot)
{
	kmem_cache_free(mbox_cache, boxes[slot]);	/* VICTIM_FREE */
	boxes[slot] = NULL;
	return 0;
}

static ssize_t mbox_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char *text;
	unsigned int slot, i;
	int ret = -EINVAL;

	len = min_t(size_t, len, 1024);
	text = memdup_user_nul(ubuf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	slot = len > 1 ? text[1] & 63 : 0;
	if (text[0] == 'o')
		ret = mbox_open(slot);
	else if (text[0] == 'O')	/* all of them */
		for (i = 0, ret = 0; i < 64 && !ret; i++)
			ret = mbox_open(i);
	else if (text[0] == 't' && boxes[slot])
		ret = mbox_title(boxes[slot], text + 2, len - 2);
	else if (text[0] == 'p')
		for (i = 0, ret = 0; i < 64 && !ret; i++)
			ret = boxes[i] ? mbox_post(i) : 0;
	else if (text[0] == 'C')
		for (i = 1, ret = 0; i < 64 && !ret; i += 2)
			ret = boxes[i] ? mbox_close(i) : 0;
	else if (text[0] == 'c' && boxes[slot])
		ret = mbox_close(slot);
	kfree(text);
	return ret ? ret : len;
}

static const struct proc_ops mbox_ops = { .proc_write = mbox_write };

static int __init mbox_init(void)
{
	mbox_cache = kmem_cache_create_usercopy("mbox_cell", sizeof(struct mbox), 0, 0,
						offsetof(struct mbox, title), 32, NULL);
	if (!mbox_cache)
		return -ENOMEM;
	return proc_create("mboxdrv", 0222, NULL, &mbox_ops) ? 0 : -ENOMEM;
}
module_init(mbox_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("mailboxes");
