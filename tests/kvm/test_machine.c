/* SPDX-License-Identifier: MIT */
/*
 * machine.c: a machine comes apart again, whole or half-built: no descriptor and no thread stays
 * behind, and, under a sanitizer, no memory. A run of the program cannot show that: it leaves the
 * taking apart to the kernel.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/port.h"
#include "vmm/cli.h"
#include "vmm/log.h"
#include "vmm/machine.h"

static char guest[512];

static unsigned entries(const char *dir)
{
	unsigned n = 0;
	DIR *d = opendir(dir);

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

struct holdings {
	unsigned fds, threads;
};

static struct holdings holdings(void)
{
	return (struct holdings){ entries("/proc/self/fd"), entries("/proc/self/task") };
}

static bool still(const struct holdings *was)
{
	struct holdings now = holdings();

	return now.fds == was->fds && now.threads == was->threads;
}

static void need_kvm(void)
{
	if (access("/dev/kvm", R_OK | W_OK) == 0)
		return;
	print_message("# no access to /dev/kvm\n");
	skip();
}

#define MAX_ARGS 12

/* What `trapeze run -k exit.elf ARG...` would build; the arguments end with NULL. */
static int create(const char *const *arg, struct run_args *a, struct machine **ret,
		  struct error **errp)
{
	char *argv[MAX_ARGS + 4] = { (char *)"run", (char *)"-k", guest };
	int argc = 3;

	while (arg[argc - 3] && argc - 3 < MAX_ARGS) {
		argv[argc] = (char *)(uintptr_t)arg[argc - 3];
		argc++;
	}
	assert_int_equal(run_args_parse(argc, argv, a, errp), 0);
	assert_int_equal(config_check(&a->config, errp), 0);
	return machine_create(&a->config, ret, errp);
}

static const char *const boards[][MAX_ARGS] = {
	{ "--serial", "null" },
	{ "--serial", "null", "--irqchip", "kernel" },
	{ "--serial", "null", "--irqchip", "user" },
	{ "--serial", "null", "--cpus", "8" },
	{ "--serial", "null", "--serial", "pty", "--serial", "file:/dev/null", "--serial", "pty" },
	{ "--serial", "stdio", "--debugcon", "null", "--mem-backing", "memfd" },
	{ "--serial", "null", "--no-acpi", "--timeout", "20s" },
};

static void never_run(void **state)
{
	(void)state;
	need_kvm();
	for (unsigned i = 0; i < ARRAY_LEN(boards); i++) {
		struct holdings before = holdings();
		struct machine *m = NULL;
		struct error *e = NULL;
		struct run_args a;

		assert_int_equal(create(boards[i], &a, &m, &e), 0);
		assert_no_error(e);
		assert_null(machine_destroy(m));
		run_args_free(&a);
		assert_true(EVENTUALLY(1000, still(&before)));
	}
}

/* firmware/exit.S writes 20 to the debug-exit port: status 20 * 2 + 1. */
static void run_to_its_end(void **state)
{
	(void)state;
	need_kvm();
	for (unsigned i = 0; i < ARRAY_LEN(boards); i++) {
		struct holdings before = holdings();
		struct machine *m = NULL;
		struct error *e = NULL;
		struct verdict v;
		struct run_args a;

		assert_int_equal(create(boards[i], &a, &m, &e), 0);
		assert_int_equal(machine_run(m, &v, &e), 0);
		assert_no_error(e);
		assert_int_equal(v.kind, VERDICT_DEBUG_EXIT);
		assert_int_equal(v.value, 41);
		assert_null(machine_destroy(m));
		run_args_free(&a);
		assert_true(EVENTUALLY(1000, still(&before)));
	}
}

/* Each fails at another row of the construction; the sentence says what could not be had. */
static void half_built(void **state)
{
	static const struct {
		const char *arg[MAX_ARGS], *words;
	} cases[] = {
		{ { "-k", "/nonexistent/vmlinuz" }, "/nonexistent/vmlinuz" },
		{ { "-i", "/nonexistent/initrd" }, "/nonexistent/initrd" },
		{ { "--mem-backing", "file", "--mem-path", "/nonexistent/ram" },
		  "/nonexistent/ram" },
		{ { "--serial", "file:/nonexistent/log" }, "/nonexistent/log" },
		{ { "--serial", "pty", "--serial", "null", "--serial", "file:/nonexistent/3" },
		  "/nonexistent/3" },
		{ { "--debugcon", "file:/nonexistent/dbg" }, "/nonexistent/dbg" },
		{ { "--debug-exit", "0x60" }, "overlaps" },
		{ { "--dump-acpi", "/proc/nonexistent" }, "/proc/nonexistent" },
		{ { "--dump-dtb", "/proc/nonexistent" }, "/proc/nonexistent" },
	};

	(void)state;
	need_kvm();
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct holdings before = holdings();
		struct machine *m = NULL;
		struct error *e = NULL;
		struct run_args a;

		if (create(cases[i].arg, &a, &m, &e) == 0)
			fail_msg("built in spite of %s %s", cases[i].arg[0], cases[i].arg[1]);
		assert_null(m);
		assert_error(e, cases[i].words);
		run_args_free(&a);
		assert_true(EVENTUALLY(1000, still(&before)));
	}
}

static void nothing_comes_apart(void **state)
{
	(void)state;
	assert_null(machine_destroy(NULL));
}

static void *idle(void *arg)
{
	return arg;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_run),
		cmocka_unit_test(run_to_its_end),
		cmocka_unit_test(half_built),
		cmocka_unit_test(nothing_comes_apart),
	};
	const char *b = getenv("B");
	pthread_t t;

	snprintf(guest, sizeof(guest), "%s/firmware/exit.elf", b ? b : "build");
	log_set_level(LOG_ERR);
	/* ThreadSanitizer starts a thread of its own along with the first one. */
	if (pthread_create(&t, NULL, idle, NULL) == 0)
		pthread_join(t, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
