/* SPDX-License-Identifier: MIT */
/*
 * ns16550.c: 16550A UART after the PC16550D data sheet, section 8.
 *
 *   off  DLAB=0 read  DLAB=0 write  DLAB=1
 *    0   RBR          THR           DLL     receive, transmit; divisor low
 *    1   IER          IER           DLM     interrupt enable; divisor high
 *    2   IIR          FCR                   interrupt identification; FIFO control
 *    3   LCR                                line control, bit 7 is DLAB
 *    4   MCR                                modem control: DTR RTS OUT1 OUT2 LOOP
 *    5   LSR          -                     line status
 *    6   MSR          -                     modem status
 *    7   SCR                                scratch
 *
 * The transmitter is never busy, so THRE and TEMT always read 1 and there is no transmit FIFO to
 * keep; the THRE interrupt is a latch of its own (thre_int). Input is never lost: the far end
 * delivers only what room() admits. Words are not truncated to LCR's length and a transmitted
 * break goes nowhere: nothing at the far end could tell.
 */
#include "devices/chip/ns16550.h"

#include <errno.h>

#include "vmm/bits.h"
#include "vmm/chardev.h"
#include "vmm/device.h"
#include "vmm/error.h"
#include "vmm/irq.h"
#include "vmm/snap.h"
#include "vmm/timer.h"
#include "vmm/trace.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR, REG_CNT };

#define IER_ERBFI 0x01u
#define IER_ETBEI 0x02u
#define IER_ELSI  0x04u
#define IER_EDSSI 0x08u
#define IER_MASK  0x0fu

/* §8.6, table IV */
#define IIR_MSI  0x00u
#define IIR_NONE 0x01u
#define IIR_THRE 0x02u
#define IIR_RDA  0x04u
#define IIR_RLS  0x06u
#define IIR_CTI  0x0cu
#define IIR_FIFO 0xc0u

#define FCR_EN       0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_MASK     0xc9u /* what is kept: enable, DMA mode, trigger level */

#define LCR_WLS  0x03u
#define LCR_STB  0x04u
#define LCR_PEN  0x08u
#define LCR_DLAB 0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DR   0x01u
#define LSR_OE   0x02u
#define LSR_PE   0x04u
#define LSR_FE   0x08u
#define LSR_BI   0x10u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u
#define LSR_FIFO 0x80u /* a character with an error is in the FIFO */
#define LSR_ERR  (LSR_OE | LSR_PE | LSR_FE | LSR_BI)

#define MSR_DELTA 0x0fu
#define MSR_TERI  0x04u
#define MSR_CTS   0x10u
#define MSR_DSR   0x20u
#define MSR_RI    0x40u
#define MSR_DCD   0x80u

#define RX_FIFO 16u

/* One bit takes 16 * divisor cycles of the 1.8432 MHz crystal. */
#define NS_PER_BIT_DIV1 ((NSEC_PER_SEC * 16 + 1843199) / 1843200)
/* 300 baud: a divisor beyond it, or none, must not keep the guest's input waiting for seconds. */
#define MAX_TIMEOUT_DIV 384u

static const uint8_t rx_trigger[4] = { 1, 4, 8, 14 }; /* §8.5, FCR bits 7:6 */

struct ns16550 {
	struct device dev;
	struct io_region region;
	struct irq_line *irq;
	struct vclock *clock;
	struct chardev *chr;
	struct ev_timer rx_timer;
	bool running;
	bool timer_armed; /* at or before rx_deadline */
	bool line;        /* what irq was last told */

	/* what a snapshot holds */
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr, dll, dlm;
	uint8_t rx[RX_FIFO]; /* a ring; RBR is a ring of one while the FIFOs are off */
	uint8_t rx_head, rx_cnt;
	uint16_t rx_brk; /* slots whose character is a break nobody has read LSR for */
	bool thre_int, cti;
	uint64_t rx_deadline; /* when the character timeout falls due */
};

static struct ns16550 *to_uart(struct device *d)
{
	return container_of(d, struct ns16550, dev);
}

static bool fifo_on(const struct ns16550 *s)
{
	return s->fcr & FCR_EN;
}

static unsigned rx_capacity(const struct ns16550 *s)
{
	return fifo_on(s) ? RX_FIFO : 1;
}

/* --- interrupts -------------------------------------------------------------------------- */

/* §8.6: "the highest priority interrupt pending": line status, received data or timeout, THRE,
 * modem status. */
