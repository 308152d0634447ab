/* SPDX-License-Identifier: MIT */
/*
 * cpuid.c: the guest's CPUID, made from what KVM supports, the chosen model and the topology.
 *
 * Every leaf has one of three sources, and leaf_rules[] below says which:
 *
 *   kept     KVM_GET_SUPPORTED_CPUID's value, features filtered. With model "host" bits without a
 *            name pass too; every other model shows only what it names.
 *   made     by us: topology (1.EBX, 4, 0xB, 0x1F, 0x80000008.ECX, 0x8000001D/E), XSAVE sizes
 *            (0xD), TSC frequency (0x15, 0x16, 0x40000010), the maxima (0, 0x40000000,
 *            0x80000000), and on named models the signature (1.EAX) and brand (0x80000002..4).
 *   dropped  needs something this program does not set up (SGX, SEV, cache allocation), tells of
 *            the host and not of the guest, or belongs to a feature that is not shown.
 *
 * Leaves of zeros are left out: KVM answers zeros for a hole below the maximum, and its lookup is
 * linear, so each one would make every other CPUID exit dearer.
 */
#include "vmm/cpuid.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kvm/cpu_features.h"
#include "kvm/cpu_models.h"
#include "kvm/cpu_topology.h"
#include "vmm/error.h"
#include "vmm/parse.h"

#define LEAF_KVM_SIGNATURE 0x40000000u
#define LEAF_KVM_FEATURES  0x40000001u
#define LEAF_KVM_TIMING    0x40000010u
#define LEAF_BRAND_FIRST   0x80000002u
#define LEAF_BRAND_CNT     3u

/* KVM's APIC timer counts nanoseconds (arch/x86/kvm/lapic.h, APIC_BUS_CYCLE_NS). */
#define APIC_BUS_KHZ 1000000u

/* Leaves that the build may append to what it copied. */
#define ROOM 24

#define NAME_MAX_LEN 40

enum leaf_source {
	KEEP,      /* in every model */
	KEEP_HOST, /* in model "host" only */
	DROP,
};

struct leaf_rule {
	uint32_t first, last;
	enum leaf_source source;
	int needs; /* the feature whose leaf it is; -1: none */
};

#define NO_FEATURE (-1)

/* Sorted, not overlapping. What is not listed is KEEP_HOST: a leaf that a newer KVM lists is one
 * that it can virtualize. */
static const struct leaf_rule leaf_rules[] = {
	{ 0x0, 0x2, KEEP, NO_FEATURE },
	{ 0x3, 0x3, DROP, NO_FEATURE }, /* processor serial number */
	{ 0x4, 0x4, KEEP, NO_FEATURE },
	{ 0x5, 0x5, KEEP, CPU_F_MONITOR },
	{ 0x6, 0x7, KEEP, NO_FEATURE },
	{ 0x9, 0x9, DROP, NO_FEATURE }, /* direct cache access: the host's */
	{ 0xa, 0xa, KEEP, CPU_F_ARCH_PERFMON },
	{ 0xb, 0xb, DROP, NO_FEATURE }, /* made */
	{ 0xd, 0xd, KEEP, CPU_F_XSAVE },
	{ 0xf, 0x10, DROP, NO_FEATURE },  /* cache monitoring and allocation */
	{ 0x12, 0x12, DROP, NO_FEATURE }, /* SGX: no EPC here */
	{ 0x14, 0x14, KEEP, CPU_F_INTEL_PT },
	{ 0x15, 0x16, DROP, NO_FEATURE }, /* made */
	{ 0x19, 0x19, KEEP, CPU_F_KL },
	{ 0x1a, 0x1b, DROP, NO_FEATURE }, /* kind of core, PCONFIG */
	{ 0x1c, 0x1c, KEEP, CPU_F_ARCH_LBR },
	{ 0x1d, 0x1e, KEEP, CPU_F_AMX_TILE },
	{ 0x1f, 0x1f, DROP, NO_FEATURE }, /* made */
	{ 0x20, 0x20, KEEP, CPU_F_HRESET },
	{ 0x23, 0x23, KEEP, CPU_F_ARCH_PERFMON_EXT },
	{ 0x24, 0x24, KEEP, CPU_F_AVX10 },
	{ 0x40000000, 0x40000001, KEEP, CPU_F_HYPERVISOR },
	{ 0x40000002, 0x4fffffff, DROP, NO_FEATURE }, /* other hypervisors' */
	{ 0x80000000, 0x80000008, KEEP, NO_FEATURE },
	{ 0x8000000a, 0x8000000a, KEEP, CPU_F_SVM },
	{ 0x80000019, 0x8000001a, KEEP, NO_FEATURE }, /* TLBs, width of the FPU */
	{ 0x8000001b, 0x8000001b, KEEP, CPU_F_IBS },
	{ 0x8000001c, 0x8000001c, KEEP, CPU_F_LWP },
	{ 0x8000001d, 0x8000001e, KEEP, CPU_F_TOPOEXT },
	{ 0x8000001f, 0x80000020, DROP, NO_FEATURE }, /* memory encryption, quality of service */
	{ 0x80000021, 0x80000021, KEEP, NO_FEATURE },
	{ 0x80000022, 0x80000022, KEEP, CPU_F_PERFMON_V2 },
	{ 0x80000023, 0x80000026, DROP, NO_FEATURE }, /* encryption keys; topology: 0xB has it */
	{ 0x80860000, 0x8086ffff, DROP, NO_FEATURE }, /* Transmeta */
};

