/* SPDX-License-Identifier: MIT */
/* test_watch.c: the panic line is seen where the kernel puts it and nowhere else. */
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/console_watch.h"

struct seen {
	struct console_watch w;
	struct fake_chardev out;
	unsigned panics, ends;
	char line[CONSOLE_WATCH_LINE];
};

static void on_panic(struct console_watch *w, const char *line)
{
	struct seen *s = container_of(w, struct seen, w);

	s->panics++;
	snprintf(s->line, sizeof(s->line), "%s", line);
}

static void on_end(struct console_watch *w)
{
	container_of(w, struct seen, w)->ends++;
}

static void start(struct seen *s)
{
	fake_chardev_init(&s->out);
	s->panics = s->ends = 0;
	s->line[0] = '\0';
	console_watch_init(&s->w, &s->out.chr, on_panic, on_end);
}

/* One byte at a time, as a UART does, then as one piece, as a virtio console would. */
static unsigned panics_in(struct seen *s, const char *text)
{
	unsigned bytewise;

	start(s);
	for (const char *p = text; *p; p++)
		chardev_write(&s->w.in, (const uint8_t *)p, 1);
	bytewise = s->panics;
	assert_int_equal(s->out.out_len, strlen(text));
	assert_memory_equal(s->out.out, text, strlen(text));
	start(s);
	chardev_write(&s->w.in, (const uint8_t *)text, strlen(text));
	assert_int_equal(s->panics, bytewise);
	return bytewise;
}

#define PANIC "Kernel panic - not syncing: "
#define STAMP "[    3.141592] "

/* kernel/printk/printk.c, print_prefix(): syslog level, time, caller, each if configured. */
static void test_prefixes(void **state)
{
	static const char *const lines[] = {
		PANIC "VFS: x\r\n",
		PANIC "VFS: x\n",
		STAMP PANIC "VFS: x\r\n",
		"[12345.678901] " PANIC "VFS: x\r\n",
		"[    3.141592][    T1] " PANIC "VFS: x\r\n",
		"[    3.141592][   C12] " PANIC "VFS: x\r\n",
		"[    T1] " PANIC "VFS: x\r\n",
		"<0>" PANIC "VFS: x\r\n",
		"<0>" STAMP PANIC "VFS: x\r\n",
		"<134>[    3.141592][    T1] " PANIC "VFS: x\r\n",
		"booting\r\n" STAMP PANIC "VFS: x\r\n",
		"50%\r" STAMP PANIC "VFS: x\r\n",
		"PASS" STAMP PANIC "VFS: x\r\n", /* no line end of its own */
		"/ # " STAMP PANIC "VFS: x\r\n",
		"# echo " PANIC "y" STAMP PANIC "VFS: x\r\n",
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (panics_in(&s, lines[i]) != 1 || strcmp(s.line, PANIC "VFS: x"))
			fail_msg("line %zu: %u, '%s'", i, s.panics, s.line);
		assert_int_equal(s.ends, 0);
	}
}

