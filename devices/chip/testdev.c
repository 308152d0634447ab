/* SPDX-License-Identifier: MIT */
/* testdev.c: the test device of kvm-unit-tests. */
#include "devices/chip/testdev.h"

#include <errno.h>
#include <string.h>

#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/irq.h"
#include "vmm/snap.h"

#define MEMORY_LEN (64u * 1024)

struct testdev {
	struct device dev; /* first: the machine frees it through this */
	struct io_region regions[TESTDEV_REGIONS];
	struct irq_line *irq[TESTDEV_IRQS];
	uint32_t latch;
	uint32_t lines; /* raised, a bit each */
	uint8_t memory[MEMORY_LEN];
};

static struct testdev *to_testdev(struct device *d)
{
	return container_of(d, struct testdev, dev);
}

static uint64_t all_ones(unsigned size)
{
	return size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

/* --- the latch, at 0xe0 and 0xe8 -------------------------------------------------------------- */

static uint64_t latch_read(struct io_region *r, uint32_t off, unsigned size)
{
	return to_testdev(r->dev)->latch >> (8 * off) & all_ones(size);
}

static void latch_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct testdev *t = to_testdev(r->dev);
	uint32_t mask = (uint32_t)all_ones(size) << (8 * off);

	t->latch = (t->latch & ~mask) | ((uint32_t)val << (8 * off) & mask);
}

/* --- what only listens ------------------------------------------------------------------------ */

static uint64_t ones_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)r;
	(void)off;
	return all_ones(size);
}

static void flush_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)r;
	(void)off;
	(void)size;
	(void)val;
}

static void drive(struct testdev *t, uint32_t pin)
{
	if (t->irq[pin])
		irq_set(t->irq[pin], t->lines >> pin & 1);
}

static void lines_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct testdev *t = to_testdev(r->dev);
	uint32_t bit = UINT32_C(1) << off;

	(void)size;
	t->lines = val ? t->lines | bit : t->lines & ~bit;
	drive(t, off);
}

/* --- memory ----------------------------------------------------------------------------------- */

static uint64_t memory_read(struct io_region *r, uint32_t off, unsigned size)
{
	uint64_t val = 0;

	memcpy(&val, to_testdev(r->dev)->memory + off, size);
	return val;
}

static void memory_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	memcpy(to_testdev(r->dev)->memory + off, &val, size);
}

/* --- the device ------------------------------------------------------------------------------- */

static const struct region_ops latch_ops = { 1, 4, latch_read, latch_write };
static const struct region_ops bytes_ops = { 1, 1, latch_read, latch_write };
static const struct region_ops flush_ops = { 4, 4, ones_read, flush_write };
static const struct region_ops lines_ops = { 1, 1, ones_read, lines_write };
static const struct region_ops memory_ops = { 1, 8, memory_read, memory_write };

static void testdev_reset(struct device *d)
{
	struct testdev *t = to_testdev(d);

	t->latch = t->lines = 0;
	memset(t->memory, 0, sizeof(t->memory));
	for (uint32_t i = 0; i < TESTDEV_IRQS; i++)
		drive(t, i);
}

static const struct snap_field testdev_fields[] = {
	SNAP(struct testdev, latch, 1),
	SNAP(struct testdev, lines, 1),
	SNAP_ARR(struct testdev, memory, 1),
};

/* The wires are as they were. Bits of lines that there are not do no harm. */
static int testdev_post_load(void *state, unsigned version, struct error **errp)
{
	struct testdev *t = state;

	(void)version;
	(void)errp;
	for (uint32_t i = 0; i < TESTDEV_IRQS; i++)
		drive(t, i);
	return 0;
}

static const struct snap_desc testdev_state = {
	.version = 1,
	.min_version = 1,
	.f = testdev_fields,
	.n = ARRAY_LEN(testdev_fields),
	.post_load = testdev_post_load,
};

static const struct device_ops testdev_ops = {
	.name = "testdev",
	.reset = testdev_reset,
	.destroy = device_free,
	.state = &testdev_state,
};

int testdev_create(const struct testdev_config *cfg, struct testdev **ret, struct error **errp)
{
	static const struct io_region regions[TESTDEV_REGIONS] = {
		[TESTDEV_LATCH] = { .ops = &latch_ops, .name = "test latch", .len = 4 },
		[TESTDEV_FLUSH] = { .ops = &flush_ops, .name = "test flush", .len = 4 },
		[TESTDEV_BYTES] = { .ops = &bytes_ops, .name = "test bytes", .len = 4 },
		[TESTDEV_LINES] = { .ops = &lines_ops, .name = "test lines", .len = TESTDEV_IRQS },
		[TESTDEV_MEMORY] = { .ops = &memory_ops, .name = "test memory", .len = MEMORY_LEN },
	};
	struct testdev *t = calloc(1, sizeof(*t));

	if (!t)
		return err_errno(errp, ENOMEM, "creating test device '%s'", cfg->id);
	memcpy(t->regions, regions, sizeof(regions));
	memcpy(t->irq, cfg->irq, sizeof(t->irq));
	device_init(&t->dev, &testdev_ops, cfg->id, t->regions, TESTDEV_REGIONS);
	*ret = t;
	return 0;
}

struct device *testdev_device(struct testdev *t)
{
	return &t->dev;
}
