/* SPDX-License-Identifier: MIT */
/* The prompt of `trapeze step`: its commands, with a guest that is only pretended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/step.h"
#include "tests/lib/fake_guest.h"

static struct fake_guest f;
static struct trace_machine machine = { .cpu_cnt = FAKE_GUEST_CPUS };
static struct step s;
static struct str said;
static unsigned stood, flushed;
static char keys[64];
static size_t key_room;

static void say(void *opaque, const char *text, size_t len)
{
	(void)opaque;
	str_add_bytes(&said, text, len);
}

static size_t key(void *opaque, const uint8_t *buf, size_t len)
{
	size_t n = len < key_room ? len : key_room;

	(void)opaque;
	memcpy(keys, buf, n);
	keys[n] = 0;
	return n;
}

static void stands(void *opaque)
{
	(void)opaque;
	stood++;
}

static void flush(void *opaque, bool all)
{
	(void)opaque;
	flushed += all ? 100 : 1;
}

static int setup(void **state)
{
	struct error *e = NULL;

	(void)state;
	fake_guest_init(&f);
	memset(f.d.memory + 0x1000, 0x90, 0x100);
	s = (struct step){ .target = &f.d.target,
			   .say = say,
			   .key = key,
			   .stands = stands,
			   .flush = flush,
			   .host.irqchip = "split",
			   .lens.machine = &machine };
	said = (struct str){ 0 };
	stood = flushed = 0;
	key_room = sizeof(keys) - 1;
	assert_int_equal(step_init(&s, &e), 0);
	assert_no_error(e);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	step_free(&s);
	str_free(&said);
	fake_guest_fini(&f);
	return 0;
}

/* Carries out @line; the guest runs to the stops that are prepared. What was said. */
static const char *type(const char *line)
{
	str_free(&said);
	said = (struct str){ 0 };
	step_command(&s, line);
	fake_guest_run(&f);
	str_add(&said, "%s", "");
	return said.s;
}

static void says(const char *line, const char *part)
{
	const char *got = type(line);

	if (!strstr(got, part))
		fail_msg("'%s': '%s' is not in:\n%s", line, part, got);
}

static struct debug_stop *at_exit(unsigned cpu, unsigned num, unsigned reason, uint64_t addr,
				  uint64_t value)
{
	struct debug_stop *d = fake_guest_stop(&f, DBG_STOP_EXIT, cpu);

	d->rec = (struct trace_rec){ .kind = TRACE_EXIT, .num = num, .dev = TRACE_NO_DEV };
	d->rec.exit.reason = (uint8_t)reason;
	d->rec.exit.addr = addr;
	d->rec.exit.value = value;
	d->rec.exit.size = 1;
	d->rec.exit.count = 1;
	d->rec.exit.flags = TRACE_X_WRITE | TRACE_X_NOBODY;
	return d;
}

/* --- words ------------------------------------------------------------------------------------ */

static void nonsense_is_told_and_counted(void **state)
{
	static const char *const lines[] = {
		"garbage", "stepp 1",   "mem 0x99999999999", "s 0",   "s x x",
		"watch",   "delete 7",  "info nothing",      "cpu 9", "set rax",
		"set = 1", "set q = 1", "key \\q",           "until", "\x01\x02",
		"de",      "dev",       "print (((((",       "x -1",  "set cs = 1",
	};
	char *longest = malloc(70000);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
		unsigned before = s.failed;

		type(lines[i]);
		if (s.failed == before && lines[i][0] > 2)
			fail_msg("'%s' was taken:\n%s", lines[i], said.s);
		assert_false(s.running);
		assert_null(strchr(said.s, '\x01'));
	}
	memset(longest, 'a', 69999);
	longest[69999] = 0;
	says(longest, "there is no command");
	free(longest);
	says("helpp", "did you mean 'help'?");
}

static void blank_lines_and_remarks_are_nothing(void **state)
{
	(void)state;
	assert_string_equal(type(""), "");
	assert_string_equal(type("   "), "");
	assert_string_equal(type("# regs"), "");
	assert_int_equal(s.failed, 0);
	/* But where somebody types, an empty one goes on. */
	s.repeats = true;
	assert_string_equal(type(""), "");
	fake_guest_stop(&f, DBG_STOP_STEP, 0);
	fake_guest_stop(&f, DBG_STOP_STEP, 0);
	type("step");
	type("regs");
	type("");
	assert_int_equal(f.d.resumes, 2);
}

