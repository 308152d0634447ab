/* SPDX-License-Identifier: MIT */
/*
 * vcpu_state.c: the state a vCPU starts from, and the state it crashed in.
 *
 * Power-on values are those of Intel SDM 3A table 9-1 (AMD APM 2 table 14-1 agrees where it
 * matters): everything is set, not only what a loader needs, since the same road is taken for a
 * guest's reset.
 */
#include <errno.h>
#include <string.h>

#include "kvm/vm_internal.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define CR0_PE     1u
#define CR0_ET     0x10u
#define CR0_NE     0x20u
#define CR0_NW     0x20000000u
#define CR0_CD     0x40000000u
#define CR0_PG     0x80000000u
#define CR4_PAE    0x20u
#define EFER_LME   0x100u
#define LVT_MASKED 0x10000u
#define LVT_EXTINT 0x700u
#define EFER_LMA   0x400u

/* --- segments ------------------------------------------------------------------------------- */

/* Type 11: code, readable, accessed; type 3: data, writable, accessed. SDM 3A 3.4.5.1. */
static struct kvm_segment segment(uint16_t selector, uint64_t base, uint32_t limit, uint8_t type)
{
	return (struct kvm_segment){ .selector = selector,
				     .base = base,
				     .limit = limit,
				     .type = type,
				     .present = 1,
				     .s = 1 };
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool long_mode)
{
	struct kvm_segment s = segment(selector, 0, 0xffffffff, type);

	s.g = 1;
	s.l = long_mode;
	s.db = !long_mode;
	return s;
}

static void set_data_segments(struct kvm_sregs *s, struct kvm_segment seg)
{
	s->ds = s->es = s->fs = s->gs = s->ss = seg;
}

static void power_on_sregs(struct kvm_sregs *s, bool apic, bool boot_cpu)
{
	memset(s, 0, sizeof(*s));
	s->cs = segment(0xf000, 0xffff0000, 0xffff, 11);
	set_data_segments(s, segment(0, 0, 0xffff, 3));
	s->ldt = (struct kvm_segment){ .limit = 0xffff, .type = 2, .present = 1 };
	s->tr = (struct kvm_segment){ .limit = 0xffff, .type = 11, .present = 1 };
	s->gdt.limit = s->idt.limit = 0xffff;
	s->cr0 = CR0_CD | CR0_NW | CR0_ET;
	/*
	 * SDM 3A 10.4.4: enabled at its default address, in xAPIC mode. Without an APIC in KVM the
	 * base still reads as enabled, and KVM then shows the guest an APIC in CPUID that nobody
	 * emulates: Linux acknowledges its all-ones registers 131,072 times.
	 */
	s->apic_base = apic ? 0xfee00000 | 0x800 | (boot_cpu ? 0x100 : 0) : 0;
}

static void enter_real(struct kvm_sregs *s, const struct cpu_entry *e)
{
	uint64_t base = (uint64_t)e->cs << 4;

	s->cs = segment(e->cs, base, 0xffff, 11);
	set_data_segments(s, segment(e->cs, base, 0xffff, 3));
}

static void enter_flat(struct kvm_sregs *s, const struct cpu_entry *e)
{
	bool long_mode = e->mode == CPU_LONG64;

	s->cs = flat(0x10, 11, long_mode);
	set_data_segments(s, flat(0x18, 3, false));
	s->tr = (struct kvm_segment){ .selector = 0x20, .limit = 0x67, .type = 11, .present = 1 };
	s->gdt = (struct kvm_dtable){ .base = e->gdt, .limit = e->gdt_limit };
	s->idt.limit = long_mode ? 0 : 0xffff;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE;
	if (long_mode) {
		s->cr0 |= CR0_PG;
		s->cr3 = e->cr3;
		s->cr4 = CR4_PAE;
		s->efer = EFER_LME | EFER_LMA;
	}
}

/* --- reset ------------------------------------------------------------------------------------ */

static int fail(struct error **errp, int r, const char *what)
{
	return err_errno(errp, -r, "KVM refuses the power-on %s", what);
}

