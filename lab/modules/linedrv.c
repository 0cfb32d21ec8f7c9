// SPDX-License-Identifier: GPL-2.0
/* A line whose interrupt comes without end, and whose handler says that it is not its own. */
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

static int line = -1;
static u32 pulses, cookie;

static irqreturn_t line_irq(int irq, void *dev)
{
	pulses++;
	return IRQ_NONE;
}

static ssize_t line_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	unsigned long flags;
	u32 i;

	for (i = 0; i < 100100; i++) {
		local_irq_save(flags);
		generic_handle_irq(line);
		local_irq_restore(flags);
	}
	return len;
}

static const struct proc_ops line_ops = { .proc_write = line_write };

static int __init line_init(void)
{
	int ret;

	line = irq_alloc_desc(NUMA_NO_NODE);
	if (line < 0)
		return line;
	irq_set_chip_and_handler(line, &dummy_irq_chip, handle_simple_irq);
	ret = request_irq(line, line_irq, IRQF_SHARED, "linedrv", &cookie);
	if (ret)
		return ret;
	return proc_create("linedrv", 0222, NULL, &line_ops) ? 0 : -ENOMEM;
}
module_init(line_init);

MODULE_DESCRIPTION("Line driver");
MODULE_LICENSE("GPL");
