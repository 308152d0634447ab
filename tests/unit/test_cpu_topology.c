/* SPDX-License-Identifier: MIT */
/* Topology leaves, read back the way operating systems read them. */
#include "tests/lib/fake.h"

#include <string.h>
#include <time.h>

#include "kvm/cpu_topology.h"
#include "tests/lib/fake_cpuid.h"

static const struct cpu_topology shapes[] = {
	{ 1, 1, 1 },  { 2, 1, 1 },  { 1, 2, 1 },  { 1, 1, 2 },   { 3, 1, 1 },  { 1, 3, 1 },
	{ 1, 2, 2 },  { 4, 1, 1 },  { 2, 1, 2 },  { 1, 3, 2 },   { 1, 6, 1 },  { 3, 2, 1 },
	{ 2, 2, 2 },  { 1, 8, 1 },  { 8, 1, 1 },  { 1, 64, 1 },  { 2, 16, 2 }, { 1, 255, 1 },
	{ 5, 51, 1 }, { 1, 3, 85 }, { 2, 72, 2 }, { 1, 288, 1 }, { 9, 32, 1 }, { 288, 1, 1 },
};

static unsigned cpus(const struct cpu_topology *s)
{
	return s->sockets * s->cores * s->threads;
}

static void build(struct cpuid_table *t, const struct cpu_topology *s, enum cpu_vendor v)
{
	if (v == CPU_AMD)
		fake_cpuid_amd(t);
	else
		fake_cpuid_intel(t);
	cpu_topology_apply(t, s, v, true, false);
}

/* SDM volume 3A, 9.9.3: ids are unique and each field is as wide as its largest value needs. */
static void ids_are_unique_ascending_and_dense_in_their_fields(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct cpu_topology *s = &shapes[i];
		unsigned tb = cpu_topology_thread_bits(s), cb = cpu_topology_core_bits(s);
		uint32_t last = 0;

		assert_true(1u << tb >= s->threads && (tb == 0 || 1u << (tb - 1) < s->threads));
		assert_true(1u << cb >= s->cores && (cb == 0 || 1u << (cb - 1) < s->cores));
		for (unsigned n = 0; n < cpus(s); n++) {
			uint32_t id = cpuid_apic_id(n, s);

			assert_true(n == 0 ? id == 0 : id > last);
			assert_true((id & ((1u << tb) - 1)) < s->threads);
			assert_true((id >> tb & ((1u << cb) - 1)) < s->cores);
			assert_true(id >> (tb + cb) < s->sockets);
			last = id;
		}
	}
	assert_int_equal(cpuid_apic_id(5, &(struct cpu_topology){ 2, 3, 1 }), 4 + 2);
	assert_int_equal(cpuid_apic_id(3, &(struct cpu_topology){ 2, 3, 1 }), 4);
	assert_int_equal(cpuid_apic_id(7, &(struct cpu_topology){ 0 }), 7); /* zeros are ones */
}

/* "EAX[4:0]: number of bits to shift right on x2APIC ID to get a unique topology ID of the next
 * level type"; "ECX[15:8] level type: 1 SMT, 2 core"; a level of type 0 ends the list. */
static void leaf_b_gives_back_socket_core_and_thread(void **state)
{
	struct cpuid_table t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct cpu_topology *s = &shapes[i];

		build(&t, s, i & 1 ? CPU_AMD : CPU_INTEL);
		for (unsigned n = 0; n < cpus(s); n++) {
			const struct cpuid_leaf *smt, *core, *end;
			uint32_t id = cpuid_apic_id(n, s);

			cpuid_patch(&t, id, s);
			smt = cpuid_find(&t, 0xb, 0);
			core = cpuid_find(&t, 0xb, 1);
			end = cpuid_find(&t, 0xb, 2);
			assert_int_equal(smt->ecx, 0x100);
			assert_int_equal(core->ecx, 0x201);
			assert_int_equal(end->ecx, 2);
			assert_int_equal(end->ebx, 0);
			assert_int_equal(smt->edx, id);
			assert_int_equal(core->edx, id);
			assert_int_equal(smt->ebx, s->threads);
			assert_int_equal(core->ebx, s->threads * s->cores);
			assert_int_equal(id >> core->eax, n / (s->cores * s->threads));
			assert_int_equal((id >> smt->eax) -
						 ((id >> core->eax) << (core->eax - smt->eax)),
					 n / s->threads % s->cores);
			assert_int_equal(id & ((1u << smt->eax) - 1), n % s->threads);
		}
		assert_null(cpuid_find(&t, 0xb, 3));
		assert_null(cpuid_find(&t, 0x1f, 0));
	}
}

