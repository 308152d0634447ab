/* SPDX-License-Identifier: MIT */
/*
 * loop.h: one thread that waits for descriptors, timers and posted work. Nodes are intrusive;
 * nothing is allocated after loop_add().
 */
#ifndef VMM_LOOP_H
#define VMM_LOOP_H

#include "vmm/timer.h"

struct error;
struct loop;

#define EV_IN  1u
#define EV_OUT 2u
#define EV_HUP 4u /* hang-up or error; always reported */
/*
 * Reported once for each time it comes about, whether or not it is dealt with. An eventfd watched
 * so need not be read: each write to it is one report.
 */
#define EV_EDGE 8u

struct ev_fd {
	int fd; /* borrowed */
	uint32_t events;
	void (*cb)(struct ev_fd *e, uint32_t revents); /* on the loop's thread */
	struct loop *loop;                             /* NULL: not attached */
};

struct ev_work {
	void (*cb)(struct ev_work *w); /* on the loop's thread */
	struct ev_work *next;
	bool queued;
};

struct loop *loop_create(const char *name, struct error **errp) __must_check;
/* Stops its thread if it has one. NULL-safe, returns NULL. */
struct loop *loop_destroy(struct loop *l);

/* Runs on a new thread until loop_stop(). */
int loop_start_thread(struct loop *l, struct error **errp) __must_check;
/*
 * Runs as a part of @host, on its thread, for as long as @host runs: two loops with clocks of their
 * own, one thread. Until loop_stop(), on that thread or when @host has stopped.
 */
int loop_start_hosted(struct loop *l, struct loop *host, struct error **errp) __must_check;
/* Runs on the calling thread until loop_stop(). */
void loop_run(struct loop *l);
/* Makes loop_run() return soon, and joins the thread if there is one (not from the loop itself).
 * Any thread. */
void loop_stop(struct loop *l);

/* Attach, change the wanted events, detach. Only on the loop's thread or while it does not run.
 * -EPERM: not pollable. */
int loop_add(struct loop *l, struct ev_fd *e, struct error **errp) __must_check;
void loop_mod(struct ev_fd *e, uint32_t events);
void loop_del(struct ev_fd *e);

/* Any thread; idempotent while queued; @w must outlive its run. */
void loop_post(struct loop *l, struct ev_work *w);
/* Runs fn(arg) on the loop's thread and waits. Control plane only; not from the loop itself. */
void loop_run_sync(struct loop *l, void (*fn)(void *), void *arg);
bool loop_is_current(const struct loop *l);
/*
 * Does a thread run it, or has one been started to? Settled while no other thread starts or stops
 * loops. A loop that does not run cannot be waited for: do its work on the spot.
 */
bool loop_is_running(const struct loop *l);

/* The VM clock whose timers fire on this loop. */
struct vclock *loop_clock(struct loop *l);

/* Stops and restarts VM time on this loop (pause):
 * timers neither fire nor come closer in between. */
void loop_pause_clock(struct loop *l);
void loop_resume_clock(struct loop *l);

#endif
