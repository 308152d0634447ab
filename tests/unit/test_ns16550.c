/* SPDX-License-Identifier: MIT */
/* test_ns16550.c: the 16550A against the PC16550D data sheet (June 1995) and the Linux driver. */
#include <string.h>

#include "devices/chip/ns16550.h"
#include "tests/lib/poke.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR, DLL = DATA, DLM = IER };

#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define LCR_8N1  0x03u
#define LCR_DLAB 0x80u

struct env {
	struct fake_clock clk;
	struct fake_irq irq;
	struct fake_chardev chr;
	struct ns16550 *uart;
	struct device *dev;
};

static struct ns16550 *make(struct env *e, struct chardev *chr)
{
	struct ns16550_config cfg = {
		.id = "serial0", .irq = &e->irq.line, .clock = &e->clk.clock, .chr = chr
	};
	struct ns16550 *s = NULL;
	struct error *err = NULL;

	assert_int_equal(ns16550_create(&cfg, &s, &err), 0);
	assert_no_error(err);
	assert_int_equal(ns16550_device(s)->ops->start(ns16550_device(s), &err), 0);
	return s;
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	fake_clock_init(&e->clk);
	fake_irq_init(&e->irq);
	fake_chardev_init(&e->chr);
	e->uart = make(e, &e->chr.chr);
	e->dev = ns16550_device(e->uart);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	e->dev->ops->stop(e->dev);
	e->dev->ops->destroy(e->dev);
	free(e);
	return 0;
}

static uint8_t in(struct env *e, unsigned reg)
{
	return (uint8_t)io_read(e->dev, 0, reg, 1);
}

static void out(struct env *e, unsigned reg, uint8_t val)
{
	io_write(e->dev, 0, reg, 1, val);
}

static size_t feed(struct env *e, const char *s)
{
	return fake_chardev_feed(&e->chr, s, strlen(s));
}

/* FIFO on with a trigger level of 8, received-data interrupt on, 8N1 at 115200. */
static void open_port(struct env *e)
{
	out(e, LCR, LCR_8N1 | LCR_DLAB);
	out(e, DLL, 1);
	out(e, DLM, 0);
	out(e, LCR, LCR_8N1);
	out(e, FCR, 0x81);
	out(e, MCR, MCR_OUT2 | 0x03);
	out(e, IER, 0x01);
}

#define CHAR_NS_115200 86810u /* ten bits */

/* Table I: "LSR 0110 0000, IIR 0000 0001, IER LCR MCR FCR 0, MSR XXXX 0000; INTR low". */
static void test_reset(void **state)
{
	struct env *e = *state;

	open_port(e);
	feed(e, "x");
	out(e, SCR, 0x77);
	device_reset(e->dev);
	assert_int_equal(in(e, IER), 0);
	assert_int_equal(in(e, IIR), 0x01);
	assert_int_equal(in(e, LCR), 0);
	assert_int_equal(in(e, MCR), 0);
	assert_int_equal(in(e, LSR), 0x60);
	assert_int_equal(in(e, MSR), 0xb0);
	assert_false(e->irq.level);
}

/* §8.2: "The divisor latches ... access: DLAB set to 1"; the rest of the registers as ever. */
static void test_dlab(void **state)
{
	struct env *e = *state;

	out(e, IER, 0x0f);
	out(e, LCR, LCR_DLAB | LCR_8N1);
	out(e, DLL, 0x34);
	out(e, DLM, 0x12);
	assert_int_equal(in(e, DLL), 0x34);
	assert_int_equal(in(e, DLM), 0x12);
	out(e, LCR, LCR_8N1);
	assert_int_equal(in(e, IER), 0x0f);
	assert_int_equal(e->chr.out_len, 0);
	out(e, SCR, 0xa5);
	assert_int_equal(in(e, SCR), 0xa5);
	out(e, IER, 0xff); /* "bits 4 through 7: these four bits are always logic 0" */
	assert_int_equal(in(e, IER), 0x0f);
	out(e, MCR, 0xff); /* "bits 5 through 7: permanently set to logic 0" */
	assert_int_equal(in(e, MCR), 0x1f);
}