static uint8_t iir_source(const struct ns16550 *s)
{
	if ((s->ier & IER_ELSI) && (s->lsr & LSR_ERR))
		return IIR_RLS;
	if (s->ier & IER_ERBFI) {
		if (s->rx_cnt >= (fifo_on(s) ? rx_trigger[s->fcr >> 6] : 1))
			return IIR_RDA;
		if (s->cti)
			return IIR_CTI;
	}
	if ((s->ier & IER_ETBEI) && s->thre_int)
		return IIR_THRE;
	if ((s->ier & IER_EDSSI) && (s->msr & MSR_DELTA))
		return IIR_MSI;
	return IIR_NONE;
}

/*
 * On a PC the OUT2 pin enables the buffer between INTR and the bus; LOOP forces the pin inactive
 * (§8.8: "the MODEM Control output pins are forced to their inactive state (high)").
 */
static void update_irq(struct ns16550 *s)
{
	bool level = (s->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && iir_source(s) != IIR_NONE;

	if (level == s->line)
		return;
	s->line = level;
	irq_set(s->irq, level);
}

/* --- receiver ---------------------------------------------------------------------------- */

/* §8.11: the timeout is four character times: start, data, parity and stop bits as programmed. */
static uint64_t timeout_ns(const struct ns16550 *s)
{
	unsigned bits =
		1 + 5 + (s->lcr & LCR_WLS) + !!(s->lcr & LCR_PEN) + 1 + !!(s->lcr & LCR_STB);
	unsigned div = s->dll | (unsigned)s->dlm << 8;

	div = div > MAX_TIMEOUT_DIV ? MAX_TIMEOUT_DIV : div;
	return NS_PER_BIT_DIV1 * 4 * bits * (div ? div : 1);
}

/*
 * Arms the timer if only a timeout can tell the guest of what is in the FIFO. A timer that is
 * armed already is for an earlier deadline; its callback goes on to the current one. So draining a
 * FIFO byte by byte costs one arming, not sixteen.
 */
static void update_timer(struct ns16550 *s)
{
	if (s->timer_armed || !s->running || !s->rx_cnt || s->cti || !fifo_on(s) ||
	    !(s->ier & IER_ERBFI) || s->rx_cnt >= rx_trigger[s->fcr >> 6])
		return;
	s->timer_armed = true;
	timer_arm(&s->rx_timer, s->rx_deadline);
}

/* §8.11: "the timeout timer is reset after a new character is received or after the CPU reads the
 * RCVR FIFO". */
static void restart_timeout(struct ns16550 *s)
{
	if (fifo_on(s) && s->rx_cnt)
		s->rx_deadline = vclock_now(s->clock) + timeout_ns(s);
	update_timer(s);
}

static void rx_timeout(struct ev_timer *t)
{
	struct ns16550 *s = container_of(t, struct ns16550, rx_timer);

	device_lock(&s->dev);
	s->timer_armed = false;
	if (s->running && s->rx_cnt && fifo_on(s) && vclock_now(s->clock) >= s->rx_deadline) {
		trace_event(TRACE_E_TIMER, s->dev.number, 0);
		s->cti = true;
		update_irq(s);
	}
	update_timer(s);
	device_unlock(&s->dev);
}

static void rx_clear(struct ns16550 *s)
{
	s->rx_cnt = 0;
	s->rx_brk = 0;
	s->cti = false;
	s->lsr &= (uint8_t) ~(LSR_DR | LSR_BI | LSR_FIFO);
}

/*
 * §8.4 bit 1: with FIFOs "an overrun error will occur only after the FIFO is full and the next
 * character has been completely received in the shift register"; that one is overwritten. Without,
 * the character in RBR is.
 */
static void rx_push(struct ns16550 *s, uint8_t byte, bool brk)
{
	unsigned slot;

	if (s->rx_cnt == rx_capacity(s)) {
		s->lsr |= LSR_OE;
		if (fifo_on(s))
			return;
		s->rx_cnt = 0;
	}
	slot = (s->rx_head + s->rx_cnt) % RX_FIFO;
	s->rx[slot] = byte;
	s->rx_brk = (uint16_t)((s->rx_brk & ~BIT(slot)) | (brk ? BIT(slot) : 0));
	s->lsr |= LSR_DR;
	if (brk && fifo_on(s))
		s->lsr |= LSR_FIFO;
	/* "revealed to the CPU when its associated character is at the top of the FIFO" */
	if (brk && !s->rx_cnt)
		s->lsr |= LSR_BI;
	s->rx_cnt++;
}

static uint8_t rx_pop(struct ns16550 *s)
{
	uint8_t byte = s->rx[s->rx_head];

	if (!s->rx_cnt)
		return 0;
	s->rx_brk &= (uint16_t)~BIT(s->rx_head);
	s->rx_head = (s->rx_head + 1) % RX_FIFO;
	s->rx_cnt--;
	s->cti = false;
	if (!s->rx_brk)
		s->lsr &= (uint8_t)~LSR_FIFO;
	if (!s->rx_cnt)
		s->lsr &= (uint8_t)~LSR_DR;
	else if (s->rx_brk & BIT(s->rx_head))
		s->lsr |= LSR_BI;
	restart_timeout(s);
	update_irq(s);
	return byte;
}

/* In loopback "the receiver Serial Input (SIN) is disconnected" (§8.8): what waits outside stays
 * there. */
static size_t rx_room(const struct ns16550 *s)
{
	if (!s->running || (s->mcr & MCR_LOOP))
		return 0;
	return rx_capacity(s) - s->rx_cnt;
}

/* Tells the far end that it may go on if @before says that it had to stop. */
static void room_grew(struct ns16550 *s, size_t before)
{
	if (s->chr && !before && rx_room(s))
		chardev_room_changed(s->chr);
}

static size_t client_room(void *dev)
{
	struct ns16550 *s = dev;
	size_t room;

	device_lock(&s->dev);
	room = rx_room(s);
	device_unlock(&s->dev);
	return room;
}

/* The guest may have switched FIFO or loopback since room() was asked: then it is as on a wire. */
static void client_receive(void *dev, const uint8_t *buf, size_t len)
{
	struct ns16550 *s = dev;

	device_lock(&s->dev);
	if (!(s->mcr & MCR_LOOP) && len) {
		for (size_t i = 0; i < len; i++)
			rx_push(s, buf[i], false);
		restart_timeout(s);
		update_irq(s);
	}
	device_unlock(&s->dev);
}

/* §8.4 bit 4: "when break occurs only one zero character is loaded into the FIFO". */
static void client_break(void *dev)
{
	struct ns16550 *s = dev;

	device_lock(&s->dev);
	if (!(s->mcr & MCR_LOOP)) {
		rx_push(s, 0, true);
		restart_timeout(s);
		update_irq(s);
	}
	device_unlock(&s->dev);
}

static const struct chardev_client uart_client = {
	.room = client_room,
	.receive = client_receive,
	.brk = client_break,
};

/* --- modem lines ------------------------------------------------------------------------- */

/* §8.8: in loopback the outputs RTS, DTR, OUT1, OUT2 feed CTS, DSR, RI, DCD. Otherwise the far end
 * is there and ready. */
static uint8_t modem_inputs(const struct ns16550 *s)
{
	unsigned in = 0;

	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	in |= s->mcr & MCR_RTS ? MSR_CTS : 0;
	in |= s->mcr & MCR_DTR ? MSR_DSR : 0;
	in |= s->mcr & MCR_OUT1 ? MSR_RI : 0;
	in |= s->mcr & MCR_OUT2 ? MSR_DCD : 0;
	return (uint8_t)in;
}

/* §8.9: bits 0, 1, 3 are set when their line changes,
 * bit 2 when RI goes from active to inactive. */
static void update_msr(struct ns16550 *s)
{
	uint8_t in = modem_inputs(s), changed = s->msr ^ in;
	unsigned delta = (changed & (MSR_CTS | MSR_DSR | MSR_DCD)) >> 4;

	if (changed & s->msr & MSR_RI)
		delta |= MSR_TERI;
	s->msr = (uint8_t)(in | (s->msr & MSR_DELTA) | delta);
}

/* --- registers --------------------------------------------------------------------------- */

static void write_thr(struct ns16550 *s, uint8_t byte)
{
	if (likely(!(s->mcr & MCR_LOOP))) {
		if (s->chr)
			chardev_write(s->chr, &byte, 1);
	} else {
		/* §8.8: "data that is transmitted is immediately received" */
		rx_push(s, byte, false);
		restart_timeout(s);
		update_irq(s);
	}
	/* Writing THR takes the interrupt away and emptying it brings it back, at the same time. */
	s->thre_int = true;
	if (s->ier & IER_ETBEI)
		update_irq(s);
}

/* §8.4 bit 5: THRE "causes the UART to issue an interrupt to the CPU when the THRE interrupt enable
 * is set high"; THRE always is. */
static void write_ier(struct ns16550 *s, uint8_t val)
{
	val &= IER_MASK;
	if (val & ~s->ier & IER_ETBEI)
		s->thre_int = true;
	s->ier = val;
	update_timer(s);
	update_irq(s);
}

/*
 * §8.5 bit 0: "Resetting FCR0 will clear all bytes in both FIFOs. When changing from FIFO mode to
 * 16450 mode and vice versa, data is automatically cleared from the FIFOs. This bit must be a 1
 * when other FCR bits are written to or they will not be programmed."
 */
static void write_fcr(struct ns16550 *s, uint8_t val)
{
	size_t before = rx_room(s);

	if (((val ^ s->fcr) & FCR_EN) || (val & (FCR_EN | FCR_CLEAR_RX)) == (FCR_EN | FCR_CLEAR_RX))
		rx_clear(s);
	s->fcr = val & FCR_EN ? val & FCR_MASK : 0;
	update_timer(s);
	update_irq(s);
	room_grew(s, before);
}

static void write_mcr(struct ns16550 *s, uint8_t val)
{
	size_t before = rx_room(s);

	s->mcr = val & MCR_MASK;
	update_msr(s);
	update_irq(s);
	room_grew(s, before);
}

static void uart_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val64)
{
	struct ns16550 *s = to_uart(r->dev);
	uint8_t val = (uint8_t)val64;

	(void)size;
	switch (off) {
	case REG_DATA:
		if (unlikely(s->lcr & LCR_DLAB))
			s->dll = val;
		else
			write_thr(s, val);
		break;
	case REG_IER:
		if (s->lcr & LCR_DLAB)
			s->dlm = val;
		else
			write_ier(s, val);
		break;
	case REG_IIR_FCR:
		write_fcr(s, val);
		break;
	case REG_LCR:
		s->lcr = val;
		break;
	case REG_MCR:
		write_mcr(s, val);
		break;
	case REG_SCR:
		s->scr = val;
		break;
	default: /* §8.4: LSR "is intended for read operations only"; MSR is no different */
		break;
	}
}

