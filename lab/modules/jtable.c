// SPDX-License-Identifier: GPL-2.0
/* Inode updates and journal commits take two mutexes in opposite order; a third task queues behind. */
#include <linux/module.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/delay.h>

static DEFINE_MUTEX(inode_table_lock);
static DEFINE_MUTEX(journal_lock);
static unsigned long commits;

static noinline void update_inode(void)
{
	mutex_lock(&inode_table_lock);
	msleep(300);
	mutex_lock(&journal_lock);	/* CULPRIT: order inode_table_lock -> journal_lock */
	commits++;
	mutex_unlock(&journal_lock);
	mutex_unlock(&inode_table_lock);
}

static noinline void commit_journal(void)
{
	mutex_lock(&journal_lock);
	msleep(300);
	mutex_lock(&inode_table_lock);	/* CULPRIT2: order journal_lock -> inode_table_lock */
	commits++;
	mutex_unlock(&inode_table_lock);
	mutex_unlock(&journal_lock);
}

static int inode_thread(void *arg)
{
	update_inode();
	return 0;
}

static int journal_thread(void *arg)
{
	commit_journal();
	return 0;
}

static int waiter_thread(void *arg)
{
	msleep(800);
	mutex_lock(&inode_table_lock);
	mutex_unlock(&inode_table_lock);
	return 0;
}

static int __init jtable_init(void)
{
	kthread_run(inode_thread, NULL, "jt-inode");
	kthread_run(journal_thread, NULL, "jt-commit");
	kthread_run(waiter_thread, NULL, "jt-scan");
	return 0;
}
module_init(jtable_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("journal table");
