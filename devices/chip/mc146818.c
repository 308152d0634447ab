/* SPDX-License-Identifier: MIT */
/*
 * mc146818.c: real-time clock after the MC146818A data sheet.
 *
 *   0 seconds    1 alarm        2 minutes   3 alarm        4 hours   5 alarm
 *   6 weekday    7 day          8 month     9 year         0x32 century
 *   A  UIP | DV2..0 divider | RS3..0 periodic rate
 *   B  SET PIE AIE UIE SQWE DM 24/12 DSE
 *   C  IRQF PF AF UF, cleared by reading
 *   D  VRT
 *
 * Nothing happens once a second. The divider chain is the VM's clock plus a phase; whoever touches
 * a register first calls catch_up(), which works out what the chain has done since. A timer is
 * armed only for an event that would raise the interrupt line: enabled, and its flag still clear.
 * So a guest gets at most the interrupts it acknowledges, and none drifts.
 *
 * Not there: DSE (as on every PC chip set, the bit is stored and does nothing) and the
 * square-wave pin.
 */
#include "devices/chip/mc146818.h"

#include <errno.h>

#include "devices/chip/mc146818_date.h"
#include "vmm/bits.h"
#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/irq.h"
#include "vmm/snap.h"
#include "vmm/timer.h"
#include "vmm/trace.h"

enum {
	RTC_SEC = 0,
	RTC_SEC_ALARM = 1,
	RTC_MIN = 2,
	RTC_MIN_ALARM = 3,
	RTC_HOUR = 4,
	RTC_HOUR_ALARM = 5,
	RTC_WEEKDAY = 6,
	RTC_DAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_A = 10,
	RTC_B = 11,
	RTC_C = 12,
	RTC_D = 13,
	RTC_RAM = 14,
	RTC_BYTES = 128,
};

#define A_UIP     0x80u
#define A_DV      0x70u
#define A_DV_HOLD 0x60u /* DV2 and DV1: the divider is held in reset */
#define A_DV_32K  0x20u
#define A_RS      0x0fu
#define A_RS_1024 0x06u

#define B_SET  0x80u
#define B_PIE  0x40u
#define B_AIE  0x20u
#define B_UIE  0x10u
#define B_SQWE 0x08u
#define B_DM   0x04u /* 1: binary */
#define B_24   0x02u

#define C_IRQF  0x80u
#define C_PF    0x40u
#define C_AF    0x20u
#define C_UF    0x10u
#define C_FLAGS 0x70u /* in the places their enables have in B */

#define D_VRT 0x80u

#define HOUR_PM        0x80u
#define ALARM_ANY      0xc0u /* both set: "don't care" */
#define INDEX_MASK     0x7fu /* bit 7 of port 0x70 masks NMI; no NMI source looks at it */
#define TICK_HZ        32768u
#define UIP_NS         244141u /* t_BUC: UIP is set this long before the update */
#define NEVER          UINT64_MAX
#define MAX_SEC        UINT64_C(2000000000000) /* beyond any date that registers can hold */
#define SUNDAY_FORWARD 6                       /* 0000-01-01 was a Saturday, day 7 */

struct mc146818 {
	struct device dev;
	struct io_region region;
	struct irq_line *irq;
	struct vclock *clock;
	uint64_t (*wallclock)(void *ctx);
	void *wallclock_ctx;
	struct ev_timer timer;
	uint64_t armed_ns; /* NEVER: not armed */
	bool running, line;
	uint64_t next_alarm; /* the first second after seen_sec that matches; NEVER */

	/* what a snapshot holds */
	uint8_t cmos[RTC_BYTES];
	uint8_t index;
	uint8_t weekday_off;  /* day number + this, modulo 7, is the weekday, Sunday 0 */
	uint64_t phase_ns;    /* < 1 s; chain time is clock + phase */
	uint64_t sec_off;     /* chain seconds + this are seconds since 0000-01-01; wraps */
	uint64_t seen_sec;    /* the last second catch_up() has been in */
	uint64_t seen_period; /* and the last period of the periodic interrupt */
	uint64_t host_skew;   /* seconds the guest has set the clock off the host's; wraps */
	bool synced;          /* has been set, by host or guest */
};

