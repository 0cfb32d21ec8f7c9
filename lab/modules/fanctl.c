// SPDX-License-Identifier: GPL-2.0
/* Fan control: what copies, pointers from outside and timers of a driver can do to a kernel. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/uaccess.h>

struct fan {
	char name[16];
	u32 rpm;
	u32 *curve;
};

struct fan_zone {
	char label[32];
	struct fan *fan;
	u32 limit;
};

static const u32 limits[4] = { 1200, 1800, 2400, 3000 };
static struct fan_zone *zone;
static struct fan *spare;
static struct timer_list poll_timer;
static char *sample_at;
static u32 samples;

static noinline u32 fan_user_curve(u32 __user *curve)
{
	return *(volatile u32 __force *)curve + samples;	/* CULPRIT_USER */
}

static noinline void fan_limit(unsigned int i, u32 rpm)
{
	u32 *limit = (u32 *)&limits[i & 3];

	OPTIMIZER_HIDE_VAR(limit);
	WRITE_ONCE(*limit, rpm);	/* CULPRIT_CONST */
}

/* A constant length is not checked at run time: no clone for it. */
static __attribute__((noipa)) long fan_read_label(char __user *to, size_t len)
{
	return copy_to_user(to, zone->label, len) ? -EFAULT : len;	/* CULPRIT_EXPOSE */
}

static __attribute__((noipa)) void fan_name(struct fan *f, const char *name, size_t len)
{
	memcpy(f->name, name, len);	/* CULPRIT_FORTIFY */
	f->rpm++;
}

static noinline u32 zone_speed(struct fan_zone *z)
{
	if (!READ_ONCE(z->fan))
		return 0;
	mdelay(20);
	return READ_ONCE(z->fan)->rpm + samples;	/* CULPRIT_RACE */
}

static noinline int zone_unplug(void *data)
{
	struct fan_zone *z = data;

	WRITE_ONCE(z->fan, NULL);
	samples++;
	return 0;
}

static noinline void fan_check(struct fan *f)
{
	WARN_ON(f->rpm == 0);
	samples++;
}

static noinline u32 fan_curve(struct fan *f, u32 i)
{
	return f->curve[i] + f->rpm;	/* CULPRIT_OLD */
}

static noinline void fan_poll(struct timer_list *t)
{
	samples += READ_ONCE(spare->curve)[2];	/* CULPRIT_TIMER */
}

/* The sampler writes where it was told to, whenever it has something: as a device's DMA does. */
static noinline int fan_sampler(void *data)
{
	while (!kthread_should_stop()) {
		char *to = READ_ONCE(sample_at);

		if (to) {
			int i;

			for (i = 0; i < 80; i++)
				WRITE_ONCE(to[i], 0x41 + (i & 7));	/* CULPRIT_DMA */
			WRITE_ONCE(sample_at, NULL);
		}
		usleep_range(500, 1000);
	}
	return 0;
}

static noinline u32 fan_sample(void)
{
	char window[32] = "";

	WRITE_ONCE(sample_at, window);	/* VICTIM_DMA */
	msleep(60);
	samples += window[3];
	return samples;
}

static ssize_t fan_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char kbuf[64] = "";
	u32 n = 0;

	if (copy_from_user(kbuf, ubuf, min(len, sizeof(kbuf) - 1)))
		return -EFAULT;
	switch (kbuf[0]) {
	case '0':
		n = fan_user_curve((u32 __user *)ubuf);
		break;
	case '1':
		fan_limit(2, len);
		break;
	case '2':
		n = fan_read_label((char __user *)ubuf, 512);
		break;
	case '3':
		fan_name(zone->fan, kbuf, len);
		break;
	case '4':
		kthread_run(zone_unplug, zone, "fan-unplug");
		n = zone_speed(zone);
		break;
	case '5':
		fan_check(spare);
		break;
	case '6':
		n = fan_curve(spare, 1);
		break;
	case '7':
		mod_timer(&poll_timer, jiffies + 2);
		msleep(200);
		break;
	case '8':
		kthread_run(fan_sampler, NULL, "fan-sampler");
		msleep(50);
		n = fan_sample();
		break;
	}
	samples += n;
	return len;
}

static const struct proc_ops fan_ops = { .proc_write = fan_write };

static int __init fan_init(void)
{
	zone = kzalloc(sizeof(*zone), GFP_KERNEL);
	spare = kzalloc(sizeof(*spare), GFP_KERNEL);
	if (!zone || !spare)
		return -ENOMEM;
	zone->fan = kzalloc(sizeof(*zone->fan), GFP_KERNEL);
	if (!zone->fan)
		return -ENOMEM;
	zone->fan->rpm = 900;
	strscpy(zone->label, "chassis", sizeof(zone->label));
	timer_setup(&poll_timer, fan_poll, 0);
	if (!proc_create("fanctl", 0666, NULL, &fan_ops))
		return -ENOMEM;
	return 0;
}
module_init(fan_init);
MODULE_DESCRIPTION("Fan control");
MODULE_LICENSE("GPL");
