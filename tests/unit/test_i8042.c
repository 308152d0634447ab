/* SPDX-License-Identifier: MIT */
/* test_i8042.c: keyboard controller against the IBM PS/2 Technical Reference and Linux's driver. */
#include "devices/chip/i8042.h"
#include "tests/lib/poke.h"

#define OBF     0x01u
#define SYS     0x04u
#define A2      0x08u
#define INH     0x10u
#define AUX     0x20u
#define TIMEOUT 0x40u

struct env {
	struct fake_irq irq;
	struct fake_power power;
	struct i8042 *kbc;
	struct device *dev;
};

static void make(struct env *e)
{
	struct i8042_config cfg = { .id = "kbd", .irq = &e->irq.line, .power = &e->power.sink };
	struct error *err = NULL;

	fake_irq_init(&e->irq);
	fake_power_init(&e->power);
	assert_int_equal(i8042_create(&cfg, &e->kbc, &err), 0);
	assert_no_error(err);
	e->dev = i8042_device(e->kbc);
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	make(e);
	e->dev->ops->start(e->dev, NULL);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	e->dev->ops->destroy(e->dev);
	free(e);
	return 0;
}

static uint8_t status(struct env *e)
{
	return (uint8_t)io_read(e->dev, I8042_COMMAND, 0, 1);
}

static uint8_t data(struct env *e)
{
	return (uint8_t)io_read(e->dev, I8042_DATA, 0, 1);
}

static void cmd(struct env *e, uint8_t c)
{
	io_write(e->dev, I8042_COMMAND, 0, 1, c);
}

static void put(struct env *e, uint8_t b)
{
	io_write(e->dev, I8042_DATA, 0, 1, b);
}

/* The next byte must be there and be @want, not from the auxiliary device. */
static void expect(struct env *e, uint8_t want)
{
	assert_int_equal(status(e) & (OBF | AUX | TIMEOUT), OBF);
	assert_int_equal(data(e), want);
}

static void expect_nothing(struct env *e)
{
	assert_int_equal(status(e) & OBF, 0);
}

static uint8_t ctr(struct env *e)
{
	cmd(e, 0x20);
	assert_int_equal(status(e) & OBF, OBF);
	return data(e);
}

static void set_ctr(struct env *e, uint8_t v)
{
	cmd(e, 0x60);
	put(e, v);
}

/* "AA: self test ... 55 is placed in the output buffer if no errors are detected"; "AB: interface
 * test: 00 no error". */
static void test_self_tests(void **state)
{
	struct env *e = *state;

	cmd(e, 0xaa);
	expect(e, 0x55);
	assert_int_equal(status(e) & SYS, SYS);
	cmd(e, 0xab);
	expect(e, 0x00);
	cmd(e, 0xc0);
	expect(e, 0x80); /* keylock open */
	cmd(e, 0xe0);
	expect(e, 0x03);
	expect_nothing(e);
}

/* Status bit 3: "command/data: 0 written to 60, 1 written to 64"; bit 4: "0:
 * keyboard inhibited". */
static void test_status(void **state)
{
	struct env *e = *state;

	cmd(e, 0xae);
	assert_int_equal(status(e), A2 | INH | SYS);
	put(e, 0xee);
	assert_int_equal(status(e), OBF | INH | SYS);
	expect(e, 0xee);
	set_ctr(e, 0x41);
	assert_int_equal(status(e) & SYS, 0); /* "the system flag" follows the command byte */
	set_ctr(e, 0x45);
	assert_int_equal(status(e) & SYS, SYS);
}

/* "20-3F: read controller RAM; 60-7F: write controller RAM". */
static void test_ram(void **state)
{
	struct env *e = *state;

	for (unsigned i = 1; i < 32; i++) {
		cmd(e, (uint8_t)(0x60 + i));
		put(e, (uint8_t)(i * 5));
	}
	for (unsigned i = 1; i < 32; i++) {
		cmd(e, (uint8_t)(0x20 + i));
		expect(e, (uint8_t)(i * 5));
	}
	assert_int_equal(ctr(e), 0x65);
}