/*
 * XSAVE state components, and the feature without which one does not exist (Intel SDM volume 1,
 * 13.1). 0 and 1, x87 and SSE, come with XSAVE itself.
 */
static const struct xstate_component {
	uint8_t bit;
	bool supervisor;     /* in IA32_XSS, not XCR0 */
	uint16_t feature[2]; /* either */
} xstate_components[] = {
	{ 2, false, { CPU_F_AVX, CPU_F_AVX } },
	{ 3, false, { CPU_F_MPX, CPU_F_MPX } },
	{ 4, false, { CPU_F_MPX, CPU_F_MPX } },
	{ 5, false, { CPU_F_AVX512F, CPU_F_AVX512F } },
	{ 6, false, { CPU_F_AVX512F, CPU_F_AVX512F } },
	{ 7, false, { CPU_F_AVX512F, CPU_F_AVX512F } },
	{ 8, true, { CPU_F_INTEL_PT, CPU_F_INTEL_PT } },
	{ 9, false, { CPU_F_PKU, CPU_F_PKU } },
	{ 11, true, { CPU_F_SHSTK, CPU_F_IBT } },
	{ 12, true, { CPU_F_SHSTK, CPU_F_IBT } },
	{ 15, true, { CPU_F_ARCH_LBR, CPU_F_ARCH_LBR } },
	{ 17, false, { CPU_F_AMX_TILE, CPU_F_AMX_TILE } },
	{ 18, false, { CPU_F_AMX_TILE, CPU_F_AMX_TILE } },
	{ 19, false, { CPU_F_APX_F, CPU_F_APX_F } },
};

#define XSTATE_LEGACY     UINT64_C(3)
#define XSTATE_LEGACY_LEN 576u   /* 512 of FXSAVE and 64 of header */
#define XSTATE_SUPERVISOR BIT(0) /* in ECX of a component's sub-leaf */

/* Everything a build carries around. */
struct build {
	const struct cpuid_request *rq;
	const struct cpu_model *model;
	enum cpu_vendor vendor;
	bool leaf_1f;                       /* the host has it */
	struct cpu_feature_set have;        /* what the host can give this guest */
	struct cpu_feature_set plus, minus; /* what the user said */
	struct cpu_feature_set set;         /* what the guest gets */
	struct cpuid_table t;               /* last: only what is before it is zeroed */
};

static bool is_host(const struct cpu_model *m)
{
	return !m->features;
}

/* --- tables ------------------------------------------------------------------------------- */

struct cpuid_leaf *cpuid_find(struct cpuid_table *t, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < t->cnt; i++) {
		struct cpuid_leaf *l = &t->leaf[i];

		if (l->function == function && (!(l->flags & CPUID_INDEXED) || l->index == index))
			return l;
	}
	return NULL;
}

struct cpuid_leaf *cpuid_need(struct cpuid_table *t, uint32_t function, uint32_t index,
			      uint32_t flags)
{
	struct cpuid_leaf *l = cpuid_find(t, function, index);

	if (l)
		return l;
	assert(t->cnt < CPUID_MAX_LEAVES);
	l = &t->leaf[t->cnt++];
	*l = (struct cpuid_leaf){ .function = function, .index = index, .flags = flags };
	return l;
}

