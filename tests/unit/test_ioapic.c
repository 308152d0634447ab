/* SPDX-License-Identifier: MIT */
/* The I/O APIC against the 82093AA data sheet (Intel 290566-001; "DS") and the Intel SDM. */
#include "devices/chip/ioapic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/snap.h"

#define MASKED     0x10000u
#define LEVEL      0x8000u
#define REMOTE_IRR 0x4000u
#define ACTIVE_LOW 0x2000u
#define PENDING    0x1000u
#define LOGICAL    0x800u

/* A local APIC that records. */
struct sink {
	struct msi_sink sink;
	struct msi_msg last;
	unsigned sent, routed;
	int answer;
	struct {
		struct msi_msg msg;
		bool masked;
	} route[IOAPIC_LINES];
	int fd[IOAPIC_LINES];
};

static int sink_send(struct msi_sink *s, const struct msi_msg *m)
{
	struct sink *k = container_of(s, struct sink, sink);

	k->last = *m;
	k->sent++;
	return k->answer;
}

static void sink_route(struct msi_sink *s, unsigned pin, const struct msi_msg *m, bool masked)
{
	struct sink *k = container_of(s, struct sink, sink);

	k->routed++;
	k->route[pin].msg = *m;
	k->route[pin].masked = masked;
}

static int sink_trigger_fd(struct msi_sink *s, unsigned pin)
{
	return container_of(s, struct sink, sink)->fd[pin];
}

static const struct msi_sink_ops sink_ops = {
	.send = sink_send,
	.route = sink_route,
	.trigger_fd = sink_trigger_fd,
};

static struct fake_clock clk;
static struct sink lapic;
static struct ioapic *io;
static struct device *dev;

static struct ioapic *create(struct fake_clock *k, struct sink *s)
{
	struct ioapic_config c = {
		.id = "ioapic0", .apic_id = 3, .clock = &k->clock, .sink = &s->sink
	};
	struct ioapic *p = NULL;
	struct error *e = NULL;

	fake_clock_init(k);
	*s = (struct sink){ .sink.ops = &sink_ops, .answer = 1 };
	assert_int_equal(ioapic_create(&c, &p, &e), 0);
	assert_no_error(e);
	return p;
}

static int setup(void **state)
{
	(void)state;
	io = create(&clk, &lapic);
	dev = ioapic_device(io);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dev->ops->stop(dev);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
	dev->ops->destroy(dev);
	return 0;
}

static uint32_t get(unsigned reg)
{
	io_write(dev, IOAPIC_MMIO, 0x00, 4, reg);
	return (uint32_t)io_read(dev, IOAPIC_MMIO, 0x10, 4);
}

static void set(unsigned reg, uint32_t val)
{
	io_write(dev, IOAPIC_MMIO, 0x00, 4, reg);
	io_write(dev, IOAPIC_MMIO, 0x10, 4, val);
}

static uint32_t low(unsigned pin)
{
	return get(0x10 + 2 * pin);
}

static void entry(unsigned pin, uint32_t high, uint32_t lo)
{
	set(0x11 + 2 * pin, high);
	set(0x10 + 2 * pin, lo);
}

static void pin(unsigned n, bool level)
{
	irq_set(ioapic_line(io, n), level);
}

static void registers(void **state)
{
	(void)state;
	/* DS 3.2.1: ID in 27:24, all else reserved. */
	assert_int_equal(get(0x00), 3 << 24);
	set(0x00, 0xffffffff);
	assert_int_equal(get(0x00), 0x0f000000);
	/* DS 3.2.3: "The register is loaded when the IOAPICID register is written." */
	assert_int_equal(get(0x02), 0x0f000000);
	set(0x02, 0);
	assert_int_equal(get(0x02), 0x0f000000);
	/* DS 3.2.2: "This is the entry number (0 being the lowest entry) of the highest entry in
	 * the I/O Redirection Table", read only. */
	set(0x01, 0);
	assert_int_equal(get(0x01), 0x00170020);
	/* DS 3.1.1: IOREGSEL has 8 bits. */
	io_write(dev, IOAPIC_MMIO, 0x00, 4, 0xffffff01);
	assert_int_equal(io_read(dev, IOAPIC_MMIO, 0x00, 4), 0x01);
	/* Indices and addresses that are none read 0 and take nothing. */
	for (unsigned i = 3; i < 256; i++) {
		if (i >= 0x10 && i < 0x40)
			continue;
		set(i, 0xffffffff);
		assert_int_equal(get(i), 0);
	}
	for (uint32_t off = 0; off < 0x1000; off += 4) {
		if (off == 0x00 || off == 0x10)
			continue;
		io_write(dev, IOAPIC_MMIO, off, 4, 0xffffffff);
		assert_int_equal(io_read(dev, IOAPIC_MMIO, off, 4), 0);
	}
	assert_int_equal(lapic.sent, 0);
}

