/* SPDX-License-Identifier: MIT */
/*
 * gdb.h: a server of gdb's remote protocol (Debugging with GDB, appendix E) for a debug_target:
 * vCPUs are threads, all stop together, one client at a time. Nothing of what a client sends is
 * trusted.
 */
#ifndef VMM_GDB_H
#define VMM_GDB_H

#include "vmm/base.h"

struct debug_target;
struct error;
struct gdb_server;
struct loop;
struct str;

/* gdb's `monitor WORDS`: what is to be said goes to @out. */
struct gdb_monitor {
	void (*fn)(void *opaque, unsigned cpu, const char *words, struct str *out);
	void *opaque;
};

/* Is @where a place to listen at, "tcp:[HOST]:PORT" or "unix:PATH"? 0, or an error that says. */
int gdb_check(const char *where, struct error **errp) __must_check;

/*
 * Listens at @where, a port of every address only if HOST is there (none: 127.0.0.1), and serves
 * who connects on @loop, on whose thread this is called. The guest stands or runs as it does until
 * then.
 */
int gdb_server_open(const char *where, struct debug_target *t, struct loop *loop,
		    const struct gdb_monitor *monitor, struct gdb_server **ret,
		    struct error **errp) __must_check;
/* Closes, on the loop's thread or when it does not run. NULL-safe, returns NULL. */
struct gdb_server *gdb_server_close(struct gdb_server *s);

/* How gdb is to be told of it: "target remote :1234". @buf of at least 160 bytes; returns it. */
const char *gdb_server_hint(const struct gdb_server *s, char *buf, size_t len);

#endif
