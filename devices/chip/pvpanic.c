/* SPDX-License-Identifier: MIT */
/* pvpanic.c: the panic port. Stateless; what follows from a panic is the machine's business. */
#include "devices/chip/pvpanic.h"

#include <errno.h>

#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/power.h"

struct pvpanic {
	struct device dev;
	struct io_region region;
	struct power_sink *power;
};

static struct pvpanic *to_pvpanic(struct device *d)
{
	return container_of(d, struct pvpanic, dev);
}

/* "On read, the bits recognized by the device are returned." */
static uint64_t pvpanic_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)r;
	(void)off;
	(void)size;
	return PVPANIC_PANICKED | PVPANIC_CRASHLOADED;
}

/* "On write, the bits not recognized by the device are ignored." A panic is the worse news. */
static void pvpanic_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct pvpanic *s = to_pvpanic(r->dev);

	(void)off;
	(void)size;
	if (val & PVPANIC_PANICKED)
		power_request(s->power, POWER_PANIC, 0);
	else if (val & PVPANIC_CRASHLOADED)
		power_request(s->power, POWER_CRASHLOADED, 0);
}

static const struct region_ops pvpanic_region_ops = { 1, 1, pvpanic_read, pvpanic_write };

static const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.destroy = device_free,
	.flags = DEV_SELF_LOCKED,
};

int pvpanic_create(const struct pvpanic_config *cfg, struct pvpanic **ret, struct error **errp)
{
	struct pvpanic *s;

	if (!cfg->power)
		return err_set(errp, EINVAL, "panic port '%s' has nobody to tell", cfg->id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating panic port '%s'", cfg->id);
	s->region = (struct io_region){ .ops = &pvpanic_region_ops, .name = "pvpanic", .len = 1 };
	device_init(&s->dev, &pvpanic_ops, cfg->id, &s->region, 1);
	s->power = cfg->power;
	*ret = s;
	return 0;
}

struct device *pvpanic_device(struct pvpanic *s)
{
	return &s->dev;
}