static uint8_t read_rbr(struct ns16550 *s)
{
	size_t before = rx_room(s);
	uint8_t byte = rx_pop(s);

	room_grew(s, before);
	return byte;
}

/* §8.6: the THRE interrupt is reset by "reading the IIR register (if source of interrupt)". */
static uint8_t read_iir(struct ns16550 *s)
{
	uint8_t src = iir_source(s);

	if (src == IIR_THRE) {
		s->thre_int = false;
		update_irq(s);
	}
	return (uint8_t)(src | (fifo_on(s) ? IIR_FIFO : 0));
}

/* §8.4: OE, PE, FE and BI are reset when LSR is read; bit 7 too, "if there are no subsequent
 * errors in the FIFO". */
static uint8_t read_lsr(struct ns16550 *s)
{
	uint8_t val = s->lsr;

	if (likely(!(val & (LSR_ERR | LSR_FIFO))))
		return val;
	s->rx_brk &= (uint16_t)~BIT(s->rx_head);
	s->lsr &= (uint8_t)~LSR_ERR;
	if (!s->rx_brk)
		s->lsr &= (uint8_t)~LSR_FIFO;
	update_irq(s);
	return val;
}

static uint8_t read_msr(struct ns16550 *s)
{
	uint8_t val = s->msr;

	s->msr &= (uint8_t)~MSR_DELTA;
	update_irq(s);
	return val;
}