static struct mc146818 *to_rtc(struct device *d)
{
	return container_of(d, struct mc146818, dev);
}

/* --- registers in the guest's format ------------------------------------------------------ */

static uint8_t encode(const struct mc146818 *s, unsigned v)
{
	v %= 100;
	return (uint8_t)(s->cmos[RTC_B] & B_DM ? v : v / 10 << 4 | v % 10);
}

/* Bytes that are no BCD have the value their nibbles make: at most 165. */
static unsigned decode(const struct mc146818 *s, uint8_t b)
{
	return s->cmos[RTC_B] & B_DM ? b : (b >> 4) * 10u + (b & 15);
}

/* Table 3: in 12-hour mode hours run 12, 1..11 and "the high-order bit of the hours byte
 * represents PM when it is a 1". */
static uint8_t encode_hour(const struct mc146818 *s, unsigned hour)
{
	if (s->cmos[RTC_B] & B_24)
		return encode(s, hour);
	return (uint8_t)(encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0));
}

static unsigned decode_hour(const struct mc146818 *s, uint8_t b)
{
	if (s->cmos[RTC_B] & B_24)
		return decode(s, b);
	return decode(s, b & (uint8_t)~HOUR_PM) % 12 + (b & HOUR_PM ? 12 : 0);
}

static void put_time(struct mc146818 *s, uint64_t sec)
{
	uint64_t days = sec / DATE_SEC_PER_DAY;
	unsigned tod = (unsigned)(sec % DATE_SEC_PER_DAY);
	struct date d = date_from_days(days);

	s->cmos[RTC_SEC] = encode(s, tod % 60);
	s->cmos[RTC_MIN] = encode(s, tod / 60 % 60);
	s->cmos[RTC_HOUR] = encode_hour(s, tod / 3600);
	s->cmos[RTC_WEEKDAY] = encode(s, (unsigned)((days + s->weekday_off) % 7) + 1);
	s->cmos[RTC_DAY] = encode(s, d.day);
	s->cmos[RTC_MONTH] = encode(s, d.month);
	s->cmos[RTC_YEAR] = encode(s, (unsigned)(d.year % 100));
	s->cmos[MC146818_CENTURY] = encode(s, (unsigned)(d.year / 100 % 100));
}

/* A date that does not exist carries into one that does; each byte is below 256, so nothing
 * overflows. */
static uint64_t get_time(const struct mc146818 *s)
{
	uint64_t year =
		decode(s, s->cmos[MC146818_CENTURY]) * UINT64_C(100) + decode(s, s->cmos[RTC_YEAR]);
	uint64_t days =
		date_to_days(year, decode(s, s->cmos[RTC_MONTH]), decode(s, s->cmos[RTC_DAY]));

	return days * DATE_SEC_PER_DAY + decode_hour(s, s->cmos[RTC_HOUR]) * UINT64_C(3600) +
	       decode(s, s->cmos[RTC_MIN]) * UINT64_C(60) + decode(s, s->cmos[RTC_SEC]);
}

/* --- the divider chain ---------------------------------------------------------------------- */

static bool divider_held(const struct mc146818 *s)
{
	return (s->cmos[RTC_A] & A_DV_HOLD) == A_DV_HOLD;
}

/* Register B: SET "inhibits" updates; register A: 11x holds the divider. */
static bool ticking(const struct mc146818 *s)
{
	return !(s->cmos[RTC_B] & B_SET) && !divider_held(s);
}

static uint64_t chain_sec(const struct mc146818 *s, uint64_t now)
{
	return (now + s->phase_ns) / NSEC_PER_SEC;
}

/* Table 5, 32.768 kHz time base, in ticks of the chain: 1 and 2 are the slow rates out of order,
 * then 8192 Hz down to 2 Hz. 0: none. */
static uint64_t period_ticks(const struct mc146818 *s)
{
	unsigned rs = s->cmos[RTC_A] & A_RS;

	if (!rs)
		return 0;
	return UINT64_C(1) << (rs <= 2 ? rs + 6 : rs - 1);
}

