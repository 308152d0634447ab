/* SPDX-License-Identifier: MIT */
/*
 * vcpu_trace.c: a vCPU that is watched: each trip into the guest and what came of it as records.
 *
 * The vCPU's own thread does all of this. An exit's record is filled while the exit is dealt with
 * and written when the vCPU goes back in, which ends its time away; what is looked up for the
 * reader (the code at RIP) is looked up after that, and is in no exit's time.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/snap_diff.h"
#include "kvm/vm_internal.h"
#include "vmm/endian.h"
#include "vmm/trace.h"

#define EFER_LMA     UINT64_C(0x400)
#define MSR_LSTAR    0xc0000082u
#define PAGE         UINT64_C(4096)
#define CODE_BEHIND  (TRACE_CODE_BYTES - TRACE_CODE_BEFORE)
#define FIELDS_MAX   64u /* changes told of one exit */
#define DIFF_DEVICES 1024u
#define SEEN_SLOTS   2048u
#define LOOK_AGAIN   1024u /* hits, until code is read again: guests write over theirs */
#define NSEC_UNKNOWN 0

/* RIPs of which a code record was written. Direct-mapped. */
struct seen {
	uint64_t rip;
	uint32_t hash; /* of that record; 0: none */
	uint32_t hits;
};

struct vcpu_trace {
	struct bus_watch watch;
	struct vcpu *v;
	unsigned session;
	bool sync_regs; /* KVM leaves registers in struct kvm_run */
	bool open;      /* @x is of an exit that the vCPU has not come back from */
	uint32_t exits;
	uint64_t entered; /* ns; NSEC_UNKNOWN */
	struct trace_rec x;

	/* Of the handlers of this exit. */
	uint64_t began;
	uint64_t handler;
	unsigned fields;

	uint64_t lstar, idt;
	struct seen seen[SEEN_SLOTS];
	struct snap_diff *diff[DIFF_DEVICES]; /* by device number; made at its first access */
};

static uint32_t ns32(uint64_t ns)
{
	return (uint32_t)min_u64(ns, UINT32_MAX);
}

/* --- what devices do -------------------------------------------------------------------------- */

static struct snap_diff *diff_of(struct vcpu_trace *t, const struct device *d)
{
	if (d->number >= DIFF_DEVICES || !d->ops->state)
		return NULL;
	if (unlikely(!t->diff[d->number]))
		t->diff[d->number] = snap_diff_new(d->ops->state);
	return t->diff[d->number];
}

/* An access in pieces is the first one's; a handler that wants more bytes than the guest does is
 * called for those around. */
static void note_place(struct vcpu_trace *t, const struct io_region *r, uint32_t off)
{
	struct trace_rec *x = &t->x;
	const unsigned min = r->ops->min_size;

	if (!(x->exit.flags & TRACE_X_NOBODY))
		return;
	x->exit.flags &= (uint8_t)~TRACE_X_NOBODY;
	x->dev = r->dev->number;
	x->exit.region = (uint8_t)r->index;
	x->exit.off = off + (x->exit.size < min ? (uint32_t)x->exit.addr & (min - 1) : 0);
}

static void before_handler(struct bus_watch *w, struct io_region *r, uint32_t off)
{
	struct vcpu_trace *t = container_of(w, struct vcpu_trace, watch);
	struct snap_diff *d = diff_of(t, r->dev);

	note_place(t, r, off);
	if (d)
		snap_diff_take(d, r->dev);
	t->began = trace_now();
}

struct changes {
	uint64_t t;
	uint16_t dev;
};

static void put_change(void *opaque, unsigned field, uint32_t index, uint64_t from, uint64_t to)
{
	const struct changes *c = opaque;
	struct trace_rec r = { .t = c->t, .kind = TRACE_FIELD, .dev = c->dev };

	r.field.field = field;
	r.field.index = index;
	r.field.from = from;
	r.field.to = to;
	trace_put(&r);
}

static void after_handler(struct bus_watch *w, struct io_region *r)
{
	struct vcpu_trace *t = container_of(w, struct vcpu_trace, watch);
	struct changes c = { .t = trace_now(), .dev = r->dev->number };
	struct snap_diff *d = diff_of(t, r->dev);

	t->handler += c.t - t->began;
	if (d && t->fields < FIELDS_MAX)
		t->fields += snap_diff_tell(d, r->dev, FIELDS_MAX - t->fields, put_change, &c);
}

/* --- the guest's code ------------------------------------------------------------------------- */

