// SPDX-License-Identifier: GPL-2.0
/* A register monitor: a write through the NULL pointer that a failed look-up returned. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

struct reg_request {
	int id;
	int depth;
	char tag[24];
};

struct reg_bank {
	int id;
	int shadow[4];
};

static struct reg_bank banks[2] = { { .id = 1 }, { .id = 2 } };
static int requests_seen = 41;

static noinline int *reg_find(int id)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(banks); i++)
		if (banks[i].id == id)
			return &banks[i].shadow[0];
	return NULL;
}

static noinline int reg_store(struct reg_request *req)
{
	int *slot = reg_find(req->id);

	req->depth++;
	pr_info("regmon: request %d tag '%s'\n", req->id, req->tag);
	*slot = 42;	/* CULPRIT */
	return req->id;
}

static noinline int reg_handle(struct reg_request *req)
{
	int ret;

	req->id = ++requests_seen;
	ret = reg_store(req);
	pr_info("regmon: request %d done\n", ret);
	return ret;
}

static ssize_t reg_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	struct reg_request req = { .depth = 0 };
	size_t n = min(len, sizeof(req.tag) - 1);

	if (copy_from_user(req.tag, ubuf, n))
		return -EFAULT;
	req.tag[n] = 0;
	reg_handle(&req);
	return len;
}

static const struct proc_ops reg_ops = { .proc_write = reg_write };

static int __init reg_init(void)
{
	return proc_create("regmon", 0222, NULL, &reg_ops) ? 0 : -ENOMEM;
}

static void __exit reg_exit(void)
{
	remove_proc_entry("regmon", NULL);
}
module_init(reg_init);
module_exit(reg_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("register monitor");