static unsigned log2_up(unsigned n)
{
	unsigned b = 0;

	while (1u << b < n)
		b++;
	return b;
}

/* The way of CPUs without leaf 0xB. Intel: SDM 3A example 9-20; AMD: APM 3 E.5.1. */
static void legacy_enumeration_finds_the_same_sockets(void **state)
{
	struct cpuid_table t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		const struct cpu_topology *s = &shapes[i];
		unsigned logical, core_ids;
		const struct cpuid_leaf *l;

		if (s->cores * s->threads > 64)
			continue; /* leaf 4's core field is 6 bits, leaf 1's count is 8 */
		build(&t, s, CPU_INTEL);
		l = cpuid_find(&t, 1, 0);
		logical = l->ebx >> 16 & 0xff;
		assert_int_equal(!!(l->edx & BIT(28)), s->cores * s->threads > 1);
		core_ids = (cpuid_find(&t, 4, 0)->eax >> 26) + 1;
		assert_int_equal(core_ids, 1u << cpu_topology_core_bits(s));
		for (unsigned n = 0; n < cpus(s); n++) {
			uint32_t id = cpuid_apic_id(n, s);
			unsigned smt_bits = log2_up(logical) - log2_up(core_ids);

			assert_int_equal(id >> log2_up(logical), n / (s->cores * s->threads));
			assert_int_equal(id & ((1u << smt_bits) - 1), n % s->threads);
		}

		build(&t, s, CPU_AMD);
		l = cpuid_find(&t, 0x80000008, 0);
		assert_int_equal(l->ecx & 0xff, s->cores * s->threads - 1);
		assert_int_equal(cpuid_find(&t, 1, 0)->ebx >> 16 & 0xff, s->cores * s->threads);
		for (unsigned n = 0; n < cpus(s); n++)
			assert_int_equal(cpuid_apic_id(n, s) >> (l->ecx >> 12 & 0xf),
					 n / (s->cores * s->threads));
		l = cpuid_find(&t, 0x80000001, 0);
		assert_int_equal(!!(l->ecx & BIT(1)), s->cores * s->threads > 1);
		assert_int_equal(l->edx & BIT(29), BIT(29));
	}
}

/* APM 3 E.4.15: EAX ExtendedApicId; EBX[7:0] ComputeUnitId, [15:8] ThreadsPerComputeUnit - 1;
 * ECX[7:0] NodeId, [10:8] NodesPerProcessor - 1. */
static void amd_leaf_1e_names_core_and_node(void **state)
{
	const struct cpu_topology s = { 2, 3, 2 };
	struct cpuid_table t;

	(void)state;
	build(&t, &s, CPU_AMD);
	for (unsigned n = 0; n < cpus(&s); n++) {
		const struct cpuid_leaf *l;

		cpuid_patch(&t, cpuid_apic_id(n, &s), &s);
		l = cpuid_find(&t, 0x8000001e, 0);
		assert_int_equal(l->eax, cpuid_apic_id(n, &s));
		assert_int_equal(l->ebx & 0xff, n / 2 % 3);
		assert_int_equal(l->ebx >> 8, 1);
		assert_int_equal(l->ecx, n / 6);
	}
}

/* APM 3 E.4.2: TopologyExtensions "support for CPUID Fn8000_001D_EAX_x[N:0]-CPUID
 * Fn8000_001E_EDX" */
static void amd_without_topoext_has_neither_1d_nor_1e(void **state)
{
	const struct cpu_topology s = { 1, 4, 1 };
	struct cpuid_table t;

	(void)state;
	fake_cpuid_amd(&t);
	cpuid_find(&t, 0x80000001, 0)->ecx &= ~BIT(22);
	cpu_topology_apply(&t, &s, CPU_AMD, true, false);
	assert_null(cpuid_find(&t, 0x8000001d, 0));
	assert_null(cpuid_find(&t, 0x8000001e, 0));
}

