/* SPDX-License-Identifier: MIT */
/*
 * sysctl_a.c: port 0x92.
 *
 *   bit 0  INIT_NOW       a 0-to-1 transition resets the processor
 *   bit 1  ALT_A20_GATE   reads back; the address line is never masked
 *   2..7                  read 0
 */
#include "devices/chip/sysctl_a.h"

#include <errno.h>

#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/power.h"
#include "vmm/snap.h"

#define INIT_NOW     0x01u
#define ALT_A20_GATE 0x02u
#define PORT_MASK    (INIT_NOW | ALT_A20_GATE)

struct sysctl_a {
	struct device dev;
	struct io_region region;
	struct power_sink *power;
	uint8_t val; /* what a snapshot holds */
};

static struct sysctl_a *to_sysctl(struct device *d)
{
	return container_of(d, struct sysctl_a, dev);
}

static uint64_t sysctl_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)off;
	(void)size;
	return to_sysctl(r->dev)->val;
}

/* ICH: "When this bit transitions from a 0 to a 1, the ICH will force INIT# active". */
static void sysctl_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct sysctl_a *s = to_sysctl(r->dev);
	bool rises = val & ~(uint64_t)s->val & INIT_NOW;

	(void)off;
	(void)size;
	s->val = val & PORT_MASK;
	if (rises)
		power_request(s->power, POWER_RESET, 0);
}

static const struct region_ops sysctl_region_ops = { 1, 1, sysctl_read, sysctl_write };

/* Firmware leaves A20 on. */
static void sysctl_reset(struct device *d)
{
	to_sysctl(d)->val = ALT_A20_GATE;
}

static int sysctl_post_load(void *state, unsigned version, struct error **errp)
{
	struct sysctl_a *s = state;

	(void)version;
	if (s->val & ~PORT_MASK)
		return err_set(errp, EINVAL,
			       "system control port '%s': a register holds reserved bits",
			       s->dev.id);
	return 0;
}

static const struct snap_field sysctl_fields[] = { SNAP(struct sysctl_a, val, 1) };

static const struct snap_desc sysctl_state = {
	.version = 1,
	.min_version = 1,
	.f = sysctl_fields,
	.n = ARRAY_LEN(sysctl_fields),
	.post_load = sysctl_post_load,
};

static const struct device_ops sysctl_ops = {
	.name = "sysctl_a",
	.reset = sysctl_reset,
	.destroy = device_free,
	.state = &sysctl_state,
};

int sysctl_a_create(const struct sysctl_a_config *cfg, struct sysctl_a **ret, struct error **errp)
{
	struct sysctl_a *s;

	if (!cfg->power)
		return err_set(errp, EINVAL, "system control port '%s' has no reset line", cfg->id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating system control port '%s'", cfg->id);
	s->region = (struct io_region){ .ops = &sysctl_region_ops,
					.name = "system control A",
					.len = 1 };
	device_init(&s->dev, &sysctl_ops, cfg->id, &s->region, 1);
	s->power = cfg->power;
	device_reset(&s->dev);
	*ret = s;
	return 0;
}

struct device *sysctl_a_device(struct sysctl_a *s)
{
	return &s->dev;
}