static void test_lookalikes(void **state)
{
	static const char *const lines[] = {
		"# echo " PANIC "x\r\n",
		"a " PANIC "x\r\n",
		" " PANIC "x\r\n",
		"/var/log/dmesg.0:" STAMP PANIC "x\r\n",
		"12: " STAMP PANIC "x\r\n",
		"Jan 01 00:00:00 host kernel: " PANIC "x\r\n",
		"[    3.14] " PANIC "x\r\n",
		"[ 3.141592 ] " PANIC "x\r\n",
		"3.141592] " PANIC "x\r\n",
		"[] " PANIC "x\r\n",
		"<>" PANIC "x\r\n",
		"<1234>" PANIC "x\r\n",
		"[    X1] " PANIC "x\r\n",
		"Kernel panic\r\n",
		"kernel panic - not syncing: x\r\n",
		"Kernel panic - not syncin\r\ng: x\r\n",
		STAMP PANIC "x", /* the line has not ended */
		STAMP "---[ end trace 0 ]---\r\n",
		"\r\n\r\n\n\n\r\r",
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (panics_in(&s, lines[i]))
			fail_msg("line %zu was taken for a panic: '%s'", i, s.line);
}

/* kernel/panic.c: both lines, each reported once. */
static void test_end_line(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(panics_in(&s, STAMP PANIC "first\r\n" STAMP "CPU: 0 PID: 1\r\n" STAMP
						   "---[ end " PANIC "first ]---\r\n"),
			 1);
	assert_string_equal(s.line, PANIC "first");
	assert_int_equal(s.ends, 1);
	/* The end alone is enough to know. */
	assert_int_equal(panics_in(&s, "---[ end " PANIC "lost ]---\n"), 1);
	assert_string_equal(s.line, PANIC "lost ]---");
	assert_int_equal(s.ends, 1);
	assert_int_equal(
		panics_in(&s, PANIC "a\n" PANIC "b\n---[ end " PANIC "b\n---[ end " PANIC "b\n"),
		1);
	assert_string_equal(s.line, PANIC "a");
	assert_int_equal(s.ends, 1);
}

static void test_reset(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(panics_in(&s, PANIC "a\nleft over"), 1);
	console_watch_reset(&s.w);
	chardev_write(&s.w.in, (const uint8_t *)PANIC "b\n", strlen(PANIC "b\n"));
	assert_int_equal(s.panics, 2);
	assert_string_equal(s.line, PANIC "b");
}

static void put(struct seen *s, const void *p, size_t len)
{
	chardev_write(&s->w.in, p, len);
	s->out.out_len = 0;
}

static void test_long_lines(void **state)
{
	char many[2000];
	struct seen s;

	(void)state;
	memset(many, '.', sizeof(many));
	/* A reason longer than we keep is cut. */
	start(&s);
	put(&s, PANIC, strlen(PANIC));
	put(&s, many, sizeof(many));
	assert_int_equal(s.panics, 1);
	assert_true(strlen(s.line) < CONSOLE_WATCH_LINE);
	assert_memory_equal(s.line, PANIC "....", strlen(PANIC "...."));
	/* Dots without end, interrupted by a kernel that stamps its lines; wherever that falls. */
	for (size_t n = 0; n < 600; n++) {
		start(&s);
		put(&s, many, n);
		put(&s, STAMP PANIC "x\n", strlen(STAMP PANIC "x\n"));
		assert_int_equal(s.panics, 1);
		start(&s);
		put(&s, many, n + 1);
		put(&s, PANIC "x\n", strlen(PANIC "x\n"));
		assert_int_equal(s.panics, 0);
	}
}

static void test_control_bytes(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(panics_in(&s, PANIC "\x1b[2J\x07\r\n"), 1);
	assert_string_equal(s.line, PANIC "\\x1b[2J\\x07");
}

static void test_binary(void **state)
{
	uint32_t x = 1;
	struct seen s;

	(void)state;
	start(&s);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t b;

		x = x * 1664525 + 1013904223;
		b = (uint8_t)(x >> 24);
		put(&s, &b, 1);
	}
	put(&s, "\n" PANIC "x\n", strlen("\n" PANIC "x\n"));
	assert_int_equal(s.panics, 1);
}

/* --- input ------------------------------------------------------------------------------------ */

struct port {
	uint8_t got[16];
	size_t len;
	unsigned breaks;
};

static size_t port_room(void *dev)
{
	struct port *p = dev;

	return sizeof(p->got) - p->len;
}

static void port_receive(void *dev, const uint8_t *buf, size_t len)
{
	struct port *p = dev;

	assert_true(len <= port_room(p));
	memcpy(p->got + p->len, buf, len);
	p->len += len;
}

static void port_brk(void *dev)
{
	((struct port *)dev)->breaks++;
}

static void test_input_passes(void **state)
{
	static const struct chardev_client client = { .room = port_room,
						      .receive = port_receive,
						      .brk = port_brk };
	struct port p = { 0 };
	struct seen s;

	(void)state;
	start(&s);
	assert_int_equal(s.out.chr.client->room(s.out.chr.client_dev), 0); /* nobody there yet */
	s.out.chr.client->brk(s.out.chr.client_dev);
	chardev_attach(&s.w.in, &client, &p);
	assert_int_equal(fake_chardev_feed(&s.out, "0123456789abcdefgh", 18), 16);
	assert_memory_equal(p.got, "0123456789abcdef", 16);
	s.out.chr.client->brk(s.out.chr.client_dev);
	assert_int_equal(p.breaks, 1);
	chardev_room_changed(&s.w.in);
	assert_int_equal(s.out.room_changes, 1);
}

static void test_null_has_no_client(void **state)
{
	struct seen s;

	(void)state;
	start(&s);
	console_watch_init(&s.w, &chardev_null, on_panic, NULL);
	assert_null(chardev_null.client);
	chardev_write(&s.w.in, (const uint8_t *)"---[ end " PANIC "x\n",
		      strlen("---[ end " PANIC "x\n"));
	chardev_room_changed(&s.w.in);
	assert_int_equal(s.panics, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_lookalikes),
		cmocka_unit_test(test_end_line),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_input_passes),
		cmocka_unit_test(test_null_has_no_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