static void entry_bits(void **state)
{
	(void)state;
	for (unsigned n = 0; n < IOAPIC_LINES; n++) {
		/* DS 3.2.4: default: masked. */
		assert_int_equal(low(n), MASKED);
		assert_int_equal(get(0x11 + 2 * n), 0);
		/* "Delivery status ... Remote IRR ... RO"; 31:17 and 47:32 reserved. */
		entry(n, 0xffffffff, 0xffffffff);
		assert_int_equal(low(n), 0x1afff);
		assert_int_equal(get(0x11 + 2 * n), 0xfffe0000);
		set(0x10 + 2 * n, 0);
		set(0x11 + 2 * n, 0x12345678);
		assert_int_equal(low(n), 0);
		assert_int_equal(get(0x11 + 2 * n), 0x12340000);
	}
}

static void message(void **state)
{
	static const struct {
		uint32_t high, low;
		uint64_t addr;
		uint32_t data;
	} t[] = {
		/* SDM vol. 3 11.11.1: address 0xfee, destination ID 19:12, DM bit 2. */
		{ 0x05000000, 0x31, 0xfee05000, 0x31 },
		{ 0xff000000, 0x31 | LOGICAL, 0xfeeff004, 0x31 },
		/* 11.11.2: delivery mode 10:8, level 14, trigger mode 15. */
		{ 0x01000000, 0x131, 0xfee01000, 0x131 },
		{ 0x01000000, 0x231, 0xfee01000, 0x231 },
		{ 0x01000000, 0x400, 0xfee01000, 0x400 },
		{ 0x01000000, 0x500, 0xfee01000, 0x500 },
		{ 0x01000000, 0x31 | LEVEL, 0xfee01000, 0xc031 },
		{ 0x01000000, 0x131 | LEVEL | ACTIVE_LOW | LOGICAL, 0xfee01004, 0xc131 },
		/* DS: NMI, SMI and INIT are "always treated as edge triggered". */
		{ 0x01000000, 0x400 | LEVEL, 0xfee01000, 0x400 },
		/* 6 Series 13.5.7: 55:48 "become bits 11:4 of the address". */
		{ 0x34fe0000, 0x31, 0xfee34fe0, 0x31 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		unsigned n = i + 1, sent = lapic.sent;

		entry(n, t[i].high, t[i].low);
		assert_int_equal(lapic.sent, sent);
		pin(n, true);
		assert_int_equal(lapic.sent, sent + 1);
		assert_int_equal(lapic.last.addr, t[i].addr);
		assert_int_equal(lapic.last.data, t[i].data);
		assert_int_equal(lapic.route[n].msg.addr, t[i].addr);
		assert_int_equal(lapic.route[n].msg.data, t[i].data);
		assert_false(lapic.route[n].masked);
		pin(n, false);
		assert_int_equal(lapic.sent, sent + 1);
	}
}

static void what_no_message_can_say(void **state)
{
	/* ExtINT, the reserved modes, and vectors outside "10h to FEh". */
	static const uint32_t t[] = { 0x730, 0x330, 0x630, 0x00, 0x0f, 0x10f, 0x0f | LEVEL };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		entry(4, 0, t[i]);
		pin(4, true);
		pin(4, false);
		assert_int_equal(lapic.sent, 0);
		assert_true(lapic.route[4].masked);
		assert_int_equal(low(4), t[i]); /* it reads back all the same */
	}
}