static void test_transmit_at_once(void **state)
{
	struct env *e = *state;

	for (const char *p = "hello\n"; *p; p++) {
		assert_int_equal(in(e, LSR) & 0x60, 0x60);
		out(e, DATA, (uint8_t)*p);
	}
	assert_int_equal(e->chr.out_len, 6);
	assert_memory_equal(e->chr.out, "hello\n", 6);
}

/*
 * §8.6 table IV: the THRE interrupt is reset by "reading the IIR register (if source of interrupt)
 * or writing into the transmitter holding register".
 */
static void test_thre_interrupt(void **state)
{
	struct env *e = *state;

	out(e, MCR, MCR_OUT2);
	out(e, IER, 0x02);
	assert_true(e->irq.level); /* enabled while THRE is set */
	assert_int_equal(in(e, IIR), 0x02);
	assert_false(e->irq.level);
	assert_int_equal(in(e, IIR), 0x01);
	out(e, DATA, 'a'); /* written and empty again: an edge */
	assert_true(e->irq.level);
	assert_int_equal(e->irq.rises, 2);
	assert_int_equal(in(e, IIR), 0x02);
	out(e, IER, 0x02); /* no transition of ETBEI, nothing new */
	assert_false(e->irq.level);
	out(e, IER, 0x00);
	out(e, IER, 0x02);
	assert_true(e->irq.level);
}

/* "Reading the IIR (if source of interrupt)": with a higher source reported, THRE stays pending. */
static void test_thre_survives_higher_source(void **state)
{
	struct env *e = *state;

	open_port(e);
	out(e, FCR, 0x01);
	out(e, IER, 0x03);
	assert_int_equal(feed(e, "x"), 1);
	assert_int_equal(in(e, IIR), 0xc4);
	assert_int_equal(in(e, IIR), 0xc4);
	assert_int_equal(in(e, DATA), 'x');
	assert_int_equal(in(e, IIR), 0xc2);
	assert_int_equal(in(e, IIR), 0xc1);
}

/* §8.6: "In order to provide minimum software overhead ...
 * prioritizes interrupts into four levels" */
static void test_priorities(void **state)
{
	struct env *e = *state;

	open_port(e);
	out(e, FCR, 0x01);
	out(e, IER, 0x0f);
	out(e, MCR, MCR_OUT2 | MCR_LOOP); /* DSR and CTS drop: modem status */
	out(e, MCR, MCR_OUT2);
	feed(e, "a");
	e->chr.chr.client->brk(e->uart);
	assert_int_equal(in(e, DATA), 'a'); /* the break comes to the top */
	assert_int_equal(in(e, IIR), 0xc6);
	assert_int_equal(in(e, LSR) & 0x9f, 0x91); /* break, data ready, error in FIFO */
	assert_int_equal(in(e, IIR), 0xc4);
	assert_int_equal(in(e, DATA), 0);
	assert_int_equal(in(e, IIR), 0xc2);
	assert_int_equal(in(e, IIR), 0xc0);
	assert_int_equal(in(e, MSR), 0xb3); /* DSR and CTS changed; OUT2 held DCD */
	assert_int_equal(in(e, IIR), 0xc1);
	assert_false(e->irq.level);
}

/* §8.5: trigger levels "01, 04, 08, 14 bytes". */
static void test_trigger_levels(void **state)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };
	struct env *e = *state;

	open_port(e);
	for (unsigned i = 0; i < 4; i++) {
		out(e, FCR, (uint8_t)(i << 6 | 0x03));
		for (unsigned n = 1; n <= 16; n++) {
			assert_int_equal(feed(e, "x"), 1);
			assert_int_equal(e->irq.level, n >= level[i]);
			assert_int_equal(in(e, IIR), n >= level[i] ? 0xc4 : 0xc1);
		}
		assert_int_equal(feed(e, "x"), 0);
		/* "cleared as soon as the FIFO drops below its programmed trigger level" */
		for (unsigned n = 16; n; n--) {
			assert_int_equal(e->irq.level, n >= level[i]);
			assert_int_equal(in(e, DATA), 'x');
		}
		assert_int_equal(in(e, LSR), 0x60);
	}
}

