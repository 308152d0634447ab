/* SPDX-License-Identifier: MIT */
#include "tests/lib/poke.h"

#include <string.h>

#include "vmm/snap.h"

static void *field(struct device *d, const char *name, unsigned idx, uint8_t *size)
{
	const struct snap_desc *desc = d->ops->state;

	for (unsigned i = 0; i < desc->n; i++) {
		const struct snap_field *f = &desc->f[i];

		if (strcmp(f->name, name) || idx >= f->count)
			continue;
		*size = f->size;
		return (uint8_t *)d + f->off + (size_t)idx * f->size;
	}
	fail_msg("%s has no field %s[%u]", d->ops->name, name, idx);
	return NULL;
}

uint64_t state_peek(struct device *d, const char *name, unsigned idx)
{
	uint64_t v = 0;
	uint8_t size = 0;
	const void *p = field(d, name, idx, &size);

	memcpy(&v, p, size); /* little-endian host, as everywhere in this program */
	return v;
}

void state_poke(struct device *d, const char *name, unsigned idx, uint64_t val)
{
	uint8_t size = 0;
	void *p = field(d, name, idx, &size);

	memcpy(p, &val, size);
}

void assert_state_refused(struct device *d, const char *part)
{
	struct error *e = NULL;

	assert_true(d->ops->state->post_load(d, d->ops->state->version, &e) < 0);
	assert_error(e, part);
}

void assert_state_accepted(struct device *d)
{
	struct error *e = NULL;

	assert_int_equal(d->ops->state->post_load(d, d->ops->state->version, &e), 0);
	assert_no_error(e);
}

uint32_t storm_next(struct storm *s)
{
	s->x ^= s->x << 13;
	s->x ^= s->x >> 7;
	s->x ^= s->x << 17;
	return (uint32_t)(s->x >> 16);
}