static void test_keyboard_commands(void **state)
{
	static const struct {
		uint8_t in[2], in_cnt, out[4], out_cnt;
	} t[] = {
		{ { 0xf2 }, 1, { 0xfa, 0xab, 0x83 }, 3 },
		{ { 0xff }, 1, { 0xfa, 0xaa }, 2 },
		{ { 0xee }, 1, { 0xee }, 1 },
		{ { 0xed, 0x07 }, 2, { 0xfa, 0xfa }, 2 },
		{ { 0xf3, 0x2b }, 2, { 0xfa, 0xfa }, 2 },
		{ { 0xf0, 0x00 }, 2, { 0xfa, 0xfa, 0x02 }, 3 },
		{ { 0xf0, 0x03 }, 2, { 0xfa, 0xfa }, 2 },
		{ { 0xf0, 0x00 }, 2, { 0xfa, 0xfa, 0x03 }, 3 },
		{ { 0xf0, 0x04 }, 2, { 0xfa, 0xfe }, 2 },
		{ { 0xf4 }, 1, { 0xfa }, 1 },
		{ { 0xf5 }, 1, { 0xfa }, 1 },
		{ { 0xf0, 0x00 }, 2, { 0xfa, 0xfa, 0x02 }, 3 }, /* defaults again */
		{ { 0xf6 }, 1, { 0xfa }, 1 },
		{ { 0xf8 }, 1, { 0xfa }, 1 },
		{ { 0xfc, 0x1c }, 2, { 0xfa, 0xfa }, 2 },
		{ { 0xe1 }, 1, { 0xfe }, 1 }, /* no such command: Resend */
		{ { 0x00 }, 1, { 0xfe }, 1 },
		{ { 0xee }, 1, { 0xee }, 1 },
		{ { 0xfe }, 1, { 0xee }, 1 }, /* Resend: the last byte once more */
		{ { 0xed, 0xf2 },
		  2,
		  { 0xfa, 0xfa, 0xab, 0x83 },
		  4 }, /* a command for a parameter */
	};
	struct env *e = *state;

	set_ctr(e, 0x24); /* no translation */
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		for (unsigned n = 0; n < t[i].in_cnt; n++)
			put(e, t[i].in[n]);
		for (unsigned n = 0; n < t[i].out_cnt; n++)
			expect(e, t[i].out[n]);
		expect_nothing(e);
	}
}

/* Command byte bit 6: "translates the incoming scan codes" - whatever they mean. */
static void test_translation(void **state)
{
	struct env *e = *state;

	put(e, 0xf2);
	expect(e, 0xfa);
	expect(e, 0xab);
	expect(e, 0x41);
	for (unsigned set = 1; set <= 3; set++) {
		static const uint8_t number[] = { 0x43, 0x41, 0x3f };

		put(e, 0xf0);
		put(e, (uint8_t)set);
		put(e, 0xf0);
		put(e, 0x00);
		for (unsigned i = 0; i < 4; i++)
			expect(e, 0xfa);
		expect(e, number[set - 1]);
	}
	cmd(e, 0xd2); /* the host's own byte is not translated */
	put(e, 0x83);
	expect(e, 0x83);
}

/* "AD: disable keyboard: the keyboard clock line is driven low and data is not sent or received";
 * a byte for the keyboard enables it. */
static void test_keyboard_held(void **state)
{
	struct env *e = *state;

	put(e, 0xf2);
	expect(e, 0xfa);
	cmd(e, 0xad); /* 0xab has reached the buffer, 0x83 has not */
	expect(e, 0xab);
	expect_nothing(e);
	assert_int_equal(ctr(e) & 0x10, 0x10);
	expect_nothing(e);
	cmd(e, 0xae);
	expect(e, 0x41);
	set_ctr(e, 0x75);
	put(e, 0xee);
	expect(e, 0xee);
	assert_int_equal(ctr(e) & 0x10, 0);
}