static const struct leaf_rule *find_rule(uint32_t function)
{
	static const struct leaf_rule unlisted = { 0, 0, KEEP_HOST, NO_FEATURE };

	for (unsigned i = 0; i < ARRAY_LEN(leaf_rules); i++)
		if (function >= leaf_rules[i].first && function <= leaf_rules[i].last)
			return &leaf_rules[i];
	return &unlisted;
}

static bool is_zero(const struct cpuid_leaf *l)
{
	return !(l->eax | l->ebx | l->ecx | l->edx);
}

/* Leaf 0: vendor in EBX, EDX, ECX. */
static enum cpu_vendor vendor_of(const struct cpuid_leaf *l)
{
	char name[12];

	memcpy(name, &l->ebx, 4);
	memcpy(name + 4, &l->edx, 4);
	memcpy(name + 8, &l->ecx, 4);
	return !memcmp(name, "AuthenticAMD", 12) || !memcmp(name, "HygonGenuine", 12) ? CPU_AMD
										      : CPU_INTEL;
}

/* --- what the host can give --------------------------------------------------------------- */

static int copy_supported(struct build *b, const struct cpuid_table *supported, struct error **errp)
{
	for (unsigned i = 0; i < supported->cnt && i < CPUID_MAX_LEAVES; i++) {
		const struct cpuid_leaf *l = &supported->leaf[i];
		enum leaf_source source = find_rule(l->function)->source;

		if (l->function == 0x1f && l->ebx)
			b->leaf_1f = true;
		if (is_zero(l) || source == DROP || (source == KEEP_HOST && !is_host(b->model)))
			continue;
		if (b->t.cnt >= CPUID_MAX_LEAVES - ROOM)
			return err_set(
				errp, E2BIG,
				"this host's KVM lists more CPUID leaves than the %u there is "
				"room for",
				CPUID_MAX_LEAVES - ROOM);
		b->t.leaf[b->t.cnt++] = *l;
	}
	return 0;
}

static void set_bits(uint32_t *reg, uint32_t bits, bool on)
{
	*reg = on ? *reg | bits : *reg & ~bits;
}

/* A feature's bits in the table, where they are decided by something else than KVM's list. */
static void force_feature(struct build *b, unsigned id, bool on)
{
	const struct cpu_feature *f = &cpu_features[id];
	struct cpuid_leaf *l = cpuid_find(&b->t, f->function, f->index);

	if (!l && on)
		l = cpuid_need(&b->t, f->function, f->index, 0);
	if (l)
		set_bits(cpuid_leaf_reg(l, f->reg), f->mask, on);
}

/* "KVMKVMKVM\0\0\0" (Documentation/virt/kvm/x86/cpuid.rst) */
static void make_kvm_signature(struct cpuid_table *t)
{
	struct cpuid_leaf *l = cpuid_need(t, LEAF_KVM_SIGNATURE, 0, 0);

	l->ebx = 0x4b4d564b;
	l->ecx = 0x564b4d56;
	l->edx = 0x4d;
}

/* XCR0 (low half first) or IA32_XSS as leaf 0xD says. */
static uint64_t xstate_mask(struct cpuid_table *t, bool supervisor)
{
	struct cpuid_leaf *l = cpuid_find(t, 0xd, supervisor ? 1 : 0);

	if (!l)
		return 0;
	return supervisor ? l->ecx | (uint64_t)l->edx << 32 : l->eax | (uint64_t)l->edx << 32;
}

/*
 * What KVM_GET_SUPPORTED_CPUID leaves to the caller (Documentation/virt/kvm/api.rst), and what this
 * VM cannot do whatever the host can.
 */
