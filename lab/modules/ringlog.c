// SPDX-License-Identifier: GPL-2.0
/* A ring of log records in vmalloc memory: what wrong lengths and indices do. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

struct sink_ops {
	int (*emit)(const char *text);
	void (*flush)(void);
};

struct record {
	u32 length;
	u32 severity;
	struct sink *sink;
	char text[48];
};

struct sink {
	u64 written;
	const struct sink_ops *ops;
};

static struct {
	char prefix[24];
	const struct sink_ops *ops;
} console_sink;
static struct record *ring;
static struct sink *sinks[4];
static u64 emitted;

static int sink_emit(const char *text)
{
	return strlen(text);
}

static void sink_flush(void)
{
	emitted = 0;
}

static const struct sink_ops plain_ops = { .emit = sink_emit, .flush = sink_flush };

/* One record too many: the page behind an area is never mapped. */
static noinline void ring_clear(struct record *r, unsigned int records)
{
	unsigned int i;

	for (i = 0; i <= records; i++) {
		WRITE_ONCE(r[i].length, 0);	/* CULPRIT_VMALLOC */
		WRITE_ONCE(r[i].severity, 7);
	}
}

/* The header is longer than the record says: the difference wraps. */
static noinline void ring_copy(struct record *to, const struct record *from, unsigned int header)
{
	memcpy(to->text, from->text, (size_t)from->length - header);	/* CULPRIT_NEGATIVE */
	to->length = from->length;
}

/* A severity of 200 has no sink. */
static noinline u64 sink_written(const struct record *r)
{
	return READ_ONCE(sinks[r->severity]->written);	/* CULPRIT_INDEX */
}

/* Longer prefixes write over the operations behind. */
static noinline void sink_prefix(const char *text)
{
	char *to = console_sink.prefix;

	OPTIMIZER_HIDE_VAR(to);
	while (*text)
		*to++ = *text++;	/* CULPRIT_GLOBAL */
}

static noinline int sink_log(const char *text)
{
	return console_sink.ops->emit(text) + 1;	/* VICTIM_GLOBAL */
}

static ssize_t ring_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[80] = "";
	unsigned int n;

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	n = text[1] ? simple_strtoul(text + 1, NULL, 10) : 0;
	switch (text[0]) {
	case 'v':
		ring_clear(ring, n);
		break;
	case 'n':
		ring[0].length = n;
		ring_copy(&ring[1], &ring[0], 16);
		break;
	case 's':
		ring[2].severity = n;
		emitted += sink_written(&ring[2]);
		break;
	case 'p':
		sink_prefix(text + 1);
		emitted += sink_log(text);
		break;
	}
	return len;
}

static const struct proc_ops ring_ops = { .proc_write = ring_write };

static int __init ring_init(void)
{
	int i;

	console_sink.ops = &plain_ops;
	ring = vzalloc(64 * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (i = 0; i < 4; i++) {
		sinks[i] = kzalloc(sizeof(**sinks), GFP_KERNEL);
		if (!sinks[i])
			return -ENOMEM;
		sinks[i]->ops = &plain_ops;
	}
	return proc_create("ringlog", 0222, NULL, &ring_ops) ? 0 : -ENOMEM;
}
module_init(ring_init);

MODULE_DESCRIPTION("Ring of log records");
MODULE_LICENSE("GPL");
