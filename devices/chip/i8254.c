/* SPDX-License-Identifier: MIT */
/*
 * i8254.c: Intel 82C54 programmable interval timer (231244) as a PC wires it, and the NMI status
 * and control register of the south bridge (Intel 6 Series data sheet §13.7.1).
 *
 *   0x40..0x42  counters 0..2: count or latched status (read), count (write)
 *   0x43        write: SC1 SC0 RW1 RW0 M2 M1 M0 BCD; SC = 3: read-back; RW = 0: counter latch
 *   0x61        0 rw GATE 2      1 rw speaker data   2 rw SERR# off     3 rw IOCHK# off
 *               4 ro refresh     5 ro OUT 2          6 ro IOCHK# = 0    7 ro SERR# = 0
 *
 * The counting itself is in i8254_counter.c. Here is what concerns the world: which tick it is, and
 * when counter 0's OUT must rise on the wire.
 */
#include "devices/chip/i8254.h"

#include <errno.h>

#include "devices/chip/i8254_counter.h"
#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/snap.h"
#include "vmm/trace.h"

#define PIT_CONTROL 3u /* offset of the control word register */

#define CW_READ_BACK 3u /* in SC */
#define RB_NO_COUNT  0x20u
#define RB_NO_STATUS 0x10u
#define RB_COUNTER0  0x02u

#define P61_GATE2   0x01u
#define P61_RW      0x0fu
#define P61_REFRESH 0x10u
#define P61_OUT2    0x20u

/* Counter 1 asks for a refresh cycle every 18 ticks, 15.1 us; bit 4 toggles with each. */
#define REFRESH_TICKS 18u

struct i8254 {
	struct device dev;
	struct io_region regions[I8254_REGION_CNT];
	struct vclock *clock;
	struct irq_line *irq;
	struct ev_timer timer;
	uint64_t armed_ns; /* what the timer is armed for, or PIT_NEVER */

	struct pit_counter ch[3];
	uint8_t port61;
	bool line;          /* what counter 0's wire was driven to last */
	uint64_t edge_at;   /* tick of the next rising edge to deliver, or PIT_NEVER */
	uint64_t edge_next; /* no periodic edge before this tick */
	uint64_t edge_in;   /* edge_at relative to now, in a saved state */
};

static struct i8254 *to_i8254(struct device *d)
{
	return container_of(d, struct i8254, dev);
}

/* --- ticks ------------------------------------------------------------------------------------ */

static uint64_t now_tick(const struct i8254 *pit)
{
	return muldiv64(vclock_now(pit->clock), I8254_HZ, NSEC_PER_SEC);
}

/* The first nanosecond at which now_tick() is @tick. */
static uint64_t tick_to_ns(uint64_t tick)
{
	unsigned __int128 ns = ((unsigned __int128)tick * NSEC_PER_SEC + I8254_HZ - 1) / I8254_HZ;

	return ns < PIT_NEVER ? (uint64_t)ns : PIT_NEVER - 1;
}

/* --- counter 0's wire ------------------------------------------------------------------------- */

static void arm(struct i8254 *pit)
{
	uint64_t ns = pit->edge_at == PIT_NEVER ? PIT_NEVER : tick_to_ns(pit->edge_at);

	if (ns == pit->armed_ns)
		return;
	pit->armed_ns = ns;
	if (ns == PIT_NEVER)
		timer_cancel(&pit->timer);
	else
		timer_arm(&pit->timer, ns);
}

/* Delivers the edge that is due, if one is. Several that were missed are one. */
static void deliver(struct i8254 *pit, uint64_t now)
{
	if (pit->edge_at > now)
		return;
	if (pit->line)
		irq_set(pit->irq, false);
	irq_set(pit->irq, true);
	pit->line = true;
	pit->edge_next = pit->edge_at + I8254_MIN_EDGE_TICKS;
	pit->edge_at = PIT_NEVER;
}

static void schedule(struct i8254 *pit, uint64_t now)
{
	pit->edge_at = pit_counter_next_rise(&pit->ch[0], now, pit->edge_next);
	arm(pit);
}

/* After counter 0 was programmed: OUT may have moved by that alone. */
static void follow(struct i8254 *pit, uint64_t now)
{
	bool out = pit_counter_out(&pit->ch[0], now);

	if (out != pit->line) {
		pit->line = out;
		irq_set(pit->irq, out);
	}
	schedule(pit, now);
}

