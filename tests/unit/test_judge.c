/* SPDX-License-Identifier: MIT */
/* judge.c: every request, with and without a panic on the console and --no-reboot. */
#include "machine/judge.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"

#define PANIC_LINE "Kernel panic - not syncing: Attempted to kill init!"

/* What should come of a request: a ruling, and the verdict if it ends the run. */
struct expected {
	enum ruling ruling;
	enum verdict_kind kind;
	unsigned value;
	const char *detail;
};

static void check(const struct request *r, bool panic, bool no_reboot, const struct expected *want)
{
	struct judgement j = judge(r, &(struct circumstances){ .panic = panic ? PANIC_LINE : NULL,
							       .no_reboot = no_reboot,
							       .timeout_s = 30 });

	if (j.ruling != want->ruling)
		fail_msg("request %u/%u, panic %u, no_reboot %u: ruling %u, not %u", r->kind,
			 r->event, panic, no_reboot, j.ruling, want->ruling);
	if (j.ruling != RULE_END)
		return;
	if (j.verdict.kind != want->kind)
		fail_msg("request %u/%u, panic %u, no_reboot %u: verdict %u, not %u", r->kind,
			 r->event, panic, no_reboot, j.verdict.kind, want->kind);
	assert_int_equal(j.verdict.value, want->value);
	assert_string_equal(j.verdict.detail, want->detail ? want->detail : "");
}

#define END(k, ...)                                                                                \
	{                                                                                          \
		.ruling = RULE_END, .kind = VERDICT_##k, __VA_ARGS__                               \
	}
#define RULE(r)                                                                                    \
	{                                                                                          \
		.ruling = RULE_##r                                                                 \
	}
#define PANIC END(PANIC, .detail = PANIC_LINE)

/* Columns: no panic, no panic with --no-reboot, panic, panic with --no-reboot. */
static const struct {
	struct request r;
	struct expected want[4];
} cases[] = {
	/* A work item whose request an earlier run took. */
	{ { .kind = REQ_NONE }, { RULE(GO_ON), RULE(GO_ON), RULE(GO_ON), RULE(GO_ON) } },
	{ { .kind = REQ_POWER, .event = POWER_OFF },
	  { END(POWER_OFF), END(POWER_OFF), PANIC, PANIC } },
	{ { .kind = REQ_POWER, .event = POWER_RESET },
	  { RULE(RESTART), END(RESET), PANIC, PANIC } },
	{ { .kind = REQ_POWER, .event = POWER_PANIC },
	  { END(PANIC, .detail = "the guest reported it through pvpanic"),
	    END(PANIC, .detail = "the guest reported it through pvpanic"), PANIC, PANIC } },
	{ { .kind = REQ_POWER, .event = POWER_CRASHLOADED },
	  { RULE(GO_ON), RULE(GO_ON), RULE(GO_ON), RULE(GO_ON) } },
	/* A test that says how it went is believed. */
	{ { .kind = REQ_POWER, .event = POWER_DEBUG_EXIT, .value = 33 },
	  { END(DEBUG_EXIT, .value = 33), END(DEBUG_EXIT, .value = 33),
	    END(DEBUG_EXIT, .value = 33), END(DEBUG_EXIT, .value = 33) } },
	{ { .kind = REQ_CPU_ENDED, .cpu = 3, .why = VCPU_SHUTDOWN },
	  { END(CRASH, .detail = "CPU 3: triple fault"),
	    END(CRASH, .detail = "CPU 3: triple fault"), PANIC, PANIC } },
	/* The console has shown all of it; after a reset there is none to speak of. */
	{ { .kind = REQ_PANIC }, { RULE(GO_ON), RULE(GO_ON), PANIC, PANIC } },
	{ { .kind = REQ_TIMEOUT },
	  { END(TIMEOUT, .value = 30), END(TIMEOUT, .value = 30), PANIC, PANIC } },
	{ { .kind = REQ_RAM_LOST }, { RULE(FAIL), RULE(FAIL), RULE(FAIL), RULE(FAIL) } },
	{ { .kind = REQ_SIGNAL, .value = 15 },
	  { END(SIGNAL, .value = 15), END(SIGNAL, .value = 15), END(SIGNAL, .value = 15),
	    END(SIGNAL, .value = 15) } },
	{ { .kind = REQ_QUIT },
	  { END(USER_QUIT), END(USER_QUIT), END(USER_QUIT), END(USER_QUIT) } },
};

