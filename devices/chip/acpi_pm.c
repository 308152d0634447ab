/* SPDX-License-Identifier: MIT */
/*
 * acpi_pm.c: ACPI fixed hardware, ACPI 6.4 section 4.8.
 *
 *   event   +0 PM1_STS  TMR 0, BM 4, GBL 5, PWRBTN 8, SLPBTN 9, RTC 10, WAK 15: write 1 to clear
 *           +2 PM1_EN   TMR 0, GBL 5, PWRBTN 8, RTC 10
 *   control +0 PM1_CNT  SCI_EN 0 (reads 1), BM_RLD 1, GBL_RLS 2 (reads 0), SLP_TYP 12:10,
 *                       SLP_EN 13 (reads 0)
 *   timer   +0 PM_TMR   3.579545 MHz, 32 bits, read-only
 *   reset   +0 RST_CNT  82371SB (PIIX3) section 2.5.4: SRST 1, RCPU 2; FRST 3 of later ICHs
 *
 * The timer is a pure function of the VM's clock and reads it without a lock: guests without a
 * better clock read it all the time. TMR_STS is worked out when somebody looks or, while TMR_EN is
 * set and the status clear, by a timer at the next carry. All else is under the device lock.
 */
#include "devices/chip/acpi_pm.h"

#include <errno.h>

#include "vmm/bits.h"
#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/irq.h"
#include "vmm/power.h"
#include "vmm/snap.h"
#include "vmm/timer.h"
#include "vmm/trace.h"

/*
 * Table 4.11 (status) and 4.12 (enable). Of the status bits two can ever be set: no firmware
 * raises GBL, no bus master BM, no fixed RTC wake RTC, and S5 ends in a boot, not in WAK.
 */
#define PM1_TMR     0x0001u
#define PM1_GBL     0x0020u
#define PM1_PWRBTN  0x0100u
#define PM1_RTC     0x0400u
#define PM1_STS_ALL (PM1_TMR | PM1_PWRBTN)
#define PM1_EN_ALL  (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)

/* Table 4.13 */
#define CNT_SCI_EN  0x0001u
#define CNT_BM_RLD  0x0002u
#define CNT_SLP_TYP 0x1c00u
#define CNT_SLP_EN  0x2000u
#define CNT_STORED  (CNT_BM_RLD | CNT_SLP_TYP)
#define SLP_TYP_POS 10

#define RST_SRST 0x02u
#define RST_RCPU 0x04u
#define RST_FRST 0x08u
#define RST_MASK (RST_SRST | RST_RCPU | RST_FRST)

#define PM_TMR_HZ UINT64_C(3579545)
/*
 * Ticks are now * PM_TMR_HZ / 10^9, as one multiplication: by PM_TMR_HZ * 2^72 / 10^9 rounded up,
 * then a shift by 72. The error is below 2^-8 ticks for all 64 bits of the clock.
 */
#define TICK_SHIFT 72
#define TICK_MULT                                                                                  \
	((uint64_t)((((unsigned __int128)PM_TMR_HZ << TICK_SHIFT) + NSEC_PER_SEC - 1) /            \
		    NSEC_PER_SEC))
/* 4.8.3.3: TMR_STS is set "anytime the last bit of the timer goes from 0 to 1 or 1 to 0". */
#define CARRY_BIT 31

struct acpi_pm {
	struct device dev;
	struct io_region regions[ACPI_PM_REGIONS];
	struct irq_line *sci;
	struct vclock *clock;
	struct power_sink *power;
	uint8_t s5_slp_typ;
	struct ev_timer carry_timer;
	bool running, timer_armed, line;

	/* what a snapshot holds */
	uint16_t sts, en, cnt;
	uint8_t rst;
	uint64_t carries; /* how many carries the guest has been told of, or does not care for */
};

static struct acpi_pm *to_pm(struct device *d)
{
	return container_of(d, struct acpi_pm, dev);
}

/* --- the timer ------------------------------------------------------------------------------- */

static inline uint64_t ticks_at(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * TICK_MULT >> TICK_SHIFT);
}

static inline uint32_t tmr_val(const struct io_region *r)
{
	return (uint32_t)ticks_at(vclock_now(container_of(r->dev, struct acpi_pm, dev)->clock));
}

static uint64_t tmr_read(struct io_region *r, uint32_t off, unsigned size)
{
	if (likely(size == 4))
		return tmr_val(r);
	return tmr_val(r) >> (off * 8) & size_mask(size);
}

static void tmr_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)r;
	(void)off;
	(void)size;
	(void)val;
}