/* Threads are told from cores by 0x8000001E alone: asked for, they are there on any host. */
static void amd_threads_bring_topoext(void **state)
{
	const struct cpu_topology s = { 1, 2, 2 };
	struct cpuid_table t;

	(void)state;
	fake_cpuid_amd(&t);
	cpuid_find(&t, 0x80000001, 0)->ecx &= ~BIT(22);
	cpu_topology_apply(&t, &s, CPU_AMD, true, false);
	assert_true(cpuid_find(&t, 0x80000001, 0)->ecx & BIT(22));
	assert_int_equal(cpuid_find(&t, 0x8000001e, 0)->ebx >> 8, 1);
}

/* "EAX[25:14]: maximum number of addressable IDs for logical processors sharing this cache", minus
 * one. */
static void caches_are_shared_as_far_as_core_and_socket_go(void **state)
{
	const struct cpu_topology s = { 2, 6, 2 };
	struct cpuid_table t;

	(void)state;
	build(&t, &s, CPU_INTEL);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(cpuid_find(&t, 4, i)->eax >> 14 & 0xfff, 1);
	assert_int_equal(cpuid_find(&t, 4, 3)->eax >> 14 & 0xfff, 15);
	assert_int_equal(cpuid_find(&t, 4, 3)->eax & 0x3fff, 0x163); /* the rest stays */
	assert_int_equal(cpuid_find(&t, 4, 4)->eax, 0);              /* "null, no more caches" */
	assert_int_equal(cpuid_find(&t, 4, 3)->ecx, 0x6fff);

	build(&t, &s, CPU_AMD);
	assert_int_equal(cpuid_find(&t, 0x8000001d, 2)->eax >> 14 & 0xfff, 1);
	assert_int_equal(cpuid_find(&t, 0x8000001d, 3)->eax >> 14 & 0xfff, 15);
}

static void counts_too_large_for_their_field_saturate(void **state)
{
	struct cpuid_table t;

	(void)state;
	build(&t, &(struct cpu_topology){ 1, 512, 1 }, CPU_INTEL);
	assert_int_equal(cpuid_find(&t, 1, 0)->ebx >> 16 & 0xff, 0xff);
	assert_int_equal(cpuid_find(&t, 4, 0)->eax >> 26, 63);
	assert_int_equal(cpuid_find(&t, 4, 3)->eax >> 14 & 0xfff, 511);
	assert_int_equal(cpuid_find(&t, 0xb, 1)->ebx, 512);
	build(&t, &(struct cpu_topology){ 1, 512, 1 }, CPU_AMD);
	assert_int_equal(cpuid_find(&t, 0x80000008, 0)->ecx & 0xff, 0xff);
	assert_int_equal(cpuid_find(&t, 0x80000008, 0)->ecx >> 12 & 0xf, 9);
}

