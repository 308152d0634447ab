/* SPDX-License-Identifier: MIT */
/*
 * ioapic.c: Intel 82093AA I/O APIC (290566), with the EOI register of its successors (Intel 6
 * Series data sheet §13.5) and their extended destination.
 *
 *   MMIO  0x00 IOREGSEL   7:0 index
 *         0x10 IOWIN      the register that IOREGSEL names
 *         0x40 EOIR       7:0 vector (write only)
 *   index 0x00 IOAPICID   27:24 ID
 *         0x01 IOAPICVER  23:16 last pin, 7:0 version
 *         0x02 IOAPICARB  27:24 arbitration ID
 *         0x10 + 2n, 0x11 + 2n  entry of pin n
 *   entry 7:0 vector  10:8 delivery mode  11 logical  12 ro delivery status  13 active low
 *         14 ro remote IRR  15 level  16 mask  55:49 extended destination  63:56 destination
 */
#include "devices/chip/ioapic.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/snap.h"
#include "vmm/trace.h"

#define MMIO_LEN      0x1000u
#define MMIO_IOREGSEL 0x00u
#define MMIO_IOWIN    0x10u
#define MMIO_EOIR     0x40u

#define REG_ID     0x00u
#define REG_VER    0x01u
#define REG_ARB    0x02u
#define REG_REDTBL 0x10u

#define ID_SHIFT    24
#define ID_MASK     0xfu
#define VER_VERSION 0x20u
#define VER_VALUE   (VER_VERSION | (IOAPIC_LINES - 1) << 16)

#define RTE_VECTOR     UINT64_C(0xff)
#define RTE_MODE_SHIFT 8
#define RTE_LOGICAL    BIT64(11)
#define RTE_PENDING    BIT64(12) /* delivery status: never stored, see entry_value() */
#define RTE_ACTIVE_LOW BIT64(13)
#define RTE_REMOTE_IRR BIT64(14)
#define RTE_LEVEL      BIT64(15)
#define RTE_MASKED     BIT64(16)
#define RTE_DEST_SHIFT 48
/* Bit 48 would ask for an interrupt remapping unit; there is none in front of this chip. */
#define RTE_DEST_MASK UINT64_C(0xfffe000000000000)
#define RTE_RW                                                                                     \
	(RTE_VECTOR | UINT64_C(7) << RTE_MODE_SHIFT | RTE_LOGICAL | RTE_ACTIVE_LOW | RTE_LEVEL |   \
	 RTE_MASKED | RTE_DEST_MASK)

/* "Vector values range from 10h to FEh"; a local APIC refuses a message with a lower one. */
#define VECTOR_MIN 0x10u

/* Delivery modes (290566 table 2); 3 and 6 are reserved. */
enum { DM_FIXED, DM_LOWEST, DM_SMI, DM_NMI = 4, DM_INIT, DM_EXTINT = 7 };

/* Intel SDM vol. 3 §11.11: message address and data. */
#define MSI_ADDR        UINT64_C(0xfee00000)
#define MSI_LOGICAL     0x4u
#define MSI_EXT_SHIFT   4 /* bits 11:5 and 19:12, in one piece as in the entry */
#define MSI_DATA_ASSERT BIT(14)
#define MSI_DATA_LEVEL  BIT(15)

struct ioapic {
	struct device dev;
	struct io_region regions[IOAPIC_REGION_CNT];
	struct irq_line lines[IOAPIC_LINES];
	struct msi_sink *sink;
	struct ev_timer timer;
	uint8_t id_power_on;

	uint8_t ioregsel, id, arb;
	uint32_t pins;               /* levels of the inputs, not touched by reset */
	uint32_t held;               /* level pins that wait for the storm timer */
	uint64_t held_until;         /* when they go on, on the clock */
	uint32_t eois[IOAPIC_LINES]; /* EOIs in a row that found the pin asserted */
	uint64_t redtbl[IOAPIC_LINES];
};

static struct ioapic *to_ioapic(struct device *d)
{
	return container_of(d, struct ioapic, dev);
}

/* --- entries ---------------------------------------------------------------------------------- */

static unsigned entry_mode(uint64_t e)
{
	return (e >> RTE_MODE_SHIFT) & 7;
}

static bool entry_has_vector(uint64_t e)
{
	return entry_mode(e) == DM_FIXED || entry_mode(e) == DM_LOWEST;
}

/* SMI, NMI and INIT are "always treated as edge triggered ... even if programmed otherwise". */
static bool entry_is_level(uint64_t e)
{
	return (e & RTE_LEVEL) && entry_has_vector(e);
}

