/* SPDX-License-Identifier: MIT */
/*
 * test_trace.c: small guests, traced: each record is what the guest did, nothing is missing, and
 * RIP, code and state are told as they were.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/trace_file.h"

#define PASS 85 /* firmware/tests/guest.h */

static const char *build = "build";
static char file[64];

static void need_kvm(void)
{
	if (access("/dev/kvm", R_OK | W_OK) == 0)
		return;
	print_message("# no access to /dev/kvm\n");
	skip();
}

/* Runs @guest as `trapeze run ARG...` would, ARG split at blanks, and reads what was recorded. */
static struct trace *record(const char *guest, const char *protocol, const char *args,
			    struct verdict *v)
{
	char image[256], rest[256],
		*argv[32] = { (char *)"run", (char *)"-k", image, (char *)"--protocol" };
	int argc = 4;
	struct machine *m = NULL;
	struct error *e = NULL;
	struct trace *t = NULL;
	struct run_args a;

	snprintf(image, sizeof(image), "%s/firmware/tests/%s.bin", build, guest);
	snprintf(rest, sizeof(rest),
		 "%s -m 16M --timeout 30 --debugcon null --serial null --trace-out %s %s", protocol,
		 file, args);
	for (char *w = strtok(rest, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	assert_int_equal(run_args_parse(argc, argv, &a, &e), 0);
	assert_int_equal(config_check(&a.config, &e), 0);
	assert_int_equal(machine_create(&a.config, &m, &e), 0);
	assert_int_equal(machine_run(m, v, &e), 0);
	machine_destroy(m);
	run_args_free(&a);
	assert_false(trace_enabled());
	assert_int_equal(trace_load(file, &t, &e), 0);
	assert_no_error(e);
	assert_false(t->cut);
	assert_int_equal(t->lost, 0);
	return t;
}

static struct trace *record_pass(const char *guest, const char *protocol, const char *args)
{
	struct verdict v;
	struct trace *t = record(guest, protocol, args, &v);

	assert_int_equal(v.kind, VERDICT_DEBUG_EXIT);
	assert_int_equal(v.value, PASS);
	return t;
}

static const char *id_of(const struct trace *t, const struct trace_rec *r)
{
	return r->dev < t->machine.device_cnt ? t->machine.device[r->dev].id : "";
}

static int device(const struct trace *t, const char *id)
{
	for (unsigned i = 0; i < t->machine.device_cnt; i++)
		if (!strcmp(t->machine.device[i].id, id))
			return (int)i;
	fail_msg("no device '%s'", id);
	return -1;
}

/* The next exit from @c on that is none of the host's wishes; false: no more. */
static bool next_exit(const struct trace *t, struct trace_cursor *c, struct trace_item *it)
{
	while (trace_next(t, c, it))
		if (it->rec->kind == TRACE_EXIT && it->rec->exit.reason != TRACE_INTR)
			return true;
	return false;
}

/* Each vCPU's exits are numbered from 1 without a gap, and their times fit together. */
static void assert_sound(const struct trace *t)
{
	uint32_t num[8] = { 0 };
	uint64_t end[8] = { 0 };
	struct trace_cursor c = { 0 };
	struct trace_item it;

	while (trace_next(t, &c, &it)) {
		const struct trace_rec *x = it.rec;
		int cpu = t->thread[it.thread].vcpu;

		if (x->kind != TRACE_EXIT)
			continue;
		assert_in_range(cpu, 0, 7);
		assert_int_equal(x->num, num[cpu] + 1);
		assert_true(x->t >= end[cpu]);
		assert_true(x->exit.handler <= x->exit.away);
		num[cpu] = x->num;
		end[cpu] = x->t + x->exit.away;
		for (unsigned i = 0; i < it.effect_cnt; i++)
			assert_true(it.effects[i].t >= x->t && it.effects[i].t <= end[cpu]);
	}
	assert_true(t->exit_cnt > 0);
}

/* OUT is in front of RIP where KVM has stepped over it, IN and MMIO reads may not have been. */
static void assert_insn_at_rip(const struct trace_item *it, const uint8_t *insn, unsigned len)
{
	const struct trace_rec *c = it->code;
	bool behind, at;

	assert_non_null(c);
	assert_int_equal(c->code.rip, it->rec->exit.rip);
	behind = c->code.before >= len && !memcmp(c->code.bytes + c->code.before - len, insn, len);
	at = c->code.len - c->code.before >= (int)len &&
	     !memcmp(c->code.bytes + c->code.before, insn, len);
	assert_true(behind || at);
}

static const uint8_t OUT_E9_AL[] = { 0xe6, 0xe9 }, OUT_F4_AL[] = { 0xe6, 0xf4 };
static const uint8_t OUT_DX_AL[] = { 0xee }, IN_AL_DX[] = { 0xec };

/* SAY is one OUT for each character; SAY_COM1 looks at LSR before each. */
static void hello(void **state)
{
	static const char said[] = "hello from port 0xe9\n";
	static const char com1[] = "hello from COM1\r\nno newline here";
	struct trace *t;
	struct trace_cursor c = { 0 };
	struct trace_item it;

	(void)state;
	need_kvm();
	t = record_pass("real_hello", "real", "");
	assert_sound(t);
	for (unsigned i = 0; said[i]; i++) {
		assert_true(next_exit(t, &c, &it));
		assert_int_equal(it.rec->num, i + 1);
		assert_int_equal(it.rec->exit.reason, TRACE_PIO);
		assert_int_equal(it.rec->exit.addr, 0xe9);
		assert_string_equal(id_of(t, it.rec), "debugcon0");
		assert_int_equal(it.rec->exit.flags, TRACE_X_WRITE);
		assert_int_equal(it.rec->exit.size, 1);
		assert_int_equal(it.rec->exit.count, 1);
		assert_int_equal(it.rec->exit.value, said[i]);
		assert_int_equal(it.code->code.bits, 16);
		assert_int_equal(it.code->code.cpl, 0);
		assert_insn_at_rip(&it, OUT_E9_AL, sizeof(OUT_E9_AL));
	}
	for (unsigned i = 0; com1[i]; i++) {
		assert_true(next_exit(t, &c, &it));
		assert_string_equal(id_of(t, it.rec), "serial0");
		assert_int_equal(it.rec->exit.flags, 0);
		assert_int_equal(it.rec->exit.off, 5);
		assert_int_equal(it.rec->exit.value & 0x20, 0x20);
		assert_insn_at_rip(&it, IN_AL_DX, sizeof(IN_AL_DX));
		assert_true(next_exit(t, &c, &it));
		assert_int_equal(it.rec->exit.off, 0);
		assert_int_equal(it.rec->exit.value, com1[i]);
		assert_insn_at_rip(&it, OUT_DX_AL, sizeof(OUT_DX_AL));
	}
	assert_true(next_exit(t, &c, &it)); /* LSR once more, for the end of the text */
	assert_int_equal(it.rec->exit.off, 5);
	assert_true(next_exit(t, &c, &it));
	assert_string_equal(id_of(t, it.rec), "debugexit0");
	assert_int_equal(it.rec->exit.value, 42);
	assert_insn_at_rip(&it, OUT_F4_AL, sizeof(OUT_F4_AL));
	assert_false(next_exit(t, &c, &it));
	trace_free(t);
}

/* What nobody answers; and a word of which a device answers half. */
static void nobody_and_half(void **state)
{
	static const struct {
		uint16_t port;
		uint8_t size, flags;
		uint64_t value;
	} want[] = {
		{ 0x1f00, 1, TRACE_X_NOBODY, 0xff },
		{ 0x1f00, 2, TRACE_X_NOBODY, 0xffff },
		{ 0x1f00, 4, TRACE_X_NOBODY, 0xffffffff },
		{ 0x1f00, 1, TRACE_X_NOBODY | TRACE_X_WRITE, 0 },
		{ 0x1f00, 2, TRACE_X_NOBODY | TRACE_X_WRITE, 0 },
		{ 0x1f00, 4, TRACE_X_NOBODY | TRACE_X_WRITE, 0 },
		{ 0x3ff, 1, TRACE_X_WRITE, 0x5a },
		{ 0x3ff, 2, 0, 0xff5a },
		{ 0x3ff, 4, 0, 0xffffff5a },
		{ 0x3ff, 2, TRACE_X_WRITE, 0x1234 },
		{ 0x3ff, 1, 0, 0x34 },
	};
	struct trace *t;
	struct trace_cursor c = { 0 };
	struct trace_item it;

	(void)state;
	need_kvm();
	t = record_pass("real_pio", "real", "");
	assert_sound(t);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		assert_true(next_exit(t, &c, &it));
		assert_int_equal(it.rec->exit.addr, want[i].port);
		assert_int_equal(it.rec->exit.size, want[i].size);
		assert_int_equal(it.rec->exit.flags, want[i].flags);
		assert_int_equal(it.rec->exit.value, want[i].value);
		if (want[i].port == 0x3ff) {
			assert_string_equal(id_of(t, it.rec), "serial0");
			assert_int_equal(it.rec->exit.off, 7);
		}
	}
	trace_free(t);
}

/* REP OUTS and INS come in pieces of KVM's choice, of all that the guest asked for. */
static void strings(void **state)
{
	uint64_t out = 0, in = 0;
	struct trace *t;
	struct trace_cursor c = { 0 };
	struct trace_item it;

	(void)state;
	need_kvm();
	t = record_pass("real_string_io", "real", "");
	assert_sound(t);
	while (next_exit(t, &c, &it)) {
		assert_int_equal(!!(it.rec->exit.flags & TRACE_X_STRING), it.rec->exit.count > 1);
		if (it.rec->exit.addr == 0xe9)
			out += it.rec->exit.count;
		if (it.rec->exit.addr == 0x3ff && !(it.rec->exit.flags & TRACE_X_WRITE)) {
			assert_int_equal(it.rec->exit.value, in < 300 ? 0xa7 : 1);
			in += it.rec->exit.count;
		}
	}
	assert_int_equal(out, sizeof("strings of bytes\n") - 1);
	assert_int_equal(in, 301);
	trace_free(t);
}

static bool field_changed(const struct trace *t, const struct trace_item *it, const char *name,
			  uint64_t to)
{
	for (unsigned i = 0; i < it->effect_cnt; i++) {
		const struct trace_rec *r = &it->effects[i];

		if (r->kind == TRACE_FIELD && r->dev == it->rec->dev && r->field.to == to &&
		    !strcmp(t->machine.device[r->dev].field[r->field.field].name, name))
			return true;
	}
	return false;
}

/* Registers of the 8259 are what the guest wrote to them, and told as the device calls them. */
static void fields(void **state)
{
	unsigned icw2 = 0, imr = 0;
	struct trace *t;
	struct trace_cursor c = { 0 };
	struct trace_item it;

	(void)state;
	need_kvm();
	t = record_pass("flat32_pit", "flat32", "--irqchip user");
	assert_sound(t);
	while (next_exit(t, &c, &it)) {
		if (it.rec->exit.addr != 0x21 || !(it.rec->exit.flags & TRACE_X_WRITE))
			continue;
		icw2 += field_changed(t, &it, "master.icw2", 0x20);
		imr += field_changed(t, &it, "master.imr", 0xfe);
	}
	assert_int_equal(icw2, 1);
	assert_int_equal(imr, 1);
	trace_free(t);
}

static int by_time(const void *a, const void *b)
{
	const struct trace_rec *x = a, *y = b;

	return (x->t > y->t) - (x->t < y->t);
}

/* All events, in the order in which they happened; the caller frees. */
static struct trace_rec *events(const struct trace *t, unsigned *cnt)
{
	struct trace_rec *v = test_calloc(t->rec_cnt, sizeof(*v));
	struct trace_cursor c = { 0 };
	struct trace_item it;