static int reset_sregs(struct vcpu *v, const struct cpu_entry *e, struct error **errp)
{
	struct kvm_sregs s;
	int r;

	power_on_sregs(&s, v->set->mode != IRQCHIP_USER, v->index == 0);
	if (e && e->mode == CPU_REAL)
		enter_real(&s, e);
	else if (e && e->mode != CPU_RESET)
		enter_flat(&s, e);
	r = kvm_ioctl(v->fd, KVM_SET_SREGS, &s);
	return r < 0 ? fail(errp, r, "segment registers") : 0;
}

static int reset_regs(struct vcpu *v, const struct cpu_entry *e, struct error **errp)
{
	struct kvm_regs regs = { .rip = 0xfff0, .rflags = 2 };
	int r;

	if (e && e->mode != CPU_RESET)
		regs = (struct kvm_regs){ .rip = e->rip,
					  .rsp = e->rsp,
					  .rax = e->rax,
					  .rbx = e->rbx,
					  .rcx = e->rcx,
					  .rdx = e->rdx,
					  .rsi = e->rsi,
					  .rdi = e->rdi,
					  .rbp = e->rbp,
					  .rflags = 2 };
	r = kvm_ioctl(v->fd, KVM_SET_REGS, &regs);
	return r < 0 ? fail(errp, r, "registers") : 0;
}

/* An XSAVE image whose header names no component puts every component into its initial state. SDM
 * 1 13.6. */
static int reset_fpu(struct vcpu *v, struct error **errp)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0] = { .xcr = 0, .value = 1 } };
	struct kvm_fpu fpu = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	struct kvm_xsave xsave = { 0 };
	int r;

	xsave.region[0] = fpu.fcw;
	xsave.region[6] = fpu.mxcsr;
	r = kvm_ioctl(v->fd, KVM_SET_XSAVE, &xsave);
	if (r < 0)
		r = kvm_ioctl(v->fd, KVM_SET_FPU, &fpu); /* a host without XSAVE */
	if (r < 0)
		return fail(errp, r, "floating point state");
	kvm_ioctl(v->fd, KVM_SET_XCRS, &xcrs);
	return 0;
}

static int reset_events(struct vcpu *v, struct error **errp)
{
	struct kvm_vcpu_events ev, none = { 0 };
	struct kvm_debugregs dr = { .dr6 = 0xffff0ff0, .dr7 = 0x400 };
	int r = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ev);

	if (r < 0)
		return fail(errp, r, "event state");
	/* What this KVM has, KVM_GET says in the flags, and KVM_SET touches only what they name: a
	 * pending NMI or SMI, an interrupt shadow, a latched INIT. */
	none.flags = ev.flags;
	r = kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &none);
	if (r < 0)
		return fail(errp, r, "event state");
	kvm_ioctl(v->fd, KVM_SET_DEBUGREGS, &dr);
	return 0;
}

/* Registers of the local APIC that are not 0 after power-up; SDM 3A 11.4.7.1 "Local APIC State". */
static const struct {
	uint16_t off;
	uint32_t value;
} lapic_power_on[] = {
	{ 0xe0, 0xffffffff },  /* DFR: flat model */
	{ 0xf0, 0xff },        /* SVR: APIC disabled by software */
	{ 0x2f0, LVT_MASKED }, /* CMCI */
	{ 0x320, LVT_MASKED }, /* timer */
	{ 0x330, LVT_MASKED }, /* thermal sensor */
	{ 0x340, LVT_MASKED }, /* performance counters */
	{ 0x350, LVT_MASKED }, /* LINT0 */
	{ 0x360, LVT_MASKED }, /* LINT1 */
	{ 0x370, LVT_MASKED }, /* error */
};

static void put_lapic(struct kvm_lapic_state *l, unsigned off, uint32_t value)
{
	memcpy(&l->regs[off], &value, sizeof(value));
}

/*
 * The version register is KVM's. LINT0 of the boot CPU is left as a BIOS leaves it, open to the
 * 8259 (virtual wire mode, MP specification 3.6.2.2); so does KVM at creation.
 */
