/* SPDX-License-Identifier: MIT */
/* fake_guest.h: a fake_debug with paging, memory and a script: it "runs" to the stop that the test
 * has prepared. */
#ifndef TESTS_FAKE_GUEST_H
#define TESTS_FAKE_GUEST_H

#include "tests/lib/fake.h"
#include "tests/lib/fake_debug.h"

#define FAKE_GUEST_RAM    (UINT64_C(4) << 20) /* from 0 on */
#define FAKE_GUEST_CPUS   2u
#define FAKE_GUEST_STOPS  64u
#define FAKE_GUEST_BREAKS FAKE_DEBUG_BREAKS

struct fake_guest {
	struct fake_debug d;

	/* What resume() comes back with, in order; fake_guest_run() delivers it. */
	struct debug_stop stop[FAKE_GUEST_STOPS];
	unsigned stop_cnt, stop_next;
};

/* CPU 0 in 64-bit mode at 0x1000 with the identity mapped (tables at 0x10000), the others in real
 * mode. Four debug registers. */
void fake_guest_init(struct fake_guest *f);
void fake_guest_fini(struct fake_guest *f);
void fake_guest_real_mode(struct debug_regs *r, uint16_t cs, uint16_t ip);
/* Prepares the next stop. An exit is shown to debug_run.stop_at() and stops only if that says so.
 */
struct debug_stop *fake_guest_stop(struct fake_guest *f, enum debug_stop_why why, unsigned cpu);
/* Lets it run to the stops that are prepared, as long as it is resumed. */
void fake_guest_run(struct fake_guest *f);
void fake_guest_put(struct fake_guest *f, uint64_t gpa, const void *p, size_t len);
void fake_guest_put64(struct fake_guest *f, uint64_t gpa, uint64_t v);

#endif
