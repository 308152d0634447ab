/* SPDX-License-Identifier: MIT */
/*
 * trouble_patterns.c: the words with which Linux complains. Behind each group is where the kernel
 * prints it; texts of older and newer kernels stand side by side.
 *
 * What is not in here, though it looks bad: "[Firmware Bug]:" (the host's), "traps: cat[12] general
 * protection fault" and "cat[12]: segfault" (a program's, which has a signal to show for it), "page
 * allocation failure" and "Out of memory" (what a test may do on purpose), "WARNING: Spectre" and
 * the like (advice), "INFO: NMI handler took too long" and "clocksource:" (slow hosts).
 */
#include "verdict/trouble_patterns.h"

#include <string.h>

struct pattern {
	const char *start;
	const char *also; /* further on in the line; NULL: nothing */
	enum trouble_kind kind;
};

/* The first that fits decides, so what is loose comes last. */
static const struct pattern patterns[] = {
	/* kernel/panic.c, arch/x86/kernel/traps.c */
	{ "Kernel panic - not syncing", NULL, TROUBLE_PANIC },
	{ "PANIC: double fault", NULL, TROUBLE_CLEAR },
	{ "traps: PANIC: double fault", NULL, TROUBLE_CLEAR },
	/* include/linux/kernel.h (CUT_HERE), lib/bug.c */
	{ "------------[ cut here ]------------", NULL, TROUBLE_OPENS },
	{ "kernel BUG at ", "!", TROUBLE_CLEAR },
	/* kernel/panic.c (__warn), lib/bug.c */
	{ "WARNING: CPU: ", " PID: ", TROUBLE_CLEAR },
	{ "WARNING: at ", NULL, TROUBLE_LOOSE },
	{ "WARNING: ", ", CPU#", TROUBLE_CLEAR },
	/* arch/x86/kernel/dumpstack.c, arch/x86/mm/fault.c, arch/x86/kernel/traps.c; the first
	 * words of die() are looked for by is_die() */
	{ "Oops: ", " [#", TROUBLE_CLEAR },
	{ "Internal error: ", NULL, TROUBLE_LOOSE },
	{ "general protection fault", ": 0000 [#", TROUBLE_CLEAR },
	{ "Unable to handle kernel ", NULL, TROUBLE_CLEAR },
	{ "unable to handle kernel ", NULL, TROUBLE_CLEAR },
	{ "kernel tried to execute NX-protected page", NULL, TROUBLE_CLEAR },
	{ "unable to execute userspace code", NULL, TROUBLE_CLEAR },
	{ "BUG: unable to handle ", NULL, TROUBLE_CLEAR },
	{ "BUG: kernel NULL pointer dereference", NULL, TROUBLE_CLEAR },
	{ "BUG: Kernel NULL pointer dereference", NULL, TROUBLE_CLEAR },
	{ "BUG: stack guard page was hit", NULL, TROUBLE_CLEAR },
	{ "BUG: TASK stack guard page was hit", NULL, TROUBLE_CLEAR },
	{ "Fixing recursive fault but reboot is needed!", NULL, TROUBLE_CLEAR },
	/* mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c, kernel/kcsan/report.c */
	{ "BUG: KASAN: ", NULL, TROUBLE_CLEAR },
	{ "BUG: KFENCE: ", NULL, TROUBLE_CLEAR },
	{ "BUG: KMSAN: ", NULL, TROUBLE_CLEAR },
	{ "BUG: KCSAN: ", NULL, TROUBLE_CLEAR },
	{ "UBSAN: ", " in ", TROUBLE_CLEAR },
	{ "UBSAN: Undefined behaviour in ", NULL, TROUBLE_CLEAR },
	{ "kmemleak: ", " new suspicious memory leaks", TROUBLE_CLEAR },
	/* kernel/watchdog.c, kernel/watchdog_perf.c, kernel/workqueue.c, kernel/hung_task.c */
	{ "watchdog: BUG: soft lockup - CPU#", NULL, TROUBLE_CLEAR },
	{ "NMI watchdog: BUG: soft lockup - CPU#", NULL, TROUBLE_CLEAR },
	{ "BUG: soft lockup - CPU#", NULL, TROUBLE_CLEAR },
	{ "watchdog: ", "etected hard LOCKUP on cpu", TROUBLE_CLEAR },
	{ "NMI watchdog: Watchdog detected hard LOCKUP", NULL, TROUBLE_CLEAR },
	{ "Watchdog detected hard LOCKUP", NULL, TROUBLE_CLEAR },
	{ "BUG: workqueue lockup", NULL, TROUBLE_CLEAR },
	{ "INFO: task ", " blocked for more than ", TROUBLE_CLEAR },
	{ "INFO: task ", " blocked in I/O wait for more than ", TROUBLE_CLEAR },
	/* kernel/rcu/tree_stall.h, tree_exp.h, tasks.h, srcutree.c */
	{ "rcu: INFO: ", " stall", TROUBLE_CLEAR },
	{ "INFO: rcu_", " stall", TROUBLE_CLEAR },
	{ "rcu: ", " kthread starved for ", TROUBLE_CLEAR },
	{ "WARNING: suspicious RCU usage", NULL, TROUBLE_CLEAR },
	/* kernel/locking/lockdep.c */
	{ "WARNING: possible ", " detected", TROUBLE_CLEAR },
	{ "WARNING: inconsistent lock state", NULL, TROUBLE_CLEAR },
	{ "WARNING: ", " lock order detected", TROUBLE_CLEAR },
	{ "WARNING: bad unlock balance detected", NULL, TROUBLE_CLEAR },
	{ "WARNING: bad contention detected", NULL, TROUBLE_CLEAR },
	{ "WARNING: held lock freed", NULL, TROUBLE_CLEAR },
	{ "WARNING: lock held when returning to user space", NULL, TROUBLE_CLEAR },
	{ "WARNING: nested lock was not taken", NULL, TROUBLE_CLEAR },
	{ "WARNING: Nested lock was not taken", NULL, TROUBLE_CLEAR },
	{ "INFO: possible ", " detected", TROUBLE_CLEAR },
	{ "INFO: suspicious RCU usage", NULL, TROUBLE_CLEAR },
	{ "INFO: trying to register non-static key.", NULL, TROUBLE_CLEAR },
	{ "[ BUG: ", "]", TROUBLE_CLEAR },
	{ "[ INFO: ", " detected ]", TROUBLE_CLEAR },
	{ "[ INFO: suspicious RCU usage. ]", NULL, TROUBLE_CLEAR },
	/* kernel/sched/core.c, lib/smp_processor_id.c, kernel/locking/spinlock_debug.c */
	{ "BUG: scheduling while atomic: ", NULL, TROUBLE_CLEAR },
	{ "BUG: sleeping function called from invalid context at ", NULL, TROUBLE_CLEAR },
	{ "BUG: using ", " in preemptible ", TROUBLE_CLEAR },
	{ "BUG: spinlock ", " on CPU#", TROUBLE_CLEAR },
	{ "BUG: rwlock ", " on CPU#", TROUBLE_CLEAR },
	{ "DEBUG_LOCKS_WARN_ON(", NULL, TROUBLE_CLEAR },
	/* mm/page_alloc.c, mm/memory.c, kernel/fork.c, mm/slub.c, mm/usercopy.c */
	{ "BUG: Bad page ", NULL, TROUBLE_CLEAR },
	{ "BUG: Bad rss-counter state ", NULL, TROUBLE_CLEAR },
	{ "BUG: non-zero pgtables_bytes", NULL, TROUBLE_CLEAR },
	{ "BUG ", "ainted): ", TROUBLE_CLEAR },
	{ "usercopy: Kernel memory ", " attempt detected ", TROUBLE_CLEAR },
	/* lib/list_debug.c, lib/refcount.c, lib/string_helpers.c */
	{ "list_add corruption", NULL, TROUBLE_CLEAR },
	{ "list_del corruption", NULL, TROUBLE_CLEAR },
	{ "refcount_t: ", NULL, TROUBLE_CLEAR },
	{ "detected buffer overflow in ", NULL, TROUBLE_CLEAR },
	/* net/core/dev.c, fs/super.c, init/do_mounts.c, kernel/irq/spurious.c */
	{ "unregister_netdevice: waiting for ", " to become free", TROUBLE_CLEAR },
	{ "VFS: Busy inodes after unmount", NULL, TROUBLE_CLEAR },
	{ "VFS: Unable to mount root fs", NULL, TROUBLE_CLEAR },
	{ "VFS: Cannot open root device", NULL, TROUBLE_CLEAR },
	{ "irq ", ": nobody cared", TROUBLE_CLEAR },
	/* arch/x86/kernel/cpu/mce/core.c */
	{ "mce: [Hardware Error]: ", NULL, TROUBLE_CLEAR },
	{ "[Hardware Error]: ", NULL, TROUBLE_LOOSE },
	/* whoever else in the kernel says so */
	{ "BUG: ", NULL, TROUBLE_LOOSE },
};

