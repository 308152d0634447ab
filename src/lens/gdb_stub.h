/* SPDX-License-Identifier: MIT */
/*
 * gdb_stub.h: the remote end of a gdb session, without the wire: bytes in, bytes out, a
 * debug_target in between. Control thread; nothing here waits.
 */
#ifndef LENS_GDB_STUB_H
#define LENS_GDB_STUB_H

#include "vmm/debug.h"
#include "vmm/gdb.h"

struct gdb_stub;

struct gdb_stub_env {
	/* To the client, all of it. May not call back. */
	void (*send)(void *opaque, const char *p, size_t len);
	/* What is sent from now on is read by nobody, and nothing more is wanted from there. */
	void (*hang_up)(void *opaque);
	/* gdb_stub_listens() has become true. */
	void (*ready)(void *opaque);
	void *opaque;
	struct gdb_monitor monitor;
};

/* NULL: no memory. Takes over t->stopped. */
struct gdb_stub *gdb_stub_new(struct debug_target *t, const struct gdb_stub_env *env);
/* NULL-safe, returns NULL. */
struct gdb_stub *gdb_stub_free(struct gdb_stub *s);

/* Somebody has connected: the guest is stopped, if it does not stand. */
void gdb_stub_begin(struct gdb_stub *s);
/* He is gone, whether he said so or not: the guest goes on. */
void gdb_stub_end(struct gdb_stub *s);

/*
 * Takes bytes, as many as it will now, and returns how many these are: while a guest is still being
 * stopped for a client that has just come, he is not listened to.
 */
size_t gdb_stub_receive(struct gdb_stub *s, const uint8_t *p, size_t len);
bool gdb_stub_listens(const struct gdb_stub *s);

#endif
