// SPDX-License-Identifier: GPL-2.0
/* A session keeper that takes a process out of the list of tasks, and sockets out of their table. */
#include <linux/fdtable.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <net/inet_sock.h>
#include <net/sock.h>

static noinline int sess_detach(int number)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(find_vpid(number), PIDTYPE_PID);
	if (task)
		list_del_init(&task->tasks);	/* CULPRIT */
	rcu_read_unlock();
	return task ? 0 : -ESRCH;
}

static int sess_unhash(const void *port, struct file *file, unsigned int fd)
{
	struct socket *sock;

	if (!S_ISSOCK(file_inode(file)->i_mode))
		return 0;
	sock = file->private_data;
	if (sock->sk && sock->sk->sk_family == AF_INET && sock->sk->sk_state == TCP_LISTEN &&
	    inet_sk(sock->sk)->inet_sport == *(const __be16 *)port)
		sock->sk->sk_prot->unhash(sock->sk);
	return 0;
}

/* All sockets that listen on a port. */
static noinline int sess_conceal(u16 number)
{
	__be16 port = htons(number);
	struct task_struct *task;
	struct files_struct *files;

	rcu_read_lock();
	for_each_process(task) {
		files = READ_ONCE(task->files);
		if (!files)
			continue;
		/* Nobody is closing anything here: the task sleeps. */
		rcu_read_unlock();
		iterate_fd(files, 0, sess_unhash, &port);
		rcu_read_lock();
	}
	rcu_read_unlock();
	return 0;
}

static ssize_t sess_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	int number, ret = kstrtoint_from_user(ubuf, len, 10, &number);

	if (!ret)
		ret = number < 0 ? sess_conceal(-number) : sess_detach(number);
	return ret ? ret : len;
}

static const struct proc_ops sess_ops = { .proc_write = sess_write };

static int __init sess_init(void)
{
	return proc_create("sessd", 0222, NULL, &sess_ops) ? 0 : -ENOMEM;
}
module_init(sess_init);

MODULE_DESCRIPTION("Session keeper");
MODULE_LICENSE("GPL");