/* Each byte is an edge on IRQ 1, if the command byte says so; the output port shows the line. */
static void test_interrupt(void **state)
{
	struct env *e = *state;

	set_ctr(e, 0x65);
	assert_int_equal(e->irq.rises, 0);
	put(e, 0xff);
	assert_true(e->irq.level);
	assert_int_equal(data(e), 0xfa);
	assert_true(e->irq.level);
	assert_int_equal(e->irq.rises, 2);
	assert_int_equal(e->irq.falls, 1);
	assert_int_equal(data(e), 0xaa);
	assert_false(e->irq.level);
	assert_int_equal(data(e), 0xaa); /* the buffer keeps what it had */
	set_ctr(e, 0x64);
	put(e, 0xee);
	assert_false(e->irq.level);
	set_ctr(e, 0x65);
	assert_true(e->irq.level);
	expect(e, 0xee);
}

static void test_output_port(void **state)
{
	struct env *e = *state;

	cmd(e, 0xd0);
	expect(e, 0xc3); /* lines free, A20 on, no reset */
	cmd(e, 0xd1);
	put(e, 0x01);
	cmd(e, 0xd0);
	expect(e, 0xc1);
	cmd(e, 0xdf);
	cmd(e, 0xd0);
	expect(e, 0xc3);
	cmd(e, 0xdd);
	cmd(e, 0xd0);
	expect(e, 0xc1);
	assert_int_equal(e->power.requests, 0);
	cmd(e, 0xd1);
	put(e, 0x02); /* bit 0: "system reset" while low */
	assert_int_equal(e->power.requests, 1);
	assert_int_equal(e->power.last, POWER_RESET);
}

/* "F0-FF: pulse output port: a 0 bit pulses its line low"; bit 0 is the processor's reset. */
static void test_pulse_reset(void **state)
{
	struct env *e = *state;
	unsigned resets = 0;

	for (unsigned c = 0xf0; c <= 0xff; c++) {
		cmd(e, (uint8_t)c);
		resets += !(c & 1);
		assert_int_equal(e->power.requests, resets);
	}
	assert_int_equal(e->power.last, POWER_RESET);
}

/* No auxiliary port, whoever asks in whatever way. */
static void test_no_aux(void **state)
{
	struct env *e = *state;

	cmd(e, 0xa9);
	expect(e, 0x02);
	assert_int_equal(ctr(e) & 0x20, 0x20);
	cmd(e, 0xa8);
	assert_int_equal(ctr(e) & 0x20, 0x20);
	set_ctr(e, 0x47);
	assert_int_equal(ctr(e), 0x65);
	cmd(e, 0xd4);
	put(e, 0xf2);
	assert_int_equal(status(e) & (OBF | AUX | TIMEOUT), OBF | AUX | TIMEOUT);
	assert_false(e->irq.level); /* there is no IRQ 12, and IRQ 1 is not for it */
	assert_int_equal(data(e), 0xfe);
	expect_nothing(e);
	put(e, 0xee);
	assert_true(e->irq.level); /* flags went with their byte */
	expect(e, 0xee);
}

/* A new command instead of a parameter takes its place. */
static void test_command_replaces_command(void **state)
{
	struct env *e = *state;

	cmd(e, 0x60);
	cmd(e, 0xaa);
	expect(e, 0x55);
	put(e, 0xee);
	expect(e, 0xee);
	assert_int_equal(ctr(e), 0x65);
	/* an unread answer is replaced by the next */
	cmd(e, 0xaa);
	cmd(e, 0xab);
	cmd(e, 0xc0);
	expect(e, 0x55);
	expect(e, 0x80);
	expect_nothing(e);
}

/* A host that never reads fills a queue of sixteen and no more. */
static void test_queue_is_bounded(void **state)
{
	struct env *e = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		put(e, 0xee);
	while (status(e) & OBF) {
		assert_int_equal(data(e), 0xee);
		n++;
	}
	assert_int_equal(n, 17); /* with the one in the output buffer */
}