	*cnt = 0;
	while (trace_next(t, &c, &it)) {
		for (unsigned i = 0; i < it.effect_cnt; i++)
			if (it.effects[i].kind == TRACE_EVENT)
				v[(*cnt)++] = it.effects[i];
		if (it.rec->kind == TRACE_EVENT)
			v[(*cnt)++] = *it.rec;
	}
	qsort(v, *cnt, sizeof(*v), by_time);
	return v;
}

/* --irqchip user: each interrupt by hand: requested, acknowledged, injected, ended. */
static void interrupts_by_hand(void **state)
{
	static const uint32_t life[] = { TRACE_E_IRQ_REQUEST, TRACE_E_IRQ_ACK, TRACE_E_IRQ_INJECT,
					 TRACE_E_IRQ_EOI };
	unsigned at = 0, ended = 0, timers = 0, raised = 0, cnt;
	struct trace_rec *v;
	struct trace *t;

	(void)state;
	need_kvm();
	t = record_pass("flat32_pit", "flat32", "--irqchip user");
	v = events(t, &cnt);
	for (unsigned i = 0; i < cnt; i++) {
		const uint64_t *arg = v[i].event.arg;

		timers += v[i].num == TRACE_E_TIMER && v[i].dev == device(t, "pit0");
		raised += v[i].num == TRACE_E_IRQ_LINE && arg[0] == 0 && arg[1];
		if (v[i].num < TRACE_E_IRQ_REQUEST || v[i].num > TRACE_E_IRQ_EOI)
			continue;
		/* A tick that comes before the last one has been served waits in the IRR. */
		if (v[i].num == TRACE_E_IRQ_REQUEST && at)
			continue;
		assert_int_equal(v[i].num, life[at]);
		assert_int_equal(v[i].num == TRACE_E_IRQ_REQUEST ? arg[1] : arg[0],
				 v[i].num == TRACE_E_IRQ_REQUEST ? 0 : 0x20);
		at = (at + 1) % ARRAY_LEN(life);
		ended += !at;
	}
	assert_true(ended >= 1);
	assert_true(timers >= 10);
	assert_true(raised >= 10);
	test_free(v);
	trace_free(t);
}

/* Memory: registers of the IOAPIC, and the message that its entry sends. */
static void memory(void **state)
{
	bool vector_set = false, sent = false;
	struct trace *t;
	struct trace_cursor c = { 0 };
	struct trace_item it;

	(void)state;
	need_kvm();
	t = record_pass("flat32_ioapic", "flat32", "");
	assert_sound(t);
	while (trace_next(t, &c, &it)) {
		const struct trace_rec *x = it.rec;

		for (unsigned k = 0; k < it.effect_cnt; k++)
			sent |= it.effects[k].kind == TRACE_EVENT &&
				it.effects[k].num == TRACE_E_MSI;
		sent |= x->kind == TRACE_EVENT && x->num == TRACE_E_MSI &&
			(x->event.arg[1] & 0xff) == 0x30;
		if (x->kind != TRACE_EXIT || x->exit.reason != TRACE_MMIO)
			continue;
		assert_string_equal(id_of(t, x), "ioapic0");
		assert_int_equal(x->exit.addr, 0xfec00000 + x->exit.off);
		assert_int_equal(it.code->code.bits, 32);
		vector_set |= field_changed(t, &it, "redtbl", 0x30);
	}
	assert_true(vector_set);
	assert_true(sent);
	trace_free(t);
}

/* The last exit of a CPU that does not come back is written, too. */
static void last_exit(void **state)
{
	struct verdict v;
	struct trace *t;
	struct trace_cursor c = { 0 };
	struct trace_item it;
	const struct trace_rec *last = NULL;

	(void)state;
	need_kvm();
	t = record("flat32_triple", "flat32", "--no-reboot", &v);
	assert_sound(t);
	while (next_exit(t, &c, &it))
		last = it.rec;
	assert_non_null(last);
	assert_int_equal(last->exit.reason, TRACE_SHUTDOWN);
	trace_free(t);
}

/* Resets are no seam. */
static void across_resets(void **state)
{
	struct verdict v;
	struct trace *t;

	(void)state;
	need_kvm();
	t = record("real_reboot", "real", "", &v);
	assert_sound(t);
	assert_true(t->exit_cnt >= 4);
	trace_free(t);
}

/* Each CPU tells its own story. */
static void many_cpus(void **state)
{
	unsigned cpus = 0;
	struct trace *t;

	(void)state;
	need_kvm();
	t = record_pass("flat32_smp", "flat32", "--cpus 4");
	assert_sound(t);
	for (unsigned i = 0; i < t->thread_cnt; i++)
		cpus += t->thread[i].vcpu >= 0;
	assert_true(cpus >= 1);
	assert_int_equal(t->machine.cpu_cnt, 4);
	trace_free(t);
}

/* MSRs that KVM does not know: what the guest was told, or that it got a fault. */
static void msrs(void **state)
{
	static const struct {
		const char *args;
		uint8_t fault;
		uint64_t value;
	} runs[] = { { "--msr ignore", 0, 0 }, { "--msr known", TRACE_X_FAULT, 6 } };

	(void)state;
	need_kvm();
	for (unsigned i = 0; i < ARRAY_LEN(runs); i++) {
		struct trace *t = record_pass("real_msr", "real", runs[i].args);
		struct trace_cursor c = { 0 };
		struct trace_item it;
		unsigned known = 0, unknown = 0;

		while (next_exit(t, &c, &it)) {
			const struct trace_rec *x = it.rec;
			const bool read = x->exit.reason == TRACE_RDMSR;

			if (!read && x->exit.reason != TRACE_WRMSR)
				continue;
			assert_int_equal(!!(x->exit.flags & TRACE_X_WRITE), !read);
			if (x->exit.addr == 0x12345678) {
				assert_int_equal(x->exit.flags & TRACE_X_FAULT, runs[i].fault);
				unknown++;
			} else {
				assert_int_equal(x->exit.addr, 0x1b0);
				assert_int_equal(x->exit.flags & TRACE_X_FAULT, 0);
				assert_int_equal(x->exit.value, read ? runs[i].value : 0);
				known++;
			}
		}
		assert_int_equal(known, 2);
		assert_int_equal(unknown, 2);
		trace_free(t);
	}
}

/* Time is where it was, and KVM's own count is no less than ours. */
static void cost(void **state)
{
	const struct trace_cpu_time *u;
	struct trace *t;

	(void)state;
	need_kvm();
	t = record_pass("flat32_pit", "flat32", "--irqchip user");
	u = t->cpu_time;
	assert_non_null(u);
	assert_true(u->wall_ns > 0);
	assert_true(u->halted_ns > 0); /* it waits for ten ticks */
	assert_true(u->guest_ns + u->kernel_ns + u->vmm_ns + u->halted_ns <= u->wall_ns);
	for (unsigned i = 0; i < t->stat_cnt; i++)
		if (!strcmp(t->stat[i].name, "exits"))
			assert_true(t->stat[i].value > 0);
	trace_free(t);
}

static void *idle(void *arg)
{
	return arg;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello),     cmocka_unit_test(nobody_and_half),
		cmocka_unit_test(strings),   cmocka_unit_test(fields),
		cmocka_unit_test(memory),    cmocka_unit_test(interrupts_by_hand),
		cmocka_unit_test(last_exit), cmocka_unit_test(across_resets),
		cmocka_unit_test(many_cpus), cmocka_unit_test(cost),
		cmocka_unit_test(msrs),
	};
	pthread_t t;
	int r;

	if (getenv("B"))
		build = getenv("B");
	snprintf(file, sizeof(file), "/tmp/trapeze-trace-%d", (int)getpid());
	log_set_level(LOG_ERR);
	/* ThreadSanitizer starts a thread of its own along with the first one. */
	if (pthread_create(&t, NULL, idle, NULL) == 0)
		pthread_join(t, NULL);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return r;
}
