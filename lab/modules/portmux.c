// SPDX-License-Identifier: GPL-2.0
/* A multiplexer of ports: what locks, waits and work items of a driver can do to a kernel. */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/nmi.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

struct port {
	spinlock_t lock;
	u32 users;
	struct completion ready;
	char name[16];
};

static DEFINE_SPINLOCK(route_lock);
static DEFINE_SPINLOCK(stats_lock);
static struct port *ports[2];
static u32 link_state, routes, total;
static struct workqueue_struct *mux_wq;
static struct work_struct drain_work, settle_work;

/* Holds the port and waits for hardware that never answers; long waits are known to the watchdog. */
static noinline void port_settle(struct port *p)
{
	while (!READ_ONCE(link_state)) {	/* CULPRIT_HOLDER */
		touch_softlockup_watchdog();
		cpu_relax();
	}
	p->users++;
}

static noinline int port_scan(void *data)
{
	struct port *p = data;

	spin_lock(&p->lock);
	port_settle(p);
	spin_unlock(&p->lock);
	return 0;
}

static noinline u32 port_count(struct port *p)
{
	u32 n;

	spin_lock(&p->lock);	/* CULPRIT_SELF, VICTIM_SPIN */
	n = p->users++;
	spin_unlock(&p->lock);
	return n + total;
}

static noinline u32 port_update(struct port *p)
{
	u32 n;

	spin_lock(&p->lock);
	n = port_count(p) + 1;
	p->users = n;
	spin_unlock(&p->lock);
	return n;
}

static noinline u32 route_add(u32 n)
{
	spin_lock(&route_lock);
	mdelay(50);
	spin_lock(&stats_lock);	/* CULPRIT_AB */
	total += n + routes++;
	spin_unlock(&stats_lock);
	spin_unlock(&route_lock);
	return total;
}

static noinline int stats_dump(void *data)
{
	spin_lock(&stats_lock);
	mdelay(50);
	spin_lock(&route_lock);	/* CULPRIT_BA */
	total += routes;
	spin_unlock(&route_lock);
	spin_unlock(&stats_lock);
	return 0;
}

static noinline u32 route_walk(u32 n)
{
	rcu_read_lock();
	while (!READ_ONCE(link_state)) {	/* CULPRIT_RCU */
		touch_softlockup_watchdog();
		n += READ_ONCE(routes);
		cpu_relax();
	}
	rcu_read_unlock();
	return n;
}

static noinline u32 port_await(struct port *p)
{
	wait_for_completion(&p->ready);	/* CULPRIT_AWAIT */
	return p->users + total;
}

static noinline u32 port_reset(struct port *p)
{
	spin_lock(&p->lock);
	msleep(20);	/* CULPRIT_SLEEP */
	p->users = 0;
	spin_unlock(&p->lock);
	return total;
}

static noinline void mux_settle(struct work_struct *work)
{
	total++;
}

static noinline void mux_drain(struct work_struct *work)
{
	queue_work(mux_wq, &settle_work);
	flush_work(&settle_work);	/* CULPRIT_FLUSH: the queue runs one item at a time */
	total++;
}

static void on_cpu(int (*f)(void *), void *data, const char *name)
{
	struct task_struct *t = kthread_create(f, data, "%s", name);

	if (IS_ERR(t))
		return;
	kthread_bind(t, 0);
	wake_up_process(t);
}

static ssize_t mux_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	u32 n = 0;
	char digit;

	if (get_user(digit, ubuf))
		return -EFAULT;
	switch (digit) {
	case '0':
		on_cpu(port_scan, ports[0], "mux-scan");
		msleep(300);
		n = port_count(ports[0]);
		break;
	case '1':
		n = port_update(ports[1]);
		break;
	case '2':
		on_cpu(stats_dump, NULL, "mux-stats");
		n = route_add(len);
		break;
	case '3':
		n = route_walk(len);
		break;
	case '4':
		n = port_await(ports[0]);
		break;
	case '5':
		n = port_reset(ports[0]);
		break;
	case '6':
		queue_work(mux_wq, &drain_work);
		break;
	}
	total += n;
	return len;
}

static const struct proc_ops mux_ops = { .proc_write = mux_write };

static int __init mux_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[i] = kzalloc(sizeof(*ports[i]), GFP_KERNEL);
		if (!ports[i])
			return -ENOMEM;
		spin_lock_init(&ports[i]->lock);
		init_completion(&ports[i]->ready);
		snprintf(ports[i]->name, sizeof(ports[i]->name), "port%d", i);
	}
	INIT_WORK(&drain_work, mux_drain);
	INIT_WORK(&settle_work, mux_settle);
	mux_wq = alloc_ordered_workqueue("mux", 0);
	if (!mux_wq || !proc_create("portmux", 0666, NULL, &mux_ops))
		return -ENOMEM;
	return 0;
}
module_init(mux_init);
MODULE_DESCRIPTION("Port multiplexer");
MODULE_LICENSE("GPL");
