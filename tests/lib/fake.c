/* SPDX-License-Identifier: MIT */
#include "tests/lib/fake.h"

#include <string.h>

static uint64_t clock_now(struct vclock *c)
{
	return container_of(c, struct fake_clock, clock)->now_ns;
}

static void clock_cancel(struct ev_timer *t)
{
	struct fake_clock *c = container_of(t->clock, struct fake_clock, clock);

	for (unsigned i = 0; i < FAKE_TIMERS; i++)
		if (c->armed[i] == t)
			c->armed[i] = NULL;
	t->armed = false;
}

static void clock_arm(struct ev_timer *t, uint64_t deadline_ns)
{
	struct fake_clock *c = container_of(t->clock, struct fake_clock, clock);

	clock_cancel(t);
	t->deadline_ns = deadline_ns;
	for (unsigned i = 0; i < FAKE_TIMERS; i++) {
		if (!c->armed[i]) {
			c->armed[i] = t;
			t->armed = true;
			return;
		}
	}
	fail_msg("more than %d timers", FAKE_TIMERS);
}

static const struct vclock_ops clock_ops = {
	.now = clock_now,
	.arm = clock_arm,
	.cancel = clock_cancel,
};

void fake_clock_init(struct fake_clock *c)
{
	*c = (struct fake_clock){ .clock.ops = &clock_ops };
}

static struct ev_timer *earliest(const struct fake_clock *c)
{
	struct ev_timer *best = NULL;

	for (unsigned i = 0; i < FAKE_TIMERS; i++) {
		struct ev_timer *t = c->armed[i];

		if (t && (!best || t->deadline_ns < best->deadline_ns))
			best = t;
	}
	return best;
}

uint64_t fake_clock_next(const struct fake_clock *c)
{
	struct ev_timer *t = earliest(c);

	return t ? t->deadline_ns : UINT64_MAX;
}

void fake_clock_advance(struct fake_clock *c, uint64_t ns)
{
	uint64_t end = c->now_ns + ns;
	struct ev_timer *t;

	while ((t = earliest(c)) && t->deadline_ns <= end) {
		c->now_ns = max_u64(c->now_ns, t->deadline_ns);
		clock_cancel(t);
		c->fired++;
		t->cb(t);
	}
	c->now_ns = end;
}

static void irq_record(struct irq_line *l, bool level)
{
	struct fake_irq *i = container_of(l, struct fake_irq, line);

	i->sets++;
	i->rises += level && !i->level;
	i->falls += !level && i->level;
	i->level = level;
}

static const struct irq_ops irq_ops = { .set = irq_record };

void fake_irq_init(struct fake_irq *i)
{
	*i = (struct fake_irq){ .line.ops = &irq_ops };
}

static void chr_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
	struct fake_chardev *c = container_of(chr, struct fake_chardev, chr);

	assert_true(c->out_len + len <= sizeof(c->out));
	memcpy(c->out + c->out_len, buf, len);
	c->out_len += len;
}

static void chr_room_changed(struct chardev *chr)
{
	container_of(chr, struct fake_chardev, chr)->room_changes++;
}

static const struct chardev_ops chr_ops = {
	.write = chr_write,
	.room_changed = chr_room_changed,
};

void fake_chardev_init(struct fake_chardev *c)
{
	memset(c, 0, sizeof(*c));
	c->chr.ops = &chr_ops;
}

size_t fake_chardev_feed(struct fake_chardev *c, const void *buf, size_t len)
{
	size_t n = min_u64(len, c->chr.client->room(c->chr.client_dev));

	if (n)
		c->chr.client->receive(c->chr.client_dev, buf, n);
	return n;
}

static void power_record(struct power_sink *s, enum power_event ev, unsigned value)
{
	struct fake_power *p = container_of(s, struct fake_power, sink);

	p->requests++;
	p->last = ev;
	p->last_value = value;
}

void fake_power_init(struct fake_power *p)
{
	*p = (struct fake_power){ .sink.request = power_record };
}

uint64_t io_read(struct device *d, unsigned r, uint32_t off, unsigned size)
{
	struct io_region *reg = &d->regions[r];

	assert_true(r < d->region_cnt && off + size <= reg->len);
	assert_true(size >= reg->ops->min_size && size <= reg->ops->max_size);
	return region_call_read(reg, off, size);
}

void io_write(struct device *d, unsigned r, uint32_t off, unsigned size, uint64_t val)
{
	struct io_region *reg = &d->regions[r];

	assert_true(r < d->region_cnt && off + size <= reg->len);
	assert_true(size >= reg->ops->min_size && size <= reg->ops->max_size);
	region_call_write(reg, off, size, val & size_mask(size));
}

void assert_no_error(struct error *e)
{
	if (e)
		fail_msg("%s", error_msg(e));
}

void assert_error(struct error *e, const char *part)
{
	if (!e)
		fail_msg("no error, expected one with '%s'", part);
	else if (!strstr(error_msg(e), part))
		fail_msg("error '%s' does not say '%s'", error_msg(e), part);
	error_free(e);
}