/*
 * §8.11: "a FIFO timeout interrupt will occur if: at least one character is in the FIFO; the most
 * recent character was received longer than 4 continuous character times ago; the most recent CPU
 * read of the FIFO was longer than 4 continuous character times ago". "cleared and the timer reset
 * when the CPU reads one character".
 */
static void test_character_timeout(void **state)
{
	struct env *e = *state;

	open_port(e);
	feed(e, "ab");
	fake_clock_advance(&e->clk, 3 * CHAR_NS_115200);
	feed(e, "c"); /* starts anew */
	fake_clock_advance(&e->clk, 4 * CHAR_NS_115200 - 10);
	assert_false(e->irq.level);
	fake_clock_advance(&e->clk, 10);
	assert_true(e->irq.level);
	assert_int_equal(in(e, IIR), 0xcc);
	assert_int_equal(in(e, DATA), 'a');
	assert_false(e->irq.level);
	fake_clock_advance(&e->clk, 4 * CHAR_NS_115200);
	assert_true(e->irq.level);
	assert_int_equal(in(e, DATA), 'b');
	assert_int_equal(in(e, DATA), 'c');
	assert_false(e->irq.level);
	fake_clock_advance(&e->clk, 100 * CHAR_NS_115200);
	assert_false(e->irq.level);
	assert_int_equal(fake_clock_next(&e->clk), UINT64_MAX);
}

/* A burst costs one timer, not one a byte; and what is left at the end is announced. */
static void test_timeout_timer_is_lazy(void **state)
{
	struct env *e = *state;
	unsigned fired;

	open_port(e);
	fired = e->clk.fired;
	for (unsigned i = 0; i < 7; i++) {
		feed(e, "x");
		fake_clock_advance(&e->clk, CHAR_NS_115200);
	}
	fake_clock_advance(&e->clk, 10 * CHAR_NS_115200);
	assert_true(e->irq.level);
	assert_in_range(e->clk.fired - fired, 1, 3);
}

/* Any divisor is legal, 0 too, and none makes the guest wait for what has arrived. */
static void test_timeout_at_any_divisor(void **state)
{
	static const uint16_t div[] = { 0, 1, 12, 0x180, 0xffff };
	struct env *e = *state;

	open_port(e);
	for (unsigned i = 0; i < ARRAY_LEN(div); i++) {
		out(e, LCR, 0xff);
		out(e, DLL, (uint8_t)div[i]);
		out(e, DLM, (uint8_t)(div[i] >> 8));
		out(e, LCR, LCR_8N1);
		feed(e, "x");
		fake_clock_advance(&e->clk, 4 * CHAR_NS_115200 - 10);
		assert_int_equal(in(e, IIR), 0xc1);
		fake_clock_advance(&e->clk, 200 * NSEC_PER_MSEC);
		assert_int_equal(in(e, IIR), 0xcc);
		assert_int_equal(in(e, DATA), 'x');
	}
}

/* A snapshot or a pause between arrival and timeout loses neither. */
static void test_timeout_over_stop(void **state)
{
	struct env *e = *state;
	struct error *err = NULL;

	open_port(e);
	feed(e, "x");
	e->dev->ops->stop(e->dev);
	assert_int_equal(fake_clock_next(&e->clk), UINT64_MAX);
	assert_int_equal(feed(e, "y"), 0); /* a stopped machine takes no input */
	assert_int_equal(e->dev->ops->start(e->dev, &err), 0);
	fake_clock_advance(&e->clk, 4 * CHAR_NS_115200);
	assert_int_equal(in(e, IIR), 0xcc);
}

/*
 * Input is asked for only while there is room, and asked for again when there is: 1 byte without
 * FIFOs, 16 with.
 */
static void test_room(void **state)
{
	struct env *e = *state;
	unsigned changes;

	assert_int_equal(feed(e, "abc"), 1);
	assert_int_equal(feed(e, "bc"), 0);
	changes = e->chr.room_changes;
	assert_int_equal(in(e, DATA), 'a');
	assert_int_equal(e->chr.room_changes, changes + 1);
	out(e, FCR, 0x01);
	assert_int_equal(feed(e, "0123456789abcdefghij"), 16);
	changes = e->chr.room_changes;
	for (const char *p = "0123456789abcdef"; *p; p++)
		assert_int_equal(in(e, DATA), *p);
	assert_int_equal(e->chr.room_changes, changes + 1);
	feed(e, "0123456789abcdef");
	changes = e->chr.room_changes;
	out(e, FCR, 0x03);
	assert_int_equal(e->chr.room_changes, changes + 1);
	/* §8.8, loopback: "SIN is disconnected" */
	out(e, MCR, MCR_LOOP);
	assert_int_equal(feed(e, "x"), 0);
	changes = e->chr.room_changes;
	out(e, MCR, 0);
	assert_int_equal(e->chr.room_changes, changes + 1);
	assert_int_equal(feed(e, "x"), 1);
}

