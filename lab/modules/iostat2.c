// SPDX-License-Identifier: GPL-2.0
/* Statistics by the means that the kernel offers: probes at the beginning, inside and at the return of functions. */
#include <linux/kprobes.h>
#include <linux/module.h>

static u32 io_hits;

static int io_pre(struct kprobe *p, struct pt_regs *regs)
{
	io_hits++;
	return 0;
}

static int io_ret(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	io_hits++;
	return 0;
}

static struct kprobe io_entry = { .symbol_name = "vfs_fsync_range", .pre_handler = io_pre };
static struct kprobe io_inside = { .symbol_name = "uptime_proc_show", .pre_handler = io_pre };
static struct kretprobe io_return = { .kp.symbol_name = "vfs_statfs", .handler = io_ret, .maxactive = 8 };

/* The first instruction boundary inside that takes a probe. */
static int __init io_put_inside(void)
{
	int ret = -EINVAL, at;

	for (at = 5; ret && at < 24; at++) {
		io_inside.offset = at;
		io_inside.addr = NULL;
		io_inside.flags = 0;
		ret = register_kprobe(&io_inside);
	}
	return ret;
}

static int __init io_init(void)
{
	int ret = register_kprobe(&io_entry);

	ret = ret ? ret : io_put_inside();
	return ret ? ret : register_kretprobe(&io_return);
}
module_init(io_init);

MODULE_DESCRIPTION("Statistics of file systems");
MODULE_LICENSE("GPL");