static size_t read_linear(struct vcpu *v, uint64_t linear, void *to, size_t len)
{
	struct kvm_translation tr = { .linear_address = linear };

	if (kvm_ioctl(v->fd, KVM_TRANSLATE, &tr) < 0 || !tr.valid ||
	    !gm_read(v->set->gm, tr.physical_address, to, len))
		return 0;
	return len;
}

/* Up to CODE_BEHIND bytes from @linear on, and up to TRACE_CODE_BEFORE in front of it, across the
 * boundary of a page if there is one behind it. */
static void read_code(struct vcpu *v, uint64_t linear, struct trace_rec *r)
{
	const uint64_t page = linear & (PAGE - 1);
	uint8_t front[TRACE_CODE_BEFORE], back[CODE_BEHIND];
	const size_t front_here = min_u64(page, sizeof(front));
	const size_t back_here = min_u64(PAGE - page, sizeof(back));
	size_t n_front = front_here, n_back;
	uint8_t here[TRACE_CODE_BYTES];

	if (!read_linear(v, linear - front_here, here, front_here + back_here))
		return;
	memcpy(front + sizeof(front) - front_here, here, front_here);
	memcpy(back, here + front_here, back_here);
	n_back = back_here;
	if (back_here < sizeof(back))
		n_back += read_linear(v, linear + back_here, back + back_here,
				      sizeof(back) - back_here);
	if (front_here < sizeof(front))
		n_front +=
			read_linear(v, linear - sizeof(front), front, sizeof(front) - front_here);
	r->code.before = (uint8_t)n_front;
	r->code.len = (uint8_t)(n_front + n_back);
	memcpy(r->code.bytes, front + sizeof(front) - n_front, n_front);
	memcpy(r->code.bytes + n_front, back, n_back);
}

/* Where the kernel is. Its entry for system calls says so, and its IDT before it has one. */
static void put_kernel(struct vcpu_trace *t, const struct kvm_sregs *s)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} m = { .head = { .nmsrs = 1 }, .entry = { { .index = MSR_LSTAR } } };
	struct trace_rec r = { .t = t->x.t, .kind = TRACE_KERNEL, .dev = TRACE_NO_DEV };

	if (kvm_ioctl(t->v->fd, KVM_GET_MSRS, &m) != 1)
		m.entry[0].data = 0;
	if (m.entry[0].data == t->lstar && s->idt.base == t->idt)
		return;
	t->lstar = r.kernel.lstar = m.entry[0].data;
	t->idt = r.kernel.idt = s->idt.base;
	r.kernel.rip = t->x.exit.rip;
	r.kernel.cr3 = s->cr3;
	trace_put(&r);
}

static uint32_t hash_of(const struct trace_rec *r)
{
	const uint8_t *p = (const uint8_t *)&r->code;
	uint32_t h = 2166136261u;

	for (unsigned i = 0; i < sizeof(r->code); i++)
		h = (h ^ p[i]) * 16777619u;
	return h | 1;
}

static struct seen *slot_of(struct vcpu_trace *t, uint64_t rip)
{
	return &t->seen[(rip * UINT64_C(0x9e3779b97f4a7c15)) >> 53 & (SEEN_SLOTS - 1)];
}

/* Four system calls or so: what makes the first exit from a place dear, and no other. */
static __attribute__((cold, noinline)) void put_code(struct vcpu_trace *t, struct seen *s)
{
	struct trace_rec r = { .t = t->x.t, .kind = TRACE_CODE, .dev = TRACE_NO_DEV };
	const uint64_t rip = t->x.exit.rip;
	struct kvm_sregs sr;
	uint32_t hash;

	if (s->rip != rip)
		s->hash = 0;
	s->rip = rip;
	s->hits = 0;
	if (kvm_ioctl(t->v->fd, KVM_GET_SREGS, &sr) < 0)
		return;
	put_kernel(t, &sr);
	r.code.rip = rip;
	r.code.bits = sr.efer & EFER_LMA && sr.cs.l ? 64 : sr.cs.db ? 32 : 16;
	r.code.cpl = sr.ss.dpl;
	r.code.cs_base = r.code.bits == 64 ? 0 : (uint32_t)sr.cs.base;
	read_code(t->v, r.code.bits == 64 ? rip : (uint32_t)(sr.cs.base + rip), &r);
	if (!r.code.len)
		return;
	hash = hash_of(&r);
	if (hash != s->hash)
		s->hash = trace_put(&r) ? hash : 0; /* lost: told again soon */
}

