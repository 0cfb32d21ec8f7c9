// SPDX-License-Identifier: GPL-2.0
/* Sessions: closing wipes and frees one, but its table entry stays and is used again. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct sess_peer {
	u64 sent;
	u64 acked;
	u32 window;
	u32 sequence;
};

struct session {
	u32 id;
	u32 state;
	struct sess_peer *peer;
	u8 key[64];
	char name[32];
	u64 stats[12];
};

static struct kmem_cache *sess_cache;
static struct session *table[4];

static noinline int sess_open(unsigned int slot)
{
	struct session *s = kmem_cache_zalloc(sess_cache, GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	s->peer = kzalloc(sizeof(*s->peer), GFP_KERNEL);
	if (!s->peer) {
		kmem_cache_free(sess_cache, s);
		return -ENOMEM;
	}
	s->id = 100 + slot;
	s->state = 1;
	snprintf(s->name, sizeof(s->name), "session-%u", slot);
	table[slot] = s;
	return 0;
}

static noinline int sess_close(unsigned int slot)
{
	struct session *s = table[slot];

	kfree(s->peer);
	memzero_explicit(s, sizeof(*s));	/* keys must not stay in memory */
	kmem_cache_free(sess_cache, s);	/* CULPRIT2: table[slot] still points to it */
	return 0;
}

static noinline int sess_send(unsigned int slot)
{
	struct session *s = table[slot];

	s->peer->sequence++;	/* CULPRIT */
	s->stats[0]++;
	return 0;
}

static ssize_t sess_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[2];
	unsigned int slot;
	int ret = -EINVAL;

	if (len < 2 || copy_from_user(text, ubuf, 2))
		return -EFAULT;
	slot = text[1] & 3;
	if (text[0] == 'o')
		ret = sess_open(slot);
	else if (text[0] == 'c' && table[slot])
		ret = sess_close(slot);
	else if (text[0] == 's' && table[slot])
		ret = sess_send(slot);
	return ret ? ret : len;
}

static const struct proc_ops sess_ops = { .proc_write = sess_write };

static int __init sess_init(void)
{
	/* A region for user copies keeps the cache from being merged with another. */
	sess_cache = kmem_cache_create_usercopy("sess_session", sizeof(struct session), 0, 0,
						offsetof(struct session, name), 32, NULL);
	if (!sess_cache)
		return -ENOMEM;
	return proc_create("sessmgr", 0222, NULL, &sess_ops) ? 0 : -ENOMEM;
}
module_init(sess_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("session manager");