static void on_timer(struct ev_timer *t)
{
	struct i8254 *pit = container_of(t, struct i8254, timer);
	uint64_t now;

	device_lock(&pit->dev);
	now = now_tick(pit);
	pit->armed_ns = PIT_NEVER;
	if (pit->edge_at <= now) {
		trace_event(TRACE_E_TIMER, pit->dev.number, 0);
		deliver(pit, now);
		schedule(pit, now);
	} else {
		arm(pit); /* a callback for an older deadline */
	}
	device_unlock(&pit->dev);
}

/* --- registers -------------------------------------------------------------------------------- */

/* "The Read-Back Command may be used to latch multiple counter output latches." */
static void read_back(struct i8254 *pit, uint64_t now, uint8_t val)
{
	for (unsigned i = 0; i < ARRAY_LEN(pit->ch); i++) {
		if (!(val & (RB_COUNTER0 << i)))
			continue;
		if (!(val & RB_NO_COUNT))
			pit_counter_latch_count(&pit->ch[i], now);
		if (!(val & RB_NO_STATUS))
			pit_counter_latch_status(&pit->ch[i], now);
	}
}

static void write_control(struct i8254 *pit, uint64_t now, uint8_t val)
{
	unsigned sc = val >> 6;

	if (sc == CW_READ_BACK)
		read_back(pit, now, val);
	else if (!(val & 0x30))
		pit_counter_latch_count(&pit->ch[sc], now);
	else
		pit_counter_set_control(&pit->ch[sc], now, val);
}

static void i8254_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct i8254 *pit = to_i8254(r->dev);
	uint64_t now = now_tick(pit);

	(void)size;
	/* An edge whose callback is late belongs to the count that is about to be replaced. */
	deliver(pit, now);
	if (off == PIT_CONTROL)
		write_control(pit, now, (uint8_t)val);
	else
		pit_counter_write(&pit->ch[off], now, (uint8_t)val);
	follow(pit, now);
}

static uint64_t i8254_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct i8254 *pit = to_i8254(r->dev);

	(void)size;
	if (off == PIT_CONTROL)
		return 0xff; /* "No-Operation (3-State)" */
	return pit_counter_read(&pit->ch[off], now_tick(pit));
}

static uint64_t port61_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct i8254 *pit = to_i8254(r->dev);
	uint64_t now = now_tick(pit);

	(void)off;
	(void)size;
	return pit->port61 | (now / REFRESH_TICKS & 1 ? P61_REFRESH : 0) |
	       (pit_counter_out(&pit->ch[2], now) ? P61_OUT2 : 0);
}

static void port61_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct i8254 *pit = to_i8254(r->dev);

	(void)off;
	(void)size;
	pit->port61 = (uint8_t)(val & P61_RW);
	pit_counter_set_gate(&pit->ch[2], now_tick(pit), val & P61_GATE2);
}

/* --- device ----------------------------------------------------------------------------------- */

static void set_power_on(struct i8254 *pit)
{
	for (unsigned i = 0; i < ARRAY_LEN(pit->ch); i++)
		pit_counter_reset(&pit->ch[i], i < 2);
	pit->port61 = 0;
	pit->edge_at = PIT_NEVER;
	pit->edge_next = 0;
}

static void i8254_reset(struct device *d)
{
	struct i8254 *pit = to_i8254(d);

	set_power_on(pit);
	pit->line = false;
	irq_set(pit->irq, false);
	arm(pit);
}

static int i8254_start(struct device *d, struct error **errp)
{
	struct i8254 *pit = to_i8254(d);

	(void)errp;
	device_lock(d);
	arm(pit);
	device_unlock(d);
	return 0;
}

static void i8254_stop(struct device *d)
{
	struct i8254 *pit = to_i8254(d);

	device_lock(d);
	pit->armed_ns = PIT_NEVER;
	timer_cancel(&pit->timer);
	device_unlock(d);
}

static void i8254_pre_save(void *s)
{
	struct i8254 *pit = s;
	uint64_t now = now_tick(pit);

	for (unsigned i = 0; i < ARRAY_LEN(pit->ch); i++)
		pit_counter_save(&pit->ch[i], now);
	pit->edge_in = pit->edge_at == PIT_NEVER ? PIT_NEVER
		       : pit->edge_at > now      ? pit->edge_at - now
						 : 0;
}