/* --- events ---------------------------------------------------------------------------------- */

static uint64_t carries_now(const struct acpi_pm *s)
{
	return ticks_at(vclock_now(s->clock)) >> CARRY_BIT;
}

static void catch_up(struct acpi_pm *s)
{
	uint64_t now = carries_now(s);

	if (now != s->carries)
		s->sts |= PM1_TMR;
	s->carries = now;
}

/* The first nanosecond at which ticks_at() has reached the next carry. */
static uint64_t next_carry(const struct acpi_pm *s)
{
	return muldiv64((s->carries + 1) << CARRY_BIT, NSEC_PER_SEC, PM_TMR_HZ) + 1;
}

/* 4.8.2: the SCI is asserted as long as a status bit and its enable bit are both set. */
static void update(struct acpi_pm *s)
{
	bool level = s->sts & s->en;

	if (level != s->line) {
		s->line = level;
		irq_set(s->sci, level);
	}
	if (s->running && !s->timer_armed && (s->en & PM1_TMR) && !(s->sts & PM1_TMR)) {
		s->timer_armed = true;
		timer_arm(&s->carry_timer, next_carry(s));
	}
}

static void carry_timer(struct ev_timer *t)
{
	struct acpi_pm *s = container_of(t, struct acpi_pm, carry_timer);

	device_lock(&s->dev);
	s->timer_armed = false;
	if (s->running && (s->en & PM1_TMR)) {
		trace_event(TRACE_E_TIMER, s->dev.number, 0);
		catch_up(s);
		update(s);
	}
	device_unlock(&s->dev);
}

/* --- PM1 event block: bytes of two little-endian words ---------------------------------------- */

static uint64_t evt_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct acpi_pm *s = to_pm(r->dev);
	uint32_t both;

	device_lock(&s->dev);
	catch_up(s);
	update(s);
	both = s->sts | (uint32_t)s->en << 16;
	device_unlock(&s->dev);
	return both >> (off * 8) & size_mask(size);
}

static void evt_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct acpi_pm *s = to_pm(r->dev);
	uint32_t mask = (uint32_t)size_mask(size) << (off * 8);
	uint32_t both = (uint32_t)val << (off * 8) & mask;

	device_lock(&s->dev);
	catch_up(s);
	s->sts &= (uint16_t)~both;
	s->en = (uint16_t)((s->en & ~(mask >> 16)) | (both >> 16 & PM1_EN_ALL));
	update(s);
	device_unlock(&s->dev);
}

/* --- PM1 control ------------------------------------------------------------------------------ */

static uint64_t cnt_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct acpi_pm *s = to_pm(r->dev);
	uint32_t v;

	device_lock(&s->dev);
	v = s->cnt | CNT_SCI_EN;
	device_unlock(&s->dev);
	return v >> (off * 8) & size_mask(size);
}

/*
 * 4.8.3.2.1: writing SLP_EN "causes the system to enter the sleeping state defined by the SLP_TYP
 * field". S5 is the only one the DSDT names; to ask for another has no effect. GBL_RLS has no
 * firmware to call.
 */
static void cnt_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct acpi_pm *s = to_pm(r->dev);
	uint32_t mask = (uint32_t)size_mask(size) << (off * 8);
	uint32_t bits = (uint32_t)val << (off * 8) & mask;
	bool off_now;

	device_lock(&s->dev);
	s->cnt = (uint16_t)((s->cnt & ~mask) | (bits & CNT_STORED));
	off_now = (bits & CNT_SLP_EN) && (s->cnt & CNT_SLP_TYP) >> SLP_TYP_POS == s->s5_slp_typ;
	device_unlock(&s->dev);
	if (off_now)
		power_request(s->power, POWER_OFF, 0);
}

/* --- reset control ---------------------------------------------------------------------------- */

static uint64_t rst_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct acpi_pm *s = to_pm(r->dev);
	uint8_t v;

	(void)off;
	(void)size;
	device_lock(&s->dev);
	v = s->rst;
	device_unlock(&s->dev);
	return v;
}

/* PIIX3 2.5.4: RCPU: "a 0-to-1 transition of this bit initiates the reset"; SRST says which kind,
 * and a VM knows one. */
static void rst_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct acpi_pm *s = to_pm(r->dev);
	bool rises;

	(void)off;
	(void)size;
	device_lock(&s->dev);
	rises = val & ~(uint64_t)s->rst & RST_RCPU;
	s->rst = val & RST_MASK;
	device_unlock(&s->dev);
	if (rises)
		power_request(s->power, POWER_RESET, 0);
}

