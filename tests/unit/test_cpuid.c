/* SPDX-License-Identifier: MIT */
/* The guest's CPUID as a whole, for three kinds of host and this one. */
#include "tests/lib/fake.h"

#include <string.h>

#include "kvm/cpu_features.h"
#include "kvm/cpu_models.h"
#include "tests/lib/fake_cpuid.h"

static const struct cpuid_request plain = {
	.topo = { 1, 2, 1 },
	.tsc_khz = 2100000,
	.apic = true,
	.tsc_deadline = true,
	.max_apic_id = 1,
};

static struct cpuid_request with_model(const char *model)
{
	struct cpuid_request rq = plain;

	rq.model = model;
	return rq;
}

static void build(void (*host)(struct cpuid_table *), const struct cpuid_request *rq,
		  struct cpuid_table *t)
{
	struct cpuid_table sup;
	struct error *e = NULL;
	int ret;

	host(&sup);
	ret = cpuid_build(&sup, rq, t, &e);
	assert_no_error(e);
	assert_int_equal(ret, 0);
}

static void expect_error(void (*host)(struct cpuid_table *), const struct cpuid_request *rq,
			 const char *part)
{
	struct cpuid_table sup, t, before;
	struct error *e = NULL;

	host(&sup);
	memset(&t, 0x5a, sizeof(t));
	before = t;
	assert_true(cpuid_build(&sup, rq, &t, &e) < 0);
	assert_memory_equal(&t, &before, sizeof(t)); /* outputs untouched on failure */
	assert_error(e, part);
}

static bool shows(struct cpuid_table *t, unsigned id)
{
	struct cpu_feature_set s;

	cpu_set_read(&s, t);
	return cpu_set_has(&s, id);
}

/* Whatever was asked for, a table must be free of contradictions. */
static void assert_consistent(struct cpuid_table *t)
{
	struct cpu_feature_set s, pruned;
	struct cpuid_leaf *l;

	cpu_set_read(&s, t);
	pruned = s;
	cpu_set_prune(&pruned);
	assert_memory_equal(&s, &pruned, sizeof(s));

	for (unsigned i = 0; i < t->cnt; i++) {
		const struct cpuid_leaf *x = &t->leaf[i];
		struct cpuid_leaf *head = cpuid_find(t, x->function & 0xf0000000, 0);

		assert_ptr_equal(cpuid_find(t, x->function, x->index), x); /* no double */
		assert_non_null(head);
		assert_true(x->function <= head->eax);
	}
	l = cpuid_find(t, 0xd, 0);
	assert_int_equal(!!l, cpu_set_has(&s, CPU_F_XSAVE));
	if (l) {
		uint32_t end = 576;

		assert_int_equal(!!(l->eax & BIT(2)), cpu_set_has(&s, CPU_F_AVX));
		assert_int_equal(!!(l->eax & 0xe0), cpu_set_has(&s, CPU_F_AVX512F));
		assert_int_equal(!!(l->eax & BIT(9)), cpu_set_has(&s, CPU_F_PKU));
		for (unsigned i = 2; i < 32; i++) {
			struct cpuid_leaf *c = cpuid_find(t, 0xd, i);

			if (c && !(c->ecx & 1)) {
				assert_true(l->eax >> i & 1);
				end = c->eax + c->ebx > end ? c->eax + c->ebx : end;
			}
			if (l->eax >> i & 1)
				assert_non_null(c);
		}
		assert_int_equal(l->ecx, end);
	}
	assert_false(cpu_set_has(&s, CPU_F_OSXSAVE) || cpu_set_has(&s, CPU_F_OSPKE));
}