static bool begins(const char *msg, size_t len, const char *start)
{
	size_t n = strlen(start);

	return len >= n && !memcmp(msg, start, n);
}

/* "invalid opcode: 0000 [#1] PREEMPT SMP": the headline of die(), whatever its first words are. */
static bool is_die(const char *msg, size_t len)
{
	const char *p = memmem(msg, len, " [#", 3);
	size_t at = p ? (size_t)(p - msg) : 0;

	if (at < 7 || memchr(msg, '[', at) || at + 4 > len || msg[at - 6] != ':' ||
	    msg[at - 5] != ' ')
		return false;
	for (size_t i = at - 4; i < at; i++)
		if (!strchr("0123456789abcdef", msg[i]) || !msg[i])
			return false;
	return msg[at + 3] >= '0' && msg[at + 3] <= '9';
}

enum trouble_kind trouble_kind(const char *msg, size_t len)
{
	if (!len)
		return TROUBLE_NONE;
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		const struct pattern *p = &patterns[i];

		if (p->start[0] != msg[0] || !begins(msg, len, p->start))
			continue;
		if (!p->also || memmem(msg, len, p->also, strlen(p->also)))
			return p->kind;
	}
	return is_die(msg, len) ? TROUBLE_CLEAR : TROUBLE_NONE;
}