/* Which period the chain is in; the count is aligned to the second. */
static uint64_t period_now(const struct mc146818 *s, uint64_t now)
{
	uint64_t p = period_ticks(s);

	return p ? muldiv64(now + s->phase_ns, TICK_HZ, NSEC_PER_SEC) / p : 0;
}

/* --- alarm ---------------------------------------------------------------------------------- */

enum alarm_unit { ALARM_SEC, ALARM_MIN, ALARM_HOUR };
static const unsigned unit_len[] = { 60, 60, 24 };

/* The first value >= @from of the unit that the alarm byte matches, or its length: none. */
static unsigned unit_next(const struct mc146818 *s, enum alarm_unit u, unsigned from)
{
	uint8_t want = s->cmos[RTC_SEC_ALARM + 2 * u];
	unsigned n = unit_len[u];

	if ((want & ALARM_ANY) == ALARM_ANY)
		return from < n ? from : n;
	while (from < n && (u == ALARM_HOUR ? encode_hour(s, from) : encode(s, from)) != want)
		from++;
	return from;
}

/*
 * The first second of the day >= @from that matches, or one day: none today. At most three walks
 * over 24, 60 and 60 values. The caller has seen that each unit has a match.
 */
static unsigned day_next(const struct mc146818 *s, unsigned from)
{
	unsigned h0 = from / 3600, m0 = from / 60 % 60, s0 = from % 60;
	unsigned hour = unit_next(s, ALARM_HOUR, h0), min, sec;

	if (hour == h0) {
		min = unit_next(s, ALARM_MIN, m0);
		if (min == m0) {
			sec = unit_next(s, ALARM_SEC, s0);
			if (sec < 60)
				return hour * 3600 + min * 60 + sec;
			min = unit_next(s, ALARM_MIN, m0 + 1);
		}
		if (min < 60)
			return hour * 3600 + min * 60 + unit_next(s, ALARM_SEC, 0);
		hour = unit_next(s, ALARM_HOUR, h0 + 1);
	}
	return hour * 3600 +
	       (hour < 24 ? unit_next(s, ALARM_MIN, 0) * 60 + unit_next(s, ALARM_SEC, 0) : 0);
}

/* To be called whenever seen_sec, an alarm byte or the format has changed. */
static void plan_alarm(struct mc146818 *s)
{
	uint64_t from = s->seen_sec + 1;
	uint64_t day = from - from % DATE_SEC_PER_DAY;
	unsigned tod;

	s->next_alarm = NEVER;
	for (unsigned u = 0; u < ARRAY_LEN(unit_len); u++)
		if (unit_next(s, u, 0) == unit_len[u])
			return;
	tod = day_next(s, (unsigned)(from - day));
	if (tod == DATE_SEC_PER_DAY)
		tod += day_next(s, 0);
	s->next_alarm = day + tod;
}

/* --- what has happened since ----------------------------------------------------------------- */

static void catch_up(struct mc146818 *s, uint64_t now)
{
	uint64_t sec, period;

	if (ticking(s) && (sec = chain_sec(s, now) + s->sec_off) != s->seen_sec) {
		s->cmos[RTC_C] |= C_UF;
		if (sec >= s->next_alarm)
			s->cmos[RTC_C] |= C_AF;
		s->seen_sec = sec;
		put_time(s, sec);
		plan_alarm(s);
	}
	if (!divider_held(s) && (period = period_now(s, now)) != s->seen_period) {
		s->cmos[RTC_C] |= C_PF;
		s->seen_period = period;
	}
}

static uint64_t sec_to_ns(const struct mc146818 *s, uint64_t sec)
{
	return (sec - s->sec_off) * NSEC_PER_SEC - s->phase_ns;
}

/* When a line that is low will next have a reason to rise: so the flag of whatever is enabled is
 * clear. */