/*
 * Whether the entry can send at all. ExtINT is a question to the 8259, not a message, and the
 * reserved modes are none; both are as good as masked. So is a vector no local APIC accepts.
 */
static bool entry_is_open(uint64_t e)
{
	static const uint8_t modes =
		1u << DM_FIXED | 1u << DM_LOWEST | 1u << DM_SMI | 1u << DM_NMI | 1u << DM_INIT;

	if ((e & RTE_MASKED) || !(modes >> entry_mode(e) & 1))
		return false;
	return !entry_has_vector(e) || (e & RTE_VECTOR) >= VECTOR_MIN;
}

static struct msi_msg entry_message(uint64_t e)
{
	struct msi_msg m = {
		.addr = MSI_ADDR | (e & RTE_DEST_MASK) >> RTE_DEST_SHIFT << MSI_EXT_SHIFT,
		.data = (uint32_t)(e & (RTE_VECTOR | UINT64_C(7) << RTE_MODE_SHIFT)),
	};

	if (e & RTE_LOGICAL)
		m.addr |= MSI_LOGICAL;
	if (entry_is_level(e))
		m.data |= MSI_DATA_LEVEL | MSI_DATA_ASSERT;
	return m;
}

/* --- delivery --------------------------------------------------------------------------------- */

/*
 * A pin that is masked while in service still waits for its EOI, as for every one-shot threaded
 * handler of Linux: for the layer below it is not masked until the entry changes after that.
 */
static void route(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->redtbl[pin];
	struct msi_msg m = entry_message(e);

	io->sink->ops->route(io->sink, pin, &m, !entry_is_open(e) && !(e & RTE_REMOTE_IRR));
}

/*
 * Remote IRR means that a local APIC has the interrupt and owes an EOI. One that did not take the
 * message (it is disabled, or there is none at that address) owes nothing: the request stays on the
 * pin and is sent again when the pin or its entry is next written.
 */
static void send(struct ioapic *io, unsigned pin)
{
	struct msi_msg m = entry_message(io->redtbl[pin]);

	trace_event(TRACE_E_MSI, io->dev.number, m.addr, m.data);
	if (io->sink->ops->send(io->sink, &m) > 0 && entry_is_level(io->redtbl[pin]))
		io->redtbl[pin] |= RTE_REMOTE_IRR;
}

/* Sends level-triggered @pin if it asks for that: at most one message per call. */
static void service_level(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->redtbl[pin];

	if (entry_is_level(e) && entry_is_open(e) && !(e & RTE_REMOTE_IRR) &&
	    (io->pins & ~io->held & BIT(pin)))
		send(io, pin);
}

static void calm(struct ioapic *io, unsigned pin)
{
	io->held &= ~BIT(pin);
	io->eois[pin] = 0;
}

static void set_pin(struct ioapic *io, unsigned pin, bool level)
{
	bool was = io->pins & BIT(pin);
	uint64_t e = io->redtbl[pin];

	if (!level) {
		io->pins &= ~BIT(pin);
		calm(io, pin);
		return;
	}
	io->pins |= BIT(pin);
	/* "Edge-sensitive interrupts signaled on a masked interrupt pin are ignored (i.e., not
	 * delivered or held pending)." */
	if (entry_is_level(e))
		service_level(io, pin);
	else if (!was && entry_is_open(e))
		send(io, pin);
}

/* The one timer serves all held pins; one that joins late waits less. */
static void hold_back(struct ioapic *io, unsigned pin)
{
	if (!io->held) {
		io->held_until = vclock_now(io->timer.clock) + IOAPIC_STORM_NS;
		timer_arm(&io->timer, io->held_until);
	}
	io->held |= BIT(pin);
}

static void eoi(struct ioapic *io, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_LINES; pin++) {
		uint64_t e = io->redtbl[pin];

		if (!(e & RTE_REMOTE_IRR) || (e & RTE_VECTOR) != vector)
			continue;
		io->redtbl[pin] = e & ~RTE_REMOTE_IRR;
		trace_event(TRACE_E_IRQ_EOI, io->dev.number, vector, BIT(pin));
		if (!(io->pins & BIT(pin)) || !entry_is_open(e)) {
			calm(io, pin);
		} else if (++io->eois[pin] >= IOAPIC_STORM_EOIS) {
			io->eois[pin] = 0;
			hold_back(io, pin);
		} else {
			service_level(io, pin);
		}
	}
}

static void line_set(struct irq_line *l, bool level)
{
	struct ioapic *io = l->chip;

	device_lock(&io->dev);
	set_pin(io, l->pin, level);
	device_unlock(&io->dev);
}