/*
 * §8.4 bit 1: "If the FIFO mode data continues to fill the FIFO beyond the trigger level, an
 * overrun error will occur only after the FIFO is full and the next character has been completely
 * received in the shift register. OE is indicated to the CPU as soon as it happens. The character
 * in the shift register is overwritten, but it is not transferred to the FIFO."
 */
static void test_overrun_in_loopback(void **state)
{
	struct env *e = *state;

	out(e, FCR, 0x01);
	out(e, MCR, MCR_LOOP);
	for (unsigned i = 0; i < 17; i++)
		out(e, DATA, (uint8_t)('a' + i));
	assert_int_equal(in(e, LSR), 0x63);
	assert_int_equal(in(e, LSR), 0x61);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(e, DATA), 'a' + i);
	assert_int_equal(in(e, LSR), 0x60);
	/* 16450 mode: "data in the receiver buffer ... destroyed by the next character" */
	out(e, FCR, 0x00);
	out(e, DATA, 'a');
	out(e, DATA, 'b');
	assert_int_equal(in(e, LSR), 0x63);
	assert_int_equal(in(e, DATA), 'b');
	assert_int_equal(in(e, LSR), 0x60);
	assert_int_equal(e->chr.out_len, 0);
}

/* §8.4 bit 4: BI "is set ... revealed to the CPU when its associated character is at the top of the
 * FIFO"; bit 7 is "set when there is at least one parity error, framing error or break in the
 * FIFO". */
static void test_break(void **state)
{
	struct env *e = *state;

	open_port(e);
	feed(e, "a");
	e->chr.chr.client->brk(e->uart);
	assert_int_equal(in(e, LSR), 0xe1); /* in the FIFO, not yet at its top */
	assert_int_equal(in(e, DATA), 'a');
	assert_int_equal(in(e, LSR), 0xf1);
	assert_int_equal(in(e, LSR), 0x61);
	assert_int_equal(in(e, DATA), 0);
	assert_int_equal(in(e, LSR), 0x60);
	out(e, FCR, 0);
	e->chr.chr.client->brk(e->uart);
	assert_int_equal(in(e, LSR), 0x71);
	assert_int_equal(in(e, LSR), 0x61);
}

/* §8.5 bit 0: "when changing from FIFO mode to 16450 mode and vice versa, data is automatically
 * cleared from the FIFOs"; "This bit must be a 1 when other FCR bits are written". */
static void test_fcr(void **state)
{
	struct env *e = *state;

	open_port(e);
	feed(e, "abc");
	out(e, FCR, 0xc1); /* no change of bit 0, no clear */
	assert_int_equal(in(e, LSR), 0x61);
	out(e, FCR, 0xc6); /* FIFO off: the clear bits do not count, the switch does */
	assert_int_equal(in(e, LSR), 0x60);
	assert_int_equal(in(e, IIR), 0x01);
	feed(e, "x");
	out(e, FCR, 0x02);
	assert_int_equal(in(e, LSR), 0x61);
	assert_int_equal(in(e, IIR), 0x04);
}

/*
 * §8.8: in loopback "the four modem control inputs (DSR, CTS, RI, DCD) are disconnected; and the
 * four modem control outputs (DTR, RTS, OUT 1, OUT 2) are internally connected to the four modem
 * control inputs". §8.9: TERI is the trailing edge of RI.
 */
