/* SPDX-License-Identifier: MIT */
/*
 * vcpu_debug.c: a vCPU under a debugger: its registers, and where it stops.
 *
 * Everything but vcpu_debug_exit() and vcpu_debug_after() runs on the control thread while the vCPU
 * stands. A vCPU that stops says why in its own struct vcpu_debug, has the machine stop the others,
 * and waits like them. Linux Documentation/virt/kvm/api.rst 4.87, KVM_SET_GUEST_DEBUG.
 */
#include <errno.h>
#include <string.h>

#include "kvm/vm_internal.h"
#include "vmm/bits.h"
#include "vmm/endian.h"

#define VECTOR_DB 1
#define VECTOR_BP 3
#define DR6_BS    0x4000u
/* Intel SDM 3B 18.2.4: bit 10 reads as one, LE and GE ask for exactness of CPUs that know them. */
#define DR7_BASE           0x700u
#define MSR_LSTAR          0xc0000082u
#define MSR_KERNEL_GS_BASE 0xc0000102u

/* --- registers: KVM's structures and ours ----------------------------------------------------- */

/* Offsets in struct kvm_regs of what debug_regs.gpr[] has in gdb's order. */
static const size_t gpr_off[DBG_GPRS] = {
	[DBG_RAX] = offsetof(struct kvm_regs, rax), [DBG_RBX] = offsetof(struct kvm_regs, rbx),
	[DBG_RCX] = offsetof(struct kvm_regs, rcx), [DBG_RDX] = offsetof(struct kvm_regs, rdx),
	[DBG_RSI] = offsetof(struct kvm_regs, rsi), [DBG_RDI] = offsetof(struct kvm_regs, rdi),
	[DBG_RBP] = offsetof(struct kvm_regs, rbp), [DBG_RSP] = offsetof(struct kvm_regs, rsp),
	[DBG_R8] = offsetof(struct kvm_regs, r8),   [DBG_R9] = offsetof(struct kvm_regs, r9),
	[DBG_R10] = offsetof(struct kvm_regs, r10), [DBG_R11] = offsetof(struct kvm_regs, r11),
	[DBG_R12] = offsetof(struct kvm_regs, r12), [DBG_R13] = offsetof(struct kvm_regs, r13),
	[DBG_R14] = offsetof(struct kvm_regs, r14), [DBG_R15] = offsetof(struct kvm_regs, r15),
};

static const size_t seg_off[DBG_SEGS] = {
	[DBG_CS] = offsetof(struct kvm_sregs, cs),    [DBG_SS] = offsetof(struct kvm_sregs, ss),
	[DBG_DS] = offsetof(struct kvm_sregs, ds),    [DBG_ES] = offsetof(struct kvm_sregs, es),
	[DBG_FS] = offsetof(struct kvm_sregs, fs),    [DBG_GS] = offsetof(struct kvm_sregs, gs),
	[DBG_LDTR] = offsetof(struct kvm_sregs, ldt), [DBG_TR] = offsetof(struct kvm_sregs, tr),
};

static uint64_t *gpr(struct kvm_regs *r, unsigned i)
{
	return (uint64_t *)((char *)r + gpr_off[i]);
}

static struct kvm_segment *seg(struct kvm_sregs *s, unsigned i)
{
	return (struct kvm_segment *)((char *)s + seg_off[i]);
}

static struct debug_segment segment_get(const struct kvm_segment *k)
{
	return (struct debug_segment){
		.selector = k->selector,
		.base = k->base,
		.limit = k->limit,
		/* An unusable one is as good as not present. */
		.access = (uint16_t)(k->type | k->s << 4 | k->dpl << 5 |
				     (k->present && !k->unusable) << 7 | k->avl << 12 | k->l << 13 |
				     k->db << 14 | k->g << 15),
	};
}

