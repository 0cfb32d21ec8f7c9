// SPDX-License-Identifier: GPL-2.0
/* A codec whose optional operation is called without a look at whether there is one. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

struct codec;

struct codec_ops {
	int (*start)(struct codec *c);
	int (*stop)(struct codec *c);
	int (*flush)(struct codec *c);
};

struct codec {
	const char *name;
	const struct codec_ops *ops;
	unsigned int pending;
	unsigned int errors;
};

static int line_start(struct codec *c)
{
	c->pending++;
	return 0;
}

static int line_stop(struct codec *c)
{
	c->pending = 0;
	return 0;
}

static struct codec_ops line_ops = { .start = line_start, .stop = line_stop };
static struct codec line = { .name = "line0", .ops = &line_ops };

static noinline int codec_drain(struct codec *c)
{
	int ret = c->ops->flush(c);	/* CULPRIT */

	if (ret)
		c->errors++;
	return ret;
}

static noinline int codec_shutdown(struct codec *c)
{
	int ret = codec_drain(c);

	return ret ? ret : c->ops->stop(c);
}

static ssize_t codec_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char what;
	int ret;

	if (get_user(what, ubuf))
		return -EFAULT;
	ret = what == '1' ? line.ops->start(&line) : codec_shutdown(&line);
	return ret ? ret : len;
}

static const struct proc_ops codec_proc = { .proc_write = codec_write };

static int __init codec_init(void)
{
	return proc_create("codecbus", 0222, NULL, &codec_proc) ? 0 : -ENOMEM;
}
module_init(codec_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("codec bus");
