/* SPDX-License-Identifier: MIT */
/* self_test.c: the library of endings; the Makefile tells the assembler where they are. */
#include "vmm/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/error.h"

/* clang-format off */
#define ENDING(name)                                                                               \
	extern const uint8_t ending_##name[], ending_##name##_end[];                               \
	__asm__(".pushsection .rodata.endings, \"a\", @progbits\n"                                 \
		".globl ending_" #name ", ending_" #name "_end\n"                                  \
		".balign 16\n"                                                                     \
		"ending_" #name ":\n"                                                              \
		".incbin \"" #name ".elf\"\n"                                                      \
		"ending_" #name "_end:\n"                                                          \
		".popsection\n");
/* clang-format on */

#define ENDINGS(X)                                                                                 \
	X(pass)                                                                                    \
	X(fail)                                                                                    \
	X(skip)                                                                                    \
	X(panic)                                                                                   \
	X(pvpanic)                                                                                 \
	X(oops)                                                                                    \
	X(warning)                                                                                 \
	X(triple)                                                                                  \
	X(nowhere)                                                                                 \
	X(reset)                                                                                   \
	X(hang)                                                                                    \
	X(idle)                                                                                    \
	X(flood)                                                                                   \
	X(noline)                                                                                  \
	X(poweroff)                                                                                \
	X(tap)

ENDINGS(ENDING)

enum ending_id {
#define ENDING_ID(name) ENDING_##name,
	ENDINGS(ENDING_ID) ENDING_CNT
};

static const struct {
	const uint8_t *start, *end;
} images[] = {
#define ENDING_IMAGE(name) { ending_##name, ending_##name##_end },
	ENDINGS(ENDING_IMAGE)
};

#define SECOND UINT64_C(1000000000)
/* For guests that end on their own: no host is so slow. */
#define LONG (60 * SECOND)

static const struct row {
	const char *name;
	enum ending_id image;
	enum test_protocol protocol;
	enum test_outcome wanted;
	struct test_limits limits; /* 0: LONG, and none for silence */
	struct test_expect expect;
} rows[] = {
	{ "pass", ENDING_pass, TEST_BY_EXIT_PORT, TEST_PASS, {}, {} },
	{ "power-off-is-a-pass", ENDING_poweroff, TEST_BY_MACHINE_END, TEST_PASS, {}, {} },
	{ "exit-code-as-expected", ENDING_fail, TEST_BY_EXIT_PORT, TEST_PASS, {}, { .exit = 3 } },
	{ "warning-allowed",
	  ENDING_warning,
	  TEST_BY_EXIT_PORT,
	  TEST_PASS,
	  {},
	  { .allow_trouble = true } },
	{ "fail", ENDING_fail, TEST_BY_EXIT_PORT, TEST_FAIL, {}, {} },
	{ "fail-case", ENDING_tap, TEST_BY_EXIT_PORT, TEST_FAIL, {}, {} },
	{ "fail-not-on-console",
	  ENDING_pass,
	  TEST_BY_EXIT_PORT,
	  TEST_FAIL,
	  {},
	  { .console = { "^login:" }, .console_cnt = 1 } },
	{ "fail-on-console",
	  ENDING_pass,
	  TEST_BY_EXIT_PORT,
	  TEST_FAIL,
	  {},
	  { .fail_on = { "^pass" }, .fail_on_cnt = 1 } },
	{ "skip", ENDING_skip, TEST_BY_EXIT_PORT, TEST_SKIP, {}, {} },
	{ "panic", ENDING_panic, TEST_BY_INIT, TEST_PANIC, {}, {} },
	{ "panic-by-port", ENDING_pvpanic, TEST_BY_INIT, TEST_PANIC, {}, {} },
	{ "oops", ENDING_oops, TEST_BY_EXIT_PORT, TEST_OOPS, {}, {} },
	{ "oops-warning", ENDING_warning, TEST_BY_EXIT_PORT, TEST_OOPS, {}, {} },
	{ "triple-fault", ENDING_triple, TEST_BY_INIT, TEST_TRIPLE_FAULT, {}, {} },
	{ "triple-fault-or-worse", ENDING_nowhere, TEST_BY_INIT, TEST_TRIPLE_FAULT, {}, {} },
	{ "reset", ENDING_reset, TEST_BY_INIT, TEST_RESET, {}, {} },
	{ "boot-timeout", ENDING_hang, TEST_BY_INIT, TEST_BOOT_TIMEOUT, { .boot_ns = SECOND }, {} },
	{ "boot-timeout-flood",
	  ENDING_flood,
	  TEST_BY_INIT,
	  TEST_BOOT_TIMEOUT,
	  { .boot_ns = SECOND },
	  {} },
	{ "idle", ENDING_idle, TEST_BY_MACHINE_END, TEST_IDLE, { .idle_ns = SECOND }, {} },
	{ "timeout-flood",
	  ENDING_flood,
	  TEST_BY_MACHINE_END,
	  TEST_TIMEOUT,
	  { .test_ns = SECOND },
	  {} },
	{ "timeout-one-line",
	  ENDING_noline,
	  TEST_BY_MACHINE_END,
	  TEST_TIMEOUT,
	  { .test_ns = SECOND },
	  {} },
	{ "no-verdict", ENDING_poweroff, TEST_BY_INIT, TEST_NO_VERDICT, {}, {} },
	{ "no-verdict-by-port", ENDING_poweroff, TEST_BY_EXIT_PORT, TEST_NO_VERDICT, {}, {} },
	{ "no-verdict-port-alone", ENDING_pass, TEST_BY_INIT, TEST_NO_VERDICT, {}, {} },
	/* A kernel that is not there. */
	{ "host-error", ENDING_CNT, TEST_BY_EXIT_PORT, TEST_HOST_ERROR, {}, {} },
};