static void beginnings_of_names_will_do(void **state)
{
	(void)state;
	says("reg", "64-bit mode");
	says("pr 1+1", "0x2 = 2");
	says("he", "the last N exits");
	says("help until", "until, u EXPR");
	says("help pt", "page-table");
	says("i b", "no breakpoint");
}

/* --- running ---------------------------------------------------------------------------------- */

static void steps_are_counted_and_shown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		fake_guest_stop(&f, DBG_STOP_STEP, 0);
	type("s 3");
	assert_int_equal(f.d.resumes, 3);
	assert_int_equal(f.d.how.step_cpu, 0);
	assert_int_equal(stood, 1);
	assert_false(s.running);
	says("s 1000001", "1 to 1000000");
}

static void exits_stop_it(void **state)
{
	(void)state;
	at_exit(0, 1, TRACE_PIO, 0xe9, 'a');
	at_exit(0, 2, TRACE_PIO, 0xe9, 'b');
	at_exit(0, 3, TRACE_PIO, 0xe9, 'c');
	type("exit 2");
	assert_int_equal(f.d.resumes, 1);
	assert_int_equal(f.stop_next, 2);
	assert_int_equal(s.last_exit.num, 2);
	says("why", "exit 2");
	says("why", "15.10 IOIO Intercepts");
	says("print exit_addr + exit_value", "= 331");
	type("x");
	assert_int_equal(s.last_exit.num, 3);
	assert_int_equal(stood, 2);
}

static void there_is_no_why_before_an_exit(void **state)
{
	(void)state;
	says("why", "no exit yet");
	says("trace", "no exit yet");
	says("print exit_num", "0 = 0");
}

static void until_looks_after_each_exit(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 6; i++)
		at_exit(0, i, TRACE_PIO, 0x80, i);
	f.d.regs[0].gpr[DBG_RCX] = 7;
	says("until rcx == 7", "so already");
	assert_int_equal(f.d.resumes, 0);
	says("until rcx ==", "missing");
	type("until exit_value == 3");
	assert_int_equal(s.last_exit.num, 3);
	assert_int_equal(f.d.resumes, 3);
	assert_int_equal(stood, 1);
	f.stop_cnt = f.stop_next = 0;
	stood = 0;
	fake_guest_stop(&f, DBG_STOP_ENDED, 0);
	type("until rcx == 8");
	assert_true(s.ended);
	assert_int_equal(stood, 1);
}

static void breakpoints_at_code(void **state)
{
	struct debug_stop *d = fake_guest_stop(&f, DBG_STOP_BREAK, 0);

	(void)state;
	d->addr = 0x1010;
	says("break 0x1000 + 0x10", "breakpoint 1: 0x1000 + 0x10 (0x1010)");
	assert_int_equal(f.d.breaks, 1);
	assert_int_equal(f.d.brk[0].addr, 0x1010);
	says("continue", "breakpoint 1: 0x1000 + 0x10");
	says("info breaks", "1 time\n");
	type("b 1");
	type("b 2");
	type("b 3");
	/* There are four debug registers, and another way. */
	type("b 4");
	assert_true(f.d.brk[4].software);
	for (unsigned i = 5; i < FAKE_GUEST_BREAKS; i++) {
		char line[32];

		snprintf(line, sizeof(line), "b %u", 0x2000 + i);
		type(line);
	}
	says("b 5", "all in use");
	says("w 0x3000", "all in use");
	says("delete 99", "no breakpoint 99");
	type("delete 1");
	assert_int_equal(f.d.breaks, FAKE_GUEST_BREAKS - 1);
	says("delete", "15 breakpoints deleted");
	assert_int_equal(f.d.breaks, 0);
}

