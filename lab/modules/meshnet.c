// SPDX-License-Identifier: GPL-2.0
/* A mesh network driver that fails while it starts. */
#include <linux/module.h>
#include <linux/slab.h>

struct mesh_port {
	u32 id, speed;
	struct mesh_port *peer;
};

static struct mesh_port *ports[4];

/* The last port has no peer. */
static noinline u32 __init mesh_link(u32 nr)
{
	return ports[nr]->peer->speed;		/* CULPRIT */
}

static int __init mesh_init(void)
{
	u32 i, speed = 0;

	for (i = 0; i < 4; i++) {
		ports[i] = kzalloc(sizeof(*ports[i]), GFP_KERNEL);
		if (!ports[i])
			return -ENOMEM;
		if (i)
			ports[i - 1]->peer = ports[i];
	}
	for (i = 0; i < 4; i++)
		speed += mesh_link(i);
	return speed ? 0 : -EIO;
}
module_init(mesh_init);

MODULE_DESCRIPTION("Mesh network");
MODULE_LICENSE("GPL");
