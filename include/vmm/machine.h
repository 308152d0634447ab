/* SPDX-License-Identifier: MIT */
/* machine.h: a whole PC, from configuration to verdict. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdio.h>

#include "vmm/config.h"
#include "vmm/verdict.h"

struct debug_target;
struct error;
struct machine;

/* Builds everything @c (checked by config_check()) asks for; nothing runs yet. Control thread. */
int machine_create(const struct vm_config *c, struct machine **ret,
		   struct error **errp) __must_check;

/* Runs the guest to its end. Control thread; handles SIGINT, SIGTERM, SIGHUP, SIGQUIT while it
 * runs. */
int machine_run(struct machine *m, struct verdict *ret, struct error **errp) __must_check;

/*
 * Makes it one that can be debugged (debug.h). With @stands it waits at its first instruction until
 * the debugger lets it go; else it runs as if nobody looked, until debug_target_ops.stop(). Between
 * create and run; -EBUSY: somebody debugs it already. *ret lives as long as @m.
 */
int machine_debug(struct machine *m, bool stands, struct debug_target **ret,
		  struct error **errp) __must_check;
struct trace_machine;
/*
 * Has everything that happens written down (trace.h) for who empties the rings himself, as
 * config.trace does for whom does not. *ret says what the parts are called, and lives as long as
 * @m. Between create and run.
 */
int machine_watch(struct machine *m, const struct trace_machine **ret,
		  struct error **errp) __must_check;
/* The loop of the control thread, for a debugger's descriptors. */
struct loop *machine_loop(struct machine *m);

/* With --gdb: what to tell gdb, "target remote localhost:1234". False: there is none. */
bool machine_gdb_hint(const struct machine *m, char *buf, size_t len);

/* Registers and code of the CPU that crashed, for VERDICT_CRASH, or with config.end.registers of
 * the one that ended the run (the first, if none did); NULL otherwise. Owned by @m. */
const char *machine_crash_report(const struct machine *m);

/* Instead of machine_destroy() where the process ends next, which takes back memory and descriptors
 * as a whole. Main thread. */
void machine_leave(struct machine *m);

/* Tears down in reverse order, accepts half-built machines and NULL, returns NULL. */
struct machine *machine_destroy(struct machine *m);

/* Writes the table of --dirty-log, if that was given. */
void machine_print_dirty_log(const struct machine *m, FILE *f);

/* Writes what the run cost (time, exits by kind, memory) in a few lines. */
void machine_print_stats(const struct machine *m, FILE *f);

#endif