static void to_leaves_nothing_behind(void **state)
{
	struct debug_stop *d = fake_guest_stop(&f, DBG_STOP_BREAK, 0);

	(void)state;
	d->addr = 0x1020;
	type("b 0x1020");
	type("to 0x1020");
	/* What is listed at the same place stays. */
	says("info breaks", "0x1020");
	assert_true(f.d.breaks >= 1);
	f.stop_cnt = f.stop_next = 0;
	fake_guest_stop(&f, DBG_STOP_ASKED, 0);
	type("delete");
	type("to 0x1030");
	assert_int_equal(f.d.breaks, 0);
	assert_null(s.breaks);
}

static void the_nth_exit(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 20; i++)
		at_exit(0, i, TRACE_PIO, 0x80, i);
	says("break exit 12", "breakpoint 1: exit 12");
	says("c", "breakpoint 1: exit 12");
	assert_int_equal(s.last_exit.num, 12);
	says("break exit 0", "from 1");
}

static void watchpoints_have_a_length(void **state)
{
	struct debug_stop *d = fake_guest_stop(&f, DBG_STOP_WATCH, 0);

	(void)state;
	d->addr = 0x2002;
	type("watch 0x2000 8 rw");
	assert_int_equal(f.d.brk[0].kind, DBG_WATCH_ACCESS);
	assert_int_equal(f.d.brk[0].len, 8);
	says("c", "breakpoint 1: 0x2000 8 rw");
	type("w 0x3000");
	assert_int_equal(f.d.brk[1].kind, DBG_WATCH_WRITE);
	assert_int_equal(f.d.brk[1].len, 4);
	says("w 0x3000 1 2 3", "it is: watch");
	says("w 0x3000 1 2", "a watchpoint is");
}

static void ctrl_c_stops_a_guest_that_runs(void **state)
{
	(void)state;
	assert_false(step_interrupt(&s));
	step_command(&s, "continue");
	assert_true(s.running);
	assert_true(step_interrupt(&s));
	assert_int_equal(f.d.stops, 1);
	fake_guest_stop(&f, DBG_STOP_ASKED, 0);
	fake_guest_run(&f);
	assert_false(s.running);
	assert_int_equal(stood, 1);
	assert_int_equal(flushed, 100);
}

static void a_guest_that_cannot_go_on(void **state)
{
	(void)state;
	f.d.resume_result = -EBUSY;
	says("c", "cannot go on");
	assert_false(s.running);
	says("to 0x1000", "cannot go on");
	assert_int_equal(f.d.breaks, 0);
}

static void ends_and_resets_are_said(void **state)
{
	struct debug_stop *d = fake_guest_stop(&f, DBG_STOP_RESET, 0);

	(void)state;
	says("c", "was reset");
	d = fake_guest_stop(&f, DBG_STOP_ENDED, 0);
	snprintf(d->text, sizeof(d->text), "the guest powered off");
	says("c", "the guest powered off");
	assert_true(s.ended);
	says("s", "has ended");
	says("regs", "64-bit mode");
	type("quit");
	assert_true(s.quit);
}

static void another_cpu_stops(void **state)
{
	(void)state;
	at_exit(1, 5, TRACE_PIO, 0x80, 1);
	says("x", "CPU 1:");
	assert_int_equal(s.in.cpu, 1);
	says("cpu 0", "CPU 0:");
	says("info cpus", "* 0  64-bit code at 0x1000");
	says("info cpus", "  1  16-bit code at 0xffff0");
	says("cpu 2", "only 0 to 1");
}

/* --- changing --------------------------------------------------------------------------------- */

static void registers_and_memory_are_set(void **state)
{
	(void)state;
	type("set rax = 0x1234 + 1");
	assert_int_equal(f.d.regs[0].gpr[DBG_RAX], 0x1235);
	type("set al 7");
	assert_int_equal(f.d.regs[0].gpr[DBG_RAX], 0x1207);
	type("set d[0x2000+4] = 0xdeadbeef");
	assert_memory_equal(f.d.memory + 0x2000, "\0\0\0\0\xef\xbe\xad\xde\0", 9);
	says("set b[0x2000] = 256", "does not fit into 1 byte");
	says("set b[0x900000] = 1", "no memory");
	says("set nonsense = 1", "no register");
	f.d.regs_result = -EINVAL;
	says("set rax = 1", "registers");
}