static int i8254_post_load(void *s, unsigned version, struct error **errp)
{
	/* The furthest edge: the end of a pending period, then that of the longest count. */
	const uint64_t furthest = 2 * 0x10000 + I8254_MIN_EDGE_TICKS;
	struct i8254 *pit = s;
	uint64_t now = now_tick(pit);

	(void)version;
	for (unsigned i = 0; i < ARRAY_LEN(pit->ch); i++) {
		int rc = pit_counter_load(&pit->ch[i], now, errp);

		if (rc < 0) {
			err_wrap(errp, "saved state of '%s': counter %u", pit->dev.id, i);
			return rc;
		}
	}
	if (pit->port61 & ~P61_RW || pit->ch[2].gate != (pit->port61 & P61_GATE2))
		return err_set(errp, EINVAL, "saved state of '%s': port 0x61 cannot read %#x",
			       pit->dev.id, pit->port61);
	if (!pit->ch[0].gate || !pit->ch[1].gate)
		return err_set(errp, EINVAL, "saved state of '%s': a gate that is tied high is low",
			       pit->dev.id);
	if (pit->edge_in != PIT_NEVER && pit->edge_in > furthest)
		return err_set(errp, EINVAL,
			       "saved state of '%s': the next tick is %llu clocks away",
			       pit->dev.id, (unsigned long long)pit->edge_in);
	pit->edge_at = pit->edge_in == PIT_NEVER ? PIT_NEVER : now + pit->edge_in;
	pit->edge_next = 0;
	return 0;
}

/* clang-format off */
#define CH(i, m) SNAP(struct i8254, ch[i].m, 1)
#define CH_FIELDS(i)                                                                               \
	CH(i, control), CH(i, gate), CH(i, armed), CH(i, running), CH(i, frozen),                  \
	CH(i, load_low), CH(i, null_count), CH(i, held), CH(i, reload), CH(i, count),              \
	CH(i, elapsed), CH(i, load_in), CH(i, write_msb), CH(i, read_msb), CH(i, write_lsb),       \
	CH(i, count_latched), CH(i, status_latched), CH(i, count_latch), CH(i, status_latch)
/* clang-format on */

static const struct snap_field i8254_fields[] = {
	CH_FIELDS(0),
	CH_FIELDS(1),
	CH_FIELDS(2),
	SNAP(struct i8254, port61, 1),
	SNAP(struct i8254, line, 1),
	SNAP(struct i8254, edge_in, 1),
};

static const struct snap_desc i8254_state = {
	.version = 1,
	.min_version = 1,
	.f = i8254_fields,
	.n = ARRAY_LEN(i8254_fields),
	.pre_save = i8254_pre_save,
	.post_load = i8254_post_load,
};

static const struct device_ops i8254_ops = {
	.name = "i8254",
	.reset = i8254_reset,
	.start = i8254_start,
	.stop = i8254_stop,
	.destroy = device_free,
	.state = &i8254_state,
};

static const struct region_ops counters_ops = { 1, 1, i8254_read, i8254_write };
static const struct region_ops port61_ops = { 1, 1, port61_read, port61_write };

int i8254_create(const struct i8254_config *c, struct i8254 **ret, struct error **errp)
{
	struct i8254 *pit = calloc(1, sizeof(*pit));

	if (!pit)
		return err_errno(errp, ENOMEM, "cannot create timer '%s'", c->id);
	pit->regions[I8254_COUNTERS] =
		(struct io_region){ .ops = &counters_ops, .name = "i8254 counters", .len = 4 };
	pit->regions[I8254_PORT61] =
		(struct io_region){ .ops = &port61_ops, .name = "i8254 port 61", .len = 1 };
	device_init(&pit->dev, &i8254_ops, c->id, pit->regions, I8254_REGION_CNT);
	pit->clock = c->clock;
	pit->irq = c->irq;
	pit->armed_ns = PIT_NEVER;
	timer_init(&pit->timer, c->clock, on_timer);
	set_power_on(pit);
	*ret = pit;
	return 0;
}

struct device *i8254_device(struct i8254 *pit)
{
	return &pit->dev;
}