static void settle_available(struct build *b)
{
	const struct cpuid_request *rq = b->rq;
	uint64_t user;

	make_kvm_signature(&b->t);
	cpuid_need(&b->t, LEAF_KVM_FEATURES, 0, 0);
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++)
		if (cpu_features[i].flags & CPU_FF_WITHHELD)
			force_feature(b, i, false);
	force_feature(b, CPU_F_OSXSAVE, false);
	force_feature(b, CPU_F_OSPKE, false);
	force_feature(b, CPU_F_HYPERVISOR, true);
	force_feature(b, CPU_F_KVM_HINT_DEDICATED, true);
	force_feature(b, CPU_F_KVM_MSI_EXT_DEST_ID, rq->msi_ext_dest_id);
	force_feature(b, CPU_F_TSC_DEADLINE_TIMER, rq->tsc_deadline);
	if (!rq->apic)
		force_feature(b, CPU_F_APIC, false);

	cpu_set_read(&b->have, &b->t);
	user = xstate_mask(&b->t, false);
	for (unsigned i = 0; i < ARRAY_LEN(xstate_components); i++) {
		const struct xstate_component *c = &xstate_components[i];

		/* A feature whose registers the guest cannot enable; the supervisor's (processor
		 * trace, CET, LBR) work without XSAVES. */
		if (!c->supervisor && !(user >> c->bit & 1))
			cpu_set_del(&b->have, c->feature[0]);
	}
	cpu_set_prune(&b->have);
}

/* --- what the user wants ------------------------------------------------------------------ */

static int unknown_name(const char *name, bool model, struct error **errp)
{
	const char *names[CPU_FEATURE_CNT + 64] = { 0 };
	unsigned n = 0;
	const char *near;

	if (model) {
		for (unsigned i = 0; i < cpu_model_cnt; i++)
			names[n++] = cpu_models[i].name;
	} else {
		for (unsigned i = 0; i < CPU_FEATURE_CNT; i++)
			names[n++] = cpu_features[i].name;
		for (unsigned i = 0; i < cpu_alias_cnt && n < ARRAY_LEN(names); i++)
			names[n++] = cpu_aliases[i].name;
	}
	near = nearest(name, names, n);
	if (near)
		err_set(errp, EINVAL, "unknown CPU %s '%s'; did you mean '%s'?",
			model ? "model" : "feature", name, near);
	else
		err_set(errp, EINVAL, "unknown CPU %s '%s'", model ? "model" : "feature", name);
	if (model && cpu_feature_lookup(name) >= 0)
		err_hint(errp, "to add a feature write 'host,+%s'", name);
	else
		err_hint(errp, "'--cpu help' lists them all");
	return -EINVAL;
}

static int parse_feature(struct build *b, const char *s, struct error **errp)
{
	bool on = *s == '+';
	int id;

	if (*s != '+' && *s != '-') {
		err_set(errp, EINVAL, "CPU feature '%s' has no sign", s);
		err_hint(errp, "write '+%s' to add it, '-%s' to take it away", s, s);
		return -EINVAL;
	}
	id = cpu_feature_lookup(s + 1);
	if (id < 0)
		return unknown_name(s + 1, false, errp);
	if (cpu_features[id].flags & CPU_FF_MADE)
		return err_set(errp, EINVAL,
			       "CPU feature '%s' cannot be chosen: it follows from the topology or "
			       "from what the guest does",
			       cpu_features[id].name);
	/* The last word counts, as in '-avx,+avx'. */
	cpu_set_del(on ? &b->minus : &b->plus, (unsigned)id);
	cpu_set_add(on ? &b->plus : &b->minus, (unsigned)id);
	return 0;
}

/* "model,+feature,-feature ..."; without a model, the host's. */
static int parse_model(struct build *b, const char *s, struct error **errp)
{
	char token[NAME_MAX_LEN];

	b->model = cpu_model_find("host");
	for (bool first = true; s; first = false) {
		const char *comma = strchr(s, ',');
		size_t len = comma ? (size_t)(comma - s) : strlen(s);
		int ret = 0;

		if (!len)
			return err_set(errp, EINVAL, "an empty name in the list of CPU features");
		if (len >= sizeof(token))
			return err_set(errp, EINVAL,
				       "no CPU model or feature has a name as long as "
				       "'%.*s...'",
				       NAME_MAX_LEN, s);
		memcpy(token, s, len);
		token[len] = '\0';
		if (!first || *token == '+' || *token == '-') {
			ret = parse_feature(b, token, errp);
		} else {
			b->model = cpu_model_find(token);
			if (!b->model)
				ret = unknown_name(token, true, errp);
		}
		if (ret)
			return ret;
		s = comma ? comma + 1 : NULL;
	}
	return 0;
}