static void keys_are_typed(void **state)
{
	(void)state;
	type("key root\\r\\x41\\\\");
	assert_string_equal(keys, "root\rA\\");
	key_room = 2;
	says("key abc", "room for 2 of 3");
}

/* --- the tape --------------------------------------------------------------------------------- */

static void the_tape_keeps_the_last(void **state)
{
	struct trace_rec x = { .kind = TRACE_EXIT }, e = { .kind = TRACE_EVENT },
			 c = { .kind = TRACE_CODE };

	(void)state;
	x.exit.rip = c.code.rip = 0x1000;
	step_tape_add(&s.tape, 0, &c);
	e.t = 5;
	step_tape_add(&s.tape, 0, &e); /* before the exit began: not of it */
	e.t = 20;
	for (unsigned i = 0; i < TAPE_EFFECTS + 5; i++)
		step_tape_add(&s.tape, 0, &e);
	x.t = 10;
	x.num = 1;
	step_tape_add(&s.tape, 0, &x);
	assert_int_equal(step_tape_at(&s.tape, 0)->effect_cnt, TAPE_EFFECTS - 1);
	assert_int_equal(step_tape_at(&s.tape, 0)->more, 6);
	assert_true(step_tape_at(&s.tape, 0)->has_code);
	for (unsigned i = 2; i < 2 * TAPE_ITEMS; i++) {
		x.num = i;
		x.exit.rip = 0x2000;
		step_tape_add(&s.tape, i & 1, &x);
	}
	assert_int_equal(step_tape_at(&s.tape, 0)->rec.num, 2 * TAPE_ITEMS - 1);
	assert_int_equal(step_tape_at(&s.tape, 0)->effect_cnt, 0);
	assert_false(step_tape_at(&s.tape, 0)->has_code);
	assert_int_equal(step_tape_at(&s.tape, TAPE_ITEMS - 1)->rec.num, TAPE_ITEMS);
	assert_null(step_tape_at(&s.tape, TAPE_ITEMS));
	step_tape_add(&s.tape, 100000, &x);
	says("trace 1000000", "");
}

/* --- completion ------------------------------------------------------------------------------- */

static void completes(const char *line, const char *want)
{
	char *word[64], all[1024] = "";
	size_t start;
	unsigned n = step_complete(&s, line, strlen(line), &start, word, 64);

	for (unsigned i = 0; i < n; i++) {
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "",
			 word[i]);
		free(word[i]);
	}
	assert_string_equal(all, want);
}

static void words_are_completed(void **state)
{
	struct error *e = NULL;

	(void)state;
	assert_int_equal(symbols_add(&s.symbols, 0x1000, 'T', "start_kernel", 12, &e), 0);
	assert_int_equal(symbols_add(&s.symbols, 0x1001, 'T', "start_here", 10, &e), 0);
	symbols_sort(&s.symbols);
	s.lens.symbols = &s.symbols;
	completes("wh", "why");
	completes("  un", "until");
	completes("break start_", "start_kernel start_here");
	completes("print 1+start_k", "start_kernel");
	completes("print rs", "rsi rsp");
	completes("help qu", "quit");
	completes("dev x", "");
	completes("why x", "");
	completes("", "step next exit continue until to break watch delete info why trace set key "
		      "console cpu help quit regs mem pmem dis print pt gdt idt dev virtq irq map");
	symbols_free(&s.symbols);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nonsense_is_told_and_counted),
		T(blank_lines_and_remarks_are_nothing),
		T(beginnings_of_names_will_do),
		T(steps_are_counted_and_shown),
		T(exits_stop_it),
		T(there_is_no_why_before_an_exit),
		T(until_looks_after_each_exit),
		T(breakpoints_at_code),
		T(to_leaves_nothing_behind),
		T(the_nth_exit),
		T(watchpoints_have_a_length),
		T(ctrl_c_stops_a_guest_that_runs),
		T(a_guest_that_cannot_go_on),
		T(ends_and_resets_are_said),
		T(another_cpu_stops),
		T(registers_and_memory_are_set),
		T(keys_are_typed),
		T(the_tape_keeps_the_last),
		T(words_are_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