static void test_loopback_modem_lines(void **state)
{
	static const struct {
		uint8_t mcr, msr;
	} map[] = { { 0x00, 0x00 }, { 0x01, 0x20 }, { 0x02, 0x10 },
		    { 0x04, 0x40 }, { 0x08, 0x80 }, { 0x0f, 0xf0 } };
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(map); i++) {
		out(e, MCR, MCR_LOOP | map[i].mcr);
		assert_int_equal(in(e, MSR) & 0xf0, map[i].msr);
		assert_int_equal(in(e, MSR) & 0x0f, 0);
	}
	out(e, MCR, MCR_LOOP);
	in(e, MSR);
	out(e, MCR, MCR_LOOP | 0x04);
	assert_int_equal(in(e, MSR), 0x40); /* leading edge of RI: no TERI */
	out(e, MCR, MCR_LOOP);
	assert_int_equal(in(e, MSR), 0x04);
	/* OUT2 is forced inactive at the pin: no interrupt reaches the bus */
	out(e, IER, 0x02);
	out(e, MCR, MCR_LOOP | MCR_OUT2);
	assert_false(e->irq.level);
	assert_int_equal(in(e, IIR), 0x02);
}

static void test_out2_gates_the_line(void **state)
{
	struct env *e = *state;

	out(e, IER, 0x02);
	assert_false(e->irq.level);
	out(e, MCR, MCR_OUT2);
	assert_true(e->irq.level);
	out(e, MCR, 0);
	assert_false(e->irq.level);
}

/* --- Linux, drivers/tty/serial/8250 ----------------------------------------------------------- */

/* The probe must end at "16550A": not XR16850, not TI16750, not NS DP8381x, not XScale, not U6. */
static void test_linux_autoconfig(void **state)
{
	struct env *e = *state;
	uint8_t save_mcr, status1, status2;
	unsigned count;

	/* is anything there: IER takes four bits */
	out(e, IER, 0);
	assert_int_equal(in(e, IER) & 0x0f, 0);
	out(e, IER, 0x0f);
	assert_int_equal(in(e, IER) & 0x0f, 0x0f);
	out(e, IER, 0);
	/* loopback test: RTS and OUT2 must come back as CTS and DCD */
	save_mcr = in(e, MCR);
	out(e, MCR, MCR_LOOP | 0x0a);
	assert_int_equal(in(e, MSR) & 0xf0, 0x90);
	out(e, MCR, save_mcr);
	/* which FIFO: IIR's top bits after enabling it */
	out(e, LCR, 0xbf);
	out(e, FCR, 0);
	out(e, LCR, 0);
	out(e, FCR, 0x01);
	assert_int_equal(in(e, IIR) >> 6, 3);
	/* an enhanced feature register at 2 would read 0 */
	out(e, LCR, 0x80);
	assert_int_not_equal(in(e, IIR), 0);
	out(e, LCR, 0xbf);
	assert_int_not_equal(in(e, IIR), 0);
	/* NS SuperIO: register 2 of bank 0xe0 would follow MCR's loop bit */
	out(e, LCR, 0);
	status1 = in(e, MCR);
	out(e, LCR, 0xe0);
	status2 = in(e, IIR);
	if (!((status2 ^ status1) & MCR_LOOP)) {
		out(e, LCR, 0);
		out(e, MCR, status1 ^ MCR_LOOP);
		out(e, LCR, 0xe0);
		status2 = in(e, IIR);
		out(e, LCR, 0);
		out(e, MCR, status1);
		assert_int_equal((status2 ^ status1) & MCR_LOOP, 0);
	}
	/* TI16750: a 64-byte FIFO enabled under DLAB would show bit 5 of IIR */
	out(e, LCR, 0);
	out(e, FCR, 0x21);
	status1 = in(e, IIR) >> 5;
	out(e, FCR, 0x01);
	out(e, LCR, 0x80);
	out(e, FCR, 0x21);
	status2 = in(e, IIR) >> 5;
	out(e, FCR, 0x01);
	out(e, LCR, 0);
	assert_int_equal(status1, 6);
	assert_int_equal(status2, 6);
	/* XScale: IER bit 6 would stick */
	out(e, IER, 0x40);
	assert_int_equal(in(e, IER), 0);
	/* size of the FIFO, by looping 256 bytes back */
	out(e, FCR, 0x07);
	out(e, MCR, MCR_LOOP);
	for (unsigned i = 0; i < 256; i++)
		out(e, DATA, (uint8_t)i);
	for (count = 0; (in(e, LSR) & 1) && count < 256; count++)
		assert_int_equal(in(e, DATA), count);
	assert_int_equal(count, 16);
	assert_int_equal(e->chr.out_len, 0);
}