/* Only APIC ids and what is made from them may differ between CPUs. */
static void patch_touches_only_ids_and_is_idempotent(void **state)
{
	const struct cpu_topology s = { 2, 8, 2 };

	(void)state;
	for (unsigned v = CPU_INTEL; v <= CPU_AMD; v++) {
		struct cpuid_table a, b, c;

		build(&a, &s, v);
		b = a;
		cpuid_patch(&b, 0, &s);
		assert_memory_equal(&a, &b, sizeof(a));
		cpuid_patch(&b, 0x1d, &s);
		c = b;
		cpuid_patch(&c, 0x1d, &s);
		assert_memory_equal(&b, &c, sizeof(b));

		assert_int_equal(a.cnt, b.cnt);
		for (unsigned i = 0; i < a.cnt; i++) {
			struct cpuid_leaf x = a.leaf[i], y = b.leaf[i];

			if (x.function == 1) {
				assert_int_equal(y.ebx >> 24, 0x1d);
				x.ebx &= 0xffffff;
				y.ebx &= 0xffffff;
			}
			if (x.function == 0xb) {
				assert_int_equal(y.edx, 0x1d);
				x.edx = y.edx = 0;
			}
			if (x.function == 0x8000001e)
				continue;
			assert_memory_equal(&x, &y, sizeof(x));
		}
		cpuid_patch(&b, 0, &s);
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

/* Leaf 1 keeps the low byte of an id that xAPIC cannot hold. */
static void ids_above_255_show_in_full_in_leaf_b_only(void **state)
{
	const struct cpu_topology s = { 1, 288, 1 };
	struct cpuid_table t;

	(void)state;
	build(&t, &s, CPU_INTEL);
	cpuid_patch(&t, 287, &s);
	assert_int_equal(cpuid_find(&t, 1, 0)->ebx >> 24, 287 & 0xff);
	assert_int_equal(cpuid_find(&t, 0xb, 0)->edx, 287);
}

static void patching_a_large_machine_takes_no_time(void **state)
{
	const struct cpu_topology s = { 1, 255, 1 };
	struct timespec from, to;
	struct cpuid_table t;
	double ms;

	(void)state;
	build(&t, &s, CPU_AMD);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (unsigned n = 0; n < cpus(&s); n++)
		cpuid_patch(&t, cpuid_apic_id(n, &s), &s);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	print_message("255 patches: %.3f ms\n", ms);
	assert_true(ms < 5); /* 0.1 ms is usual; sanitizers and a busy machine are not */
}

static void a_host_with_few_leaves_gets_what_topology_needs(void **state)
{
	const struct cpu_topology s = { 1, 4, 1 };
	struct cpuid_table t;

	(void)state;
	fake_cpuid_tiny(&t);
	cpu_topology_apply(&t, &s, CPU_INTEL, true, false);
	cpuid_patch(&t, 3, &s);
	assert_int_equal(cpuid_find(&t, 1, 0)->ebx, 3u << 24 | 4 << 16 | 0x800);
	assert_int_equal(cpuid_find(&t, 0xb, 1)->ebx, 4);
	assert_null(cpuid_find(&t, 4, 0));

	fake_cpuid_tiny(&t);
	cpu_topology_apply(&t, &(struct cpu_topology){ 1, 1, 1 }, CPU_INTEL, false, false);
	assert_null(cpuid_find(&t, 0xb, 0));
	assert_int_equal(cpuid_find(&t, 1, 0)->edx & BIT(28), 0);
}

static void leaf_1f_mirrors_b_where_the_host_has_it(void **state)
{
	const struct cpu_topology s = { 2, 2, 2 };
	struct cpuid_table t;

	(void)state;
	fake_cpuid_intel(&t);
	cpu_topology_apply(&t, &s, CPU_INTEL, true, true);
	cpuid_patch(&t, 5, &s);
	for (unsigned i = 0; i < 3; i++) {
		struct cpuid_leaf b = *cpuid_find(&t, 0xb, i), f = *cpuid_find(&t, 0x1f, i);

		f.function = 0xb;
		assert_memory_equal(&b, &f, sizeof(b));
	}
}

static void impossible_shapes_are_refused(void **state)
{
	static const struct cpu_topology bad[] = {
		{ 0, 1, 1 },     { 1, 0, 1 },          { 1, 1, 0 },
		{ 1, 65536, 1 }, { 1, 1, UINT32_MAX }, { UINT32_MAX, UINT32_MAX, UINT32_MAX },
		{ 16385, 2, 1 }, { 1, 129, 255 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct error *e = NULL;

		assert_true(cpu_topology_check(&bad[i], &e) < 0);
		assert_error(e, i < 3 ? "no CPUs" : "too large");
	}
	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		struct error *e = NULL;

		assert_int_equal(cpu_topology_check(&shapes[i], &e), 0);
		assert_no_error(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_unique_ascending_and_dense_in_their_fields),
		cmocka_unit_test(leaf_b_gives_back_socket_core_and_thread),
		cmocka_unit_test(legacy_enumeration_finds_the_same_sockets),
		cmocka_unit_test(amd_leaf_1e_names_core_and_node),
		cmocka_unit_test(amd_without_topoext_has_neither_1d_nor_1e),
		cmocka_unit_test(amd_threads_bring_topoext),
		cmocka_unit_test(caches_are_shared_as_far_as_core_and_socket_go),
		cmocka_unit_test(counts_too_large_for_their_field_saturate),
		cmocka_unit_test(patch_touches_only_ids_and_is_idempotent),
		cmocka_unit_test(ids_above_255_show_in_full_in_leaf_b_only),
		cmocka_unit_test(patching_a_large_machine_takes_no_time),
		cmocka_unit_test(a_host_with_few_leaves_gets_what_topology_needs),
		cmocka_unit_test(leaf_1f_mirrors_b_where_the_host_has_it),
		cmocka_unit_test(impossible_shapes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
