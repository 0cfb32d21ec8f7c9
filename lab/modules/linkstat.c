// SPDX-License-Identifier: GPL-2.0
/* Link statistics: a chain of pointers in which the second or the third is NULL. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct link_entry {
	u64 packets;
	u64 bytes;
	u32 flags;
	u32 speed;
};

struct link_table {
	u32 nr;
	u32 generation;
	struct link_entry *entry;
};

struct link_port {
	char name[16];
	int index;
	struct link_table *ops_table;
};

static struct link_port *ports[3];
static u64 total_speed;

static noinline u32 link_speed(struct link_port *p)
{
	return p->ops_table->entry->speed + p->index;	/* CULPRIT */
}

static noinline int link_refresh(struct link_port *p)
{
	u32 speed = link_speed(p);

	total_speed += speed;
	return speed ? 0 : -ENODEV;
}

static ssize_t link_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char digit;
	int ret;

	if (get_user(digit, ubuf) || digit < '0' || digit > '2')
		return -EINVAL;
	ret = link_refresh(ports[digit - '0']);
	return ret ? ret : len;
}

static const struct proc_ops link_ops = { .proc_write = link_write };

/* Port 0 is complete, port 1 has no table, port 2 has a table without entries. */
static int __init link_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[i] = kzalloc(sizeof(*ports[i]), GFP_KERNEL);
		if (!ports[i])
			return -ENOMEM;
		snprintf(ports[i]->name, sizeof(ports[i]->name), "port%d", i);
		ports[i]->index = i;
		if (i == 1)
			continue;
		ports[i]->ops_table = kzalloc(sizeof(struct link_table), GFP_KERNEL);
		if (!ports[i]->ops_table)
			return -ENOMEM;
		ports[i]->ops_table->generation = 7;
	}
	ports[0]->ops_table->entry = kzalloc(sizeof(struct link_entry), GFP_KERNEL);
	if (!ports[0]->ops_table->entry)
		return -ENOMEM;
	return proc_create("linkstat", 0222, NULL, &link_ops) ? 0 : -ENOMEM;
}
module_init(link_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("link statistics");