/* Start-up tests for chips whose THRE interrupt is broken; this one's is not. */
static void test_linux_startup(void **state)
{
	struct env *e = *state;
	uint8_t iir1, iir2, lsr;

	out(e, FCR, 0x01);
	out(e, FCR, 0x07);
	out(e, FCR, 0x00);
	in(e, LSR);
	in(e, DATA);
	in(e, IIR);
	in(e, MSR);
	assert_int_not_equal(in(e, LSR), 0xff);
	out(e, LCR, LCR_8N1);
	/* re-enabling THRI must raise it again */
	out(e, IER, 0x02);
	iir1 = in(e, IIR);
	out(e, IER, 0);
	out(e, IER, 0x02);
	iir2 = in(e, IIR);
	out(e, IER, 0);
	assert_int_equal(iir1 & 1, 0);
	assert_int_equal(iir2 & 1, 0);
	/* and an idle transmitter must interrupt */
	out(e, MCR, MCR_OUT2);
	out(e, IER, 0x02);
	lsr = in(e, LSR);
	iir1 = in(e, IIR);
	out(e, IER, 0);
	assert_int_equal(lsr & 0x40, 0x40);
	assert_int_equal(iir1 & 1, 0);
}

/*
 * The interrupt handler's transmit loop: each round reads IIR and writes up to 16 bytes. Whenever
 * the handler gives up with bytes left, the line must have risen after its last look at IIR, or an
 * edge-triggered interrupt controller would never call it again.
 */
static void test_linux_transmit_loop(void **state)
{
	struct env *e = *state;
	unsigned rises;

	open_port(e);
	out(e, IER, 0x03);
	for (unsigned round = 0; round < 40; round++) {
		assert_int_equal(in(e, IIR), 0xc2);
		assert_false(e->irq.level);
		rises = e->irq.rises;
		assert_int_equal(in(e, LSR) & 0x20, 0x20);
		for (unsigned i = 0; i < 16; i++)
			out(e, DATA, 'x');
		assert_int_equal(e->irq.rises, rises + 1);
		assert_true(e->irq.level);
	}
	assert_int_equal(e->chr.out_len, 640);
	out(e, IER, 0x01); /* nothing left to send */
	assert_false(e->irq.level);
}

/* --- state ------------------------------------------------------------------------------------ */

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct env f = { 0 };
	struct fake_chardev *chr = calloc(1, sizeof(*chr));
	struct error *err = NULL;

	open_port(e);
	out(e, SCR, 0x5a);
	feed(e, "abc");
	in(e, DATA);
	e->chr.chr.client->brk(e->uart);
	fake_clock_init(&f.clk);
	fake_irq_init(&f.irq);
	fake_chardev_init(chr);
	f.uart = make(&f, &chr->chr);
	f.dev = ns16550_device(f.uart);
	f.dev->ops->stop(f.dev);
	assert_snapshot_round_trip(e->dev, f.dev);
	assert_int_equal(f.irq.rises, 0); /* loading touches nothing outside */
	assert_int_equal(f.dev->ops->start(f.dev, &err), 0);
	fake_clock_advance(&f.clk, 4 * CHAR_NS_115200 + 10);
	assert_true(f.irq.level); /* the timeout was carried over */
	assert_int_equal(in(&f, IIR), 0xcc);
	assert_int_equal(in(&f, DATA), 'b');
	assert_int_equal(in(&f, SCR), 0x5a);
	/* a machine takes down clock, wires and consoles before its devices */
	f.dev->ops->stop(f.dev);
	free(chr);
	f.clk.clock.ops = NULL;
	f.irq.line.ops = NULL;
	f.dev->ops->destroy(f.dev);
}

