// SPDX-License-Identifier: GPL-2.0
/* Buffers: 0 drop twice, 1 put once too often, 2 give pages back that are in use. */
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/proc_fs.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct buffer {
	refcount_t users;
	u32 id;
	u64 data[30];
};

static struct kmem_cache *buffer_cache;
static struct buffer *spare;

static noinline struct buffer *buffer_get(u32 id)
{
	struct buffer *b = kmem_cache_zalloc(buffer_cache, GFP_KERNEL);

	if (b) {
		refcount_set(&b->users, 1);
		b->id = id;
	}
	return b;
}

static noinline int buffer_drop(struct buffer *b)
{
	b->data[0]++;
	kmem_cache_free(buffer_cache, b);	/* CULPRIT_DROP */
	return b == spare;
}

static noinline int buffer_put(struct buffer *b)
{
	if (refcount_dec_and_test(&b->users))	/* CULPRIT_PUT */
		b->id = 0;
	return b->id == 7;
}

static noinline int buffer_page_drop(struct page *page)
{
	__free_pages(page, 4);	/* CULPRIT_PAGE */
	return page == NULL;
}

static ssize_t buffer_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	struct buffer *b = buffer_get(7);
	struct page *page;
	int sum = 0;
	char what;

	if (!b || !len || copy_from_user(&what, ubuf, 1))
		return -EFAULT;
	if (what == '0') {
		sum += buffer_drop(b);
		sum += buffer_drop(b);
	} else if (what == '1') {
		sum += buffer_put(b);
		sum += buffer_put(b);
	} else if (what == '2') {
		page = alloc_pages(GFP_KERNEL, 4);
		if (!page)
			return -ENOMEM;
		page->mapping = (struct address_space *)b->data;	/* as if a file had it */
		sum += buffer_page_drop(page);
	}
	return sum > 100 ? -EIO : len;
}

static const struct proc_ops buffer_ops = { .proc_write = buffer_write };

static int __init buffer_init(void)
{
	buffer_cache = kmem_cache_create_usercopy("bufmgr_buffer", sizeof(struct buffer), 0, 0, 8, 16, NULL);
	if (!buffer_cache)
		return -ENOMEM;
	return proc_create("bufmgr", 0222, NULL, &buffer_ops) ? 0 : -ENOMEM;
}
module_init(buffer_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("buffer manager");
