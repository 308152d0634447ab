/* SPDX-License-Identifier: MIT */
/* The feature table's invariants, and the arithmetic on sets of features. */
#include "tests/lib/fake.h"

#include <string.h>

#include "kvm/cpu_features.h"
#include "tests/lib/fake_cpuid.h"

static uint64_t place(const struct cpu_feature *f)
{
	return (uint64_t)f->function << 16 | (unsigned)f->index << 8 | f->reg;
}

static void table_is_in_order_and_no_bit_has_two_names(void **state)
{
	(void)state;
	assert_true(CPU_FEATURE_CNT >= 150);
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++) {
		const struct cpu_feature *f = &cpu_features[i];

		assert_non_null(f->name);
		assert_int_not_equal(f->mask, 0);
		if (i == 0)
			continue;
		assert_true(place(f - 1) <= place(f));
		if (place(f - 1) == place(f)) { /* by lowest bit, and disjoint */
			assert_true((f[-1].mask & -f[-1].mask) < (f->mask & -f->mask));
			for (unsigned k = i; k-- > 0 && place(&cpu_features[k]) == place(f);)
				assert_int_equal(f->mask & cpu_features[k].mask, 0);
		}
	}
}

static void names_are_unique_and_typeable(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CPU_FEATURE_CNT; i++) {
		const char *n = cpu_features[i].name;

		assert_int_equal(strspn(n, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(n));
		assert_true(strlen(n) < 24);
		assert_int_equal(cpu_feature_lookup(n), i);
	}
	assert_int_equal(cpu_feature_lookup("avx3"), -1);
	assert_int_equal(cpu_feature_lookup(""), -1);
}

static void aliases_resolve_and_hide_no_feature(void **state)
{
	(void)state;
	for (unsigned i = 0; i < cpu_alias_cnt; i++) {
		const struct cpu_alias *a = &cpu_aliases[i];
		int id = cpu_feature_lookup(a->feature);

		assert_true(id >= 0);
		assert_string_equal(cpu_features[id].name, a->feature);
		assert_int_equal(cpu_feature_lookup(a->name), id);
		for (unsigned k = 0; k < CPU_FEATURE_CNT; k++)
			assert_false(cpu_name_equal(cpu_features[k].name, a->name));
		if (i)
			assert_true(strcmp(a[-1].name, a->name) < 0);
	}
}

static void spelling_of_separators_and_case_does_not_matter(void **state)
{
	(void)state;
	assert_int_equal(cpu_feature_lookup("sse4.1"), CPU_F_SSE4_1);
	assert_int_equal(cpu_feature_lookup("SSE4-1"), CPU_F_SSE4_1);
	assert_int_equal(cpu_feature_lookup("lahf-lm"), CPU_F_LAHF_LM);
	assert_int_equal(cpu_feature_lookup("kvm-pv-eoi"), CPU_F_KVM_PV_EOI);
	assert_int_equal(cpu_feature_lookup("pni"), CPU_F_SSE3);
	assert_int_equal(cpu_feature_lookup("lzcnt"), CPU_F_ABM);
	assert_int_equal(cpu_feature_lookup("tsc-deadline"), CPU_F_TSC_DEADLINE_TIMER);
	assert_false(cpu_name_equal("avx", "avx2"));
	assert_false(cpu_name_equal("avx2", "avx"));
}

/* A handful of places straight from the manuals, so that the list is not only consistent with
 * itself. */
static void places_are_those_of_the_manuals(void **state)
{
	static const struct {
		int id;
		uint32_t function, index, reg, mask;
	} known[] = {
		{ CPU_F_SSE3, 1, 0, CPU_ECX, BIT(0) }, /* SDM 2A table 3-10 */
		{ CPU_F_X2APIC, 1, 0, CPU_ECX, BIT(21) },
		{ CPU_F_TSC_DEADLINE_TIMER, 1, 0, CPU_ECX, BIT(24) },
		{ CPU_F_HT, 1, 0, CPU_EDX, BIT(28) },  /* SDM 2A table 3-11 */
		{ CPU_F_AVX2, 7, 0, CPU_EBX, BIT(5) }, /* SDM 2A table 3-8 */
		{ CPU_F_AVX512VL, 7, 0, CPU_EBX, BIT(31) },
		{ CPU_F_UMIP, 7, 0, CPU_ECX, BIT(2) },
		{ CPU_F_RDPID, 7, 0, CPU_ECX, BIT(22) },
		{ CPU_F_ARCH_CAPABILITIES, 7, 0, CPU_EDX, BIT(29) },
		{ CPU_F_AVX_VNNI, 7, 1, CPU_EAX, BIT(4) },
		{ CPU_F_XSAVES, 0xd, 1, CPU_EAX, BIT(3) },
		{ CPU_F_SVM, 0x80000001, 0, CPU_ECX, BIT(2) }, /* APM 3 E.4.2 */
		{ CPU_F_TOPOEXT, 0x80000001, 0, CPU_ECX, BIT(22) },
		{ CPU_F_LM, 0x80000001, 0, CPU_EDX, BIT(29) },
		{ CPU_F_INVTSC, 0x80000007, 0, CPU_EDX, BIT(8) },
		{ CPU_F_NULL_SEL_CLR_BASE, 0x80000021, 0, CPU_EAX, BIT(6) },
		{ CPU_F_KVMCLOCK, 0x40000001, 0, CPU_EAX, BIT(0) | BIT(3) }, /* kvm/x86/cpuid.rst */
		{ CPU_F_KVM_PV_UNHALT, 0x40000001, 0, CPU_EAX, BIT(7) },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
		const struct cpu_feature *f = &cpu_features[known[i].id];

		assert_int_equal(f->function, known[i].function);
		assert_int_equal(f->index, known[i].index);
		assert_int_equal(f->reg, known[i].reg);
		assert_int_equal(f->mask, known[i].mask);
	}
}