static uint64_t uart_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct ns16550 *s = to_uart(r->dev);

	(void)size;
	switch (off) {
	case REG_DATA:
		return s->lcr & LCR_DLAB ? s->dll : read_rbr(s);
	case REG_IER:
		return s->lcr & LCR_DLAB ? s->dlm : s->ier;
	case REG_IIR_FCR:
		return read_iir(s);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return read_lsr(s);
	case REG_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

static const struct region_ops uart_region_ops = {
	.min_size = 1,
	.max_size = 1,
	.read = uart_read,
	.write = uart_write,
};

/* --- device ------------------------------------------------------------------------------ */

/* Table I; the divisor, which a master reset leaves alone, is what a PC's firmware sets:
 * 9600 baud. */
static void uart_reset(struct device *d)
{
	struct ns16550 *s = to_uart(d);
	size_t before = rx_room(s);

	s->ier = s->fcr = s->lcr = s->mcr = s->scr = 0;
	s->lsr = LSR_THRE | LSR_TEMT;
	s->msr = modem_inputs(s);
	s->dll = 12;
	s->dlm = 0;
	s->thre_int = false;
	s->rx_head = 0;
	rx_clear(s);
	update_irq(s);
	room_grew(s, before);
}

static int uart_start(struct device *d, struct error **errp)
{
	struct ns16550 *s = to_uart(d);

	(void)errp;
	device_lock(d);
	s->running = true;
	update_irq(s);
	irq_set(s->irq, s->line);
	update_timer(s);
	room_grew(s, 0);
	device_unlock(d);
	return 0;
}

/* A timeout callback on its way finds that nothing is due. */
static void uart_stop(struct device *d)
{
	struct ns16550 *s = to_uart(d);

	device_lock(d);
	s->running = false;
	s->timer_armed = false;
	timer_cancel(&s->rx_timer);
	device_unlock(d);
}

/* Comes after stop, when clock and wires may be gone already: touches nothing borrowed. */
static int uart_post_load(void *state, unsigned version, struct error **errp)
{
	struct ns16550 *s = state;

	(void)version;
	if ((s->ier & ~IER_MASK) || (s->fcr & ~FCR_MASK) || (s->mcr & ~MCR_MASK) ||
	    (s->fcr && !fifo_on(s)))
		return err_set(errp, EINVAL, "serial port '%s': a register holds reserved bits",
			       s->dev.id);
	if (s->rx_head >= RX_FIFO || s->rx_cnt > rx_capacity(s))
		return err_set(errp, EINVAL,
			       "serial port '%s': receive FIFO of %u bytes at %u is out of range",
			       s->dev.id, s->rx_cnt, s->rx_head);
	/* What follows from the rest is made to follow. */
	s->lsr &= LSR_ERR | LSR_FIFO;
	s->lsr |= LSR_THRE | LSR_TEMT | (s->rx_cnt ? LSR_DR : 0);
	s->msr = (uint8_t)(modem_inputs(s) | (s->msr & MSR_DELTA));
	s->cti = s->cti && s->rx_cnt && fifo_on(s);
	/* A deadline far in the future would hold back what the FIFO has. */
	s->rx_deadline = min_u64(s->rx_deadline, vclock_now(s->clock) + timeout_ns(s));
	return 0;
}

static const struct snap_field uart_fields[] = {
	SNAP(struct ns16550, ier, 1),     SNAP(struct ns16550, fcr, 1),
	SNAP(struct ns16550, lcr, 1),     SNAP(struct ns16550, mcr, 1),
	SNAP(struct ns16550, lsr, 1),     SNAP(struct ns16550, msr, 1),
	SNAP(struct ns16550, scr, 1),     SNAP(struct ns16550, dll, 1),
	SNAP(struct ns16550, dlm, 1),     SNAP_ARR(struct ns16550, rx, 1),
	SNAP(struct ns16550, rx_head, 1), SNAP(struct ns16550, rx_cnt, 1),
	SNAP(struct ns16550, rx_brk, 1),  SNAP(struct ns16550, thre_int, 1),
	SNAP(struct ns16550, cti, 1),     SNAP(struct ns16550, rx_deadline, 1),
};

static const struct snap_desc uart_state = {
	.version = 1,
	.min_version = 1,
	.f = uart_fields,
	.n = ARRAY_LEN(uart_fields),
	.post_load = uart_post_load,
};

static const struct device_ops uart_ops = {
	.name = "ns16550",
	.reset = uart_reset,
	.start = uart_start,
	.stop = uart_stop,
	.destroy = device_free,
	.state = &uart_state,
};

int ns16550_create(const struct ns16550_config *cfg, struct ns16550 **ret, struct error **errp)
{
	struct ns16550 *s;

	if (!cfg->clock)
		return err_set(errp, EINVAL, "serial port '%s' has no clock", cfg->id);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(errp, ENOMEM, "creating serial port '%s'", cfg->id);
	s->region = (struct io_region){
		.ops = &uart_region_ops,
		.name = "ns16550",
		.len = REG_CNT,
	};
	device_init(&s->dev, &uart_ops, cfg->id, &s->region, 1);
	s->irq = cfg->irq ? cfg->irq : &irq_none;
	s->clock = cfg->clock;
	s->chr = cfg->chr;
	timer_init(&s->rx_timer, s->clock, rx_timeout);
	device_reset(&s->dev);
	if (s->chr)
		chardev_attach(s->chr, &uart_client, s);
	*ret = s;
	return 0;
}

struct device *ns16550_device(struct ns16550 *s)
{
	return &s->dev;
}
