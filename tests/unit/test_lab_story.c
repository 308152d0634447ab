/* SPDX-License-Identifier: MIT */
/* test_lab_story.c: a recording as the course tells it: the same each time, and no more than that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/lab.h"
#include "tests/lib/trace_kit.h"
#include "vmm/error.h"

/* What one thread wrote. */
struct part {
	const char *name;
	int vcpu;
	const struct trace_rec *rec;
	unsigned cnt;
};

/* Records it, reads it back, and compares what is told, line by line. */
static void told(const struct part *part, unsigned cnt, const char *want)
{
	char path[] = "/tmp/trapeze-story.XXXXXX";
	struct trace_writer *w = NULL;
	struct lab_story s = { 0 };
	struct error *err = NULL;
	struct str all = { 0 };
	struct trace *t = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trace_writer_open(path, &kit_machine, &w, &err), 0);
	for (unsigned i = 0; i < cnt; i++) {
		struct trace_thread th = { .vcpu = part[i].vcpu };

		snprintf(th.name, sizeof(th.name), "%s", part[i].name);
		assert_int_equal(trace_writer_put(w, i, &th, part[i].rec, part[i].cnt, &err), 0);
	}
	assert_int_equal(trace_writer_finish(w, NULL, 0, NULL, 0, NULL, 0, &err), 0);
	trace_writer_free(w);
	assert_int_equal(trace_load(path, &t, &err), 0);
	unlink(path);
	lab_story_tell(t, NULL, &s);
	trace_free(t);
	assert_false(s.failed);
	for (unsigned i = 0; i < s.cnt; i++)
		str_add(&all, "%s\n", s.line[i].text);
	assert_string_equal(all.s ? all.s : "", want);
	str_free(&all);
	lab_story_free(&s);
}

#define CPU(r)                                                                                     \
	{                                                                                          \
		"vcpu0", 0, r, ARRAY_LEN(r)                                                        \
	}

static struct trace_rec letter(uint64_t n, char c)
{
	struct trace_rec r =
		kit_pio(kit_machine.begin + 1000 * n, KIT_DEBUGCON, 0xe9, true, (uint8_t)c);

	r.num = (uint32_t)n;
	return r;
}

static void letters_are_text(void **state)
{
	const struct trace_rec three[] = { letter(1, 'a'), letter(2, 'b'), letter(3, 'c') };
	struct trace_rec many[] = { letter(1, 't'),  letter(2, 'w'), letter(3, 'o'),
				    letter(4, '\n'), letter(5, 'l'), letter(6, 'i'),
				    letter(7, 'n'),  letter(8, 'e'), letter(9, 's') };

	(void)state;
	told((struct part[]){ CPU(three) }, 1,
	     "[vcpu0]\n"
	     "IO OUT 0xe9 (debug console) <- 0x61 'a'\n"
	     "IO OUT 0xe9 (debug console) <- 0x62 'b'\n"
	     "IO OUT 0xe9 (debug console) <- 0x63 'c'\n");
	/* Wherever they come from. */
	many[1].exit.rip = 0x1234;
	told((struct part[]){ CPU(many) }, 1,
	     "[vcpu0]\n"
	     "IO OUT 0xe9 (debug console) <- \"two\\n\", 4 times\n"
	     "IO OUT 0xe9 (debug console) <- \"lines\", 5 times\n");
}

static void text_without_end(void **state)
{
	static struct trace_rec many[5000];
	struct trace_rec *r = many;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(many); i++)
		*r++ = letter(i + 1, 'x');
	told((struct part[]){ CPU(many) }, 1,
	     "[vcpu0]\n"
	     "IO OUT 0xe9 (debug console) <- "
	     "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	     "xxxxxxxxxxxxxxxxxxxx\", 5000 times\n");
}

/* How often a doorbell wakes a thread, and when the host wants a CPU, is not told. */
static void what_differs_each_time(void **state)
{
	const uint64_t b = kit_machine.begin;
	struct trace_rec intr = { .t = b + 10, .kind = TRACE_EXIT, .dev = TRACE_NO_DEV };
	struct trace_rec hlt = intr;
	const struct trace_rec disk[] = {
		kit_event(b + 1, KIT_BLK, TRACE_E_VQ_NOTIFY, 0, 0),
		kit_event(b + 2, KIT_BLK, TRACE_E_VQ_NOTIFY, 0, 0),
		kit_event(b + 3, KIT_BLK, TRACE_E_VQ_POP, 0, 2),
		kit_event(b + 4, KIT_BLK, TRACE_E_VQ_PUSH, 0, 2),
		kit_event(b + 5, KIT_BLK, TRACE_E_VQ_NOTIFY, 0, 0),
	};

	(void)state;
	intr.exit.reason = TRACE_INTR;
	hlt.t = b + 20;
	hlt.exit.reason = TRACE_HLT;
	const struct trace_rec cpu[] = { intr, hlt };
	const struct trace_rec quiet[] = { disk[0] };

	told((struct part[]){ { "disk0", -1, disk, ARRAY_LEN(disk) },
			      { "aaa", -1, quiet, 1 },
			      CPU(cpu) },
	     3,
	     "[vcpu0]\n"
	     "HLT\n"
	     "[disk0]\n"
	     "    queue 0 notified\n"
	     "    queue 0: chain 2 taken (0 bytes to read, 0 to write)\n"
	     "    queue 0: chain 2 used, 0 bytes written\n");
}

static void nothing(void **state)
{
	(void)state;
	told(NULL, 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_are_text),
		cmocka_unit_test(text_without_end),
		cmocka_unit_test(what_differs_each_time),
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
