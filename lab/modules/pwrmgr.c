// SPDX-License-Identifier: GPL-2.0
/* Power domains: what a driver's checks, lists, error codes and tables can do to a kernel. */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct domain {
	struct list_head node;
	char name[16];
	u32 users;
	u32 divisor;
	int (*notify)(struct domain *d);
};

static LIST_HEAD(domains);
static struct domain *table[4];
static u32 total;

static int domain_notify(struct domain *d)
{
	return d->users;
}

static noinline struct domain *domain_get(unsigned int i)
{
	if (i >= ARRAY_SIZE(table) || !table[i])
		return ERR_PTR(-ENODEV);
	return table[i];
}

static noinline u32 domain_rate(struct domain *d)
{
	return total / READ_ONCE(d->divisor);	/* CULPRIT_DIV */
}

static noinline void domain_put(struct domain *d)
{
	BUG_ON(d->users == 0);	/* CULPRIT_BUG */
	d->users--;
}

static noinline void domain_check(struct domain *d)
{
	WARN_ON(d->users > 8);	/* CULPRIT_WARN */
	total += d->users;
}

static noinline u32 domain_users(unsigned int i)
{
	struct domain *d = domain_get(i);

	return READ_ONCE(d->users) + total;	/* CULPRIT_ERR */
}

static noinline u32 domain_next(struct domain *d)
{
	struct domain *n = list_next_entry(d, node);

	return READ_ONCE(n->users) + total;	/* CULPRIT_POISON */
}

static noinline void domain_unlink(struct domain *d)
{
	list_del(&d->node);	/* CULPRIT_LIST */
	total--;
}

static noinline int domain_call(struct domain *d)
{
	int ret = d->notify(d);	/* CULPRIT_JUMP */

	return ret + total;
}

static noinline u32 domain_walk(struct domain *d, u32 depth)
{
	char note[96];

	snprintf(note, sizeof(note), "%s %u", d->name, depth);
	return domain_walk(d, depth + 1) + note[depth % 8];	/* CULPRIT_DEEP */
}

static ssize_t pwr_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char what;

	if (get_user(what, ubuf))
		return -EFAULT;
	switch (what) {
	case '0': total += domain_rate(table[0]); break;
	case '1': domain_put(table[0]); break;
	case '2': table[1]->users = 9; domain_check(table[1]); break;
	case '3': total += domain_users(3); break;
	case '4': list_del(&table[1]->node); total += domain_next(table[1]); break;
	case '5': domain_unlink(table[0]); domain_unlink(table[0]); break;
	case '6': table[2]->notify = (void *)table[2]->name; total += domain_call(table[2]); break;
	case '7': total += domain_walk(table[2], 1); break;
	default: return -EINVAL;
	}
	return len;
}

static const struct proc_ops pwr_ops = { .proc_write = pwr_write };

static int __init pwr_init(void)
{
	int i;

	for (i = 0; i < 3; i++) {
		table[i] = kzalloc(sizeof(*table[i]), GFP_KERNEL);
		if (!table[i])
			return -ENOMEM;
		snprintf(table[i]->name, sizeof(table[i]->name), "domain%d", i);
		table[i]->divisor = i;
		table[i]->notify = domain_notify;
		list_add_tail(&table[i]->node, &domains);
	}
	return proc_create("pwrmgr", 0222, NULL, &pwr_ops) ? 0 : -ENOMEM;
}
module_init(pwr_init);

static void __exit pwr_exit(void)
{
	int i;

	remove_proc_entry("pwrmgr", NULL);
	for (i = 0; i < 3; i++)
		kfree(table[i]);
}
module_exit(pwr_exit);

MODULE_DESCRIPTION("Power domain bookkeeping");
MODULE_LICENSE("GPL");
