/* SPDX-License-Identifier: MIT */
/*
 * debug.c: a machine under a debugger, on this host's KVM: it stands, steps, stops where it should,
 * resets, ends and is let go. What a KVM keeps to itself (INT3, data breakpoints on one that
 * interprets its guests) is skipped, and said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "kvm/vm_internal.h"
#include "machine/machine_debug.h"
#include "machine/machine_internal.h"
#include "tests/lib/fake.h"
#include "vmm/cli.h"
#include "vmm/endian.h"

static char guest[512];

/* The table at the guest's start. */
enum {
	BEGIN,
	AT_INC,
	AT_OUT,
	AT_IN,
	AFTER_IN,
	FUNC,
	COUNT,
	ACTION,
	OWN_BP,
	AFTER_BP,
	BPS,
	DECIDE,
	TRAP,
	AGAIN,
	PLACES,
};
enum { PASS, RESET, TRIPLE, SPIN, SLEEP, OFF };

static uint64_t at[PLACES];

static struct {
	struct run_args args;
	struct machine *m;
	struct debug_target *t;
	struct verdict verdict;
	/* What to do at each stop. */
	void (*script)(unsigned n, const struct debug_stop *s);
	unsigned stops;
	struct ev_timer timer;
	unsigned asked, traps;
	bool software;
	uint32_t count;
	_Atomic unsigned exits;
} w;

static void need_kvm(void)
{
	if (access("/dev/kvm", R_OK | W_OK) == 0)
		return;
	print_message("# no access to /dev/kvm\n");
	skip();
}

/* --- a debugger ------------------------------------------------------------------------------- */

static void go(void)
{
	assert_int_equal(w.t->ops->resume(w.t, &(struct debug_run){ .step_cpu = -1 }), 0);
}

static void step_cpu(int cpu)
{
	assert_int_equal(w.t->ops->resume(w.t, &(struct debug_run){ .step_cpu = cpu }), 0);
}

static struct debug_regs regs(unsigned cpu)
{
	struct debug_regs r;

	assert_int_equal(w.t->ops->get_regs(w.t, cpu, &r), 0);
	return r;
}

static uint64_t rip(void)
{
	return regs(0).rip;
}

static uint32_t peek(uint64_t addr)
{
	struct debug_regs r = regs(0);
	uint8_t b[4];

	assert_int_equal(debug_read(w.t, &r, addr, b, sizeof(b)), sizeof(b));
	return get_le32(b);
}

static void poke(unsigned place, uint8_t what)
{
	struct debug_regs r = regs(0);

	assert_int_equal(debug_write(w.t, &r, at[place], &what, 1), 1);
}

static void act(uint8_t what)
{
	poke(ACTION, what);
}

static int set_break(enum debug_break_kind kind, uint64_t addr, unsigned len, bool software)
{
	struct error *e = NULL;
	int r = w.t->ops->set_break(w.t, 0, &(struct debug_break){ kind, addr, len, software }, &e);

	if (r < 0)
		assert_non_null(e);
	error_free(e);
	return r;
}

static int clear_break(enum debug_break_kind kind, uint64_t addr, unsigned len, bool software)
{
	return w.t->ops->clear_break(w.t, &(struct debug_break){ kind, addr, len, software });
}

static void on_stop(void *opaque, const struct debug_stop *s)
{
	(void)opaque;
	assert_true(w.t->ops->stands(w.t));
	w.script(w.stops++, s);
}

/* --- its machine ------------------------------------------------------------------------------ */