bool trouble_is_rule(const char *msg, size_t len)
{
	if (len < 20)
		return false;
	for (size_t i = 0; i < len; i++)
		if (msg[i] != '=')
			return false;
	return true;
}

/* Lines of a dump that do not begin with a blank, which those of a stack do. */
static const char *const traces[] = {
	"Call Trace:",
	"Call trace:",
	"RIP:",
	"RSP:",
	"EIP:",
	"Code:",
	"CPU:",
	"Hardware name:",
	"Modules linked",
	"Workqueue:",
	"Tainted:",
	"RAX:",
	"RDX:",
	"RBP:",
	"RBX:",
	"R10:",
	"R13:",
	"FS:",
	"CS:",
	"CR2:",
	"CR0:",
	"DR0:",
	"DR3:",
	"PKRU:",
	"EAX:",
	"ESI:",
	"DS:",
	"Stack:",
	"#PF:",
	"PGD ",
	"Oops:",
	"note: ",
	"irq event stamp",
	"hardirqs ",
	"softirqs ",
	"rcu: ",
	"task:",
	"NMI backtrace",
	"Sending NMI",
	"Kernel Offset:",
	"Dumping ftrace",
	"Rebooting in ",
	"Last Breaking",
	"Read of size ",
	"Write of size ",
	"Allocated by ",
	"Freed by ",
	"The buggy ",
	"Memory state",
	"page:",
	"flags:",
	"raw:",
	"page dumped",
	"Disabling lock",
	"Showing ",
	"\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\"",
	"CPU features:",
	"Memory Limit:",
	"---[ ",
	">",
	"SMP: stopping",
	"Kernel panic - not syncing",
	"------------[ cut here",
	"ORIG_RAX:",
	"Shutting down cpus",
	"workqueue ",
	"pool ",
	"pstate:",
	"pc :",
	"lr :",
	"sp :",
};

enum trouble_follow trouble_follow(const char *msg, size_t len)
{
	if (begins(msg, len, "---[ end Kernel panic"))
		return FOLLOW_PANIC_END;
	if (begins(msg, len, "---[ end trace"))
		return FOLLOW_END;
	if (!len || msg[0] == ' ' || msg[0] == '\t')
		return FOLLOW_TRACE;
	for (size_t i = 0; i < ARRAY_LEN(traces); i++)
		if (traces[i][0] == msg[0] && begins(msg, len, traces[i]))
			return FOLLOW_TRACE;
	return FOLLOW_OTHER;
}