/* --- time ------------------------------------------------------------------------------------- */

static void reset_clock(struct vcpu_clock *c)
{
	atomic_store_explicit(&c->first, 0, memory_order_relaxed);
	atomic_store_explicit(&c->away, 0, memory_order_relaxed);
	atomic_store_explicit(&c->halted, 0, memory_order_relaxed);
	atomic_store_explicit(&c->inside, false, memory_order_relaxed);
}

/* One thread writes: no read-modify-write is needed. */
static inline void add_time(_Atomic uint64_t *sum, uint64_t ns)
{
	atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + ns,
			      memory_order_relaxed);
}

static inline void clock_moved(struct vcpu_clock *c, uint64_t now, bool inside)
{
	atomic_store_explicit(&c->last, now, memory_order_relaxed);
	atomic_store_explicit(&c->inside, inside, memory_order_relaxed);
}

/* --- a trip ----------------------------------------------------------------------------------- */

static struct vcpu_trace *get(struct vcpu *v)
{
	struct vcpu_trace *t = v->trace;

	if (unlikely(!t)) {
		t = v->trace = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		t->v = v;
		t->watch = (struct bus_watch){ before_handler, after_handler };
		t->sync_regs = vm_cap(v->set->vm, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_REGS;
	}
	if (unlikely(t->session != trace_session())) {
		t->session = trace_session();
		t->open = false;
		t->exits = 0;
		t->lstar = t->idt = 0;
		reset_clock(&v->clock);
		memset(t->seen, 0, sizeof(t->seen));
	}
	return t;
}

/* The vCPU goes back in, or nowhere: what began with its last exit is over. */
static void close_exit(struct vcpu_trace *t, uint64_t now)
{
	struct seen *s = slot_of(t, t->x.exit.rip);

	struct vcpu_clock *c = &t->v->clock;

	t->open = false;
	t->x.exit.away = ns32(now - t->x.t);
	add_time(&c->away, now - t->x.t);
	if (t->x.exit.reason == TRACE_HLT)
		add_time(&c->halted, t->handler);
	clock_moved(c, now, false);
	/* A debugger that sees exits without a trace looks at memory by itself. */
	if (unlikely(s->rip != t->x.exit.rip || !s->hash || ++s->hits > LOOK_AGAIN) &&
	    trace_enabled())
		put_code(t, s);
	trace_put(&t->x);
}

struct bus_watch *vcpu_trace_entry(struct vcpu *v)
{
	struct vcpu_trace *t = get(v);

	if (!t)
		return NULL;
	t->entered = trace_now();
	if (t->open) {
		close_exit(t, t->entered);
		t->entered = trace_now();
	}
	clock_moved(&v->clock, t->entered, true);
	if (!atomic_load_explicit(&v->clock.first, memory_order_relaxed))
		atomic_store_explicit(&v->clock.first, t->entered, memory_order_relaxed);
	if (t->sync_regs)
		v->run->kvm_valid_regs |= KVM_SYNC_X86_REGS;
	return &t->watch;
}

static uint64_t first_item(const struct kvm_run *run)
{
	const uint8_t *p = (const uint8_t *)run + run->io.data_offset;

	return run->io.size == 1 ? *p : run->io.size == 2 ? get_le16(p) : get_le32(p);
}

static void set_io(struct trace_rec *x, const struct kvm_run *run)
{
	x->exit.reason = TRACE_PIO;
	x->exit.addr = run->io.port;
	x->exit.size = run->io.size;
	x->exit.count = run->io.count;
	x->exit.flags = TRACE_X_NOBODY;
	if (run->io.count > 1)
		x->exit.flags |= TRACE_X_STRING;
	if (run->io.direction == KVM_EXIT_IO_OUT) {
		x->exit.flags |= TRACE_X_WRITE;
		x->exit.value = first_item(run);
	}
}

static uint64_t mmio_value(const struct kvm_run *run)
{
	uint8_t b[8] = { 0 };

	memcpy(b, run->mmio.data, min_u64(run->mmio.len, sizeof(b)));
	return get_le64(b);
}

static void set_mmio(struct trace_rec *x, const struct kvm_run *run)
{
	x->exit.reason = TRACE_MMIO;
	x->exit.addr = run->mmio.phys_addr;
	x->exit.size = (uint8_t)min_u64(run->mmio.len, sizeof(run->mmio.data));
	x->exit.count = 1;
	x->exit.flags = TRACE_X_NOBODY;
	if (run->mmio.is_write) {
		x->exit.flags |= TRACE_X_WRITE;
		x->exit.value = mmio_value(run);
	}
}

static void set_msr(struct trace_rec *x, const struct kvm_run *run, bool write)
{
	x->exit.reason = write ? TRACE_WRMSR : TRACE_RDMSR;
	x->exit.addr = run->msr.index;
	x->exit.size = 8;
	x->exit.count = 1;
	if (write) {
		x->exit.flags = TRACE_X_WRITE;
		x->exit.value = run->msr.data;
	}
}

static void set_what(struct trace_rec *x, const struct kvm_run *run)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		set_io(x, run);
		break;
	case KVM_EXIT_MMIO:
		set_mmio(x, run);
		break;
	case KVM_EXIT_HLT:
		x->exit.reason = TRACE_HLT;
		break;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		x->exit.reason = TRACE_IRQ_WINDOW;
		break;
	case KVM_EXIT_IOAPIC_EOI:
		x->exit.reason = TRACE_EOI;
		x->exit.addr = run->eoi.vector;
		break;
	case KVM_EXIT_INTR:
		x->exit.reason = TRACE_INTR;
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		set_msr(x, run, run->exit_reason == KVM_EXIT_X86_WRMSR);
		break;
	case KVM_EXIT_SHUTDOWN:
		x->exit.reason = TRACE_SHUTDOWN;
		break;
	case KVM_EXIT_DEBUG:
		x->exit.reason = TRACE_DEBUG;
		break;
	default:
		x->exit.reason = TRACE_OTHER;
		x->exit.value = run->exit_reason;
	}
}