static void create(bool stands, const char *cpus, const char *irqchip)
{
	const char *argv[] = {
		"run",    "-k",       guest,       "--protocol", "flat64",    "-m",
		"16M",    "--serial", "null",      "--debugcon", "null",      "-q",
		"--cpus", cpus,       "--irqchip", irqchip,      "--timeout", "30s"
	};
	struct error *e = NULL;

	need_kvm();
	memset(&w, 0, sizeof(w));
	assert_int_equal(run_args_parse(ARRAY_LEN(argv), (char **)(uintptr_t)argv, &w.args, &e), 0);
	assert_int_equal(config_check(&w.args.config, &e), 0);
	if (machine_create(&w.args.config, &w.m, &e) < 0)
		assert_no_error(e);
	assert_int_equal(machine_debug(w.m, stands, &w.t, &e), 0);
	w.t->stopped = on_stop;
}

static void run(void (*script)(unsigned n, const struct debug_stop *s))
{
	struct error *e = NULL;

	w.script = script;
	if (machine_run(w.m, &w.verdict, &e) < 0)
		assert_no_error(e);
}

static void end(void)
{
	w.m = machine_destroy(w.m);
	run_args_free(&w.args);
}

/* --- tests ------------------------------------------------------------------------------------ */

/* Where each step leads, from the guest's first instruction on. A port access is one step, not two;
 * the call is not stepped over. */
static uint64_t after_step(unsigned n)
{
	static const uint8_t lens[] = { 1, 1, 7, 10, 5 }; /* cli cld lidt mov mov */
	uint64_t pc = at[BEGIN];

	if (n < ARRAY_LEN(lens)) {
		for (unsigned i = 0; i <= n; i++)
			pc += lens[i];
		return pc;
	}
	switch (n - ARRAY_LEN(lens)) {
	case 0:
		return at[AT_INC] + 2;
	case 1:
		return at[AT_OUT];
	case 2:
		return at[AT_IN];
	case 3:
		return at[AFTER_IN];
	case 4:
		return at[AFTER_IN] + 1;
	default:
		return 0;
	}
}
#define STEPS 10u

static void steps_script(unsigned n, const struct debug_stop *s)
{
	if (n == STEPS) {
		assert_int_equal(s->why, DBG_STOP_ENDED);
		assert_int_equal(s->status, 85);
		assert_false(s->over);
		go();
		return;
	}
	assert_int_equal(s->why, DBG_STOP_STEP);
	assert_int_equal(rip(), after_step(n));
	if (n == 5) {
		assert_int_equal(regs(0).gpr[DBG_RAX], 2);
		assert_int_equal(regs(0).gpr[DBG_R8], 0x1122334455667788);
	}
	if (n + 1 < STEPS)
		step_cpu(0);
	else
		go();
}

static void steps(void **state)
{
	struct debug_regs r;

	(void)state;
	create(true, "1", "split");
	r = regs(0);
	r.rip = at[BEGIN];
	assert_int_equal(w.t->ops->set_regs(w.t, 0, &r), 0);
	step_cpu(0);
	run(steps_script);
	assert_int_equal(w.verdict.kind, VERDICT_DEBUG_EXIT);
	assert_int_equal(w.stops, STEPS + 1);
	end();
}

/* The guest comes by again until it is told not to. */
static void break_script(unsigned n, const struct debug_stop *s)
{
	static uint32_t count;

	if (n < 4) {
		assert_int_equal(s->why, DBG_STOP_BREAK);
		assert_int_equal(s->addr, at[FUNC]);
		assert_int_equal(rip(), at[FUNC]);
		count = peek(at[COUNT]);
		assert_int_equal(count, n);
		assert_int_equal(peek(at[FUNC]) & 0xffff, 0x05ff); /* incl: no breakpoint seen */
		if (n == 3) {
			poke(AGAIN, 0);
			assert_int_equal(clear_break(DBG_BREAK_CODE, at[FUNC], 1, w.software), 0);
			count -= count % 3;
		}
		go();
		return;
	}
	assert_int_equal(s->why, DBG_STOP_ENDED);
	assert_int_equal(peek(at[COUNT]), count + 3);
	/* The guest's own have reached it. */
	assert_int_equal(peek(at[BPS]), w.traps ? peek(at[COUNT]) / 3 : 0);
	w.t->ops->kill(w.t);
}