static void host_model_keeps_what_the_host_has(void **state)
{
	struct cpuid_table t, sup;
	struct cpu_feature_set have, got;

	(void)state;
	build(fake_cpuid_intel, &plain, &t);
	assert_consistent(&t);
	fake_cpuid_intel(&sup);
	cpu_set_read(&have, &sup);
	cpu_set_read(&got, &t);
	cpu_set_del(&have, CPU_F_OSXSAVE);
	cpu_set_del(&have, CPU_F_OSPKE);
	cpu_set_add(&have, CPU_F_TSC_DEADLINE_TIMER);
	assert_memory_equal(&have, &got, sizeof(got));
	assert_int_equal(cpuid_find(&t, 1, 0)->eax, 0x00050654);
	assert_int_equal(cpuid_find(&t, 0x80000002, 0)->eax, 0x65746e49);
	assert_int_equal(cpuid_find(&t, 0x80000008, 0)->eax, 0x302e);
	assert_null(cpuid_find(&t, 3, 0));    /* serial number */
	assert_null(cpuid_find(&t, 0x12, 0)); /* SGX */
	assert_null(cpuid_find(&t, 0x1f, 0));

	build(fake_cpuid_amd, &plain, &t);
	assert_consistent(&t);
	assert_true(shows(&t, CPU_F_SVM) && shows(&t, CPU_F_NPT));
	assert_int_equal(cpuid_find(&t, 0x8000000a, 0)->ebx, 8);
	assert_null(cpuid_find(&t, 0x8000001f, 0)); /* SEV */
	assert_null(cpuid_find(&t, 0x15, 0));
	assert_int_equal(cpuid_find(&t, 0x8000001d, 3)->eax >> 14 & 0xfff, 1);
}

static void model_null_is_host(void **state)
{
	struct cpuid_request rq = with_model("host");
	struct cpuid_table a, b;

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	build(fake_cpuid_intel, &plain, &a);
	build(fake_cpuid_intel, &rq, &b);
	assert_int_equal(a.cnt, b.cnt);
	assert_memory_equal(a.leaf, b.leaf, a.cnt * sizeof(a.leaf[0]));
}

/* Nameless bits and unlisted leaves are part of "host", and of nothing else. */
static void what_has_no_name_passes_in_host_only(void **state)
{
	struct cpuid_request rq = with_model("x86-64-v3");
	struct cpuid_table sup, t;

	(void)state;
	fake_cpuid_intel(&sup);
	cpuid_find(&sup, 7, 0)->ecx |= BIT(15);
	*cpuid_find(&sup, 7, 1) = (struct cpuid_leaf){ 7, 1, 1, 0, 1, 1 << 5, 0 };
	sup.leaf[sup.cnt++] = (struct cpuid_leaf){ 0x27, 0, 0, 1, 2, 3, 4 };
	assert_int_equal(cpuid_build(&sup, &plain, &t, NULL), 0);
	assert_true(cpuid_find(&t, 7, 0)->ecx & BIT(15));
	assert_int_equal(cpuid_find(&t, 0x27, 0)->edx, 4);
	assert_int_equal(cpuid_find(&t, 7, 0)->eax, 1);
	assert_int_equal(cpuid_find(&t, 0, 0)->eax, 0x27);

	assert_int_equal(cpuid_build(&sup, &rq, &t, NULL), 0);
	assert_false(cpuid_find(&t, 7, 0)->ecx & BIT(15));
	assert_null(cpuid_find(&t, 0x27, 0));
	assert_null(cpuid_find(&t, 7, 1));
	assert_int_equal(cpuid_find(&t, 7, 0)->eax, 0);
	assert_consistent(&t);
}