static uint64_t next_event(const struct mc146818 *s)
{
	uint8_t enabled = s->cmos[RTC_B];
	uint64_t p = period_ticks(s), at = NEVER;

	if (ticking(s) && (enabled & B_UIE))
		at = sec_to_ns(s, s->seen_sec + 1);
	if (ticking(s) && (enabled & B_AIE) && s->next_alarm != NEVER)
		at = min_u64(at, sec_to_ns(s, s->next_alarm));
	if (!divider_held(s) && (enabled & B_PIE) && p) {
		/* rounded up: at that time the period has begun */
		uint64_t ns = muldiv64((s->seen_period + 1) * p, NSEC_PER_SEC, TICK_HZ) + 1;

		at = min_u64(at, ns - s->phase_ns);
	}
	return at;
}

/* Register C: "IRQF = PF·PIE + AF·AIE + UF·UIE"; "any time the IRQF bit is a 1 the IRQ pin is
 * driven". Ends every entry that may have changed something. */
static void update(struct mc146818 *s)
{
	bool level = s->cmos[RTC_B] & s->cmos[RTC_C] & C_FLAGS;
	uint64_t at = s->running && !level ? next_event(s) : NEVER;

	s->cmos[RTC_C] = (uint8_t)((s->cmos[RTC_C] & C_FLAGS) | (level ? C_IRQF : 0));
	if (level != s->line) {
		s->line = level;
		irq_set(s->irq, level);
	}
	if (at == s->armed_ns)
		return;
	s->armed_ns = at;
	if (at == NEVER)
		timer_cancel(&s->timer);
	else
		timer_arm(&s->timer, at);
}

static void rtc_timer(struct ev_timer *t)
{
	struct mc146818 *s = container_of(t, struct mc146818, timer);

	device_lock(&s->dev);
	s->armed_ns = NEVER;
	if (s->running) {
		trace_event(TRACE_E_TIMER, s->dev.number, 0);
		catch_up(s, vclock_now(s->clock));
		update(s);
	}
	device_unlock(&s->dev);
}

/* --- setting the time ------------------------------------------------------------------------ */

static uint64_t host_sec(const struct mc146818 *s, uint64_t *ret_ns)
{
	uint64_t ns = s->wallclock(s->wallclock_ctx);

	*ret_ns = ns % NSEC_PER_SEC;
	return ns / NSEC_PER_SEC + DATE_UNIX_SECONDS;
}

/* Jumps; the caller's catch_up() shows the new time and finds the alarms that were passed. */
static void sync_host(struct mc146818 *s, uint64_t now)
{
	uint64_t ns, sec = host_sec(s, &ns) + s->host_skew;

	s->phase_ns = (ns + NSEC_PER_SEC - now % NSEC_PER_SEC) % NSEC_PER_SEC;
	s->sec_off = sec - chain_sec(s, now);
	s->seen_period = period_now(s, now);
	s->synced = true;
}

/* The registers say what time it is: the guest has written one, or has let the clock go again. */
static void time_was_set(struct mc146818 *s, uint64_t now)
{
	uint64_t sec = get_time(s), ns;
	unsigned weekday = (decode(s, s->cmos[RTC_WEEKDAY]) + 6) % 7;

	s->weekday_off = (uint8_t)((weekday + 7 - sec / DATE_SEC_PER_DAY % 7) % 7);
	s->sec_off = sec - chain_sec(s, now);
	s->seen_sec = sec;
	s->host_skew = sec - host_sec(s, &ns);
	s->synced = true;
	put_time(s, sec);
	plan_alarm(s);
}

/*
 * Register A: "when the divider reset is removed the first update cycle begins one-half second
 * later".
 */
static void write_a(struct mc146818 *s, uint8_t val, uint64_t now)
{
	bool was_held = divider_held(s);

	s->cmos[RTC_A] = val & (uint8_t)~A_UIP;
	if (was_held && !divider_held(s)) {
		s->phase_ns = (NSEC_PER_SEC + NSEC_PER_SEC / 2 - now % NSEC_PER_SEC) % NSEC_PER_SEC;
		if (ticking(s))
			time_was_set(s, now);
	}
	s->seen_period = period_now(s, now);
}

/* Register B: SET "clears UIE"; a changed format shows the running clock in the new one. */
static void write_b(struct mc146818 *s, uint8_t val, uint64_t now)
{
	bool was_ticking = ticking(s);

	if (val & B_SET)
		val &= (uint8_t)~B_UIE;
	s->cmos[RTC_B] = val;
	if (!ticking(s))
		return;
	if (!was_ticking) {
		time_was_set(s, now);
	} else {
		put_time(s, s->seen_sec);
		plan_alarm(s);
	}
}

