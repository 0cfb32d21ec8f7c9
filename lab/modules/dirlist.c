// SPDX-License-Identifier: GPL-2.0
/* Entries are renamed under one rw_semaphore and listed under another; a rename and a listing take both. */
#include <linux/module.h>
#include <linux/kthread.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/delay.h>

struct dirlist {
	char label[32];
	struct rw_semaphore tree;
	struct rw_semaphore index;
	unsigned long moved, listed;
};

static struct dirlist *dir;

static noinline void dir_rename(struct dirlist *d)
{
	down_write(&d->tree);
	msleep(300);
	down_write(&d->index);	/* CULPRIT: order tree -> index */
	d->moved++;
	up_write(&d->index);
	up_write(&d->tree);
}

static noinline void dir_reindex(struct dirlist *d)
{
	down_write(&d->index);
	msleep(300);
	down_read(&d->tree);	/* CULPRIT2: order index -> tree */
	d->listed++;
	up_read(&d->tree);
	up_write(&d->index);
}

static int rename_thread(void *arg)
{
	dir_rename(arg);
	return dir->moved == 0;
}

static int reindex_thread(void *arg)
{
	dir_reindex(arg);
	return dir->listed == 0;
}

static int walk_thread(void *arg)
{
	msleep(800);
	down_read(&dir->tree);
	up_read(&dir->tree);
	return 0;
}

static int __init dirlist_init(void)
{
	dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	if (!dir)
		return -ENOMEM;
	init_rwsem(&dir->tree);
	init_rwsem(&dir->index);
	kthread_run(rename_thread, dir, "dir-rename");
	kthread_run(reindex_thread, dir, "dir-index");
	kthread_run(walk_thread, dir, "dir-walk");
	return 0;
}
module_init(dirlist_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("directory index");