static uint64_t rip_of(struct vcpu_trace *t)
{
	struct kvm_regs r;

	if (t->sync_regs)
		return t->v->run->s.regs.regs.rip;
	return kvm_ioctl(t->v->fd, KVM_GET_REGS, &r) < 0 ? 0 : r.rip;
}

void vcpu_trace_exit(struct vcpu *v, int run_errno)
{
	struct vcpu_trace *t = v->trace;
	const uint64_t now = trace_now();

	if (!t)
		return;
	t->x = (struct trace_rec){
		.t = now, .kind = TRACE_EXIT, .dev = TRACE_NO_DEV, .num = ++t->exits
	};
	clock_moved(&v->clock, now, false);
	t->x.exit.guest = ns32(now - t->entered);
	t->x.exit.rip = rip_of(t);
	if (run_errno == EINTR || run_errno == EAGAIN)
		t->x.exit.reason = TRACE_INTR;
	else
		set_what(&t->x, v->run);
	t->handler = 0;
	t->fields = 0;
	t->open = true;
}

static bool is_bus_access(const struct trace_rec *x)
{
	return x->exit.reason == TRACE_PIO || x->exit.reason == TRACE_MMIO;
}

static bool is_msr_access(const struct trace_rec *x)
{
	return x->exit.reason == TRACE_RDMSR || x->exit.reason == TRACE_WRMSR;
}

/* What the device, or whoever answered for an MSR, has said. */
static uint64_t answer(const struct trace_rec *x, const struct kvm_run *run)
{
	switch (x->exit.reason) {
	case TRACE_PIO:
		return first_item(run);
	case TRACE_MMIO:
		return mmio_value(run);
	case TRACE_RDMSR:
		return run->msr.data;
	default:
		return x->exit.value;
	}
}

const struct trace_rec *vcpu_trace_emulated(struct vcpu *v, bool go_on)
{
	struct vcpu_trace *t = v->trace;

	if (!t)
		return NULL;
	if (!is_bus_access(&t->x))
		t->handler = trace_now() - t->x.t;
	t->x.exit.handler = ns32(t->handler);
	if (is_msr_access(&t->x) && v->run->msr.error)
		t->x.exit.flags |= TRACE_X_FAULT;
	else if (!(t->x.exit.flags & TRACE_X_WRITE))
		t->x.exit.value = answer(&t->x, v->run);
	if (!go_on || !trace_enabled())
		close_exit(t, trace_now());
	if (!trace_enabled())
		v->run->kvm_valid_regs &= ~(uint64_t)KVM_SYNC_X86_REGS;
	return &t->x;
}

void vcpu_trace_free(struct vcpu *v)
{
	struct vcpu_trace *t = take_ptr(v->trace);

	if (!t)
		return;
	for (unsigned i = 0; i < DIFF_DEVICES; i++)
		snap_diff_free(t->diff[i]);
	free(t);
}