static void baseline_is_the_same_on_any_host_but_for_what_follows(void **state)
{
	struct cpuid_request rq = with_model("baseline");
	struct cpu_feature_set a, b;
	struct cpuid_table intel, amd;

	(void)state;
	build(fake_cpuid_intel, &rq, &intel);
	build(fake_cpuid_amd, &rq, &amd);
	assert_consistent(&intel);
	assert_consistent(&amd);
	cpu_set_read(&a, &intel);
	cpu_set_read(&b, &amd);
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++)
		if (!(cpu_features[i].flags & (CPU_FF_FOLLOW | CPU_FF_MADE)))
			assert_int_equal(cpu_set_has(&a, i), cpu_set_has(&b, i));
	assert_true(cpu_set_has(&a, CPU_F_KVMCLOCK) && cpu_set_has(&a, CPU_F_X2APIC));
	assert_true(cpu_set_has(&a, CPU_F_SPEC_CTRL) && cpu_set_has(&b, CPU_F_IBPB));
	assert_false(cpu_set_has(&a, CPU_F_VMX) || cpu_set_has(&b, CPU_F_SVM));
	assert_false(cpu_set_has(&a, CPU_F_ARCH_PERFMON));
	assert_null(cpuid_find(&intel, 0xa, 0));
	assert_null(cpuid_find(&intel, 0xd, 0));
	assert_int_equal(cpuid_find(&intel, 1, 0)->eax, 0x000106a3);
	assert_int_equal(cpuid_find(&amd, 1, 0)->eax, 0x00800f12);
	assert_int_equal(cpuid_find(&amd, 0x80000001, 0)->eax, 0x00800f12);
	assert_memory_equal(&cpuid_find(&amd, 0x80000002, 0)->eax, "Virtual CPU (x86", 16);
	/* The vendor stays. */
	assert_int_equal(cpuid_find(&intel, 0, 0)->ebx, 0x756e6547);
	assert_int_equal(cpuid_find(&amd, 0, 0)->ebx, 0x68747541);
}

static void a_model_the_host_cannot_fulfil_is_an_error(void **state)
{
	struct cpuid_request rq = with_model("x86-64-v4");
	struct cpuid_table t;

	(void)state;
	expect_error(fake_cpuid_amd, &rq,
		     "'x86-64-v4' has features that this host's KVM lacks: "
		     "avx512f, avx512dq, avx512cd, avx512bw, avx512vl");
	rq = with_model("baseline");
	expect_error(fake_cpuid_tiny, &rq, "sse3, ssse3, sse4_1, sse4_2, popcnt");
	rq = with_model("baseline,-sse3,-popcnt,-ssse3,-sse4.1,-sse4.2,-lahf,-vme,-pse36");
	build(fake_cpuid_tiny, &rq, &t); /* given up in so many words */
	assert_consistent(&t);
	assert_true(shows(&t, CPU_F_LM) && shows(&t, CPU_F_CX16));
}

static void minus_takes_dependents_and_state_along(void **state)
{
	struct cpuid_request rq = with_model("host,-avx");
	struct cpuid_table t;

	(void)state;
	build(fake_cpuid_intel, &rq, &t);
	assert_consistent(&t);
	assert_false(shows(&t, CPU_F_AVX2) || shows(&t, CPU_F_FMA) || shows(&t, CPU_F_F16C));
	assert_false(shows(&t, CPU_F_AVX512F) || shows(&t, CPU_F_AVX512VL));
	assert_int_equal(cpuid_find(&t, 0xd, 0)->eax, 0x21b); /* no AVX, no AVX-512 */
	assert_int_equal(cpuid_find(&t, 0xd, 0)->ecx, 0xa88); /* PKRU is still at 0xa80 */
	assert_int_equal(cpuid_find(&t, 0xd, 0)->ebx, 576);
	assert_null(cpuid_find(&t, 0xd, 8)); /* no processor trace */
	assert_int_equal(cpuid_find(&t, 0xd, 1)->ecx, 0);

	rq = with_model("host,-avx512f,-pku,-mpx");
	build(fake_cpuid_intel, &rq, &t);
	assert_consistent(&t);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->eax, 7);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->ecx, 576 + 256);

	rq = with_model("host,-xsave");
	build(fake_cpuid_intel, &rq, &t);
	assert_consistent(&t);
	assert_null(cpuid_find(&t, 0xd, 1));
	rq = with_model("host,-svm,-pmu");
	build(fake_cpuid_amd, &rq, &t);
	assert_null(cpuid_find(&t, 0x8000000a, 0));
	rq = with_model("host,-lm,-sse2"); /* odd, but said */
	build(fake_cpuid_amd, &rq, &t);
	assert_consistent(&t);
	assert_false(shows(&t, CPU_F_LM) || shows(&t, CPU_F_LAHF_LM));
}