static int line_trigger_fd(struct irq_line *l)
{
	struct ioapic *io = l->chip;
	const struct msi_sink_ops *ops = io->sink->ops;

	return ops->trigger_fd ? ops->trigger_fd(io->sink, l->pin) : -1;
}

void ioapic_eoi(struct ioapic *io, uint8_t vector)
{
	device_lock(&io->dev);
	eoi(io, vector);
	device_unlock(&io->dev);
}

static void on_timer(struct ev_timer *t)
{
	struct ioapic *io = container_of(t, struct ioapic, timer);
	uint32_t held;

	device_lock(&io->dev);
	held = io->held;
	if (held && vclock_now(t->clock) < io->held_until) {
		timer_arm(t, io->held_until); /* this one was for an older deadline */
		held = 0;
	}
	io->held &= ~held;
	for (; held; held &= held - 1)
		service_level(io, (unsigned)__builtin_ctz(held));
	device_unlock(&io->dev);
}

/* --- registers -------------------------------------------------------------------------------- */

/*
 * Messages are sent at once, so "send pending" is seen only while a storm is held back. Remote IRR
 * is "undefined for edge triggered interrupts"; here it is 0.
 */
static uint64_t entry_value(const struct ioapic *io, unsigned pin)
{
	return io->redtbl[pin] | (io->held & BIT(pin) ? RTE_PENDING : 0);
}

static void write_entry(struct ioapic *io, unsigned pin, bool high, uint32_t val)
{
	uint64_t old = io->redtbl[pin], e;

	if (high)
		e = (old & UINT32_MAX) | (uint64_t)val << 32;
	else
		e = (old & ~(uint64_t)UINT32_MAX) | val;
	e = (e & RTE_RW) | (old & RTE_REMOTE_IRR);
	/* Software for versions without an EOI register ends an interrupt by making the entry
	 * edge-triggered for a moment. */
	if (!entry_is_level(e)) {
		e &= ~RTE_REMOTE_IRR;
		calm(io, pin);
	}
	if (e != old) {
		io->redtbl[pin] = e;
		route(io, pin);
	}
	service_level(io, pin);
}

static uint32_t read_register(const struct ioapic *io)
{
	unsigned i = io->ioregsel;

	switch (i) {
	case REG_ID:
		return (uint32_t)io->id << ID_SHIFT;
	case REG_VER:
		return VER_VALUE;
	case REG_ARB:
		return (uint32_t)io->arb << ID_SHIFT;
	default:
		break;
	}
	if (i < REG_REDTBL || i >= REG_REDTBL + 2 * IOAPIC_LINES)
		return 0;
	i -= REG_REDTBL;
	return (uint32_t)(entry_value(io, i / 2) >> (i & 1 ? 32 : 0));
}

static void write_register(struct ioapic *io, uint32_t val)
{
	unsigned i = io->ioregsel;

	/* "Contains the bus arbitration priority ...
	 * loaded when the IOAPICID register is written." */
	if (i == REG_ID)
		io->id = io->arb = (uint8_t)(val >> ID_SHIFT & ID_MASK);
	else if (i >= REG_REDTBL && i < REG_REDTBL + 2 * IOAPIC_LINES)
		write_entry(io, (i - REG_REDTBL) / 2, i & 1, val);
}

static uint64_t ioapic_read(struct io_region *r, uint32_t off, unsigned size)
{
	const struct ioapic *io = to_ioapic(r->dev);

	(void)size;
	switch (off) {
	case MMIO_IOREGSEL:
		return io->ioregsel;
	case MMIO_IOWIN:
		return read_register(io);
	default:
		return 0;
	}
}

static void ioapic_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct ioapic *io = to_ioapic(r->dev);

	(void)size;
	switch (off) {
	case MMIO_IOREGSEL:
		io->ioregsel = (uint8_t)val;
		break;
	case MMIO_IOWIN:
		write_register(io, (uint32_t)val);
		break;
	case MMIO_EOIR:
		eoi(io, (uint8_t)val);
		break;
	default:
		break;
	}
}

/* --- device ----------------------------------------------------------------------------------- */

static void set_power_on(struct ioapic *io)
{
	io->ioregsel = 0;
	io->id = io->arb = io->id_power_on;
	io->held = 0;
	memset(io->eois, 0, sizeof(io->eois));
	for (unsigned pin = 0; pin < IOAPIC_LINES; pin++)
		io->redtbl[pin] = RTE_MASKED;
}

static void ioapic_reset(struct device *d)
{
	struct ioapic *io = to_ioapic(d);

	timer_cancel(&io->timer);
	set_power_on(io);
	for (unsigned pin = 0; pin < IOAPIC_LINES; pin++)
		route(io, pin);
}