static void every_request(void **state)
{
	unsigned kinds = 0, events = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		for (unsigned col = 0; col < 4; col++)
			check(&cases[i].r, col & 2, col & 1, &cases[i].want[col]);
		kinds |= 1u << cases[i].r.kind;
		if (cases[i].r.kind == REQ_POWER)
			events |= 1u << cases[i].r.event;
	}
	/* The table forgets nobody. */
	assert_int_equal(kinds, (2u << REQ_QUIT) - 1);
	assert_int_equal(events, (2u << POWER_DEBUG_EXIT) - 1);
}

/* Which CPU, what happened, and the number that KVM gave; the registers are worth a look. */
static void crashes_are_described(void **state)
{
	static const struct {
		enum vcpu_end why;
		uint64_t detail;
		const char *words;
	} ends[] = {
		{ VCPU_SHUTDOWN, 7, "CPU 1: triple fault" },
		{ VCPU_INTERNAL_ERROR, 1,
		  "CPU 1: KVM could not go on: internal error (suberror 0x1)" },
		{ VCPU_FAIL_ENTRY, 0x80000021,
		  "CPU 1: the hardware refused to enter the guest (reason 0x80000021)" },
		{ VCPU_SYSTEM_EVENT, 3, "CPU 1: KVM reported a system event (type 0x3)" },
		{ VCPU_UNKNOWN_EXIT, 39, "CPU 1: KVM stopped for an unknown reason (exit 0x27)" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		struct request r = { .kind = REQ_CPU_ENDED,
				     .cpu = 1,
				     .why = ends[i].why,
				     .detail = ends[i].detail };
		struct judgement j = judge(&r, &(struct circumstances){ 0 });

		assert_int_equal(j.ruling, RULE_END);
		assert_int_equal(j.verdict.kind, VERDICT_CRASH);
		assert_string_equal(j.verdict.detail, ends[i].words);
		assert_true(j.dump_cpu);
		/* A panic explains it: no registers then. */
		assert_false(judge(&r, &(struct circumstances){ .panic = PANIC_LINE }).dump_cpu);
	}
}

/* That KVM_RUN fails is no deed of the guest's, unless it had panicked before. */
static void a_failed_run_is_an_error(void **state)
{
	struct request r = { .kind = REQ_CPU_ENDED, .why = VCPU_RUN_FAILED, .detail = 14 };
	struct judgement j = judge(&r, &(struct circumstances){ 0 });

	(void)state;
	assert_int_equal(j.ruling, RULE_CPU_LOST);
	assert_true(j.dump_cpu);
	check(&r, true, false, &(struct expected)PANIC);
}

/* A guest whose memory the host has lost crashes through no fault of its own. */
static void lost_memory_explains_a_crash(void **state)
{
	static const enum vcpu_end ends[] = { VCPU_SHUTDOWN, VCPU_INTERNAL_ERROR, VCPU_RUN_FAILED };
	struct circumstances lost = { .ram_lost = true };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
		struct request r = { .kind = REQ_CPU_ENDED, .why = ends[i] };

		assert_int_equal(judge(&r, &lost).ruling, RULE_FAIL);
	}
	/* It can still end by itself, having touched none of it. */
	assert_int_equal(judge(&(struct request){ .kind = REQ_POWER, .event = POWER_OFF }, &lost)
				 .verdict.kind,
			 VERDICT_POWER_OFF);
}

/* A console line is longer than a verdict holds: it is cut, not overrun. */
static void long_panic_lines_are_cut(void **state)
{
	struct judgement j;
	char line[512];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	j = judge(&(struct request){ .kind = REQ_PANIC }, &(struct circumstances){ .panic = line });
	assert_int_equal(strlen(j.verdict.detail), sizeof(j.verdict.detail) - 1);
}

/* The first request that ends the run wins; a restart gives way to any, and to another restart. */
static void who_gives_way(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		for (unsigned no_reboot = 0; no_reboot < 2; no_reboot++) {
			const struct request *r = &cases[i].r;
			bool is_final = judge_is_final(r, no_reboot);
			bool lasts = cases[i].want[no_reboot].ruling == RULE_END ||
				     cases[i].want[no_reboot].ruling == RULE_FAIL ||
				     r->kind == REQ_PANIC;

			if (is_final != lasts)
				fail_msg("request %u/%u, no_reboot %u: final %u", r->kind, r->event,
					 no_reboot, is_final);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request),
		cmocka_unit_test(crashes_are_described),
		cmocka_unit_test(a_failed_run_is_an_error),
		cmocka_unit_test(lost_memory_explains_a_crash),
		cmocka_unit_test(long_panic_lines_are_cut),
		cmocka_unit_test(who_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
