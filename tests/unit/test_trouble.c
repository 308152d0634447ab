/* SPDX-License-Identifier: MIT */
/* test_trouble.c: what a kernel complains of is found, as a whole, and nothing else is. */
#include <errno.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "verdict/printk.h"
#include "verdict/trouble.h"
#include "vmm/error.h"
#include "vmm/str.h"

static const struct test_expect nothing;

struct scan {
	struct trouble *t;
	struct test_evidence e;
	struct test_text tail, block;
};

static struct scan scan_in(const struct test_expect *x, const char *text, size_t len, size_t step)
{
	struct scan s = { 0 };
	struct error *err = NULL;

	assert_int_equal(trouble_create(x, &s.t, &err), 0);
	assert_no_error(err);
	for (size_t i = 0; i < len; i += step)
		trouble_feed(s.t, text + i, min_u64(step, len - i));
	trouble_finish(s.t);
	trouble_tell(s.t, &s.e);
	s.tail = trouble_tail(s.t);
	s.block = trouble_block(s.t);
	assert_non_null(s.tail.text);
	assert_non_null(s.block.text);
	return s;
}

static void done(struct scan *s)
{
	free(s->tail.text);
	free(s->block.text);
	s->t = trouble_destroy(s->t);
}

/* The same, however it comes. */
static struct scan scan(const struct test_expect *x, const char *text)
{
	struct scan whole = scan_in(x, text, strlen(text), strlen(text) + 1);
	struct scan bytes = scan_in(x, text, strlen(text), 1);

	assert_int_equal(!whole.e.trouble, !bytes.e.trouble);
	if (whole.e.trouble)
		assert_string_equal(whole.e.trouble, bytes.e.trouble);
	assert_string_equal(whole.block.text, bytes.block.text);
	assert_string_equal(whole.tail.text, bytes.tail.text);
	done(&bytes);
	return whole;
}

static void check(const char *text, const char *headline)
{
	struct scan s = scan(&nothing, text);

	if (!headline && s.e.trouble)
		fail_msg("'%s' in: %s", s.e.trouble, text);
	if (headline && (!s.e.trouble || strcmp(s.e.trouble, headline) != 0))
		fail_msg("'%s', not '%s'", s.e.trouble ? s.e.trouble : "(none)", headline);
	done(&s);
}