/* APM 3 E.4.2: bits 9:0, 17:12, 24:23 of Fn8000_0001 EDX are "same as Fn0000_0001_EDX". */
static void amd_mirror_follows_leaf_1(void **state)
{
	struct cpuid_request rq = with_model("host,-mtrr,-mmx");
	struct cpuid_table t;
	const uint32_t mask = 0x0183f3ff;

	(void)state;
	build(fake_cpuid_amd, &rq, &t);
	assert_false(shows(&t, CPU_F_MTRR));
	assert_int_equal(cpuid_find(&t, 1, 0)->edx & mask,
			 cpuid_find(&t, 0x80000001, 0)->edx & mask);
	build(fake_cpuid_intel, &rq, &t);
	assert_int_equal(cpuid_find(&t, 0x80000001, 0)->edx & mask, 0);
}

static void plus_adds_with_its_needs(void **state)
{
	struct cpuid_request rq = with_model("baseline,+avx2,+vmx");
	struct cpuid_table t;

	(void)state;
	build(fake_cpuid_intel, &rq, &t);
	assert_consistent(&t);
	assert_true(shows(&t, CPU_F_AVX2) && shows(&t, CPU_F_AVX) && shows(&t, CPU_F_XSAVE));
	assert_true(shows(&t, CPU_F_VMX));
	assert_false(shows(&t, CPU_F_FMA));
	assert_int_equal(cpuid_find(&t, 0xd, 0)->eax, 7);

	rq = with_model("+kvm-hint-dedicated"); /* no model: host's; KVM never lists this one */
	build(fake_cpuid_amd, &rq, &t);
	assert_int_equal(cpuid_find(&t, 0x40000001, 0)->edx, 1);
	build(fake_cpuid_amd, &plain, &t);
	assert_int_equal(cpuid_find(&t, 0x40000001, 0)->edx, 0);
	rq = with_model("host,-avx,+avx"); /* the last word counts */
	build(fake_cpuid_intel, &rq, &t);
	assert_true(shows(&t, CPU_F_AVX) && shows(&t, CPU_F_AVX512F));
}

