/* SPDX-License-Identifier: MIT */
/*
 * trace.h: what threads tell the lens, in records of one size.
 *
 * Each thread that has something to tell writes to a ring of its own, which one reader empties. A
 * writer never waits: where there is no room the record is counted as lost. With tracing off all of
 * this is one relaxed load and a branch that is not taken.
 *
 * A record of an exit is written when the vCPU goes back in (or cannot), so it stands behind what
 * happened because of it: events of the same thread whose time lies in [t, t + away) belong to it.
 */
#ifndef VMM_TRACE_H
#define VMM_TRACE_H

#include <stdatomic.h>

#include "vmm/base.h"

struct error;

/* Numbers of the file format (docs/trace-format.md): never reused. */
enum trace_kind {
	TRACE_EXIT = 1,  /* a vCPU fell out of the guest, and went back */
	TRACE_EVENT = 2, /* a thing that happened: trace_event_info */
	TRACE_FIELD = 3, /* a field of a device's state changed in the handler of an exit */
	TRACE_CODE = 4,  /* bytes of the guest's code around a RIP, before the first exit from it */
	TRACE_KERNEL = 5, /* what tells where the guest's kernel was put (KASLR) */
};

enum trace_exit_reason {
	TRACE_PIO = 1,
	TRACE_MMIO,
	TRACE_HLT,
	TRACE_IRQ_WINDOW,
	TRACE_EOI,
	TRACE_INTR, /* the host wanted this vCPU's attention */
	TRACE_RDMSR,
	TRACE_WRMSR,
	TRACE_SHUTDOWN,
	TRACE_DEBUG,
	TRACE_OTHER, /* value: KVM's exit_reason */
	TRACE_EXIT_REASONS,
};

#define TRACE_X_WRITE  1u /* the guest wrote; else it read */
#define TRACE_X_STRING 2u /* INS or OUTS: count items, value is the first */
#define TRACE_X_NOBODY 4u /* no device answers there; dev, region and off mean nothing */
#define TRACE_X_FAULT  8u /* of an MSR: the guest gets #GP, and value is no answer */

#define TRACE_NO_DEV UINT16_MAX

/* Of an instruction's surroundings: this many bytes before RIP, and the rest at it. */
#define TRACE_CODE_BEFORE 15u
#define TRACE_CODE_BYTES  30u

/* 64 bytes, host order in memory, little-endian in a file. */
struct trace_rec {
	uint64_t t;    /* CLOCK_MONOTONIC, ns; of an exit: when KVM_RUN returned */
	uint16_t kind; /* enum trace_kind */
	uint16_t dev;  /* trace_devices' index, or TRACE_NO_DEV */
	uint32_t num;  /* exits: counts this vCPU's from 1; events: enum trace_event */
	union {
		struct {
			/*
			 * As KVM has it then: the instruction's, except that after a write KVM has
			 * usually stepped over it already.
			 */
			uint64_t rip;
			uint64_t addr;  /* port, gpa, MSR or vector */
			uint64_t value; /* written, or what the device answered */
			uint32_t count;
			uint32_t guest;   /* ns in KVM_RUN before this exit, at most UINT32_MAX */
			uint32_t handler; /* ns in device code */
			uint32_t away;    /* ns from exit to entry */
			uint32_t off;     /* inside the region */
			uint8_t reason;   /* enum trace_exit_reason */
			uint8_t size;     /* bytes an item */
			uint8_t flags;    /* TRACE_X_ */
			uint8_t region;   /* which of the device's */
		} exit;
		struct {
			uint64_t arg[6];
		} event;
		struct {
			uint32_t field; /* index into the device's snapshot table */
			uint32_t index; /* for arrays */
			uint64_t from, to;
			uint64_t pad[3];
		} field;
		struct {
			uint64_t rip;
			uint32_t cs_base;
			uint8_t bits; /* 16, 32, 64 */
			uint8_t cpl;
			uint8_t before; /* of bytes[], how many are in front of RIP */
			uint8_t len;    /* all of them */
			uint8_t bytes[TRACE_CODE_BYTES];
			uint8_t pad[2];
		} code;
		struct {
			uint64_t lstar; /* MSR_LSTAR: entry_SYSCALL_64, once Linux has set it */
			uint64_t idt;   /* linear address */
			uint64_t rip, cr3;
			uint64_t pad[2];
		} kernel;
	};
};
_Static_assert(sizeof(struct trace_rec) == 64, "the file format's");