static void complaints(void **state)
{
	static const char *const lines[] = {
		"kernel BUG at mm/slub.c:305!",
		"WARNING: CPU: 3 PID: 181 at net/core/dev.c:100 dev_x+0x10/0x20",
		"WARNING: drivers/x.c:12 at x_probe+0x1/0x2, CPU#0: swapper/0/1",
		"Oops: 0002 [#1] PREEMPT SMP PTI",
		"Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1]",
		"general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP",
		"invalid opcode: 0000 [#1] PREEMPT SMP NOPTI",
		"divide error: 0000 [#1] SMP",
		"stack segment: 0000 [#2] SMP",
		"double fault: 0000 [#1] SMP",
		"PANIC: double fault, error_code: 0x0",
		"BUG: kernel NULL pointer dereference, address: 0000000000000000",
		"BUG: unable to handle page fault for address: ffffffffc0000000",
		"BUG: unable to handle kernel paging request at ffffffffc0000000",
		"Unable to handle kernel paging request at virtual address dead000000000100",
		"BUG: KASAN: slab-out-of-bounds in kmalloc_oob_right+0x1/0x2 [test_kasan]",
		"BUG: KFENCE: use-after-free read in test_use_after_free_read+0x1/0x2",
		"BUG: KMSAN: uninit-value in x+0x1/0x2",
		"BUG: KCSAN: data-race in x / y",
		"UBSAN: shift-out-of-bounds in lib/x.c:12:3",
		"watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [cat:12]",
		"NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
		"watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 1",
		"BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!",
		"INFO: task sh:12 blocked for more than 120 seconds.",
		"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
		"rcu: INFO: rcu_sched self-detected stall on CPU",
		"INFO: rcu_tasks detected stalls on tasks:",
		"WARNING: possible circular locking dependency detected",
		"WARNING: possible recursive locking detected",
		"WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
		"WARNING: inconsistent lock state",
		"WARNING: suspicious RCU usage",
		"[ BUG: Invalid wait context ]",
		"INFO: trying to register non-static key.",
		"BUG: scheduling while atomic: sh/12/0x00000002",
		"BUG: sleeping function called from invalid context at mm/x.c:12",
		"BUG: using smp_processor_id() in preemptible [00000000] code: sh/1",
		"BUG: spinlock bad magic on CPU#0, sh/1",
		"BUG: Bad page state in process sh  pfn:12345",
		"BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1",
		"BUG kmalloc-64 (Not tainted): Right Redzone overwritten",
		"usercopy: Kernel memory exposure attempt detected from SLUB object 'x'!",
		"list_del corruption. prev->next should be 0, but was 1",
		"refcount_t: underflow; use-after-free.",
		"unregister_netdevice: waiting for eth0 to become free. Usage count = 2",
		"VFS: Unable to mount root fs via NFS.",
		"irq 16: nobody cared (try booting with the \"irqpoll\" option)",
		"mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 6: be00000000800400",
		"kmemleak: 3 new suspicious memory leaks (see /sys/kernel/debug/kmemleak)",
		"Kernel panic - not syncing: sysrq triggered crash",
	};
	static const char *const before[] = {
		"",
		"[    1.234567] ",
		"<4>[    1.234567] ",
		"[12345.678901][    T1] ",
		"[    1.234567][   C24] ",
		"<2>",
		"\033[0;31m[    1.234567] ",
		"100%\r[    1.234567] ",
		"waiting ... [    1.234567] ",
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		for (size_t k = 0; k < ARRAY_LEN(before); k++) {
			snprintf(text, sizeof(text), "%s%s\r\n", before[k], lines[i]);
			check(text, lines[i]);
		}
	/* In anybody's mouth but the kernel's these are other things. */
	check("[    1.000000] BUG: something new\n", "BUG: something new");
}

static void no_complaints(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		"WARNING: disk almost full\n",
		"BUG: fix this later\n",
		"Oops: I did it again\n",
		"DEBUG: fine\n",
		"[    0.000000] Command line: console=ttyS0 BUG: WARNING: CPU: 1 PID: 2 panic\n",
		"[    0.000000] [Firmware Bug]: TSC_DEADLINE disabled due to Errata\n",
		"[    0.100000] Spectre V2 : WARNING: Unprivileged eBPF is enabled\n",
		"[    1.000000] systemd[1]: BUG: not ours\n",
		"[    1.000000] traps: cat[12] general protection fault ip:1 sp:2 error:0\n",
		"[    1.000000] cat[12]: segfault at 0 ip 0 sp 0 error 4 in cat\n",
		"[    1.000000] traps: a.out[12] trap invalid opcode ip:1 sp:2 error:0 in a.out\n",
		("[    1.000000] sysrq: Show backtrace of all active CPUs\n"
		 "[    1.000000] NMI backtrace for cpu 1\n[    1.000000] Call Trace:\n"),
		"[    1.000000] sysrq: Show Blocked State\n",
		/* A kernel with time stamps would have put one there. */
		"[    0.000000] Linux version 6.1\nBUG: unable to handle the truth\n",
		"[    0.000000] Linux version 6.1\n# grep x log\nWARNING: CPU: 0 PID: 1 at x\n",
		"/var/log/kern.log:[    1.000000] BUG: unable to handle page fault\n",
		"x: Kernel panic - not syncing: no\n",
		"[    1.00000] [    1.0000000] [.000000] [ 1.000000]BUG: no space\n",
		"Reboot when the log says Kernel panic - not syncing\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		check(texts[i], NULL);
}

#define S "[    5.000000] "
static const char warn[] = S
	"------------[ cut here ]------------\r\n" S "refcount_t: underflow; use-after-free.\r\n" S
	"WARNING: CPU: 0 PID: 1 at lib/refcount.c:28 x+0x1/0x2\r\n" S "Modules linked in: a b\r\n" S
	"CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0 #1\r\n" S "RIP: 0010:x+0x1/0x2\r\n" S
	"Call Trace:\r\n" S " <TASK>\r\n" S " y+0x1/0x2\r\n" S " </TASK>\r\n" S
	"---[ end trace 0000000000000000 ]---\r\n";

static void blocks_are_whole(void **state)
{
	char text[4096];
	struct scan s;

	(void)state;
	snprintf(text, sizeof(text), "before\r\n%safter\r\nand after\r\nthat\r\n", warn);
	s = scan(&nothing, text);
	assert_string_equal(s.block.text, warn);
	assert_string_equal(s.e.trouble, "refcount_t: underflow; use-after-free.");
	assert_false(s.e.panicked);
	assert_null(s.e.panic);
	done(&s);

	/* An oops prints its registers again behind the end, and a panic may follow. */
	snprintf(text, sizeof(text),
		 S "BUG: kernel NULL pointer dereference, address: 0\n" S "#PF: error_code\n" S
		   "Oops: 0000 [#1] SMP\n" S "---[ end trace 0 ]---\n" S "RIP: 0010:x\n" S
		   "RAX: 0\n" S "Kernel panic - not syncing: Fatal exception\n" S
		   "Kernel Offset: disabled\n" S
		   "---[ end Kernel panic - not syncing: Fatal exception ]---\nmore\n");
	s = scan(&nothing, text);
	assert_int_equal(s.block.len, strlen(text) - strlen("more\n"));
	assert_string_equal(s.e.trouble, "BUG: kernel NULL pointer dereference, address: 0");
	assert_true(s.e.panicked);
	assert_string_equal(s.e.panic, "Kernel panic - not syncing: Fatal exception");
	done(&s);

	/* Other CPUs go on talking in the midst of it. */
	s = scan(&nothing,
		 S "Kernel panic - not syncing: panic_on_warn set ...\n" S "Call Trace:\n" S
		   "binder: one\n" S "netlink: two\n" S "binder: three\n" S " panic+0x1/0x2\n" S
		   "Rebooting in 86400 seconds..\n" S "binder: four\n");
	assert_non_null(strstr(s.block.text, "two\n" S "binder: three\n" S " panic"));
	assert_non_null(strstr(s.block.text, "Rebooting"));
	assert_null(strstr(s.block.text, "four"));
	done(&s);

	/* The rule above belongs to it, and so does what is said between traces. */
	snprintf(text, sizeof(text),
		 "x\n" S "==========================\n" S "BUG: KASAN: x in y\n" S
		 "Read of size 1\n" S "\n" S "Allocated by task 1:\n" S " z\n" S
		 "==========================\nend\n");
	s = scan(&nothing, text);
	assert_int_equal(s.block.len, strlen(text) - strlen("x\nend\n"));
	done(&s);
}

/* The first one is kept; a panic that comes much later is added. */
static void first_trouble_and_panic(void **state)
{
	struct str text = { 0 };
	struct scan s;

	(void)state;
	str_add(&text, "%s", warn);
	for (unsigned i = 0; i < 300; i++)
		str_add(&text, S "ordinary %u\n", i);
	str_add(&text, S "INFO: task x:1 blocked for more than 120 seconds.\n");
	for (unsigned i = 0; i < 300; i++)
		str_add(&text, S "ordinary %u\n", i);
	str_add(&text, S "Kernel panic - not syncing: hung_task: blocked tasks\n" S "CPU: 0\n" S
			 "---[ end Kernel panic - not syncing: x ]---\n");
	s = scan(&nothing, text.s);
	assert_string_equal(s.e.trouble, "refcount_t: underflow; use-after-free.");
	assert_string_equal(s.e.panic, "Kernel panic - not syncing: hung_task: blocked tasks");
	assert_null(strstr(s.block.text, "ordinary"));
	assert_non_null(strstr(s.block.text, "[...]\n" S "Kernel panic - not syncing: hung"));
	assert_non_null(strstr(s.block.text, "---[ end Kernel panic"));
	done(&s);
	str_free(&text);
}

/* Oops after oops, for ever: a panic still finds room. */
static void endless_trouble(void **state)
{
	struct trouble *t = NULL;
	struct error *err = NULL;
	struct test_evidence e = { 0 };
	struct test_text block;

	(void)state;
	assert_int_equal(trouble_create(&nothing, &t, &err), 0);
	for (unsigned i = 0; i < 20000; i++)
		trouble_feed(t, warn,
			     strlen(warn) - strlen(S "---[ end trace 0000000000000000 ]---\r\n"));
	trouble_feed(t, S "Kernel panic - not syncing: enough\n",
		     strlen(S "Kernel panic - not syncing: enough\n"));
	trouble_finish(t);
	block = trouble_block(t);
	assert_in_range(block.len, 1, TROUBLE_BLOCK);
	assert_non_null(strstr(block.text, "not syncing: enough"));
	trouble_tell(t, &e);
	assert_true(e.panicked);
	free(block.text);
	trouble_destroy(t);
}

static void expectations(void **state)
{
	const struct test_expect x = { .console = { "^Linux version [0-9.]+", "login: $" },
				       .console_cnt = 2,
				       .fail_on = { "^FAIL(ED)?:", "EXT4-fs error" },
				       .fail_on_cnt = 2 };
	struct scan s;

	(void)state;
	s = scan(&x, "Linux version 6.1\r\n\r\nhost login: ");
	assert_false(s.e.missing_console);
	assert_null(s.e.forbidden);
	done(&s);
	s = scan(&x, "x Linux version 6.1\nhost login: \n");
	assert_true(s.e.missing_console);
	assert_string_equal(s.e.missing, "^Linux version [0-9.]+");
	done(&s);
	s = scan(&x, "Linux version 6.1\nlogin: x\n");
	assert_string_equal(s.e.missing, "login: $");
	done(&s);
	/* Colours are not part of what is matched, and the first line is the one that is told. */
	s = scan(&x, "\033[31mFAILED\033[0m: one\r\nFAIL: two\r\n");
	assert_string_equal(s.e.forbidden, "FAILED: one");
	done(&s);
	s = scan(&x, "it did not FAIL: no\n");
	assert_null(s.e.forbidden);
	done(&s);
	/* What was written over was there. */
	s = scan(&x, "FAIL: 1\rok     \n");
	assert_string_equal(s.e.forbidden, "FAIL: 1");
	done(&s);
}

static void expressions_that_are_none(void **state)
{
	const struct test_expect a = { .console = { "fine", "(" }, .console_cnt = 2 };
	const struct test_expect b = { .fail_on = { "[" }, .fail_on_cnt = 1 };
	struct trouble *t = NULL;
	struct error *err = NULL;

	(void)state;
	assert_int_equal(trouble_create(&a, &t, &err), -EINVAL);
	assert_non_null(strstr(error_msg(err), "--expect-console '('"));
	err = error_free(err);
	assert_int_equal(trouble_create(&b, &t, &err), -EINVAL);
	assert_non_null(strstr(error_msg(err), "--fail-on-console '['"));
	error_free(err);
	assert_null(trouble_destroy(NULL));
}

static void the_last_lines(void **state)
{
	struct str text = { 0 };
	struct scan s;

	(void)state;
	for (unsigned i = 0; i < 120; i++)
		str_add(&text, "\033[1mline\033[0m %u\r\n", i);
	str_add(&text, "unfinished");
	s = scan(&nothing, text.s);
	assert_int_equal(strncmp(s.tail.text, "\033[1mline\033[0m 71\r\n", 17), 0);
	assert_non_null(strstr(s.tail.text, "line\033[0m 119\r\nunfinished"));
	assert_int_equal(s.tail.len, strlen(s.tail.text));
	done(&s);
	str_free(&text);
}

/* A line without an end, of any bytes: bounded, and what the kernel says in its midst is seen,
 * wherever the pieces part. */
static void lines_without_an_end(void **state)
{
	static const char panic[] = "[    1.234567] Kernel panic - not syncing: x\n";
	static char junk[3 * TROUBLE_LINE + sizeof(panic)];

	(void)state;
	for (size_t n = TROUBLE_LINE - 200; n < 2 * TROUBLE_LINE + 200; n += 7) {
		struct scan s;

		memset(junk, 'x', n);
		memcpy(junk + n, panic, sizeof(panic) - 1);
		s = scan_in(&nothing, junk, n + sizeof(panic) - 1, 1000);
		if (!s.e.panicked)
			fail_msg("not seen behind %zu bytes", n);
		done(&s);
	}
	for (unsigned seed = 1; seed < 50; seed++) {
		struct scan s;
		uint32_t x = seed * 2654435761u;

		for (size_t i = 0; i < sizeof(junk); i++) {
			x = x * 1664525u + 1013904223u;
			junk[i] = (char)(x >> 24);
		}
		s = scan_in(&nothing, junk, sizeof(junk), 13);
		assert_in_range(s.tail.len, 1, TROUBLE_TAIL * (TROUBLE_LINE + 1));
		done(&s);
	}
}

static void gigabytes(void **state)
{
	static char mib[1 << 20];
	struct trouble *t = NULL;
	struct error *err = NULL;
	struct test_text tail;

	(void)state;
	memset(mib, 'A', sizeof(mib));
	assert_int_equal(trouble_create(&nothing, &t, &err), 0);
	for (unsigned i = 0; i < (SANITIZED ? 8 : 64); i++)
		trouble_feed(t, mib, sizeof(mib));
	trouble_finish(t);
	tail = trouble_tail(t);
	assert_in_range(tail.len, 1, TROUBLE_TAIL * TROUBLE_LINE);
	free(tail.text);
	trouble_destroy(t);
}

static void prefixes(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		bool timed;
	} rows[] = {
		{ "", 0, false },
		{ "x", 0, false },
		{ "<4>x", 3, false },
		{ "<4444>x", 0, false },
		{ "<>x", 0, false },
		{ "[    1.234567] x", 15, true },
		{ "[12345678.234567] x", 18, true },
		{ "[    1.234567]x", 0, false },
		{ "[    1.23456] x", 0, false },
		{ "[    1.234567]", 14, true },
		{ "<12>[    1.234567][    T1] x", 27, true },
		{ "[    C0] x", 9, false },
		{ "[    X0] x", 0, false },
		{ "[", 0, false },
		{ "[    1.", 0, false },
		{ "[    1.234567", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct printk_prefix p;

		printk_prefix(rows[i].s, strlen(rows[i].s), &p);

		if (p.len != rows[i].len || p.timed != rows[i].timed)
			fail_msg("'%s': %zu, %d", rows[i].s, p.len, p.timed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complaints),
		cmocka_unit_test(no_complaints),
		cmocka_unit_test(blocks_are_whole),
		cmocka_unit_test(first_trouble_and_panic),
		cmocka_unit_test(endless_trouble),
		cmocka_unit_test(expectations),
		cmocka_unit_test(expressions_that_are_none),
		cmocka_unit_test(the_last_lines),
		cmocka_unit_test(lines_without_an_end),
		cmocka_unit_test(gigabytes),
		cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