static void segment_set(struct kvm_segment *k, const struct debug_segment *d)
{
	const struct debug_segment now = segment_get(k);
	uint16_t a = d->access;

	k->selector = d->selector;
	k->base = d->base;
	k->limit = d->limit;
	if (a == now.access)
		return; /* nor does an unusable one become merely absent */
	k->type = a & 0xf;
	k->s = a >> 4 & 1;
	k->dpl = a >> 5 & 3;
	k->present = a >> 7 & 1;
	k->unusable = !k->present;
	k->avl = a >> 12 & 1;
	k->l = a >> 13 & 1;
	k->db = a >> 14 & 1;
	k->g = a >> 15;
}

static void sregs_get(struct kvm_sregs *k, struct debug_regs *d)
{
	for (unsigned i = 0; i < DBG_SEGS; i++)
		d->seg[i] = segment_get(seg(k, i));
	d->gdt_base = k->gdt.base;
	d->gdt_limit = k->gdt.limit;
	d->idt_base = k->idt.base;
	d->idt_limit = k->idt.limit;
	d->cr0 = k->cr0;
	d->cr2 = k->cr2;
	d->cr3 = k->cr3;
	d->cr4 = k->cr4;
	d->cr8 = k->cr8;
	d->efer = k->efer;
	d->apic_base = k->apic_base;
}

static void sregs_set(struct kvm_sregs *k, const struct debug_regs *d)
{
	for (unsigned i = 0; i < DBG_SEGS; i++)
		segment_set(seg(k, i), &d->seg[i]);
	k->gdt.base = d->gdt_base;
	k->gdt.limit = d->gdt_limit;
	k->idt.base = d->idt_base;
	k->idt.limit = d->idt_limit;
	k->cr0 = d->cr0;
	k->cr2 = d->cr2;
	k->cr3 = d->cr3;
	k->cr4 = d->cr4;
	k->cr8 = d->cr8;
	k->efer = d->efer;
	k->apic_base = d->apic_base;
}

/*
 * Intel SDM 1 13.4: the legacy region is FXSAVE's, the header follows, and AVX's component is where
 * CPUID leaf 0DH has it on every CPU there is. A component whose bit in XSTATE_BV is clear is in
 * its initial state, whatever lies in its place.
 */
enum {
	XSAVE_FCW = 0,
	XSAVE_FSW = 2,
	XSAVE_FTW = 4,
	XSAVE_FOP = 6,
	XSAVE_FIP = 8,
	XSAVE_FDP = 16,
	XSAVE_MXCSR = 24,
	XSAVE_ST = 32,
	XSAVE_XMM = 160,
	XSAVE_BV = 512,
	XSAVE_YMMH = 576,
};
#define XSTATE_X87 1u
#define XSTATE_SSE 2u
#define XSTATE_AVX 4u

static void xsave_get(const uint8_t *x, struct debug_regs *d)
{
	uint64_t bv = get_le64(x + XSAVE_BV);

	d->fcw = 0x37f;
	d->mxcsr = 0x1f80;
	if (bv & XSTATE_X87) {
		d->fcw = get_le16(x + XSAVE_FCW);
		d->fsw = get_le16(x + XSAVE_FSW);
		d->ftw = x[XSAVE_FTW];
		d->fop = get_le16(x + XSAVE_FOP);
		d->fip = get_le64(x + XSAVE_FIP);
		d->fdp = get_le64(x + XSAVE_FDP);
		for (unsigned i = 0; i < 8; i++)
			memcpy(d->st[i], x + XSAVE_ST + i * 16, 10);
	}
	if (bv & (XSTATE_SSE | XSTATE_AVX))
		d->mxcsr = get_le32(x + XSAVE_MXCSR);
	if (bv & XSTATE_SSE)
		memcpy(d->xmm, x + XSAVE_XMM, sizeof(d->xmm));
	if (bv & XSTATE_AVX)
		memcpy(d->ymmh, x + XSAVE_YMMH, sizeof(d->ymmh));
}