/* --- Linux, drivers/input/serio/i8042.c and keyboard/atkbd.c ---------------------------------- */

/* One command with a driver's patience of zero: an answer must be there at once. */
static bool lx_command(struct env *e, uint8_t c, int param, uint8_t *answer, bool aux)
{
	cmd(e, c);
	if (param >= 0)
		put(e, (uint8_t)param);
	if (!answer)
		return true;
	assert_int_equal(status(e) & OBF, OBF);
	if (aux && !(status(e) & AUX)) {
		*answer = data(e);
		return false;
	}
	*answer = data(e);
	return true;
}

static void test_linux_controller_probe(void **state)
{
	struct env *e = *state;
	uint8_t c1, c2, a, c;

	/* flush: nothing there, and not 0xff */
	assert_int_equal(status(e) & OBF, 0);
	/* the command byte, twice the same, with translation and no keylock warning */
	lx_command(e, 0x20, -1, &c1, false);
	lx_command(e, 0x20, -1, &c2, false);
	assert_int_equal(c1, c2);
	assert_int_equal(c1 & 0x40, 0x40);
	assert_int_equal(status(e) & INH, INH);
	/* keyboard off while probing */
	c = (uint8_t)((c1 | 0x10) & ~0x01);
	lx_command(e, 0x60, c, NULL, false);
	expect_nothing(e);
	/* auxiliary port: the loop answers at once and without the AUX flag, the test with an
	 * error: the driver gives up on it without waiting */
	assert_false(lx_command(e, 0xd3, 0x5a, &a, true));
	expect_nothing(e);
	lx_command(e, 0xa9, -1, &a, false);
	assert_true(a != 0 && a != 0xfa && a != 0xff);
	/* keyboard on */
	c = (uint8_t)((c & ~0x10) | 0x01);
	lx_command(e, 0x60, c, NULL, false);
	lx_command(e, 0x20, -1, &a, false);
	assert_int_equal(a, c | 0x20);
	/* controller self test, as i8042.reset asks for it */
	lx_command(e, 0xaa, -1, &a, false);
	assert_int_equal(a, 0x55);
}

static void lx_keyboard(struct env *e, uint8_t byte, uint8_t want)
{
	unsigned rises = e->irq.rises;

	put(e, byte);
	assert_true(e->irq.rises > rises);
	expect(e, want);
}

static void test_linux_keyboard_probe(void **state)
{
	struct env *e = *state;

	test_linux_controller_probe(state);
	lx_keyboard(e, 0xf2, 0xfa);
	expect(e, 0xab);
	expect(e, 0x41);
	lx_keyboard(e, 0xf5, 0xfa);
	lx_keyboard(e, 0xed, 0xfa);
	lx_keyboard(e, 0x00, 0xfa);
	lx_keyboard(e, 0xf3, 0xfa);
	lx_keyboard(e, 0x00, 0xfa);
	lx_keyboard(e, 0xf4, 0xfa);
	expect_nothing(e);
	/* and a reboot through the controller */
	assert_int_equal(status(e) & 0x02, 0);
	cmd(e, 0xfe);
	assert_int_equal(e->power.last, POWER_RESET);
}

/* --- state ------------------------------------------------------------------------------------ */