static void breaks(void **state)
{
	(void)state;
	for (unsigned software = 0; software < 2; software++) {
		create(true, "1", "split");
		if (!software && !vcpu_debug_can(w.m->cpus).code) {
			end();
			continue;
		}
		w.software = software;
		assert_int_equal(set_break(DBG_BREAK_CODE, at[FUNC], 1, software), 0);
		assert_int_equal(set_break(DBG_BREAK_CODE, at[FUNC], 1, software), 0);
		w.traps = vcpu_debug_can(w.m->cpus).int3;
		poke(TRAP, w.traps);
		poke(AGAIN, 1);
		go();
		run(break_script);
		assert_int_equal(w.stops, 5);
		end();
	}
}

static void step_off_script(unsigned n, const struct debug_stop *s)
{
	switch (n) {
	case 0:
		assert_int_equal(s->why, DBG_STOP_BREAK);
		w.count = peek(at[COUNT]);
		step_cpu(0);
		break;
	case 1: /* one step, over the breakpoint */
		assert_int_equal(s->why, DBG_STOP_STEP);
		assert_int_equal(peek(at[COUNT]), w.count + 1);
		assert_int_equal(clear_break(DBG_BREAK_CODE, at[FUNC], 1, true), 0);
		assert_int_equal(clear_break(DBG_BREAK_CODE, at[FUNC], 1, true), -ENOENT);
		act(TRIPLE);
		go();
		break;
	default:
		assert_int_equal(s->why, DBG_STOP_ENDED);
		assert_true(s->crashed);
		assert_non_null(strstr(s->text, "crash"));
		w.t->ops->detach(w.t);
	}
}

static void step_off(void **state)
{
	(void)state;
	create(true, "1", "user");
	assert_int_equal(set_break(DBG_BREAK_CODE, at[FUNC], 1, true), 0);
	poke(AGAIN, 1);
	go();
	run(step_off_script);
	assert_int_equal(w.stops, 3);
	assert_int_equal(w.verdict.kind, VERDICT_CRASH);
	end();
}

static void reset_script(unsigned n, const struct debug_stop *s)
{
	switch (n) {
	case 0:
		assert_int_equal(s->why, DBG_STOP_BREAK);
		assert_int_equal(s->addr, at[DECIDE]);
		act(RESET);
		go();
		break;
	case 1: /* memory is new, and the breakpoint still there */
		assert_int_equal(s->why, DBG_STOP_RESET);
		assert_int_equal(peek(at[COUNT]), 0);
		poke(AGAIN, 1);
		go();
		break;
	case 2:
		assert_int_equal(s->why, DBG_STOP_BREAK);
		assert_true(peek(at[COUNT]) >= 3);
		poke(AGAIN, 0);
		w.t->ops->detach(w.t);
		break;
	default:
		fail_msg("a stop after detach()");
	}
}

static void resets(void **state)
{
	(void)state;
	create(true, "2", "split");
	assert_int_equal(set_break(DBG_BREAK_CODE, at[DECIDE], 1, true), 0);
	poke(AGAIN, 1);
	go();
	run(reset_script);
	assert_int_equal(w.stops, 3);
	assert_int_equal(w.verdict.kind, VERDICT_DEBUG_EXIT);
	assert_int_equal(w.verdict.value, 85);
	end();
}

static void on_timer(struct ev_timer *t)
{
	(void)t;
	w.asked++;
	w.t->ops->stop(w.t);
	w.t->ops->stop(w.t);
}

static void ask_script(unsigned n, const struct debug_stop *s)
{
	if (n == 0) {
		act((uint8_t)w.exits);
		go();
		timer_arm(&w.timer, vclock_now(w.timer.clock) + 100 * NSEC_PER_MSEC);
		return;
	}
	if (n == 5) { /* kill() */
		assert_int_equal(s->why, DBG_STOP_ENDED);
		assert_true(s->over);
		return;
	}
	assert_int_equal(s->why, DBG_STOP_ASKED);
	if (n < 4) {
		go();
		timer_arm(&w.timer, vclock_now(w.timer.clock) + 20 * NSEC_PER_MSEC);
		return;
	}
	w.t->ops->kill(w.t);
}