static void edge(void **state)
{
	(void)state;
	entry(4, 0, 0x34);
	pin(4, true);
	pin(4, true);
	assert_int_equal(lapic.sent, 1);
	assert_int_equal(low(4), 0x34); /* no Remote IRR for an edge */
	pin(4, false);
	pin(4, true);
	assert_int_equal(lapic.sent, 2); /* and none needed for the next */
	ioapic_eoi(io, 0x34);
	assert_int_equal(lapic.sent, 2);
	/* DS: "Edge-sensitive interrupts signaled on a masked interrupt pin are ignored (i.e., not
	 * delivered or held pending)." */
	pin(4, false);
	entry(4, 0, 0x34 | MASKED);
	pin(4, true);
	entry(4, 0, 0x34);
	assert_int_equal(lapic.sent, 2);
	pin(4, false);
	pin(4, true);
	assert_int_equal(lapic.sent, 3);
}

static void level(void **state)
{
	(void)state;
	entry(9, 0, 0x39 | LEVEL | ACTIVE_LOW);
	pin(9, true);
	assert_int_equal(lapic.sent, 1);
	/* DS: "this bit is set to 1 when local APIC(s) accept the level interrupt sent by the
	 * IOAPIC. The Remote IRR bit is set to 0 when an EOI message with a matching interrupt
	 * vector is received from a local APIC." */
	assert_int_equal(low(9), 0x39 | LEVEL | ACTIVE_LOW | REMOTE_IRR);
	pin(9, true);
	pin(9, false);
	pin(9, true);
	assert_int_equal(lapic.sent, 1);
	ioapic_eoi(io, 0x38);
	assert_int_equal(lapic.sent, 1);
	ioapic_eoi(io, 0x39); /* still asserted: again, once */
	assert_int_equal(lapic.sent, 2);
	assert_true(low(9) & REMOTE_IRR);
	pin(9, false);
	ioapic_eoi(io, 0x39);
	assert_int_equal(lapic.sent, 2);
	assert_false(low(9) & REMOTE_IRR);
	/* Remote IRR is read only. */
	pin(9, true);
	set(0x10 + 18, 0x39 | LEVEL);
	assert_true(low(9) & REMOTE_IRR);
	assert_int_equal(lapic.sent, 3);
}

static void level_and_mask(void **state)
{
	(void)state;
	/* DS: "Level-asserts or negates occurring on a masked level-sensitive pin are also ignored
	 * and have no side effects": but the level that is there at the unmasking counts. */
	entry(9, 0, 0x39 | LEVEL | MASKED);
	pin(9, true);
	assert_int_equal(lapic.sent, 0);
	entry(9, 0, 0x39 | LEVEL);
	assert_int_equal(lapic.sent, 1);
	/* DS: "Changing the mask bit from unmasked to masked after the interrupt is accepted by a
	 * local APIC has no effect on that interrupt": its EOI is still heard. */
	entry(9, 0, 0x39 | LEVEL | MASKED);
	assert_true(low(9) & REMOTE_IRR);
	assert_false(lapic.route[9].masked); /* or it would not be told here */
	ioapic_eoi(io, 0x39);
	assert_int_equal(lapic.sent, 1);
	assert_false(low(9) & REMOTE_IRR);
	entry(9, 0, 0x39 | LEVEL);
	assert_int_equal(lapic.sent, 2);
	pin(9, false);
	ioapic_eoi(io, 0x39);
	entry(9, 0, 0x39 | LEVEL | MASKED);
	assert_true(lapic.route[9].masked);
	/* An edge pin that is high and becomes level-triggered asks. */
	entry(5, 0, 0x35);
	pin(5, true);
	assert_int_equal(lapic.sent, 3);
	entry(5, 0, 0x35 | LEVEL);
	assert_int_equal(lapic.sent, 4);
}

static void eoi_register(void **state)
{
	(void)state;
	/* 6 Series 13.5.5 EOIR: "the I/O APIC will check the lower 8 bits written to this register,
	 * and compare it with the vector field for each entry ... When a match is found, Remote_IRR
	 * for that Redirection Entry will be cleared. If multiple I/O Redirection entries assign
	 * the same vector ... each of those entries will have the Remote_IRR bit reset". */
	entry(9, 0, 0x39 | LEVEL);
	entry(10, 0, 0x39 | LEVEL);
	pin(9, true);
	pin(10, true);
	pin(10, false);
	io_write(dev, IOAPIC_MMIO, 0x40, 4, 0xabcdef39);
	assert_int_equal(lapic.sent, 3); /* "if the input is still asserted: sent again" */
	assert_true(low(9) & REMOTE_IRR);
	assert_false(low(10) & REMOTE_IRR);
	/* Linux for version 0x11: edge for a moment ends it as well. */
	pin(9, false);
	entry(9, 0, 0x39 | MASKED);
	entry(9, 0, 0x39 | MASKED | LEVEL);
	assert_false(low(9) & REMOTE_IRR);
}