static const struct region_ops evt_ops = { 1, 2, evt_read, evt_write };
static const struct region_ops cnt_ops = { 1, 2, cnt_read, cnt_write };
static const struct region_ops tmr_ops = { 1, 4, tmr_read, tmr_write };
static const struct region_ops rst_ops = { 1, 1, rst_read, rst_write };

static const struct io_region pm_regions[ACPI_PM_REGIONS] = {
	[ACPI_PM_EVT] = { .ops = &evt_ops, .name = "PM1a event", .len = 4 },
	[ACPI_PM_CNT] = { .ops = &cnt_ops, .name = "PM1a control", .len = 2 },
	[ACPI_PM_TMR] = { .ops = &tmr_ops, .name = "PM timer", .len = 4 },
	[ACPI_PM_RESET] = { .ops = &rst_ops, .name = "reset control", .len = 1 },
};

/* --- device ----------------------------------------------------------------------------------- */

static void pm_reset(struct device *d)
{
	struct acpi_pm *s = to_pm(d);

	s->sts = s->en = s->cnt = 0;
	s->rst = 0;
	s->carries = carries_now(s);
	update(s);
}

static int pm_start(struct device *d, struct error **errp)
{
	struct acpi_pm *s = to_pm(d);

	(void)errp;
	device_lock(d);
	s->running = true;
	catch_up(s);
	update(s);
	irq_set(s->sci, s->line);
	device_unlock(d);
	return 0;
}

static void pm_stop(struct device *d)
{
	struct acpi_pm *s = to_pm(d);

	device_lock(d);
	s->running = false;
	s->timer_armed = false;
	timer_cancel(&s->carry_timer);
	device_unlock(d);
}

/* Comes after stop, when clock and wires may be gone already: touches nothing borrowed. */
static int pm_post_load(void *state, unsigned version, struct error **errp)
{
	struct acpi_pm *s = state;

	(void)version;
	if ((s->sts & ~PM1_STS_ALL) || (s->en & ~PM1_EN_ALL) || (s->cnt & ~CNT_STORED) ||
	    (s->rst & ~RST_MASK))
		return err_set(errp, EINVAL,
			       "power management '%s': a register holds reserved bits", s->dev.id);
	s->carries = min_u64(s->carries, carries_now(s));
	return 0;
}

static const struct snap_field pm_fields[] = {
	SNAP(struct acpi_pm, sts, 1),     SNAP(struct acpi_pm, en, 1),
	SNAP(struct acpi_pm, cnt, 1),     SNAP(struct acpi_pm, rst, 1),
	SNAP(struct acpi_pm, carries, 1),
};

static const struct snap_desc pm_state = {
	.version = 1,
	.min_version = 1,
	.f = pm_fields,
	.n = ARRAY_LEN(pm_fields),
	.post_load = pm_post_load,
};

static const struct device_ops pm_ops = {
	.name = "acpi_pm",
	.reset = pm_reset,
	.start = pm_start,
	.stop = pm_stop,
	.destroy = device_free,
	.state = &pm_state,
	.flags = DEV_SELF_LOCKED,
};

int acpi_pm_create(const struct acpi_pm_config *cfg, struct acpi_pm **ret, struct error **errp)
{
	struct acpi_pm *s;

	if (!cfg->clock || !cfg->power || cfg->s5_slp_typ > 7)
		return err_set(errp, EINVAL,
			       "power management '%s' needs a clock, a power sink and a SLP_TYP of "
			       "0 to 7, not %u",
			       cfg->id, cfg->s5_slp_typ);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating power management '%s'", cfg->id);
	for (unsigned i = 0; i < ACPI_PM_REGIONS; i++)
		s->regions[i] = pm_regions[i];
	device_init(&s->dev, &pm_ops, cfg->id, s->regions, ACPI_PM_REGIONS);
	s->sci = cfg->sci ? cfg->sci : &irq_none;
	s->clock = cfg->clock;
	s->power = cfg->power;
	s->s5_slp_typ = cfg->s5_slp_typ;
	timer_init(&s->carry_timer, s->clock, carry_timer);
	device_reset(&s->dev);
	*ret = s;
	return 0;
}

struct device *acpi_pm_device(struct acpi_pm *s)
{
	return &s->dev;
}

bool acpi_pm_power_button(struct acpi_pm *s)
{
	bool heard;

	device_lock(&s->dev);
	s->sts |= PM1_PWRBTN;
	heard = s->en & PM1_PWRBTN;
	update(s);
	device_unlock(&s->dev);
	return heard;
}