static int reset_lapic(struct vcpu *v, struct error **errp)
{
	struct kvm_mp_state mp = { .mp_state = v->index ? KVM_MP_STATE_UNINITIALIZED
							: KVM_MP_STATE_RUNNABLE };
	struct kvm_lapic_state lapic, old;
	int r;

	if (v->set->mode == IRQCHIP_USER)
		return 0;
	r = kvm_ioctl(v->fd, KVM_GET_LAPIC, &old);
	if (r < 0)
		return fail(errp, r, "local APIC");
	memset(&lapic, 0, sizeof(lapic));
	memcpy(&lapic.regs[0x30], &old.regs[0x30], sizeof(uint32_t));
	put_lapic(&lapic, 0x20, v->apic_id << 24);
	for (unsigned i = 0; i < ARRAY_LEN(lapic_power_on); i++)
		put_lapic(&lapic, lapic_power_on[i].off, lapic_power_on[i].value);
	if (v->index == 0)
		put_lapic(&lapic, 0x350, LVT_EXTINT);
	r = kvm_ioctl(v->fd, KVM_SET_LAPIC, &lapic);
	if (r >= 0)
		r = kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp);
	return r < 0 ? fail(errp, r, "local APIC") : 0;
}

/* KVM_SET_MSRS stops at the first one it refuses and says how many it took. */
static int reset_msrs(struct vcpu *v, struct error **errp)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[MSR_RESET_MAX];
	} m UNINITIALIZED;
	struct msr_value val[MSR_RESET_MAX] UNINITIALIZED;
	struct msr_reset rq = v->set->msrs;
	unsigned cnt, done = 0;

	rq.warm = v->used;
	cnt = msr_reset_list(&rq, val);
	while (done < cnt) {
		int r;

		m.head = (struct kvm_msrs){ .nmsrs = cnt - done };
		for (unsigned i = done; i < cnt; i++)
			m.entry[i - done] = (struct kvm_msr_entry){ .index = val[i].index,
								    .data = val[i].value };
		r = kvm_ioctl(v->fd, KVM_SET_MSRS, &m);
		if (r < 0)
			return fail(errp, r, "model-specific registers");
		done += (unsigned)r;
		if (done < cnt && !val[done].optional)
			return err_set(errp, ENOTSUP, "KVM refuses the power-on value of MSR %#x",
				       val[done].index);
		done++;
	}
	return 0;
}

/* What a vCPU that has run must get back and one fresh from KVM_CREATE_VCPU has. */
static int reset_used(struct vcpu *v, struct error **errp)
{
	int r = reset_lapic(v, errp);

	if (r >= 0)
		r = reset_fpu(v, errp);
	return r < 0 ? r : reset_events(v, errp);
}

int vcpu_reset(struct vcpu *v, const struct cpu_entry *entry, struct error **errp)
{
	int r = reset_sregs(v, entry, errp);

	if (r >= 0)
		r = reset_regs(v, entry, errp);
	if (r >= 0 && v->used)
		r = reset_used(v, errp);
	if (r >= 0)
		r = reset_msrs(v, errp);
	v->run->ready_for_interrupt_injection = 0;
	v->run->request_interrupt_window = 0;
	v->used = true;
	return r;
}

/* --- for the report of a crash ---------------------------------------------------------------- */

static void dump_segment(struct str *b, const char *name, const struct kvm_segment *s)
{
	str_add(b, "%s %04x base %016llx limit %08x type %2u %s%s%s dpl %u\n", name, s->selector,
		(unsigned long long)s->base, s->limit, s->type, s->present ? "p" : "-",
		s->l ? "l" : "-", s->db ? "d" : "-", s->dpl);
}