int cpuid_check_model(const char *model, struct error **errp)
{
	struct build b = { 0 };

	return model ? parse_model(&b, model, errp) : 0;
}

/* The features of @s as "a, b, c and 4 more". */
static const char *list_features(const struct cpu_feature_set *s, char *buf, size_t len)
{
	unsigned shown = 0, more = 0;
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++) {
		if (!cpu_set_has(s, i))
			continue;
		if (shown == 8 || at + strlen(cpu_features[i].name) + 24 > len) {
			more++;
			continue;
		}
		at += (size_t)snprintf(buf + at, len - at, "%s%s", shown++ ? ", " : "",
				       cpu_features[i].name);
	}
	if (more)
		snprintf(buf + at, len - at, " and %u more", more);
	return buf;
}

/* Every feature of the model that neither the host has nor the user gave up. */
static int check_model(const struct build *b, const struct cpu_feature_set *promised,
		       struct error **errp)
{
	const struct cpu_feature_set none = { 0 };
	struct cpu_feature_set missing = *promised;
	char buf[256];

	cpu_set_cut(&missing, &b->have);
	cpu_set_cut(&missing, &b->minus);
	if (!memcmp(&missing, &none, sizeof(none)))
		return 0;
	err_set(errp, ENOTSUP, "CPU model '%s' has features that this host's KVM lacks: %s",
		b->model->name, list_features(&missing, buf, sizeof(buf)));
	err_hint(errp, "use '--cpu host', or give up each of them: '%s,-FEATURE...'",
		 b->model->name);
	return -ENOTSUP;
}

/* Every "+feature" and what it needs. */
static int check_plus(const struct build *b, struct error **errp)
{
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++) {
		struct cpu_feature_set closure = { 0 };

		if (!cpu_set_has(&b->plus, i) || cpu_set_has(&b->have, i))
			continue;
		cpu_set_add(&closure, i);
		cpu_set_close(&closure);
		if (cpu_set_has(&closure, CPU_F_APIC) && !b->rq->apic)
			return err_set(errp, ENOTSUP,
				       "CPU feature '%s' needs a local APIC, which irqchip 'user' "
				       "does not have",
				       cpu_features[i].name);
		err_set(errp, ENOTSUP, "CPU feature '%s': %s", cpu_features[i].name,
			cpu_features[i].flags & CPU_FF_WITHHELD ? "not supported here"
								: "this host's KVM lacks it");
		if (!(cpu_features[i].flags & CPU_FF_WITHHELD))
			err_hint(errp, "'--cpu help' marks what this host has");
		return -ENOTSUP;
	}
	return 0;
}

/* After pruning: "+feature" that something the user took away has taken along. */
static int check_contradiction(const struct build *b, struct error **errp)
{
	for (unsigned i = 0; i < cpu_dependency_cnt; i++) {
		const struct cpu_dependency *d = &cpu_dependencies[i];

		if (cpu_set_has(&b->plus, d->feature) && !cpu_set_has(&b->set, d->feature) &&
		    !cpu_set_has(&b->set, d->needs))
			return err_set(errp, EINVAL,
				       "CPU feature '%s' needs '%s', which the guest does not get",
				       cpu_features[d->feature].name, cpu_features[d->needs].name);
	}
	return 0;
}

static int choose_features(struct build *b, struct error **errp)
{
	struct cpu_feature_set plus = b->plus;
	int ret;

	if (!b->rq->apic)
		cpu_set_add(&b->minus, CPU_F_APIC);
	ret = check_plus(b, errp);
	if (ret)
		return ret;
	if (is_host(b->model)) {
		b->set = b->have;
	} else {
		cpu_model_features(b->model, &b->set);
		ret = check_model(b, &b->set, errp);
		if (ret)
			return ret;
	}
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++) {
		uint8_t flags = cpu_features[i].flags;

		if ((flags & CPU_FF_FOLLOW) && cpu_set_has(&b->have, i))
			cpu_set_add(&b->set, i);
		if (flags & (CPU_FF_MADE | CPU_FF_OFFERED))
			cpu_set_del(&b->set, i);
	}
	cpu_set_close(&plus);
	cpu_set_join(&b->set, &plus);
	cpu_set_cut(&b->set, &b->minus);
	cpu_set_prune(&b->set);
	return check_contradiction(b, errp);
}

