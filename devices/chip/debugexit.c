/* SPDX-License-Identifier: MIT */
/* debugexit.c: the debug-exit port. Stateless. */
#include "devices/chip/debugexit.h"

#include <errno.h>

#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/power.h"

struct debugexit {
	struct device dev;
	struct io_region region;
	struct power_sink *power;
};

static struct debugexit *to_debugexit(struct device *d)
{
	return container_of(d, struct debugexit, dev);
}

static uint64_t debugexit_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)r;
	(void)off;
	(void)size;
	return 0;
}

/* Never 0, so that no program ends a VM with success by accident. As QEMU, whatever the offset. */
static void debugexit_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)off;
	(void)size;
	power_request(to_debugexit(r->dev)->power, POWER_DEBUG_EXIT, (val << 1 | 1) & 0xff);
}

static const struct region_ops debugexit_region_ops = { 1, 4, debugexit_read, debugexit_write };

static const struct device_ops debugexit_ops = {
	.name = "debugexit",
	.destroy = device_free,
	.flags = DEV_SELF_LOCKED,
};

int debugexit_create(const struct debugexit_config *cfg, struct debugexit **ret,
		     struct error **errp)
{
	struct debugexit *s;

	if (!cfg->power)
		return err_set(errp, EINVAL, "debug exit '%s' has no machine to end", cfg->id);
	if (cfg->width != 1 && cfg->width != 2 && cfg->width != 4)
		return err_set(errp, EINVAL, "debug exit '%s': %u bytes wide, not 1, 2 or 4",
			       cfg->id, cfg->width);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating debug exit '%s'", cfg->id);
	s->region = (struct io_region){ .ops = &debugexit_region_ops,
					.name = "debug exit",
					.len = cfg->width };
	device_init(&s->dev, &debugexit_ops, cfg->id, &s->region, 1);
	s->power = cfg->power;
	*ret = s;
	return 0;
}

struct device *debugexit_device(struct debugexit *s)
{
	return &s->dev;
}