/* Removing, round by round, features that need nothing left must empty the graph. */
static void dependencies_have_no_cycle_and_no_double(void **state)
{
	bool gone[CPU_FEATURE_CNT] = { false };
	unsigned left = CPU_FEATURE_CNT;

	(void)state;
	for (bool progress = true; progress;) {
		progress = false;
		for (unsigned f = 0; f < CPU_FEATURE_CNT; f++) {
			bool waits = false;

			for (unsigned i = 0; i < cpu_dependency_cnt; i++)
				waits |= cpu_dependencies[i].feature == f &&
					 !gone[cpu_dependencies[i].needs];
			if (!gone[f] && !waits) {
				gone[f] = progress = true;
				left--;
			}
		}
	}
	assert_int_equal(left, 0);
	for (unsigned i = 0; i < cpu_dependency_cnt; i++)
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(&cpu_dependencies[i], &cpu_dependencies[k],
						sizeof(cpu_dependencies[0]));
}

static void closing_adds_and_pruning_removes_along_the_graph(void **state)
{
	struct cpu_feature_set s = { 0 }, cut = { 0 };

	(void)state;
	cpu_set_add(&s, CPU_F_AVX512VL);
	cpu_set_close(&s);
	assert_true(cpu_set_has(&s, CPU_F_AVX512F));
	assert_true(cpu_set_has(&s, CPU_F_AVX2));
	assert_true(cpu_set_has(&s, CPU_F_XSAVE));
	assert_true(cpu_set_has(&s, CPU_F_FPU));
	assert_false(cpu_set_has(&s, CPU_F_AVX512BW));

	cpu_set_add(&cut, CPU_F_AVX);
	cpu_set_cut(&s, &cut);
	cpu_set_prune(&s);
	assert_false(cpu_set_has(&s, CPU_F_AVX512VL));
	assert_false(cpu_set_has(&s, CPU_F_F16C));
	assert_true(cpu_set_has(&s, CPU_F_XSAVE));
	assert_true(cpu_set_has(&s, CPU_F_SSE4_2));
	cpu_set_join(&s, &cut);
	assert_true(cpu_set_has(&s, CPU_F_AVX));
}

static void reading_and_applying_agree(void **state)
{
	struct cpuid_table t;
	struct cpu_feature_set have, again, none = { 0 };
	struct cpuid_leaf *l;

	(void)state;
	fake_cpuid_intel(&t);
	cpu_set_read(&have, &t);
	assert_true(cpu_set_has(&have, CPU_F_AVX512F));
	assert_true(cpu_set_has(&have, CPU_F_VMX));
	assert_true(cpu_set_has(&have, CPU_F_ARCH_PERFMON)); /* a field, not a bit */
	assert_false(cpu_set_has(&have, CPU_F_SVM));

	cpuid_find(&t, 7, 0)->ecx |= BIT(15); /* nameless */
	cpu_set_apply(&have, &t, false);
	assert_true(cpuid_find(&t, 7, 0)->ecx & BIT(15));
	assert_int_equal(cpuid_find(&t, 0xa, 0)->eax, 0x08300804);
	cpu_set_read(&again, &t);
	assert_memory_equal(&have, &again, sizeof(have));

	cpu_set_apply(&have, &t, true);
	assert_false(cpuid_find(&t, 7, 0)->ecx & BIT(15));
	cpu_set_apply(&none, &t, true);
	l = cpuid_find(&t, 1, 0);
	assert_int_equal(l->ecx | l->edx, 0);
	assert_int_equal(l->eax, 0x00050654); /* no feature lives there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_in_order_and_no_bit_has_two_names),
		cmocka_unit_test(names_are_unique_and_typeable),
		cmocka_unit_test(aliases_resolve_and_hide_no_feature),
		cmocka_unit_test(spelling_of_separators_and_case_does_not_matter),
		cmocka_unit_test(places_are_those_of_the_manuals),
		cmocka_unit_test(dependencies_have_no_cycle_and_no_double),
		cmocka_unit_test(closing_adds_and_pruning_removes_along_the_graph),
		cmocka_unit_test(reading_and_applying_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