/* --- what we make ------------------------------------------------------------------------- */

/* Removes the leaves of features that the guest does not get. */
static void filter_leaves(struct build *b)
{
	struct cpuid_table *t = &b->t;
	unsigned n = 0;

	for (unsigned i = 0; i < t->cnt; i++) {
		const struct cpuid_leaf *l = &t->leaf[i];
		int needs = find_rule(l->function)->needs;

		if (needs == NO_FEATURE || cpu_set_has(&b->set, (unsigned)needs))
			t->leaf[n++] = *l;
	}
	t->cnt = n;
}

static bool component_wanted(const struct build *b, unsigned bit)
{
	for (unsigned i = 0; i < ARRAY_LEN(xstate_components); i++) {
		const struct xstate_component *c = &xstate_components[i];

		if (c->bit == bit)
			return cpu_set_has(&b->set, c->feature[0]) ||
			       cpu_set_has(&b->set, c->feature[1]);
	}
	return is_host(b->model); /* a component without a name, as features without one */
}

static uint64_t wanted_components(const struct build *b, uint64_t mask)
{
	uint64_t ret = 0;

	for (unsigned i = 0; i < 64; i++)
		if ((mask >> i & 1) && (i < 2 || component_wanted(b, i)))
			ret |= BIT64(i);
	return ret;
}

/*
 * Leaf 0xD. KVM keeps the sizes "for what XCR0 and IA32_XSS hold now" (EBX) up to date by itself;
 * the maximum (ECX of sub-leaf 0) and the masks are its caller's.
 */
static void make_xstate(struct build *b)
{
	struct cpuid_table *t = &b->t;
	uint64_t user = wanted_components(b, xstate_mask(t, false)) | XSTATE_LEGACY;
	uint64_t supervisor = wanted_components(b, xstate_mask(t, true) & ~XSTATE_LEGACY);
	uint32_t end = XSTATE_LEGACY_LEN;
	struct cpuid_leaf *l;
	unsigned n = 0;

	if (!cpu_set_has(&b->set, CPU_F_XSAVE)) /* filter_leaves() has dropped it all */
		return;
	if (!cpu_set_has(&b->set, CPU_F_XSAVES))
		supervisor = 0;
	for (unsigned i = 0; i < t->cnt; i++) {
		l = &t->leaf[i];
		if (l->function == 0xd && l->index >= 2) {
			if (l->index >= 64 || !((user | supervisor) >> l->index & 1))
				continue;
			if (!(l->ecx & XSTATE_SUPERVISOR))
				end = (uint32_t)min_u64(max_u64(end, (uint64_t)l->eax + l->ebx),
							UINT32_MAX);
		}
		t->leaf[n++] = *l;
	}
	t->cnt = n;

	l = cpuid_need(t, 0xd, 0, CPUID_INDEXED);
	l->eax = (uint32_t)user;
	l->edx = (uint32_t)(user >> 32);
	l->ebx = XSTATE_LEGACY_LEN; /* XCR0 is 1 after reset */
	l->ecx = end;
	l = cpuid_find(t, 0xd, 1);
	if (l) {
		l->ecx = (uint32_t)supervisor;
		l->edx = (uint32_t)(supervisor >> 32);
		l->ebx = l->eax ? XSTATE_LEGACY_LEN : 0;
	}
}

/*
 * The TSC as a fraction of the APIC timer's clock, for Intel's leaf 0x15. Linux takes the crystal
 * there for the APIC timer's input too and multiplies kHz by the numerator in 32 bits
 * (arch/x86/kernel/tsc.c, native_calibrate_tsc()), so the crystal must be KVM's 1 GHz and the
 * numerator small. False if no such fraction is right to one in a million: no leaf is better than
 * a wrong one, since software does not calibrate what CPUID tells.
 */
