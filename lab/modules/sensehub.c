// SPDX-License-Identifier: GPL-2.0
/*
 * A card with a ring of samples. Its registers answer all ones once it is gone:
 * t take a sample (head unchecked), s state, l wait until it has settled, i identity, c copy as many as it says, w (the card is well) the
 * sample of a name that is none.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define HUB_STATE	0x02800
#define HUB_HEAD	0x02810
#define HUB_COUNT	0x02818
#define HUB_CTRL	0x03818

struct hub_sample {
	u64 when;
	u32 channel;
	u32 value;
};

struct hub {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct hub_sample *ring;
	u8 *copy;
	u32 taken;
	u32 flags;
};

static struct hub *hub;

static noinline u32 hub_read(struct hub *h, u32 reg)
{
	return ioread32(h->regs + reg);
}

static noinline u32 hub_take(struct hub *h)
{
	u32 head = readl(h->regs + HUB_HEAD);
	struct hub_sample *s = &h->ring[head];

	h->taken++;
	return s->value + s->channel;	/* CULPRIT_TAKE */
}

static noinline int hub_state(struct hub *h)
{
	u32 state = hub_read(h, HUB_STATE);

	h->flags = state & 3;
	if (state == ~0u)
		panic("hub: no answer");	/* CULPRIT_STATE */
	return h->flags;
}

static noinline int hub_settle(struct hub *h)
{
	preempt_disable();
	while (readl(h->regs + HUB_STATE) & 2)	/* CULPRIT_SETTLE */
		cpu_relax();
	preempt_enable();
	return 0;
}

static noinline int hub_identify(struct hub *h)
{
	u32 ctrl = readl(h->regs + HUB_CTRL);

	BUG_ON(ctrl & 0x80000000);	/* CULPRIT_IDENTIFY */
	h->flags |= ctrl & 0x40;
	return h->flags;
}

static noinline int hub_copy(struct hub *h)
{
	u32 count = hub_read(h, HUB_COUNT);

	memcpy(h->copy, h->ring, (size_t)count * sizeof(*h->ring));	/* CULPRIT_COPY */
	h->taken += count;
	return h->copy[0];
}

static noinline int hub_channel(struct hub *h, const char *name)
{
	return strncmp(name, "ch", 2) ? -1 : name[2] - '0';
}

static noinline u32 hub_named(struct hub *h, const char *name)
{
	u32 at = hub_channel(h, name), state = readl(h->regs + HUB_STATE);

	h->flags = state & 3;
	return h->ring[at].value;	/* CULPRIT_NAMED */
}

static ssize_t hub_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[16] = "";
	u32 got = 0;

	if (!hub || !len || copy_from_user(text, ubuf, min_t(size_t, len, 15)))
		return -EINVAL;
	switch (text[0]) {
	case 't':
		got = hub_take(hub);
		break;
	case 's':
		got = hub_state(hub);
		break;
	case 'l':
		got = hub_settle(hub);
		break;
	case 'i':
		got = hub_identify(hub);
		break;
	case 'c':
		got = hub_copy(hub);
		break;
	case 'w':
		got = hub_named(hub, text + 1);
		break;
	}
	pr_info("sensehub: %u\n", got);
	return len;
}

static const struct proc_ops hub_ops = {
	.proc_write = hub_write,
};

static int hub_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct hub *h;
	int ret = pcim_enable_device(pdev);

	if (ret)
		return ret;
	h = devm_kzalloc(&pdev->dev, sizeof(*h), GFP_KERNEL);
	if (!h)
		return -ENOMEM;
	h->pdev = pdev;
	h->ring = devm_kcalloc(&pdev->dev, 128, sizeof(*h->ring), GFP_KERNEL);
	h->copy = devm_kzalloc(&pdev->dev, 2048, GFP_KERNEL);
	ret = pcim_iomap_regions(pdev, 1, "sensehub");
	if (ret || !h->ring || !h->copy)
		return ret ?: -ENOMEM;
	h->regs = pcim_iomap_table(pdev)[0];
	pci_set_drvdata(pdev, h);
	hub = h;
	pr_info("sensehub: %s state %#x\n", pci_name(pdev), hub_read(h, HUB_STATE));
	return 0;
}

static void hub_remove(struct pci_dev *pdev)
{
	hub = NULL;
}

static const struct pci_device_id hub_ids[] = {
	{ PCI_DEVICE(0x8086, 0x10d3) },
	{ }
};
MODULE_DEVICE_TABLE(pci, hub_ids);

static struct pci_driver hub_driver = {
	.name = "sensehub",
	.id_table = hub_ids,
	.probe = hub_probe,
	.remove = hub_remove,
};

static int __init hub_init(void)
{
	int ret = pci_register_driver(&hub_driver);

	if (!ret && !proc_create("sensehub", 0200, NULL, &hub_ops))
		ret = -ENOMEM;
	return ret;
}
module_init(hub_init);

static void __exit hub_exit(void)
{
	remove_proc_entry("sensehub", NULL);
	pci_unregister_driver(&hub_driver);
}
module_exit(hub_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Sample card");
