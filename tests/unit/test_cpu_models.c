/* SPDX-License-Identifier: MIT */
/* The models' tables: complete, nested, and fit for the leaves they go to. */
#include "tests/lib/fake.h"

#include <string.h>

#include "kvm/cpu_models.h"

static bool has_all(const struct cpu_feature_set *s, const char *const *names)
{
	for (; *names; names++) {
		int id = cpu_feature_lookup(*names);

		assert_true(id >= 0);
		if (!cpu_set_has(s, (unsigned)id))
			return false;
	}
	return true;
}

static void names_are_found_and_host_is_first(void **state)
{
	(void)state;
	assert_string_equal(cpu_models[0].name, "host");
	for (unsigned i = 0; i < cpu_model_cnt; i++) {
		assert_ptr_equal(cpu_model_find(cpu_models[i].name), &cpu_models[i]);
		assert_true(strlen(cpu_models[i].description) > 10);
		assert_int_equal(cpu_feature_lookup(cpu_models[i].name), -1);
	}
	assert_ptr_equal(cpu_model_find("X86_64-v3"), cpu_model_find("x86-64-v3"));
	assert_null(cpu_model_find("pentium"));
}

/* System V psABI for AMD64, table "Micro-Architecture Levels". */
static void levels_are_those_of_the_psabi(void **state)
{
	static const char *const v1[] = { "cmov",    "cx8", "fpu",  "fxsr", "mmx",
					  "syscall", "sse", "sse2", NULL };
	static const char *const v2[] = { "cx16",   "lahf",   "popcnt", "sse3",
					  "sse4.1", "sse4.2", "ssse3",  NULL };
	static const char *const v3[] = { "avx", "avx2",  "bmi1",  "bmi2",  "f16c",
					  "fma", "lzcnt", "movbe", "xsave", NULL };
	static const char *const v4[] = { "avx512f",  "avx512bw", "avx512cd",
					  "avx512dq", "avx512vl", NULL };
	struct cpu_feature_set s;

	(void)state;
	cpu_model_features(cpu_model_find("baseline"), &s);
	assert_true(has_all(&s, v1) && has_all(&s, v2));
	assert_false(cpu_set_has(&s, CPU_F_AVX));
	assert_false(cpu_set_has(&s, CPU_F_XSAVE));
	cpu_model_features(cpu_model_find("x86-64-v3"), &s);
	assert_true(has_all(&s, v1) && has_all(&s, v2) && has_all(&s, v3));
	assert_false(cpu_set_has(&s, CPU_F_AVX512F));
	cpu_model_features(cpu_model_find("x86-64-v4"), &s);
	assert_true(has_all(&s, v1) && has_all(&s, v2) && has_all(&s, v3) && has_all(&s, v4));
}

/* What a 64-bit kernel checks before anything else (Linux, asm/required-features.h). */
static void every_model_can_run_a_64_bit_kernel(void **state)
{
	static const char *const needed[] = { "fpu",  "pse", "msr",  "pae", "cx8", "pge",
					      "fxsr", "sse", "sse2", "lm",  "nx",  "apic",
					      "tsc",  "pat", "mtrr", NULL };
	struct cpu_feature_set s;

	(void)state;
	for (unsigned i = 1; i < cpu_model_cnt; i++) {
		cpu_model_features(&cpu_models[i], &s);
		assert_true(has_all(&s, needed));
	}
}

static void models_hold_what_their_features_need(void **state)
{
	struct cpu_feature_set s, pruned;

	(void)state;
	for (unsigned i = 1; i < cpu_model_cnt; i++) {
		cpu_model_features(&cpu_models[i], &s);
		pruned = s;
		cpu_set_prune(&pruned);
		assert_memory_equal(&s, &pruned, sizeof(s));
		for (unsigned f = 0; f < CPU_FEATURE_CNT; f++)
			if (cpu_set_has(&s, f))
				assert_int_equal(cpu_features[f].flags, 0);
	}
}

static unsigned family(uint32_t sig)
{
	unsigned f = sig >> 8 & 0xf;

	return f == 15 ? f + (sig >> 20 & 0xff) : f;
}

static unsigned model(uint32_t sig)
{
	return (sig >> 4 & 0xf) | (sig >> 16 & 0xf) << 4;
}

static void signatures_and_brands_are_of_their_generation(void **state)
{
	(void)state;
	for (unsigned i = 1; i < cpu_model_cnt; i++) {
		assert_int_equal(family(cpu_models[i].signature_intel), 6);
		assert_true(family(cpu_models[i].signature_amd) >= 0x17);
		assert_true(strlen(cpu_models[i].brand) < 48);
	}
	assert_int_equal(model(cpu_model_find("baseline")->signature_intel), 26);  /* Nehalem */
	assert_int_equal(model(cpu_model_find("x86-64-v3")->signature_intel), 60); /* Haswell */
	assert_int_equal(model(cpu_model_find("x86-64-v4")->signature_intel), 85); /* Skylake-SP */
	assert_int_equal(cpu_model_find("x86-64-v4")->signature_amd, 0x00a10f11);  /* Genoa */
	assert_int_equal(cpu_model_find("x86-64-v3")->signature_amd, 0x00800f12);  /* Naples */
	assert_int_equal(cpu_models[0].signature_amd | cpu_models[0].signature_intel, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_and_host_is_first),
		cmocka_unit_test(levels_are_those_of_the_psabi),
		cmocka_unit_test(every_model_can_run_a_64_bit_kernel),
		cmocka_unit_test(models_hold_what_their_features_need),
		cmocka_unit_test(signatures_and_brands_are_of_their_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