static bool tsc_fraction(uint32_t tsc_khz, uint32_t *ret_num, uint32_t *ret_den)
{
	const uint64_t max_num = UINT32_MAX / APIC_BUS_KHZ;
	uint64_t best = UINT64_MAX, best_den = 1;

	for (uint64_t den = 1; den <= max_num; den++) {
		uint64_t scaled = tsc_khz * den;
		uint64_t num = (scaled + APIC_BUS_KHZ / 2) / APIC_BUS_KHZ;
		uint64_t err = num * APIC_BUS_KHZ;

		if (num > max_num)
			break;
		err = err > scaled ? err - scaled : scaled - err; /* of @den times the frequency */
		if (num && (best == UINT64_MAX || err * best_den < best * den)) {
			best = err;
			best_den = den;
			*ret_num = (uint32_t)num;
			*ret_den = (uint32_t)den;
		}
	}
	return best != UINT64_MAX && best * 1000000 <= (uint64_t)tsc_khz * best_den;
}

static void make_timing(struct build *b)
{
	uint32_t tsc_khz = b->rq->tsc_khz, num = 0, den = 0;
	struct cpuid_leaf *l;

	if (!tsc_khz || !cpu_set_has(&b->set, CPU_F_TSC))
		return;
	/* A convention of VMware's that KVM guests know too: TSC and APIC timer in kHz. */
	if (cpu_set_has(&b->set, CPU_F_HYPERVISOR)) {
		l = cpuid_need(&b->t, LEAF_KVM_TIMING, 0, 0);
		l->eax = tsc_khz;
		l->ebx = b->rq->apic ? APIC_BUS_KHZ : 0;
	}
	if (b->vendor != CPU_INTEL) /* AMD has neither leaf, and Linux reads them on Intel only */
		return;
	if (tsc_fraction(tsc_khz, &num, &den)) {
		l = cpuid_need(&b->t, 0x15, 0, 0);
		l->eax = den;
		l->ebx = num;
		l->ecx = APIC_BUS_KHZ * 1000;
	}
	l = cpuid_need(&b->t, 0x16, 0, 0); /* MHz: base, maximum, bus */
	l->eax = l->ebx = (tsc_khz + 500) / 1000;
	l->ecx = 100;
}

static void make_signature(struct build *b)
{
	uint32_t sig = b->vendor == CPU_AMD ? b->model->signature_amd : b->model->signature_intel;
	char brand[16 * LEAF_BRAND_CNT] = { 0 };
	struct cpuid_leaf *l;

	if (sig) {
		l = cpuid_need(&b->t, 1, 0, 0);
		l->eax = sig;
		l->ebx &= ~0xffu; /* index into Intel's old table of brands */
		l = cpuid_find(&b->t, 0x80000001, 0);
		if (l && b->vendor == CPU_AMD)
			l->eax = sig;
	}
	if (!b->model->brand)
		return;
	strncpy(brand, b->model->brand, sizeof(brand) - 1);
	for (unsigned i = 0; i < LEAF_BRAND_CNT; i++) {
		l = cpuid_need(&b->t, LEAF_BRAND_FIRST + i, 0, 0);
		memcpy(&l->eax, brand + 16 * i, 4);
		memcpy(&l->ebx, brand + 16 * i + 4, 4);
		memcpy(&l->ecx, brand + 16 * i + 8, 4);
		memcpy(&l->edx, brand + 16 * i + 12, 4);
	}
}

/* AMD repeats these bits of leaf 1 EDX in 0x80000001 EDX (APM volume 3, E.4.2). */
#define AMD_MIRRORED 0x0183f3ffu

static void make_mirror(struct build *b)
{
	const struct cpuid_leaf *from = cpuid_find(&b->t, 1, 0);
	struct cpuid_leaf *to = cpuid_find(&b->t, 0x80000001, 0);

	if (from && to && b->vendor == CPU_AMD)
		to->edx = (to->edx & ~AMD_MIRRORED) | (from->edx & AMD_MIRRORED);
}

/* Registers of feature leaves in which nothing has a name are nobody's promise. */
static void clear_nameless(struct build *b)
{
	struct cpuid_leaf *l = cpuid_find(&b->t, 7, 1);

	if (l && !is_host(b->model))
		l->ebx = l->ecx = 0;
	l = cpuid_find(&b->t, 7, 2);
	if (l && !is_host(b->model))
		l->eax = l->ebx = l->ecx = 0;
}

static void drop_zero_leaves(struct cpuid_table *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->cnt; i++) {
		const struct cpuid_leaf *l = &t->leaf[i];

		/* The end marks of the topology leaves get an APIC id in EDX later; 0x8000001E is
		 * all zeros on the first CPU only. */
		if (!is_zero(l) || l->function == 0xb || l->function == 0x1f ||
		    l->function == 0x8000001e)
			t->leaf[n++] = *l;
	}
	t->cnt = n;
}