/* A guest that spins, one that sleeps in KVM, and one that sleeps here. */
static void asked(void **state)
{
	static const struct {
		const char *chip;
		unsigned action;
	} cases[] = { { "split", SPIN }, { "split", SLEEP }, { "user", SLEEP } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		create(true, "1", cases[i].chip);
		w.exits = cases[i].action;
		timer_init(&w.timer, loop_clock(machine_loop(w.m)), on_timer);
		assert_int_equal(set_break(DBG_BREAK_CODE, at[DECIDE], 1, true), 0);
		poke(AGAIN, 1);
		go();
		run(ask_script);
		assert_int_equal(w.stops, 6);
		assert_int_equal(w.verdict.kind, VERDICT_USER_QUIT);
		end();
	}
}

static bool at_port(void *opaque, unsigned cpu, const struct trace_rec *x)
{
	(void)opaque;
	assert_int_equal(cpu, 0);
	w.exits++;
	return x->exit.reason == TRACE_PIO && x->exit.addr == 0x61;
}

static void exit_script(unsigned n, const struct debug_stop *s)
{
	if (n) {
		assert_int_equal(s->why, DBG_STOP_ENDED);
		go();
		return;
	}
	assert_int_equal(s->why, DBG_STOP_EXIT);
	assert_int_equal(s->rec.exit.addr, 0x61);
	assert_int_equal(s->rec.exit.size, 1);
	assert_int_equal(s->rec.exit.flags & TRACE_X_WRITE, 0);
	/* The instruction is complete. */
	assert_int_equal(rip(), at[AFTER_IN]);
	assert_int_equal(regs(0).gpr[DBG_RAX] & 0xff, s->rec.exit.value & 0xff);
	go();
}

static void exits(void **state)
{
	(void)state;
	create(true, "1", "split");
	assert_int_equal(
		w.t->ops->resume(w.t, &(struct debug_run){ .step_cpu = -1, .stop_at = at_port }),
		0);
	run(exit_script);
	assert_int_equal(w.stops, 2);
	assert_true(w.exits >= 2);
	end();
}

static void watch_script(unsigned n, const struct debug_stop *s)
{
	if (n < 3) {
		assert_int_equal(s->why, DBG_STOP_WATCH);
		assert_int_equal(s->addr, at[COUNT]);
		assert_int_equal(peek(at[COUNT]), n + 1);
		go();
		return;
	}
	assert_int_equal(s->why, DBG_STOP_ENDED);
	go();
}

static void watches(void **state)
{
	bool can;

	(void)state;
	create(true, "1", "split");
	can = vcpu_debug_can(w.m->cpus).watch;
	assert_int_equal(set_break(DBG_WATCH_WRITE, at[COUNT], 3, false), -EINVAL);
	assert_int_equal(set_break(DBG_WATCH_WRITE, at[COUNT] + 1, 4, false), -EINVAL);
	assert_int_equal(set_break(DBG_WATCH_WRITE, at[COUNT], 4, false), can ? 0 : -ENOTSUP);
	if (!can) {
		end();
		print_message("# this KVM does not tell of watchpoints\n");
		skip();
	}
	go();
	run(watch_script);
	assert_int_equal(w.stops, 4);
	end();
}