/* Without close-on-exec: child processes close what has it (src/verdict/child.c). */
static int open_image(enum ending_id id, struct error **errp)
{
	static int fds[ENDING_CNT]; /* plus 1 */
	size_t len;
	int fd;

	if (fds[id])
		return fds[id] - 1;
	len = (size_t)(images[id].end - images[id].start);
	fd = memfd_create("trapeze-ending", 0);
	if (fd < 0)
		return err_errno(errp, errno, "cannot make the guests of the self-test");
	if (write(fd, images[id].start, len) != (ssize_t)len) {
		int e = errno;

		close(fd);
		return err_errno(errp, e, "cannot make the guests of the self-test");
	}
	fds[id] = fd + 1;
	return fd;
}

static int set_kernel(struct test_spec *s, enum ending_id id, struct error **errp)
{
	char path[32] = "/nonexistent/kernel";
	int fd;

	if (id != ENDING_CNT) {
		fd = open_image(id, errp);
		if (fd < 0)
			return fd;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	free(s->config.boot.kernel);
	s->config.boot.kernel = strdup(path);
	return 0;
}

static int make(struct test_spec *s, const struct row *row, struct error **errp)
{
	int r;

	s->protocol = row->protocol;
	s->wanted = row->wanted;
	s->expect = row->expect;
	s->limits = row->limits;
	s->limits.scale = 1;
	if (!s->limits.boot_ns)
		s->limits.boot_ns = LONG;
	if (!s->limits.test_ns)
		s->limits.test_ns = LONG;
	config_init(&s->config);
	s->config.mem.size = 32 * MIB;
	s->config.quiet = true;
	s->config.boot.hints = false;
	r = set_kernel(s, row->image, errp);
	if (r < 0)
		return r;
	s->name = strdup(row->name);
	s->argv = calloc(2, sizeof(*s->argv));
	s->env = calloc(1, sizeof(*s->env));
	/* A command for the init's segment; it never runs. */
	if (s->argv)
		s->argv[0] = strdup("true");
	if (asprintf(&s->rerun, "trapeze test --self-test --filter '^%s$'", row->name) < 0)
		s->rerun = NULL;
	if (!s->name || !s->argv || !s->argv[0] || !s->env || !s->rerun || !s->config.boot.kernel)
		return err_errno(errp, ENOMEM, "cannot make the guests of the self-test");
	return config_check(&s->config, errp);
}

static void unmake(struct test_spec *s)
{
	config_free(&s->config);
	free(s->name);
	if (s->argv)
		free(s->argv[0]);
	free(s->argv);
	free(s->env);
	free(s->rerun);
}

int self_test_specs(struct test_spec **ret, unsigned *cnt, struct error **errp)
{
	struct test_spec *v = calloc(ARRAY_LEN(rows), sizeof(*v));

	if (!v)
		return err_errno(errp, ENOMEM, "cannot make the guests of the self-test");
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		int r = make(&v[i], &rows[i], errp);

		if (r < 0) {
			for (unsigned k = 0; k <= i; k++)
				unmake(&v[k]);
			free(v);
			return r;
		}
	}
	*ret = v;
	*cnt = ARRAY_LEN(rows);
	return 0;
}