/* Each range's first leaf says how far the range goes. On a named model exactly as far as there is
 * something to see; on the host's at least as far as it says. */
static void make_maxima(struct build *b)
{
	static const uint32_t range[] = { 0, LEAF_KVM_SIGNATURE, 0x80000000, 0xc0000000 };
	struct cpuid_table *t = &b->t;
	struct cpuid_leaf *l7 = cpuid_find(t, 7, 0);

	for (unsigned r = 0; r < ARRAY_LEN(range); r++) {
		struct cpuid_leaf *head = cpuid_find(t, range[r], 0);
		bool exact = !is_host(b->model) || range[r] == LEAF_KVM_SIGNATURE;
		uint32_t max = head && !exact ? head->eax : range[r];

		for (unsigned i = 0; i < t->cnt; i++)
			if (t->leaf[i].function >> 28 == range[r] >> 28 &&
			    t->leaf[i].function > max)
				max = t->leaf[i].function;
		if (head)
			head->eax = max;
	}
	if (!l7)
		return;
	l7->eax = 0;
	for (unsigned i = 0; i < t->cnt; i++)
		if (t->leaf[i].function == 7 && t->leaf[i].index > l7->eax)
			l7->eax = t->leaf[i].index;
}

static int check_request(const struct build *b, struct error **errp)
{
	const struct cpu_topology *topo = &b->rq->topo;

	/* 255 is the broadcast id of an APIC in xAPIC mode (Intel SDM volume 3A, 11.6.1). */
	if (b->rq->max_apic_id > 254 && !cpu_set_has(&b->set, CPU_F_X2APIC)) {
		err_set(errp, EINVAL,
			"%u sockets of %u cores of %u threads need APIC ids up to %u, and those "
			"above 254 need CPU feature 'x2apic'",
			topo->sockets, topo->cores, topo->threads, b->rq->max_apic_id);
		err_hint(errp, "leave x2apic on, or use fewer CPUs");
		return -EINVAL;
	}
	return 0;
}

int cpuid_build(const struct cpuid_table *supported, const struct cpuid_request *rq,
		struct cpuid_table *ret, struct error **errp)
{
	struct build b UNINITIALIZED;
	struct cpuid_leaf *leaf0;
	int err;

	memset(&b, 0, offsetof(struct build, t));
	b.t.cnt = 0;
	b.rq = rq;
	err = cpu_topology_check(&rq->topo, errp);
	if (!err)
		err = parse_model(&b, rq->model, errp);
	if (!err)
		err = copy_supported(&b, supported, errp);
	if (err)
		return err;
	leaf0 = cpuid_find(&b.t, 0, 0);
	if (!leaf0 || !cpuid_find(&b.t, 1, 0))
		return err_set(errp, ENOTSUP, "this host's KVM lists no CPUID leaf 0 or 1");
	b.vendor = vendor_of(leaf0);

	settle_available(&b);
	err = choose_features(&b, errp);
	if (!err)
		err = check_request(&b, errp);
	if (err)
		return err;

	cpu_set_apply(&b.set, &b.t, !is_host(b.model));
	clear_nameless(&b);
	filter_leaves(&b);
	make_xstate(&b);
	make_timing(&b);
	make_signature(&b);
	cpu_topology_apply(&b.t, &rq->topo, b.vendor, rq->apic, b.leaf_1f);
	make_mirror(&b);
	drop_zero_leaves(&b.t);
	make_maxima(&b);
	cpuid_copy(ret, &b.t);
	return 0;
}

/* For --cpu help: what of @supported a guest with every feature could have. */
void cpuid_available(const struct cpuid_table *supported, struct cpu_feature_set *ret)
{
	/* Whether the timer has a deadline mode is not in the list, but every KVM since 3.0 can. */
	const struct cpuid_request rq = { .apic = true, .tsc_deadline = true, .topo = { 1, 1, 1 } };
	struct build b = { .rq = &rq, .model = cpu_model_find("host") };

	/* Too long a list is cpuid_build()'s to complain about. */
	if (copy_supported(&b, supported, NULL))
		b.t.cnt = 0;
	settle_available(&b);
	*ret = b.have;
}