static void mistakes_get_a_sentence(void **state)
{
	static const struct {
		const char *model, *part;
	} cases[] = {
		{ "hots", "unknown CPU model 'hots'; did you mean 'host'?" },
		{ "avx2", "unknown CPU model 'avx2'" },
		{ "host,+avx51f", "unknown CPU feature 'avx51f'; did you mean 'avx512f'?" },
		{ "host,+amx_tile", "CPU feature 'amx_tile': this host's KVM lacks it" },
		{ "host,+sgx", "CPU feature 'sgx': not supported here" },
		{ "host,-avx,+avx2", "CPU feature 'avx2' needs 'avx'" },
		{ "host,-xsave,+avx512vl", "needs" },
		{ "host,avx2", "CPU feature 'avx2' has no sign" },
		{ "host,avx2=off", "CPU feature 'avx2=off' has no sign" },
		{ "host,,+avx", "empty name" },
		{ "host,", "empty name" },
		{ "", "empty name" },
		{ "host,+", "unknown CPU feature ''" },
		{ "host,-ht", "'ht' cannot be chosen" },
		{ "host,+osxsave", "'osxsave' cannot be chosen" },
		{ "host,+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "as long" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct cpuid_request rq = with_model(cases[i].model);

		expect_error(fake_cpuid_intel, &rq, cases[i].part);
	}
}

static void without_an_apic_nothing_speaks_of_one(void **state)
{
	struct cpuid_request rq = plain;
	struct cpuid_table t;

	(void)state;
	rq.apic = rq.tsc_deadline = false;
	rq.topo = (struct cpu_topology){ 1, 1, 1 };
	build(fake_cpuid_amd, &rq, &t);
	assert_consistent(&t);
	assert_false(shows(&t, CPU_F_APIC) || shows(&t, CPU_F_X2APIC));
	assert_false(shows(&t, CPU_F_TSC_DEADLINE_TIMER) || shows(&t, CPU_F_ARAT));
	assert_false(shows(&t, CPU_F_KVM_PV_EOI) || shows(&t, CPU_F_KVM_ASYNCPF_INT));
	assert_true(shows(&t, CPU_F_KVMCLOCK));
	assert_int_equal(cpuid_find(&t, 0x80000001, 0)->edx & BIT(9), 0); /* AMD's second copy */
	assert_null(cpuid_find(&t, 0xb, 0));
	assert_int_equal(cpuid_find(&t, 0x40000010, 0)->ebx, 0);
	rq.model = "baseline"; /* which promises an APIC, to machines that have one */
	build(fake_cpuid_amd, &rq, &t);
	assert_false(shows(&t, CPU_F_APIC));
	rq.model = "host,+x2apic";
	expect_error(fake_cpuid_amd, &rq, "'x2apic' needs a local APIC");
}

static void tsc_deadline_is_by_capability_only(void **state)
{
	struct cpuid_request rq = plain;
	struct cpuid_table sup, t;

	(void)state;
	rq.tsc_deadline = false;
	fake_cpuid_intel(&sup);
	cpuid_find(&sup, 1, 0)->ecx |= BIT(24); /* some KVMs list it */
	assert_int_equal(cpuid_build(&sup, &rq, &t, NULL), 0);
	assert_false(shows(&t, CPU_F_TSC_DEADLINE_TIMER));
	rq.model = "host,+tsc-deadline";
	expect_error(fake_cpuid_intel, &rq, "tsc_deadline_timer");
}

/* Documentation/virt/kvm/x86/cpuid.rst; the timing leaf as VMware defined it: EAX TSC kHz, EBX APIC
 * bus kHz. */
static void hypervisor_leaves_say_kvm_and_its_clocks(void **state)
{
	struct cpuid_request rq = plain;
	struct cpuid_table t;
	struct cpuid_leaf *l;

	(void)state;
	build(fake_cpuid_tiny, &rq, &t); /* its KVM does not list them */
	l = cpuid_find(&t, 0x40000000, 0);
	assert_int_equal(l->eax, 0x40000010);
	assert_memory_equal(&l->ebx, "KVMKVMKVM\0\0\0", 12);
	l = cpuid_find(&t, 0x40000010, 0);
	assert_int_equal(l->eax, 2100000);
	assert_int_equal(l->ebx, 1000000);
	assert_true(shows(&t, CPU_F_HYPERVISOR));

	rq.tsc_khz = 0;
	build(fake_cpuid_intel, &rq, &t);
	assert_int_equal(cpuid_find(&t, 0x40000000, 0)->eax, 0x40000001);
	assert_null(cpuid_find(&t, 0x40000010, 0));
	assert_null(cpuid_find(&t, 0x15, 0));
	assert_null(cpuid_find(&t, 0x16, 0));

	rq = with_model("host,-hypervisor");
	build(fake_cpuid_intel, &rq, &t);
	assert_null(cpuid_find(&t, 0x40000000, 0));
	assert_null(cpuid_find(&t, 0x40000010, 0));
	assert_consistent(&t);
}

/* SDM 2A: "EBX/EAX indicates the ratio of the TSC frequency and the core crystal clock frequency",
 * "ECX ... nominal frequency of the core crystal clock in Hz". */
static void leaf_15_is_right_to_one_in_a_million_or_absent(void **state)
{
	struct cpuid_request rq = plain;
	unsigned absent = 0;

	(void)state;
	for (uint32_t khz = 800000; khz < 5200000; khz += 1237) {
		struct cpuid_table t;
		struct cpuid_leaf *l;
		double got;

		rq.tsc_khz = khz;
		build(fake_cpuid_intel, &rq, &t);
		assert_int_equal(cpuid_find(&t, 0x16, 0)->eax, (khz + 500) / 1000);
		l = cpuid_find(&t, 0x15, 0);
		if (!l) {
			absent++;
			continue;
		}
		assert_int_equal(l->ecx, 1000000000);
		assert_true((uint64_t)l->ebx * 1000000 <= UINT32_MAX);
		got = 1e6 * l->ebx / l->eax;
		assert_true(got - khz <= khz * 1e-6 && khz - got <= khz * 1e-6);
	}
	assert_true(absent < 1000); /* of 3557 */
	rq.tsc_khz = 2100000;
	for (unsigned i = 0; i < 2; i++) {
		struct cpuid_table t;

		build(fake_cpuid_intel, &rq, &t);
		assert_int_equal(cpuid_find(&t, 0x15, 0)->eax, 10);
		assert_int_equal(cpuid_find(&t, 0x15, 0)->ebx, 21);
		rq.max_apic_id = 0;
	}
}

static void ids_above_254_need_x2apic(void **state)
{
	struct cpuid_request rq = with_model("host,-x2apic");
	struct cpuid_table t;

	(void)state;
	rq.topo = (struct cpu_topology){ 1, 288, 1 };
	rq.max_apic_id = 287;
	expect_error(fake_cpuid_intel, &rq, "'x2apic'");
	rq.model = "host";
	build(fake_cpuid_intel, &rq, &t);
	assert_false(shows(&t, CPU_F_KVM_MSI_EXT_DEST_ID));
	rq.msi_ext_dest_id = true;
	build(fake_cpuid_intel, &rq, &t);
	assert_true(shows(&t, CPU_F_KVM_MSI_EXT_DEST_ID));
	rq.topo.cores = 0;
	expect_error(fake_cpuid_intel, &rq, "no CPUs");
}

/* A leaf count so small that everything above it is new: maxima rise. */
static void a_tiny_host_is_enough(void **state)
{
	struct cpuid_table t;

	(void)state;
	build(fake_cpuid_tiny, &plain, &t);
	assert_consistent(&t);
	assert_int_equal(cpuid_find(&t, 0, 0)->eax, 0x16);
	assert_int_equal(cpuid_find(&t, 0x80000000, 0)->eax, 0x80000001);
	assert_int_equal(cpuid_find(&t, 0xb, 0)->ecx, 0x100);
}

static void nonsense_from_kvm_is_survived(void **state)
{
	static struct cpuid_table sup;
	struct cpuid_table t;
	struct error *e = NULL;

	(void)state;
	memset(&sup, 0, sizeof(sup));
	assert_true(cpuid_build(&sup, &plain, &t, &e) < 0);
	assert_error(e, "leaf 0");

	e = NULL;
	fake_cpuid_intel(&sup);
	for (; sup.cnt < CPUID_MAX_LEAVES; sup.cnt++)
		sup.leaf[sup.cnt] = (struct cpuid_leaf){ 0x2000 + sup.cnt, 0, 0, 1, 1, 1, 1 };
	assert_true(cpuid_build(&sup, &plain, &t, &e) < 0);
	assert_error(e, "more CPUID leaves");

	fake_cpuid_intel(&sup);
	cpuid_find(&sup, 0xd, 2)->ebx = UINT32_MAX; /* sizes that wrap, a component out of range */
	sup.leaf[sup.cnt++] = (struct cpuid_leaf){ 0xd, 70, 1, 64, 64, 0, 0 };
	assert_int_equal(cpuid_build(&sup, &plain, &t, NULL), 0);
	assert_null(cpuid_find(&t, 0xd, 70));
	assert_int_equal(cpuid_find(&t, 0xd, 0)->ecx, UINT32_MAX);

	/* More than will fit, but zeros: left out. */
	fake_cpuid_amd(&sup);
	for (; sup.cnt < CPUID_MAX_LEAVES; sup.cnt++)
		sup.leaf[sup.cnt] = (struct cpuid_leaf){ .function = 0x80000040 + sup.cnt };
	assert_int_equal(cpuid_build(&sup, &plain, &t, NULL), 0);
	assert_true(t.cnt < 40);
}

static void avx_that_xcr0_cannot_hold_is_not_shown(void **state)
{
	struct cpuid_table sup, t;

	(void)state;
	fake_cpuid_intel(&sup);
	cpuid_find(&sup, 0xd, 0)->eax = 3;
	assert_int_equal(cpuid_build(&sup, &plain, &t, NULL), 0);
	assert_consistent(&t);
	assert_false(shows(&t, CPU_F_AVX) || shows(&t, CPU_F_PKU));
}

static void check_help(const struct cpuid_table *sup, const char *has, const char *has_not)
{
	char *text = NULL, *line, *next;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	cpuid_print_help(f, sup);
	fclose(f);
	for (unsigned i = 0; i < cpu_model_cnt; i++)
		assert_non_null(strstr(text, cpu_models[i].description));
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++)
		if (!cpu_features[i].flags)
			assert_non_null(strstr(text, cpu_features[i].name));
	assert_non_null(strstr(text, has));
	assert_null(strstr(text, has_not));
	for (line = text; *line; line = next) {
		next = strchr(line, '\n');
		assert_non_null(next);
		assert_true(next - line < 80);
		assert_true(next == line || next[-1] != ' ');
		next++;
	}
	free(text);
}