/* Four debug registers; an address without memory takes one as well. */
static void registers_run_out(void **state)
{
	bool code;

	(void)state;
	create(true, "1", "split");
	code = vcpu_debug_can(w.m->cpus).code;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(set_break(DBG_BREAK_CODE, at[i], 1, false), code ? 0 : -ENOTSUP);
	assert_int_equal(set_break(DBG_BREAK_CODE, UINT64_C(0xffffffff81000000), 1, true),
			 code ? 0 : -EFAULT);
	assert_int_equal(set_break(DBG_BREAK_CODE, UINT64_C(0xffffffff82000000), 1, true),
			 code ? -ENOSPC : -EFAULT);
	assert_int_equal(set_break(DBG_BREAK_CODE, at[FUNC], 1, false), code ? -ENOSPC : -ENOTSUP);
	/* In memory there is room. */
	assert_int_equal(set_break(DBG_BREAK_CODE, at[FUNC], 1, true), 0);
	assert_int_equal(set_break(DBG_BREAK_CODE, at[AT_IN], 1, true), 0);
	assert_int_equal(peek(at[FUNC]) & 0xffff, 0x05ff);
	assert_int_equal(clear_break(DBG_BREAK_CODE, at[FUNC], 1, true), 0);
	if (code) {
		assert_int_equal(clear_break(DBG_BREAK_CODE, at[0], 1, false), 0);
		assert_int_equal(set_break(DBG_BREAK_CODE, at[DECIDE], 1, false), 0);
	}
	end();
}

static void register_round_trip(void **state)
{
	struct debug_regs r, back;

	(void)state;
	create(true, "1", "split");
	r = regs(0);
	assert_int_equal(debug_bits(&r), 64);
	for (unsigned i = 0; i < DBG_GPRS; i++)
		r.gpr[i] = UINT64_C(0x0101010101010101) * (i + 1);
	for (unsigned i = 0; i < 16; i++)
		memset(r.xmm[i], (int)i + 1, 16);
	for (unsigned i = 0; i < 8; i++)
		memset(r.st[i], 0x40 + (int)i, 10);
	r.mxcsr = 0x1fc0;
	r.fcw = 0x27f;
	r.rflags = 0x46;
	r.kernel_gs_base = UINT64_C(0xffff888000000000);
	r.seg[DBG_FS].base = 0x1234000;
	r.cr2 = 0xdead000;
	assert_int_equal(w.t->ops->set_regs(w.t, 0, &r), 0);
	back = regs(0);
	assert_memory_equal(back.gpr, r.gpr, sizeof(r.gpr));
	assert_memory_equal(back.xmm, r.xmm, sizeof(r.xmm));
	assert_memory_equal(back.st, r.st, sizeof(r.st));
	assert_int_equal(back.mxcsr, r.mxcsr);
	assert_int_equal(back.fcw, r.fcw);
	assert_int_equal(back.rflags, r.rflags);
	assert_int_equal(back.kernel_gs_base, r.kernel_gs_base);
	assert_int_equal(back.seg[DBG_FS].base, r.seg[DBG_FS].base);
	assert_int_equal(back.seg[DBG_CS].access, r.seg[DBG_CS].access);
	assert_int_equal(back.cr2, r.cr2);
	end();
}

static void nobody_looks(void **state)
{
	(void)state;
	create(false, "2", "split");
	run(NULL);
	assert_int_equal(w.stops, 0);
	assert_int_equal(w.verdict.value, 85);
	end();
}

static void read_table(void)
{
	uint8_t b[PLACES * 8];
	int fd = open(guest, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, b, sizeof(b), 8), sizeof(b));
	close(fd);
	for (unsigned i = 0; i < PLACES; i++)
		at[i] = get_le64(b + i * 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(register_round_trip),
		cmocka_unit_test(steps),
		cmocka_unit_test(breaks),
		cmocka_unit_test(step_off),
		cmocka_unit_test(resets),
		cmocka_unit_test(asked),
		cmocka_unit_test(exits),
		cmocka_unit_test(watches),
		cmocka_unit_test(registers_run_out),
		cmocka_unit_test(nobody_looks),
	};
	const char *b = getenv("B");

	snprintf(guest, sizeof(guest), "%s/firmware/tests/flat64_debug.bin", b ? b : "build");
	read_table();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
