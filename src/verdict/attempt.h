/* SPDX-License-Identifier: MIT */
/*
 * attempt.h: one guest that runs one test, once: a child process with the machine in it, and, in
 * this process, what listens to it: records, streams, console, limits, its end. All on one loop's
 * thread; nothing here blocks on the guest or on whoever reads our output.
 */
#ifndef VERDICT_ATTEMPT_H
#define VERDICT_ATTEMPT_H

#include "vmm/loop.h"
#include "vmm/test.h"

struct attempt;

struct attempt_params {
	struct loop *loop;
	const struct test_spec *spec; /* outlives the attempt, as all here */
	unsigned index, attempt;      /* for the result */
	unsigned slot;                /* of --jobs, from 0: no two guests that run have the same */
	bool alone;                   /* slot and name need not keep it apart from others */
	bool passthrough;             /* standard streams are this process's */
	const char *dir;              /* artefacts are made here; NULL: none */
	/* It is over, and attempt_take() is next. On the loop's thread, never from within a call.
	 */
	void (*done)(struct attempt *a, void *opaque);
	void *opaque;
};

/*
 * Starts it. What the host cannot do is a result as well: done() comes, with a host error. -ENOMEM
 * and the like only if there is not even that.
 */
int attempt_start(const struct attempt_params *p, struct attempt **ret,
		  struct error **errp) __must_check;
/* Ends the guest: SIGINT for its process, and SIGKILL if it is there two seconds later, or when
 * this is called again. */
void attempt_cancel(struct attempt *a);
/* How far it is, for people: "boots", "runs", "ends". Static. */
const char *attempt_stage(const struct attempt *a);
const struct test_spec *attempt_spec(const struct attempt *a);
unsigned attempt_slot(const struct attempt *a);

/*
 * After done(): fills @r, which the caller test_result_free()s, writes the artefacts, and keeps
 * them if @keep says so. What could not be written is in *errp, and no reason to stop.
 */
void attempt_take(struct attempt *a, enum test_keep keep, struct test_result *r,
		  struct error **errp);
/* The last lines of what trapeze's own process of this guest had to say; "" if nothing. The caller
 * frees; after done(). */
char *attempt_log(struct attempt *a);
/* Kills the child if there is one. NULL-safe, returns NULL. From within done(), or while the loop
 * does not run. */
struct attempt *attempt_destroy(struct attempt *a);

#endif