static void test_reset(void **state)
{
	struct env *e = *state;

	set_ctr(e, 0x34);
	cmd(e, 0xdd);
	put(e, 0xf2);
	put(e, 0xed);
	cmd(e, 0x60);
	device_reset(e->dev);
	assert_false(e->irq.level);
	assert_int_equal(status(e), INH | SYS);
	assert_int_equal(ctr(e), 0x65);
	put(e, 0xee);
	expect(e, 0xee);
	expect_nothing(e);
}

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct env f = { 0 };

	put(e, 0xf2);
	put(e, 0xf0);
	cmd(e, 0xaa);
	cmd(e, 0xd1);
	make(&f);
	assert_snapshot_round_trip(e->dev, f.dev);
	assert_false(f.irq.level);
	f.dev->ops->start(f.dev, NULL);
	assert_true(f.irq.level);
	expect(&f, 0xfa);
	expect(&f, 0x55);
	expect(&f, 0xab);
	expect(&f, 0x41);
	expect(&f, 0xfa);
	put(&f, 0x01); /* the output port's parameter */
	put(&f, 0x03); /* the scan-code set's */
	expect(&f, 0xfa);
	cmd(&f, 0xd0);
	expect(&f, 0xc1);
	f.dev->ops->destroy(NULL);
	f.dev->ops->destroy(f.dev);
}

/* CVE-2017-16845: queue indices of a saved PS/2 device were believed. */
static void test_hostile_snapshot(void **state)
{
	static const struct {
		const char *field;
		uint64_t val;
		const char *why;
	} bad[] = {
		{ "kbd_head", 16, "out of range" },      { "kbd_cnt", 17, "out of range" },
		{ "kbd_cnt", 255, "out of range" },      { "pending", 0x20, "no command" },
		{ "pending", 0xd5, "no command" },       { "kbd_pending", 0xf2, "no command" },
		{ "kbd_set", 0, "cannot hold" },         { "kbd_set", 4, "cannot hold" },
		{ "out_port", 0x01, "cannot hold" },     { "status", 0x80, "cannot hold" },
		{ "reply_status", 0x01, "cannot hold" }, { "ram", 0x02, "cannot hold" },
		{ "ram", 0x45, "cannot hold" },
	};
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t good = state_peek(e->dev, bad[i].field, 0);

		state_poke(e->dev, bad[i].field, 0, bad[i].val);
		assert_state_refused(e->dev, bad[i].why);
		state_poke(e->dev, bad[i].field, 0, good);
	}
	assert_state_accepted(e->dev);
}

static void test_storm(void **state)
{
	struct env *e = *state;
	struct storm s = { 0x8042 };
	unsigned n = 0;

	for (unsigned i = 0; i < 100000; i++) {
		uint32_t x = storm_next(&s);

		switch (x & 7) {
		case 0:
		case 1:
			cmd(e, (uint8_t)(x >> 8));
			break;
		case 2:
		case 3:
			put(e, (uint8_t)(x >> 8));
			break;
		case 4: /* the keyboard's commands are all up there */
			put(e, (uint8_t)(x >> 8 | 0xe0));
			break;
		case 5:
			status(e);
			break;
		default:
			data(e);
			break;
		}
		assert_int_equal(e->irq.level, (status(e) & (OBF | AUX)) == OBF &&
						       (state_peek(e->dev, "ram", 0) & 1));
		assert_state_accepted(e->dev);
	}
	cmd(e, 0xae);
	while ((status(e) & OBF) && n++ < 100)
		data(e);
	assert_in_range(n, 0, 18);
	device_reset(e->dev);
	test_linux_keyboard_probe(state);
}

static void test_needs_reset_line(void **state)
{
	struct i8042_config cfg = { .id = "kbd5" };
	struct i8042 *s = NULL;
	struct error *err = NULL;

	(void)state;
	assert_true(i8042_create(&cfg, &s, &err) < 0);
	assert_error(err, "'kbd5'");
	assert_null(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_self_tests),
		T(test_status),
		T(test_ram),
		T(test_keyboard_commands),
		T(test_translation),
		T(test_keyboard_held),
		T(test_interrupt),
		T(test_output_port),
		T(test_pulse_reset),
		T(test_no_aux),
		T(test_command_replaces_command),
		T(test_queue_is_bounded),
		T(test_linux_controller_probe),
		T(test_linux_keyboard_probe),
		T(test_reset),
		T(test_snapshot),
		T(test_hostile_snapshot),
		T(test_storm),
		cmocka_unit_test(test_needs_reset_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