static void xsave_set(uint8_t *x, const struct debug_regs *d)
{
	put_le16(x + XSAVE_FCW, d->fcw);
	put_le16(x + XSAVE_FSW, d->fsw);
	x[XSAVE_FTW] = d->ftw;
	put_le16(x + XSAVE_FOP, d->fop);
	put_le64(x + XSAVE_FIP, d->fip);
	put_le64(x + XSAVE_FDP, d->fdp);
	put_le32(x + XSAVE_MXCSR, d->mxcsr);
	for (unsigned i = 0; i < 8; i++)
		memcpy(x + XSAVE_ST + i * 16, d->st[i], 10);
	memcpy(x + XSAVE_XMM, d->xmm, sizeof(d->xmm));
	put_le64(x + XSAVE_BV, get_le64(x + XSAVE_BV) | XSTATE_X87 | XSTATE_SSE);
	if (!d->has_ymm)
		return;
	memcpy(x + XSAVE_YMMH, d->ymmh, sizeof(d->ymmh));
	put_le64(x + XSAVE_BV, get_le64(x + XSAVE_BV) | XSTATE_AVX);
}

static void fpu_get(const struct kvm_fpu *f, struct debug_regs *d)
{
	for (unsigned i = 0; i < 8; i++)
		memcpy(d->st[i], f->fpr[i], 10);
	memcpy(d->xmm, f->xmm, sizeof(d->xmm));
	d->fcw = f->fcw;
	d->fsw = f->fsw;
	d->ftw = f->ftwx;
	d->fop = f->last_opcode;
	d->fip = f->last_ip;
	d->fdp = f->last_dp;
	d->mxcsr = f->mxcsr;
}

static void fpu_set(struct kvm_fpu *f, const struct debug_regs *d)
{
	for (unsigned i = 0; i < 8; i++)
		memcpy(f->fpr[i], d->st[i], 10);
	memcpy(f->xmm, d->xmm, sizeof(f->xmm));
	f->fcw = d->fcw;
	f->fsw = d->fsw;
	f->ftwx = d->ftw;
	f->last_opcode = d->fop;
	f->last_ip = d->fip;
	f->last_dp = d->fdp;
	f->mxcsr = d->mxcsr;
}

/* --- registers: reading and writing ----------------------------------------------------------- */

struct some_msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry gs, lstar; /* behind each other: head.entries */
};

/* All that KVM is asked for one vCPU's registers. */
struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs dr;
	struct some_msrs msr;
	bool has_xsave, has_msrs;
	union {
		struct kvm_xsave xsave;
		struct kvm_fpu fpu;
	};
};

static bool has_avx(const struct vcpu_set *s)
{
	for (unsigned i = 0; i < s->cpuid.cnt; i++) {
		if (s->cpuid.leaf[i].function == 1)
			return s->cpuid.leaf[i].ecx & 1u << 28;
	}
	return false;
}

static int state_read(struct vcpu *v, struct state *st)
{
	int r = kvm_ioctl(v->fd, KVM_GET_REGS, &st->regs);

	st->has_xsave = true;
	if (r >= 0)
		r = kvm_ioctl(v->fd, KVM_GET_SREGS, &st->sregs);
	if (r >= 0 && kvm_ioctl(v->fd, KVM_GET_XSAVE, &st->xsave) < 0) {
		st->has_xsave = false; /* a host without XSAVE */
		r = kvm_ioctl(v->fd, KVM_GET_FPU, &st->fpu);
	}
	if (r >= 0)
		r = kvm_ioctl(v->fd, KVM_GET_DEBUGREGS, &st->dr);
	if (r < 0)
		return r;
	st->msr = (struct some_msrs){ .head.nmsrs = 2,
				      .gs.index = MSR_KERNEL_GS_BASE,
				      .lstar.index = MSR_LSTAR };
	st->has_msrs = kvm_ioctl(v->fd, KVM_GET_MSRS, &st->msr) == 2;
	return 0;
}

static void state_get(struct state *st, struct debug_regs *ret)
{
	for (unsigned i = 0; i < DBG_GPRS; i++)
		ret->gpr[i] = *gpr(&st->regs, i);
	ret->rip = st->regs.rip;
	ret->rflags = st->regs.rflags;
	sregs_get(&st->sregs, ret);
	if (st->has_xsave)
		xsave_get((const uint8_t *)st->xsave.region, ret);
	else
		fpu_get(&st->fpu, ret);
	for (unsigned i = 0; i < 4; i++)
		ret->dr[i] = st->dr.db[i];
	ret->dr[6] = st->dr.dr6;
	ret->dr[7] = st->dr.dr7;
	if (!st->has_msrs)
		return;
	ret->kernel_gs_base = st->msr.gs.data;
	ret->lstar = st->msr.lstar.data;
}