static void message_that_nobody_takes(void **state)
{
	static const int no[] = { 0, -EPERM };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(no); i++) {
		unsigned sent = lapic.sent;

		lapic.answer = no[i];
		entry(9, 0, 0x39 | LEVEL);
		pin(9, true);
		assert_int_equal(lapic.sent, sent + 1);
		assert_false(low(9) & REMOTE_IRR); /* nobody would clear it */
		ioapic_eoi(io, 0x39);              /* somebody else's, of the same vector */
		assert_int_equal(lapic.sent, sent + 1);
		lapic.answer = 1;
		entry(9, 0x01000000, 0x39 | LEVEL); /* another CPU */
		assert_int_equal(lapic.sent, sent + 2);
		assert_true(low(9) & REMOTE_IRR);
		pin(9, false);
		ioapic_eoi(io, 0x39);
	}
}

static void storm(void **state)
{
	(void)state;
	entry(9, 0, 0x39 | LEVEL);
	entry(8, 0, 0x38 | LEVEL);
	pin(9, true);
	for (unsigned i = 0; i < IOAPIC_STORM_EOIS - 1; i++)
		ioapic_eoi(io, 0x39);
	assert_int_equal(lapic.sent, IOAPIC_STORM_EOIS);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
	ioapic_eoi(io, 0x39);
	assert_int_equal(lapic.sent, IOAPIC_STORM_EOIS);
	assert_int_equal(fake_clock_next(&clk), clk.now_ns + IOAPIC_STORM_NS);
	/* DS: Delivery Status 1 = Send Pending. */
	assert_int_equal(low(9), 0x39 | LEVEL | PENDING);
	pin(9, true);
	entry(9, 0, 0x39 | LEVEL);
	assert_int_equal(lapic.sent, IOAPIC_STORM_EOIS);
	pin(8, true); /* others are not held */
	assert_int_equal(lapic.sent, IOAPIC_STORM_EOIS + 1);
	fake_clock_advance(&clk, IOAPIC_STORM_NS);
	assert_int_equal(lapic.sent, IOAPIC_STORM_EOIS + 2);
	assert_int_equal(low(9), 0x39 | LEVEL | REMOTE_IRR);
	/* Calmed down: the count begins anew. */
	pin(9, false);
	ioapic_eoi(io, 0x39);
	for (unsigned i = 0; i < 3 * IOAPIC_STORM_EOIS; i++) {
		pin(9, true);
		assert_true(low(9) & REMOTE_IRR);
		pin(9, false);
		ioapic_eoi(io, 0x39);
	}
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
}

/* "The callback may still be on its way for an older deadline." */
static void stale_callback(void **state)
{
	struct ev_timer *t;
	unsigned sent;

	(void)state;
	entry(9, 0, 0x39 | LEVEL);
	pin(9, true);
	for (unsigned i = 0; i < IOAPIC_STORM_EOIS; i++)
		ioapic_eoi(io, 0x39);
	sent = lapic.sent;
	fake_clock_advance(&clk, 100);
	t = clk.armed[0];
	timer_cancel(t);
	t->cb(t);
	assert_int_equal(lapic.sent, sent);
	assert_true(low(9) & PENDING);
	fake_clock_advance(&clk, IOAPIC_STORM_NS - 100);
	assert_int_equal(lapic.sent, sent + 1);
}

static void storm_that_ends_itself(void **state)
{
	unsigned sent;

	(void)state;
	entry(9, 0, 0x39 | LEVEL);
	pin(9, true);
	for (unsigned i = 0; i < IOAPIC_STORM_EOIS; i++)
		ioapic_eoi(io, 0x39);
	sent = lapic.sent;
	pin(9, false);
	assert_false(low(9) & PENDING);
	pin(9, true); /* a new request does not wait */
	assert_int_equal(lapic.sent, sent + 1);
	fake_clock_advance(&clk, 2 * IOAPIC_STORM_NS);
	assert_int_equal(lapic.sent, sent + 1);
}