/* --- ports ------------------------------------------------------------------------------------ */

static bool is_ram(unsigned idx)
{
	return idx >= RTC_RAM && idx != MC146818_CENTURY;
}

static void write_data(struct mc146818 *s, uint8_t val)
{
	uint64_t now;

	if (is_ram(s->index)) {
		s->cmos[s->index] = val;
		return;
	}
	now = vclock_now(s->clock);
	catch_up(s, now);
	switch (s->index) {
	case RTC_A:
		write_a(s, val, now);
		break;
	case RTC_B:
		write_b(s, val, now);
		break;
	case RTC_C:
	case RTC_D: /* read-only */
		break;
	case RTC_SEC_ALARM:
	case RTC_MIN_ALARM:
	case RTC_HOUR_ALARM:
		s->cmos[s->index] = val;
		plan_alarm(s);
		break;
	default: /* a byte of the time */
		s->cmos[s->index] = val;
		if (ticking(s))
			time_was_set(s, now);
		break;
	}
	update(s);
}

static uint8_t read_data(struct mc146818 *s)
{
	uint64_t now;
	uint8_t val;

	if (is_ram(s->index))
		return s->cmos[s->index];
	now = vclock_now(s->clock);
	catch_up(s, now);
	update(s);
	val = s->cmos[s->index];
	/* UIP "is a 1 when the update transfer will soon begin": t_BUC before the second turns. */
	if (s->index == RTC_A && ticking(s) &&
	    (now + s->phase_ns) % NSEC_PER_SEC >= NSEC_PER_SEC - UIP_NS)
		val |= A_UIP;
	/* Register C: "all bits are cleared by a software read". */
	if (s->index == RTC_C) {
		s->cmos[RTC_C] = 0;
		update(s);
	}
	return val;
}

static void rtc_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct mc146818 *s = to_rtc(r->dev);

	(void)size;
	if (off == 0)
		s->index = val & INDEX_MASK;
	else
		write_data(s, (uint8_t)val);
}

/* The index register of a PC cannot be read. */
static uint64_t rtc_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)size;
	return off == 0 ? 0xff : read_data(to_rtc(r->dev));
}

static const struct region_ops rtc_region_ops = {
	.min_size = 1,
	.max_size = 1,
	.read = rtc_read,
	.write = rtc_write,
};

/* --- device ----------------------------------------------------------------------------------- */

/*
 * RESET clears PIE, AIE, UIE, SQWE and the flags and touches neither the time nor the RAM. What a
 * PC's firmware does next is done here, there being none: clock running from 32.768 kHz, periodic
 * rate 1024 Hz, 24-hour BCD.
 */
static void rtc_reset(struct device *d)
{
	struct mc146818 *s = to_rtc(d);
	uint64_t now = vclock_now(s->clock);

	/* A guest that ended while it was setting the clock has not set it: sec_off is still as
	 * before it began. */
	s->cmos[RTC_A] = A_DV_32K | A_RS_1024;
	s->cmos[RTC_B] = B_24;
	catch_up(s, now);
	s->cmos[RTC_C] = 0;
	s->cmos[RTC_D] = D_VRT;
	s->index = 0;
	s->seen_period = period_now(s, now);
	put_time(s, s->seen_sec);
	plan_alarm(s);
	update(s);
}

static int rtc_start(struct device *d, struct error **errp)
{
	struct mc146818 *s = to_rtc(d);
	uint64_t now;

	(void)errp;
	device_lock(d);
	now = vclock_now(s->clock);
	/* What passed between building the machine and running it is no guest's time. */
	if (!s->synced)
		sync_host(s, now);
	s->running = true;
	catch_up(s, now);
	update(s);
	irq_set(s->irq, s->line);
	device_unlock(d);
	return 0;
}

static void rtc_stop(struct device *d)
{
	struct mc146818 *s = to_rtc(d);

	device_lock(d);
	s->running = false;
	s->armed_ns = NEVER;
	timer_cancel(&s->timer);
	device_unlock(d);
}