static void state_set(struct state *st, const struct debug_regs *r)
{
	for (unsigned i = 0; i < DBG_GPRS; i++)
		*gpr(&st->regs, i) = r->gpr[i];
	st->regs.rip = r->rip;
	st->regs.rflags = r->rflags;
	sregs_set(&st->sregs, r);
	if (st->has_xsave)
		xsave_set((uint8_t *)st->xsave.region, r);
	else
		fpu_set(&st->fpu, r);
	for (unsigned i = 0; i < 4; i++)
		st->dr.db[i] = r->dr[i];
	st->dr.dr6 = r->dr[6];
	st->dr.dr7 = r->dr[7];
	st->msr.gs.data = r->kernel_gs_base;
}

int vcpu_debug_get(struct vcpu_set *s, unsigned cpu, struct debug_regs *ret)
{
	struct state st UNINITIALIZED;
	int r = state_read(&s->vcpu[cpu], &st);

	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	ret->has_ymm = st.has_xsave && has_avx(s);
	state_get(&st, ret);
	return 0;
}

/* Who is sent somewhere else does not sleep on. */
static void wake(struct vcpu *v)
{
	struct kvm_mp_state mp;

	v->halted = false;
	if (v->set->mode == IRQCHIP_USER || kvm_ioctl(v->fd, KVM_GET_MP_STATE, &mp) < 0 ||
	    mp.mp_state != KVM_MP_STATE_HALTED)
		return;
	mp.mp_state = KVM_MP_STATE_RUNNABLE;
	kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp);
}

/* Only what changes is written, as writing has effects beside: KVM_SET_REGS drops an exception that
 * is about to be delivered, KVM_SET_SREGS forgets what it knew of page tables. */
int vcpu_debug_set(struct vcpu_set *s, unsigned cpu, const struct debug_regs *regs)
{
	struct vcpu *v = &s->vcpu[cpu];
	struct state old UNINITIALIZED, new UNINITIALIZED;
	struct debug_regs was;
	int r = state_read(v, &old);

	if (r < 0)
		return r;
	r = vcpu_debug_get(s, cpu, &was);
	if (r < 0)
		return r;
	memcpy(&new, &old, sizeof(new));
	state_set(&new, regs);
	if (memcmp(&new.sregs, &old.sregs, sizeof(new.sregs)))
		r = kvm_ioctl(v->fd, KVM_SET_SREGS, &new.sregs);
	if (r >= 0 && memcmp(&new.regs, &old.regs, sizeof(new.regs)))
		r = kvm_ioctl(v->fd, KVM_SET_REGS, &new.regs);
	if (r >= 0 && (memcmp(regs->st, was.st, sizeof(was.st)) ||
		       memcmp(regs->xmm, was.xmm, sizeof(was.xmm)) ||
		       memcmp(regs->ymmh, was.ymmh, sizeof(was.ymmh)) || regs->fcw != was.fcw ||
		       regs->fsw != was.fsw || regs->ftw != was.ftw || regs->fop != was.fop ||
		       regs->fip != was.fip || regs->fdp != was.fdp || regs->mxcsr != was.mxcsr))
		r = kvm_ioctl(v->fd, new.has_xsave ? KVM_SET_XSAVE : KVM_SET_FPU, &new.xsave);
	if (r >= 0 && memcmp(&new.dr, &old.dr, sizeof(new.dr)))
		r = kvm_ioctl(v->fd, KVM_SET_DEBUGREGS, &new.dr);
	new.msr.head.nmsrs = 1; /* the first alone can be set */
	if (r >= 0 && new.has_msrs &&new.msr.gs.data != old.msr.gs.data)
		r = kvm_ioctl(v->fd, KVM_SET_MSRS, &new.msr) == 1 ? 0 : -EINVAL;
	if (r >= 0 && new.regs.rip != old.regs.rip)
		wake(v);
	return r < 0 ? r : 0;
}