static void help_marks_what_the_host_has_in_80_columns(void **state)
{
	struct cpuid_table sup;

	(void)state;
	fake_cpuid_intel(&sup);
	check_help(&sup, "*avx512vl ", "*sse4a");
	fake_cpuid_amd(&sup);
	check_help(&sup, "*sse4a\n", "*avx512vl");
	fake_cpuid_amd(&sup);
	check_help(NULL, " sse4a\n", "*sse");
}

static void this_machine_builds_too(void **state)
{
	struct cpuid_table sup, t;
	struct error *e = NULL;
	const char *why = NULL;

	(void)state;
	if (!fake_cpuid_real(&sup, &why)) {
		print_message("skipped: /dev/kvm: %s\n", why);
		skip();
	}
	assert_int_equal(cpuid_build(&sup, &plain, &t, &e), 0);
	assert_no_error(e);
	assert_consistent(&t);
	assert_true(t.cnt <= sup.cnt + 10);
	print_message("%u leaves of %u\n", t.cnt, sup.cnt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_model_keeps_what_the_host_has),
		cmocka_unit_test(model_null_is_host),
		cmocka_unit_test(what_has_no_name_passes_in_host_only),
		cmocka_unit_test(baseline_is_the_same_on_any_host_but_for_what_follows),
		cmocka_unit_test(a_model_the_host_cannot_fulfil_is_an_error),
		cmocka_unit_test(minus_takes_dependents_and_state_along),
		cmocka_unit_test(amd_mirror_follows_leaf_1),
		cmocka_unit_test(plus_adds_with_its_needs),
		cmocka_unit_test(mistakes_get_a_sentence),
		cmocka_unit_test(without_an_apic_nothing_speaks_of_one),
		cmocka_unit_test(tsc_deadline_is_by_capability_only),
		cmocka_unit_test(hypervisor_leaves_say_kvm_and_its_clocks),
		cmocka_unit_test(leaf_15_is_right_to_one_in_a_million_or_absent),
		cmocka_unit_test(ids_above_254_need_x2apic),
		cmocka_unit_test(a_tiny_host_is_enough),
		cmocka_unit_test(nonsense_from_kvm_is_survived),
		cmocka_unit_test(avx_that_xcr0_cannot_hold_is_not_shown),
		cmocka_unit_test(help_marks_what_the_host_has_in_80_columns),
		cmocka_unit_test(this_machine_builds_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