/* A storm that was held back when the state was saved starts its wait anew. */
static int ioapic_start(struct device *d, struct error **errp)
{
	struct ioapic *io = to_ioapic(d);

	(void)errp;
	device_lock(d);
	if (io->held) {
		io->held_until = vclock_now(io->timer.clock) + IOAPIC_STORM_NS;
		timer_arm(&io->timer, io->held_until);
	}
	device_unlock(d);
	return 0;
}

static void ioapic_stop(struct device *d)
{
	timer_cancel(&to_ioapic(d)->timer);
}

static int ioapic_post_load(void *s, unsigned version, struct error **errp)
{
	const uint32_t all = (uint32_t)((UINT64_C(1) << IOAPIC_LINES) - 1);
	struct ioapic *io = s;

	(void)version;
	if ((io->pins & ~all) || (io->held & ~io->pins))
		return err_set(
			errp, EINVAL,
			"saved state of '%s': no such set of input pins (%#x, held back %#x)",
			io->dev.id, io->pins, io->held);
	if (io->id > ID_MASK || io->arb > ID_MASK)
		return err_set(errp, EINVAL,
			       "saved state of '%s': APIC id %u or arbitration id %u is above 15",
			       io->dev.id, io->id, io->arb);
	for (unsigned pin = 0; pin < IOAPIC_LINES; pin++) {
		uint64_t e = io->redtbl[pin];

		if ((e & ~(RTE_RW | RTE_REMOTE_IRR)) ||
		    ((e & RTE_REMOTE_IRR) && !entry_is_level(e)))
			return err_set(errp, EINVAL,
				       "saved state of '%s': entry %u cannot be %#llx", io->dev.id,
				       pin, (unsigned long long)e);
		if (io->eois[pin] >= IOAPIC_STORM_EOIS)
			return err_set(
				errp, EINVAL,
				"saved state of '%s': entry %u counts %u EOIs, more than it can",
				io->dev.id, pin, io->eois[pin]);
	}
	for (unsigned pin = 0; pin < IOAPIC_LINES; pin++)
		route(io, pin);
	return 0;
}

static const struct snap_field ioapic_fields[] = {
	SNAP(struct ioapic, ioregsel, 1),   SNAP(struct ioapic, id, 1),
	SNAP(struct ioapic, arb, 1),        SNAP(struct ioapic, pins, 1),
	SNAP(struct ioapic, held, 1),       SNAP_ARR(struct ioapic, eois, 1),
	SNAP_ARR(struct ioapic, redtbl, 1),
};

static const struct snap_desc ioapic_state = {
	.version = 1,
	.min_version = 1,
	.f = ioapic_fields,
	.n = ARRAY_LEN(ioapic_fields),
	.post_load = ioapic_post_load,
};

static const struct device_ops ioapic_ops = {
	.name = "ioapic",
	.reset = ioapic_reset,
	.start = ioapic_start,
	.stop = ioapic_stop,
	.destroy = device_free,
	.state = &ioapic_state,
};

static const struct region_ops mmio_ops = { 4, 4, ioapic_read, ioapic_write };
static const struct irq_ops line_ops = { .set = line_set, .trigger_fd = line_trigger_fd };

int ioapic_create(const struct ioapic_config *c, struct ioapic **ret, struct error **errp)
{
	struct ioapic *io;

	if (c->apic_id > ID_MASK)
		return err_set(errp, EINVAL, "I/O APIC '%s' cannot have APIC id %u: it is above 15",
			       c->id, c->apic_id);
	io = calloc(1, sizeof(*io));
	if (!io)
		return err_errno(errp, ENOMEM, "cannot create I/O APIC '%s'", c->id);
	io->regions[IOAPIC_MMIO] =
		(struct io_region){ .ops = &mmio_ops, .name = "ioapic", .len = MMIO_LEN };
	device_init(&io->dev, &ioapic_ops, c->id, io->regions, IOAPIC_REGION_CNT);
	for (unsigned i = 0; i < IOAPIC_LINES; i++)
		io->lines[i] = (struct irq_line){ .ops = &line_ops, .chip = io, .pin = i };
	io->sink = c->sink;
	io->id_power_on = c->apic_id;
	timer_init(&io->timer, c->clock, on_timer);
	set_power_on(io);
	*ret = io;
	return 0;
}

struct device *ioapic_device(struct ioapic *io)
{
	return &io->dev;
}

struct irq_line *ioapic_line(struct ioapic *io, unsigned pin)
{
	assert(pin < IOAPIC_LINES);
	return &io->lines[pin];
}