/* --- how it runs ------------------------------------------------------------------------------ */

struct vcpu_debug_can vcpu_debug_can(struct vcpu_set *s)
{
	if (!s->debug_known)
		s->debug_can = vcpu_debug_probe(s->vm);
	s->debug_known = true;
	return s->debug_can;
}

/* Intel SDM 3B 18.2.4, DR7: two bits of kind, two of length, for each register from bit 16 on. */
static uint64_t dr7_bits(unsigned i, const struct debug_break *b)
{
	static const uint8_t kind[] = {
		[DBG_BREAK_CODE] = 0, [DBG_WATCH_WRITE] = 1, [DBG_WATCH_ACCESS] = 3
	};
	static const uint8_t len[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	uint64_t bits = kind[b->kind];

	if (b->kind != DBG_BREAK_CODE)
		bits |= (uint64_t)len[b->len] << 2;
	return UINT64_C(2) << (i * 2) | bits << (16 + i * 4);
}

static struct kvm_guest_debug kvm_plan(struct vcpu_set *s, const struct vcpu_debug_plan *p)
{
	struct kvm_guest_debug g = { 0 };

	if (p->step)
		g.control |= KVM_GUESTDBG_SINGLESTEP;
	if (p->step && !p->irqs && vcpu_debug_can(s).no_irqs)
		g.control |= KVM_GUESTDBG_BLOCKIRQ;
	if (p->int3)
		g.control |= KVM_GUESTDBG_USE_SW_BP;
	for (unsigned i = 0; i < DBG_DEBUG_REGS; i++) {
		if (!p->reg[i])
			continue;
		g.control |= KVM_GUESTDBG_USE_HW_BP;
		g.arch.debugreg[i] = p->reg[i]->addr;
		g.arch.debugreg[7] |= DR7_BASE | dr7_bits(i, p->reg[i]);
	}
	if (g.control)
		g.control |= KVM_GUESTDBG_ENABLE;
	return g;
}

int vcpu_debug_plan(struct vcpu_set *s, unsigned cpu, const struct vcpu_debug_plan *p)
{
	struct vcpu *v = &s->vcpu[cpu];
	struct vcpu_debug *d = &v->debug;
	struct kvm_guest_debug g = kvm_plan(s, p);
	int r = 0;

	mutex_lock(&s->lock);
	d->hold = p->hold;
	mutex_unlock(&s->lock);
	d->step = p->step;
	d->irqs = p->irqs;
	d->is_break = p->is_break;
	d->break_opaque = p->break_opaque;
	d->stop_at = p->stop_at;
	d->opaque = p->opaque;
	v->watched = p->step || p->stop_at || p->is_break;
	/* KVM counts a step from where RIP was when it was told, so it is told each time. */
	if (p->step || memcmp(&g, &d->kvm, sizeof(g)) != 0)
		r = kvm_ioctl(v->fd, KVM_SET_GUEST_DEBUG, &g);
	if (r >= 0)
		d->kvm = g;
	return r < 0 ? r : 0;
}

int vcpu_debug_inject(struct vcpu_set *s, unsigned cpu, uint8_t vector)
{
	struct vcpu *v = &s->vcpu[cpu];
	struct kvm_guest_debug g = v->debug.kvm;

	g.control |= vector == VECTOR_BP ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB;
	return kvm_ioctl(v->fd, KVM_SET_GUEST_DEBUG, &g);
}

void vcpu_debug_was_paused(struct vcpu_set *s)
{
	for (unsigned i = 0; i < s->cnt; i++)
		kvm_ioctl_val(s->vcpu[i].fd, KVM_KVMCLOCK_CTRL, 0); /* fails where it has none */
}

/* --- hits ------------------------------------------------------------------------------------- */

/* The first one counts: what comes while it stops, as the end of the same instruction, does not. */
static void hit(struct vcpu *v, const struct vcpu_hit *h)
{
	struct vcpu_debug *d = &v->debug;

	if (atomic_load(&d->has_hit))
		return;
	d->hit = *h;
	atomic_store(&d->has_hit, true);
	v->set->env.debug_hit(v->set->env.opaque);
}

bool vcpu_debug_hit(struct vcpu_set *s, unsigned cpu, struct vcpu_hit *ret)
{
	struct vcpu_debug *d = &s->vcpu[cpu].debug;

	if (!atomic_load(&d->has_hit))
		return false;
	*ret = d->hit;
	atomic_store(&d->has_hit, false);
	return true;
}

bool vcpu_debug_has_hit(const struct vcpu_set *s)
{
	for (unsigned i = 0; i < s->cnt; i++) {
		if (atomic_load(&s->vcpu[i].debug.has_hit))
			return true;
	}
	return false;
}

bool vcpu_debug_exit(struct vcpu *v)
{
	const struct kvm_debug_exit_arch *a = &v->run->debug.arch;

	if (!v->debug.kvm.control && !v->debug.is_break)
		return false;
	hit(v, &(struct vcpu_hit){ .kind = VCPU_HIT_TRAP,
				   .vector = (uint8_t)a->exception,
				   .stepped = a->dr6 & DR6_BS,
				   .reg = a->dr6 & 0xf,
				   .pc = a->pc });
	return true;
}

/* --- breakpoints where KVM has none ----------------------------------------------------------- */

#define RFLAGS_VM 0x20000u
#define CR0_PE    1u
#define EFER_LMA  0x400u

static uint64_t linear_pc(struct vcpu *v, uint64_t rip)
{
	struct kvm_sregs s;

	if (kvm_ioctl(v->fd, KVM_GET_SREGS, &s) < 0 || (s.efer & EFER_LMA && s.cs.l))
		return rip;
	return (uint32_t)(s.cs.base + rip);
}

/*
 * IN AL,DX is one byte, has no effect on memory and leaves the guest on every KVM, as long as the
 * guest's kernel executes it. The device at port DX is not asked: what AL gets is taken back.
 */
void vcpu_debug_disguise(struct vcpu *v)
{
	struct vcpu_debug *d = &v->debug;
	struct kvm_run *run = v->run;
	struct kvm_regs r;
	uint64_t pc;

	if (!d->is_break || run->exit_reason != KVM_EXIT_IO ||
	    run->io.direction != KVM_EXIT_IO_IN || run->io.size != 1 || run->io.count != 1 ||
	    kvm_ioctl(v->fd, KVM_GET_REGS, &r) < 0)
		return;
	r.rip -= v->set->debug_can.in_past;
	pc = linear_pc(v, r.rip);
	if (!d->is_break(d->break_opaque, v->index, pc))
		return;
	d->undo_regs = r;
	d->undo = true;
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch = (struct kvm_debug_exit_arch){ .exception = VECTOR_BP, .pc = pc };
}

void vcpu_debug_undo(struct vcpu *v)
{
	struct vcpu_debug *d = &v->debug;

	d->undo = false;
	kvm_ioctl(v->fd, KVM_SET_REGS, &d->undo_regs);
}

/* --- every exit ------------------------------------------------------------------------------- */

/* Is it the instruction itself that exited, and is nothing left of it but what KVM completes? */
static bool made_by_instruction(const struct vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
	case KVM_EXIT_HLT:
		return true;
	default:
		return false;
	}
}

/*
 * An instruction that exits is the step: KVM may tell of no other stop before the next one is done
 * as well. The run loop completes it, as it does for every vCPU that stops.
 */
void vcpu_debug_after(struct vcpu *v, const struct trace_rec *x)
{
	struct vcpu_debug *d = &v->debug;

	if (v->run->exit_reason == KVM_EXIT_DEBUG)
		return;
	if (d->stop_at && x && d->stop_at(d->opaque, v->index, x))
		hit(v, &(struct vcpu_hit){ .kind = VCPU_HIT_EXIT, .rec = *x });
	else if (d->step && made_by_instruction(v))
		hit(v, &(struct vcpu_hit){ .kind = VCPU_HIT_STEP });
}