static void test_hostile_snapshot(void **state)
{
	static const struct {
		const char *field;
		uint64_t val;
		const char *why;
	} bad[] = {
		{ "rx_head", 16, "out of range" }, { "rx_cnt", 17, "out of range" },
		{ "rx_cnt", 255, "out of range" }, { "ier", 0x10, "reserved" },
		{ "fcr", 0x40, "reserved" },       { "fcr", 0x03, "reserved" },
		{ "mcr", 0x20, "reserved" },
	};
	struct env *e = *state;

	open_port(e);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t good = state_peek(e->dev, bad[i].field, 0);

		state_poke(e->dev, bad[i].field, 0, bad[i].val);
		assert_state_refused(e->dev, bad[i].why);
		state_poke(e->dev, bad[i].field, 0, good);
	}
	/* two characters without FIFOs */
	out(e, FCR, 0);
	state_poke(e->dev, "rx_cnt", 0, 2);
	assert_state_refused(e->dev, "out of range");
	/* a deadline at the end of time must not hold the input back */
	device_reset(e->dev);
	open_port(e);
	feed(e, "x");
	e->dev->ops->stop(e->dev);
	state_poke(e->dev, "rx_deadline", 0, UINT64_MAX);
	assert_state_accepted(e->dev);
	e->dev->ops->start(e->dev, NULL);
	fake_clock_advance(&e->clk, NSEC_PER_SEC);
	assert_int_equal(in(e, IIR), 0xcc);
}

static void test_storm(void **state)
{
	struct env *e = *state;
	struct storm s = { 0x16550a };

	for (unsigned i = 0; i < 100000; i++) {
		uint32_t x = storm_next(&s);
		unsigned reg = x & 7;

		switch (x >> 3 & 7) {
		case 0:
			feed(e, &"some input that is longer than the FIFO"[x >> 8 & 31]);
			break;
		case 1:
			e->chr.chr.client->brk(e->uart);
			break;
		case 2:
			fake_clock_advance(&e->clk, x >> 8);
			break;
		case 3:
		case 4:
			in(e, reg);
			break;
		default:
			out(e, reg, (uint8_t)(x >> 8));
			break;
		}
		e->chr.out_len = 0;
		assert_in_range(state_peek(e->dev, "rx_cnt", 0), 0, in(e, IIR) >= 0xc0 ? 16 : 1);
		assert_int_equal(in(e, LSR) & 0x60, 0x60);
		assert_int_equal(in(e, LSR) & 1, !!state_peek(e->dev, "rx_cnt", 0));
		/* the line is what the registers say */
		if (e->irq.level)
			assert_int_equal(state_peek(e->dev, "mcr", 0) & 0x18, 0x08);
		assert_state_accepted(e->dev);
	}
	/* and after all that a reset makes it a serial port again */
	device_reset(e->dev);
	open_port(e);
	assert_int_equal(feed(e, "hello"), 5);
	assert_int_equal(in(e, DATA), 'h');
}

static void test_without_far_end(void **state)
{
	struct env f = { 0 };

	(void)state;
	fake_clock_init(&f.clk);
	fake_irq_init(&f.irq);
	f.uart = make(&f, NULL);
	f.dev = ns16550_device(f.uart);
	out(&f, DATA, 'x');
	assert_int_equal(in(&f, LSR), 0x60);
	f.dev->ops->destroy(NULL);
	f.dev->ops->destroy(f.dev);
}

static void test_needs_clock(void **state)
{
	struct ns16550_config cfg = { .id = "serial9" };
	struct ns16550 *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(ns16550_create(&cfg, &s, &err) < 0);
	assert_error(err, "'serial9'");
	assert_null(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_reset),
		T(test_dlab),
		T(test_transmit_at_once),
		T(test_thre_interrupt),
		T(test_thre_survives_higher_source),
		T(test_priorities),
		T(test_trigger_levels),
		T(test_character_timeout),
		T(test_timeout_timer_is_lazy),
		T(test_timeout_at_any_divisor),
		T(test_timeout_over_stop),
		T(test_room),
		T(test_overrun_in_loopback),
		T(test_break),
		T(test_fcr),
		T(test_loopback_modem_lines),
		T(test_out2_gates_the_line),
		T(test_linux_autoconfig),
		T(test_linux_startup),
		T(test_linux_transmit_loop),
		T(test_snapshot),
		T(test_hostile_snapshot),
		T(test_storm),
		cmocka_unit_test(test_without_far_end),
		cmocka_unit_test(test_needs_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