static void routes_are_told_once(void **state)
{
	unsigned routed = lapic.routed;

	(void)state;
	set(0x10 + 8, 0x34 | LEVEL);
	assert_int_equal(lapic.routed, routed + 1);
	set(0x10 + 8, 0x34 | LEVEL);
	assert_int_equal(lapic.routed, routed + 1);
	pin(4, true);
	ioapic_eoi(io, 0x34);
	set(0x10 + 8, 0x34 | LEVEL); /* only read-only bits differ */
	assert_int_equal(lapic.routed, routed + 1);
	set(0x11 + 8, 0x02000000);
	assert_int_equal(lapic.routed, routed + 2);
	assert_int_equal(lapic.route[4].msg.addr, 0xfee02000);
}

static void descriptors(void **state)
{
	static const struct msi_sink_ops without = { .send = sink_send, .route = sink_route };

	(void)state;
	lapic.fd[7] = 42;
	assert_int_equal(irq_trigger_fd(ioapic_line(io, 7)), 42);
	lapic.sink.ops = &without;
	assert_int_equal(irq_trigger_fd(ioapic_line(io, 7)), -1);
}

static void bad_config(void **state)
{
	struct ioapic_config c = {
		.id = "ioapic1", .apic_id = 16, .clock = &clk.clock, .sink = &lapic.sink
	};
	struct ioapic *p = NULL;
	struct error *e = NULL;

	(void)state;
	assert_int_equal(ioapic_create(&c, &p, &e), -EINVAL);
	assert_error(e, "'ioapic1'");
	assert_null(p);
	dev->ops->destroy(NULL);
}

static void disturb(void)
{
	entry(9, 0x01000000, 0x39 | LEVEL);
	entry(10, 0x02000000, 0x3a | LEVEL | LOGICAL);
	entry(4, 0x03000000, 0x34);
	set(0x00, 0x05000000);
	io_write(dev, IOAPIC_MMIO, 0, 4, 0x15);
	pin(9, true);
	pin(10, true);
	pin(4, true);
	for (unsigned i = 0; i < IOAPIC_STORM_EOIS; i++)
		ioapic_eoi(io, 0x39);
}

static void reset_is_power_on(void **state)
{
	struct fake_clock k;
	struct sink s;
	struct device *fresh = ioapic_device(create(&k, &s));
	const struct snap_desc *d = dev->ops->state;

	(void)state;
	disturb();
	device_reset(dev);
	assert_int_equal(fake_clock_next(&clk), UINT64_MAX);
	for (unsigned n = 0; n < IOAPIC_LINES; n++) {
		assert_true(lapic.route[n].masked);
		pin(n, false);
	}
	for (unsigned i = 0; i < d->n; i++)
		assert_memory_equal((char *)dev + d->f[i].off, (char *)fresh + d->f[i].off,
				    (size_t)d->f[i].count * d->f[i].size);
	fresh->ops->destroy(fresh);
}

/* The wires are inputs: what is asserted across a reset is still there for the next kernel. */
static void reset_keeps_the_wires(void **state)
{
	unsigned sent;

	(void)state;
	pin(9, true);
	device_reset(dev);
	sent = lapic.sent;
	entry(9, 0, 0x39 | LEVEL);
	assert_int_equal(lapic.sent, sent + 1);
}

static void snapshot(void **state)
{
	struct fake_clock k;
	struct sink s;
	struct ioapic *copy = create(&k, &s);
	struct device *cd = ioapic_device(copy);
	struct error *e = NULL;

	(void)state;
	disturb();
	fake_clock_advance(&clk, NSEC_PER_MSEC);
	assert_snapshot_round_trip(dev, cd);
	assert_int_equal(s.sent, 0);
	for (unsigned n = 0; n < IOAPIC_LINES; n++) {
		struct msi_msg m = lapic.route[n].msg;

		if (n != 9 && n != 10 && n != 4) {
			assert_true(s.route[n].masked);
			continue;
		}
		assert_false(s.route[n].masked);
		assert_int_equal(s.route[n].msg.addr, m.addr);
		assert_int_equal(s.route[n].msg.data, m.data);
	}
	/* The storm goes on being held, and then is not. */
	assert_int_equal(cd->ops->start(cd, &e), 0);
	fake_clock_advance(&k, IOAPIC_STORM_NS - 1);
	assert_int_equal(s.sent, 0);
	fake_clock_advance(&k, 1);
	assert_int_equal(s.sent, 1);
	assert_int_equal(s.last.data & 0xff, 0x39);
	ioapic_eoi(copy, 0x3a);
	assert_int_equal(s.sent, 2);
	cd->ops->stop(cd);
	cd->ops->destroy(cd);
}