/*
 * Events: id, name, and what the arguments are called, in order, for lines and pages. Numbers are
 * the file format's: new ones go to the end.
 */
#define TRACE_EVENTS(X)                                                                            \
	X(IRQ_LINE, "irq line", "pin", "level")                                                    \
	X(IRQ_REQUEST, "irq requested", "irr", "pin")                                              \
	X(IRQ_ACK, "irq acknowledged", "vector", "pin")                                            \
	X(IRQ_INJECT, "irq injected", "vector", "cpu")                                             \
	X(IRQ_EOI, "irq ended", "vector", "isr")                                                   \
	X(MSI, "msi", "addr", "data")                                                              \
	X(MAP, "region mapped", "region", "addr", "len")                                           \
	X(UNMAP, "region unmapped", "region", "addr", "len")                                       \
	X(VQ_NOTIFY, "queue notified", "queue")                                                    \
	X(VQ_POP, "chain taken", "queue", "head", "readable", "writable")                          \
	X(VQ_PUSH, "chain used", "queue", "head", "written")                                       \
	X(IO_BEGIN, "request begun", "id", "op", "offset", "len")                                  \
	X(IO_END, "request done", "id", "status")                                                  \
	X(TIMER, "timer fired", "timer")                                                           \
	X(MARK, "mark", "value")                                                                   \
	X(DIRTY, "pages written", "addr", "pages")

enum trace_event {
#define X(id, ...) TRACE_E_##id,
	TRACE_EVENTS(X)
#undef X
		TRACE_EVENT_CNT,
};

struct trace_event_info {
	const char *name;
	const char *arg[6]; /* NULL: no more */
};
extern const struct trace_event_info trace_event_info[TRACE_EVENT_CNT];

/* --- writing: any thread ---------------------------------------------------------------------- */

extern _Atomic bool trace_on; /* written through trace_start() and trace_stop() only */

static inline bool trace_enabled(void)
{
	return unlikely(atomic_load_explicit(&trace_on, memory_order_relaxed));
}

/* Into the calling thread's ring, which is made the first time. Never waits for the reader: false
 * if there is no room, and the record lost. */
bool trace_put(const struct trace_rec *r);

/* Differs after each trace_start(), from 1 on: whoever told something once tells it again. */
unsigned trace_session(void);

/* CLOCK_MONOTONIC in ns. */
uint64_t trace_now(void);

/* Cold half of trace_event(). */
void trace_event_put(enum trace_event e, uint16_t dev, const uint64_t *arg, unsigned cnt);

/* trace_event(TRACE_E_MSI, d->number, addr, data): something happened, now, at or to a device. */
#define trace_event(e, dev, ...)                                                                   \
	do {                                                                                       \
		if (trace_enabled()) {                                                             \
			const uint64_t trace_args[] = { __VA_ARGS__ };                             \
			trace_event_put((e), (dev), trace_args, ARRAY_LEN(trace_args));            \
		}                                                                                  \
	} while (0)

/* --- reading: one thread, the lens's ---------------------------------------------------------- */

#define TRACE_THREADS_MAX 512

struct trace_thread {
	char name[16];
	int vcpu;      /* -1: none */
	uint64_t lost; /* records for which there was no room, so far */
};

/*
 * Makes every ring @records long (a power of two; -EINVAL), forgets old ones and their threads, and
 * turns tracing on. -ENOMEM.
 */
int trace_start(unsigned records, struct error **errp) __must_check;
/* Turns it off; what is in the rings can still be taken. Threads may still write what they had
 * begun. */
void trace_stop(void);
/* Frees the rings. No thread that could write is left. */
void trace_end(void);

/* Says that the calling thread is vCPU @cpu's. Once, before its first record; cheap when off. */
void trace_thread_is_vcpu(unsigned cpu);

/* How many threads have written so far; their numbers do not change before the next start. */
unsigned trace_thread_cnt(void);
void trace_thread_info(unsigned thread, struct trace_thread *ret);

/* Takes up to @max records, oldest first, from the ring of @thread. Their number. */
unsigned trace_take(unsigned thread, struct trace_rec *to, unsigned max);

/* Records that were lost so far: of all threads, those included that have got no ring (no memory,
 * or more than TRACE_THREADS_MAX). */
uint64_t trace_lost(void);

#endif