/* Comes after stop, when clock and wires may be gone already: touches nothing borrowed. */
static int rtc_post_load(void *state, unsigned version, struct error **errp)
{
	struct mc146818 *s = state;
	uint64_t now = vclock_now(s->clock);

	(void)version;
	if (s->index >= RTC_BYTES || s->weekday_off >= 7 || s->phase_ns >= NSEC_PER_SEC)
		return err_set(errp, EINVAL, "clock '%s': index, weekday or phase is out of range",
			       s->dev.id);
	if (s->seen_sec > MAX_SEC || (ticking(s) && chain_sec(s, now) + s->sec_off > MAX_SEC))
		return err_set(errp, EINVAL, "clock '%s': the time is beyond what it can show",
			       s->dev.id);
	if ((s->cmos[RTC_A] & A_UIP) || (s->cmos[RTC_C] & ~(C_FLAGS | C_IRQF)) ||
	    s->cmos[RTC_D] != D_VRT)
		return err_set(errp, EINVAL, "clock '%s': a register holds reserved bits",
			       s->dev.id);
	s->seen_period = min_u64(s->seen_period, period_now(s, now));
	plan_alarm(s);
	return 0;
}

static const struct snap_field rtc_fields[] = {
	SNAP_ARR(struct mc146818, cmos, 1),    SNAP(struct mc146818, index, 1),
	SNAP(struct mc146818, weekday_off, 1), SNAP(struct mc146818, phase_ns, 1),
	SNAP(struct mc146818, sec_off, 1),     SNAP(struct mc146818, seen_sec, 1),
	SNAP(struct mc146818, seen_period, 1), SNAP(struct mc146818, host_skew, 1),
	SNAP(struct mc146818, synced, 1),
};

static const struct snap_desc rtc_state = {
	.version = 1,
	.min_version = 1,
	.f = rtc_fields,
	.n = ARRAY_LEN(rtc_fields),
	.post_load = rtc_post_load,
};

static const struct device_ops rtc_ops = {
	.name = "mc146818",
	.reset = rtc_reset,
	.start = rtc_start,
	.stop = rtc_stop,
	.destroy = device_free,
	.state = &rtc_state,
};

int mc146818_create(const struct mc146818_config *cfg, struct mc146818 **ret, struct error **errp)
{
	struct mc146818 *s;

	if (!cfg->clock || !cfg->wallclock)
		return err_set(errp, EINVAL, "clock '%s' is given no time", cfg->id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating clock '%s'", cfg->id);
	s->region = (struct io_region){ .ops = &rtc_region_ops, .name = "mc146818", .len = 2 };
	device_init(&s->dev, &rtc_ops, cfg->id, &s->region, 1);
	s->irq = cfg->irq ? cfg->irq : &irq_none;
	s->clock = cfg->clock;
	s->wallclock = cfg->wallclock;
	s->wallclock_ctx = cfg->wallclock_ctx;
	s->armed_ns = NEVER;
	s->weekday_off = SUNDAY_FORWARD;
	timer_init(&s->timer, s->clock, rtc_timer);
	sync_host(s, vclock_now(s->clock));
	s->synced = false;
	device_reset(&s->dev);
	*ret = s;
	return 0;
}

struct device *mc146818_device(struct mc146818 *s)
{
	return &s->dev;
}

int mc146818_set_cmos(struct mc146818 *s, unsigned idx, uint8_t val)
{
	if (idx >= RTC_BYTES || !is_ram(idx))
		return -EINVAL;
	device_lock(&s->dev);
	s->cmos[idx] = val;
	device_unlock(&s->dev);
	return 0;
}

void mc146818_resync(struct mc146818 *s)
{
	uint64_t now;

	device_lock(&s->dev);
	now = vclock_now(s->clock);
	/* A guest that has stopped the clock to set it is about to say what time it is. */
	if (ticking(s)) {
		catch_up(s, now);
		sync_host(s, now);
		catch_up(s, now);
		update(s);
	}
	device_unlock(&s->dev);
}