static void dump_regs(struct str *b, const struct kvm_regs *r)
{
	const struct {
		const char *name;
		unsigned long long v;
	} reg[] = {
		{ "rax", r->rax }, { "rbx", r->rbx },    { "rcx", r->rcx }, { "rdx", r->rdx },
		{ "rsi", r->rsi }, { "rdi", r->rdi },    { "rbp", r->rbp }, { "rsp", r->rsp },
		{ "r8 ", r->r8 },  { "r9 ", r->r9 },     { "r10", r->r10 }, { "r11", r->r11 },
		{ "r12", r->r12 }, { "r13", r->r13 },    { "r14", r->r14 }, { "r15", r->r15 },
		{ "rip", r->rip }, { "rfl", r->rflags },
	};

	for (unsigned i = 0; i < ARRAY_LEN(reg); i++)
		str_add(b, "%s %016llx%s", reg[i].name, reg[i].v,
			i % 4 == 3 || i + 1 == ARRAY_LEN(reg) ? "\n" : "  ");
}

/* The bytes of the instruction, fetched as the CPU would: through the guest's page tables. */
static void dump_code(struct str *b, struct vcpu *v, uint64_t linear)
{
	str_add(b, "code");
	for (unsigned i = 0; i < 16; i++) {
		struct kvm_translation t = { .linear_address = linear + i };
		uint8_t byte;

		if (kvm_ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid ||
		    !gm_read(v->set->gm, t.physical_address, &byte, 1)) {
			str_add(b, i ? "" : " not readable");
			break;
		}
		str_add(b, " %02x", byte);
	}
	str_add(b, "\n");
}

/* KVM on AMD puts a CPU through INIT when it shuts down, as the VMCB then holds nothing defined. */
static bool is_power_on(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	return r->rip == 0xfff0 && s->cs.selector == 0xf000 && !(s->cr0 & CR0_PE);
}

char *vcpu_dump(struct vcpu_set *s, unsigned cpu)
{
	struct vcpu *v = &s->vcpu[cpu];
	struct kvm_sregs sr;
	struct kvm_regs r;
	struct str b = { 0 };

	if (kvm_ioctl(v->fd, KVM_GET_REGS, &r) < 0 || kvm_ioctl(v->fd, KVM_GET_SREGS, &sr) < 0) {
		str_add(&b, "cpu %u: its registers cannot be read\n", cpu);
		return str_take(&b);
	}
	str_add(&b, "cpu %u\n", cpu);
	if (is_power_on(&r, &sr))
		str_add(&b,
			"(its state at power-on: this host's KVM resets a CPU before it tells of a "
			"triple fault, what it held before is lost)\n");
	dump_regs(&b, &r);
	str_add(&b, "cr0 %016llx  cr2 %016llx  cr3 %016llx  cr4 %016llx\n",
		(unsigned long long)sr.cr0, (unsigned long long)sr.cr2, (unsigned long long)sr.cr3,
		(unsigned long long)sr.cr4);
	str_add(&b, "efer %016llx  gdt %016llx+%04x  idt %016llx+%04x\n",
		(unsigned long long)sr.efer, (unsigned long long)sr.gdt.base, sr.gdt.limit,
		(unsigned long long)sr.idt.base, sr.idt.limit);
	dump_segment(&b, "cs", &sr.cs);
	dump_segment(&b, "ss", &sr.ss);
	dump_segment(&b, "ds", &sr.ds);
	dump_code(&b, v, (sr.cs.l ? 0 : sr.cs.base) + r.rip);
	return str_take(&b);
}

bool vcpu_set_intr_level(const struct vcpu_set *s)
{
	return atomic_load(&s->vcpu[0].intr);
}

int vcpu_get_lapic(struct vcpu_set *s, unsigned cpu, uint32_t ret[LAPIC_REGS])
{
	struct kvm_lapic_state lapic;
	int r = s->mode == IRQCHIP_USER ? -ENODEV
					: kvm_ioctl(s->vcpu[cpu].fd, KVM_GET_LAPIC, &lapic);

	for (unsigned i = 0; r >= 0 && i < LAPIC_REGS; i++)
		ret[i] = get_le32((const uint8_t *)lapic.regs + (size_t)i * 16);
	return r < 0 ? r : 0;
}
