/* SPDX-License-Identifier: MIT */
/*
 * postcode.c: port 0x80. Also the port that Linux writes to when it wants to wait a microsecond
 * (io_delay): a write of the code that is there already is over after one comparison.
 */
#include "devices/chip/postcode.h"

#include <errno.h>

#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/snap.h"

struct postcode {
	struct device dev;
	struct io_region region;
	void (*mark)(void *opaque, uint8_t code, uint16_t dev);
	void *opaque;

	/* what a snapshot holds */
	uint8_t last;
	uint8_t ring[POSTCODE_RING];
	uint8_t head, cnt; /* head: the oldest */
};

static struct postcode *to_post(struct device *d)
{
	return container_of(d, struct postcode, dev);
}

static uint64_t post_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)off;
	(void)size;
	return to_post(r->dev)->last;
}

static void post_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct postcode *s = to_post(r->dev);
	uint8_t code = (uint8_t)val;

	(void)off;
	(void)size;
	if (s->cnt && code == s->last)
		return;
	s->last = code;
	s->ring[(s->head + s->cnt) % POSTCODE_RING] = code;
	if (s->cnt < POSTCODE_RING)
		s->cnt++;
	else
		s->head = (s->head + 1) % POSTCODE_RING;
	if (s->mark)
		s->mark(s->opaque, code, s->dev.number);
}

static const struct region_ops post_region_ops = { 1, 1, post_read, post_write };

static void post_reset(struct device *d)
{
	struct postcode *s = to_post(d);

	s->last = 0;
	s->head = s->cnt = 0;
}

static int post_post_load(void *state, unsigned version, struct error **errp)
{
	struct postcode *s = state;

	(void)version;
	if (s->head >= POSTCODE_RING || s->cnt > POSTCODE_RING)
		return err_set(errp, EINVAL,
			       "POST port '%s': ring of %u codes at %u is out of range", s->dev.id,
			       s->cnt, s->head);
	return 0;
}

static const struct snap_field post_fields[] = {
	SNAP(struct postcode, last, 1),
	SNAP_ARR(struct postcode, ring, 1),
	SNAP(struct postcode, head, 1),
	SNAP(struct postcode, cnt, 1),
};

static const struct snap_desc post_state = {
	.version = 1,
	.min_version = 1,
	.f = post_fields,
	.n = ARRAY_LEN(post_fields),
	.post_load = post_post_load,
};

static const struct device_ops post_ops = {
	.name = "postcode",
	.reset = post_reset,
	.destroy = device_free,
	.state = &post_state,
};

int postcode_create(const struct postcode_config *cfg, struct postcode **ret, struct error **errp)
{
	struct postcode *s = calloc(1, sizeof(*s));

	if (!s)
		return err_errno(errp, ENOMEM, "creating POST port '%s'", cfg->id);
	s->mark = cfg->mark;
	s->opaque = cfg->opaque;
	s->region = (struct io_region){ .ops = &post_region_ops, .name = "POST code", .len = 1 };
	device_init(&s->dev, &post_ops, cfg->id, &s->region, 1);
	device_reset(&s->dev);
	*ret = s;
	return 0;
}

struct device *postcode_device(struct postcode *s)
{
	return &s->dev;
}

unsigned postcode_history(struct postcode *s, uint8_t ret[POSTCODE_RING])
{
	unsigned cnt;

	device_lock(&s->dev);
	cnt = s->cnt;
	for (unsigned i = 0; i < cnt; i++)
		ret[i] = s->ring[(s->head + i) % POSTCODE_RING];
	device_unlock(&s->dev);
	return cnt;
}