static void *field(const char *name)
{
	const struct snap_desc *d = dev->ops->state;

	for (unsigned i = 0; i < d->n; i++)
		if (!strcmp(d->f[i].name, name))
			return (uint8_t *)dev + d->f[i].off;
	fail_msg("no field '%s'", name);
	return NULL;
}

static void post_load_refuses(const char *message)
{
	struct error *e = NULL;

	assert_int_equal(dev->ops->state->post_load(dev, 1, &e), -EINVAL);
	assert_error(e, message);
	device_reset(dev);
	e = NULL;
	assert_int_equal(dev->ops->state->post_load(dev, 1, &e), 0);
}

static void hostile_snapshot(void **state)
{
	uint64_t *redtbl = field("redtbl");
	uint32_t *pins = field("pins"), *eois = field("eois");

	(void)state;
	redtbl[7] = 0x1000;
	post_load_refuses("entry 7 cannot be");
	redtbl[23] = UINT64_C(1) << 48;
	post_load_refuses("entry 23 cannot be");
	redtbl[0] = 0x34 | REMOTE_IRR;
	post_load_refuses("entry 0 cannot be");
	redtbl[0] = 0x400 | REMOTE_IRR | LEVEL;
	post_load_refuses("entry 0 cannot be");
	eois[3] = IOAPIC_STORM_EOIS;
	post_load_refuses("entry 3 counts");
	*(uint32_t *)field("held") = 1;
	post_load_refuses("input pins");
	*(uint8_t *)field("id") = 16;
	post_load_refuses("APIC id 16");
	*pins = 1u << 24;
	{
		struct error *e = NULL;

		assert_int_equal(dev->ops->state->post_load(dev, 1, &e), -EINVAL);
		assert_error(e, "input pins");
	}
}

static void register_storm(void **state)
{
	const uint64_t *redtbl = field("redtbl");
	const uint32_t *pins = field("pins"), *held = field("held");

	(void)state;
	srandom(82093);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned r = (unsigned)random(), sent = lapic.sent;
		unsigned most = 0; /* messages this step may cause */
		uint32_t bits = (uint32_t)random() ^ (uint32_t)random() << 8;

		lapic.answer = (int)(r >> 28 & 3) - 1;
		switch (r & 7) {
		case 0:
		case 1:
			pin((r >> 3) % IOAPIC_LINES, r >> 9 & 1);
			most = 1;
			break;
		case 2:
			ioapic_eoi(io, r >> 3 & 0x3f);
			most = IOAPIC_LINES;
			break;
		case 3:
			(void)get(r >> 3 & 0xff);
			break;
		case 4:
			io_write(dev, IOAPIC_MMIO, r >> 3 & 0xffc, 4, bits);
			most = IOAPIC_LINES;
			break;
		case 5:
			fake_clock_advance(&clk, r >> 3 & 0xffff);
			most = IOAPIC_LINES;
			break;
		default: /* entries with few vectors, so that EOIs match */
			set(0x10 + (r >> 3) % 48, bits & (r >> 27 & 1 ? 0xffffff3f : 0xfffefc3f));
			most = 1;
			break;
		}
		assert_in_range(lapic.sent - sent, 0, most);
		assert_int_equal(*held & ~*pins, 0);
		for (unsigned n = 0; n < IOAPIC_LINES; n++)
			assert_true(!(redtbl[n] & REMOTE_IRR) || (redtbl[n] & LEVEL));
	}
	assert_true(lapic.sent > 5000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(registers),
		T(entry_bits),
		T(message),
		T(what_no_message_can_say),
		T(edge),
		T(level),
		T(level_and_mask),
		T(eoi_register),
		T(message_that_nobody_takes),
		T(storm),
		T(stale_callback),
		T(storm_that_ends_itself),
		T(routes_are_told_once),
		T(descriptors),
		T(bad_config),
		T(reset_is_power_on),
		T(reset_keeps_the_wires),
		T(snapshot),
		T(hostile_snapshot),
		T(register_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
