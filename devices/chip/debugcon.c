/* SPDX-License-Identifier: MIT */
/*
 * debugcon.c: port 0xe9. Stateless, so no lock and no snapshot: a byte stream takes bytes from any
 * thread.
 */
#include "devices/chip/debugcon.h"

#include <errno.h>

#include "vmm/chardev.h"
#include "vmm/device.h"
#include "vmm/error.h"

#define READBACK 0xe9u

struct debugcon {
	struct device dev;
	struct io_region region;
	struct chardev *chr;
};

static struct debugcon *to_debugcon(struct device *d)
{
	return container_of(d, struct debugcon, dev);
}

static uint64_t debugcon_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)r;
	(void)off;
	(void)size;
	return READBACK;
}

static void debugcon_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	uint8_t byte = (uint8_t)val;

	(void)off;
	(void)size;
	chardev_write(to_debugcon(r->dev)->chr, &byte, 1);
}

static const struct region_ops debugcon_region_ops = { 1, 1, debugcon_read, debugcon_write };

static const struct device_ops debugcon_ops = {
	.name = "debugcon",
	.destroy = device_free,
	.flags = DEV_SELF_LOCKED,
};

int debugcon_create(const struct debugcon_config *cfg, struct debugcon **ret, struct error **errp)
{
	struct debugcon *s;

	if (!cfg->chr)
		return err_set(errp, EINVAL, "debug console '%s' has nowhere to write", cfg->id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating debug console '%s'", cfg->id);
	s->region = (struct io_region){ .ops = &debugcon_region_ops,
					.name = "debug console",
					.len = 1 };
	device_init(&s->dev, &debugcon_ops, cfg->id, &s->region, 1);
	s->chr = cfg->chr;
	*ret = s;
	return 0;
}

struct device *debugcon_device(struct debugcon *s)
{
	return &s->dev;
}
