/* SPDX-License-Identifier: MIT */
/* MSR values at reset, and the answers for unknown MSRs. */
#include "tests/lib/fake.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tests/lib/fake_cpuid.h"
#include "vmm/cpuid.h"
#include "vmm/msr.h"

static void guest(void (*host)(struct cpuid_table *), const char *model, struct cpuid_table *t)
{
	const struct cpuid_request rq = {
		.model = model,
		.topo = { 1, 1, 1 },
		.apic = true,
		.tsc_deadline = true,
	};
	struct cpuid_table sup;
	struct error *e = NULL;

	host(&sup);
	assert_int_equal(cpuid_build(&sup, &rq, t, &e), 0);
	assert_no_error(e);
}

static const struct msr_value *get(const struct msr_value *v, unsigned cnt, uint32_t index)
{
	for (unsigned i = 0; i < cnt; i++)
		if (v[i].index == index)
			return &v[i];
	return NULL;
}

static unsigned list(const struct cpuid_table *t, bool warm, struct msr_value *v)
{
	const struct msr_reset rq = {
		.cpuid = t,
		.warm = warm,
		.uncached_base = 3 * GIB,
		.uncached_len = GIB,
	};

	return msr_reset_list(&rq, v);
}

static void no_msr_twice_and_none_without_its_feature(void **state)
{
	void (*const hosts[])(struct cpuid_table *) = { fake_cpuid_intel, fake_cpuid_amd,
							fake_cpuid_tiny };
	struct msr_value v[MSR_RESET_MAX];
	struct cpuid_table t;

	(void)state;
	for (unsigned h = 0; h < ARRAY_LEN(hosts); h++) {
		for (unsigned warm = 0; warm < 2; warm++) {
			unsigned cnt;

			guest(hosts[h], "host", &t);
			cnt = list(&t, warm, v);
			assert_in_range(cnt, 4, MSR_RESET_MAX);
			for (unsigned i = 0; i < cnt; i++)
				assert_ptr_equal(get(v, cnt, v[i].index), &v[i]);
		}
	}
	guest(fake_cpuid_tiny, "host", &t);
	assert_null(get(v, list(&t, true, v), 0x3b));
	assert_null(get(v, list(&t, true, v), 0xc0000103));
	guest(fake_cpuid_intel, "host,-vmx,-mtrr", &t);
	assert_null(get(v, list(&t, true, v), 0x3a));
	assert_null(get(v, list(&t, true, v), 0x2ff));
	assert_null(get(v, list(&t, true, v), 0x200));
}

/* SDM 3A 12.11.2.1: "E (bit 11): MTRRs are enabled when set; Type: the default memory type";
 * 12.11.2.3: PHYSMASK "V (bit 11)", bits above MAXPHYADDR reserved. */
static void mtrrs_are_write_back_with_a_hole(void **state)
{
	struct msr_value v[MSR_RESET_MAX];
	struct cpuid_table t;
	unsigned cnt;

	(void)state;
	guest(fake_cpuid_intel, "host", &t); /* 46 bits */
	cnt = list(&t, false, v);
	assert_int_equal(get(v, cnt, 0x2ff)->value, 0x806);
	assert_int_equal(get(v, cnt, 0x200)->value, 0xc0000000);
	assert_int_equal(get(v, cnt, 0x201)->value, 0x3fffc0000800);
	assert_null(get(v, cnt, 0x202));
	guest(fake_cpuid_amd, "host", &t); /* 48 bits */
	cnt = list(&t, true, v);
	assert_int_equal(get(v, cnt, 0x201)->value, 0xffffc0000800);
	assert_int_equal(get(v, cnt, 0x20f)->value, 0);
	guest(fake_cpuid_tiny, "host", &t); /* leaf 0x80000008 is not there: 36 */
	cnt = list(&t, false, v);
	assert_int_equal(get(v, cnt, 0x201)->value, 0xfc0000800);
}

static void a_fresh_vcpu_needs_only_what_firmware_does(void **state)
{
	struct msr_value v[MSR_RESET_MAX];
	struct cpuid_table t;
	unsigned cnt;

	(void)state;
	guest(fake_cpuid_intel, "host", &t);
	cnt = list(&t, false, v);
	assert_int_equal(get(v, cnt, 0x3a)->value, 5); /* locked, VMX allowed */
	/* Fast strings, performance monitoring, no BTS, no PEBS. */
	assert_int_equal(get(v, cnt, 0x1a0)->value, 0x1881);
	assert_int_equal(cnt, 5);
	guest(fake_cpuid_amd, "host", &t);
	cnt = list(&t, false, v);
	assert_int_equal(get(v, cnt, 0xc0010015)->value, 0x1000000);
	assert_null(get(v, cnt, 0x3a));
}

/* SDM 3A table 12-12, PAT at power-up: PA0 WB(6) PA1 WT(4) PA2 UC-(7) PA3 UC(0), repeated. */
static void a_reset_takes_back_what_the_guest_set(void **state)
{
	static const uint32_t zero[] = { 0x10,       0x3b,       0x6e0,      0x174,      0x175,
					 0x176,      0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
					 0xc0000102, 0xc0000103, 0xda0,      0x48,       0x38f,
					 0x186,      0x18d,      0x4b564d01, 0x4b564d02, 0x4b564d03,
					 0x4b564d04, 0x4b564d06 };
	struct msr_value v[MSR_RESET_MAX];
	struct cpuid_table t;
	unsigned cnt;

	(void)state;
	guest(fake_cpuid_intel, "host", &t);
	cpuid_find(&t, 0xa, 0)->eax = 0x08300804;
	cnt = list(&t, true, v);
	for (unsigned i = 0; i < ARRAY_LEN(zero); i++) {
		assert_non_null(get(v, cnt, zero[i]));
		assert_int_equal(get(v, cnt, zero[i])->value, 0);
	}
	assert_int_equal(get(v, cnt, 0x277)->value, 0x0007040600070406);
	assert_int_equal(get(v, cnt, 0x4b564d05)->value, 1);
	assert_true(get(v, cnt, 0x10) < get(v, cnt, 0x3b)); /* TSC before its adjustment */
	guest(fake_cpuid_intel, "host,-hypervisor", &t);
	assert_null(get(v, list(&t, true, v), 0x4b564d01));
	cpuid_find(&t, 0xa, 0)->eax = 0x0000ff04; /* more counters than any CPU: bounded */
	assert_null(get(v, list(&t, true, v), 0x18e));
}

static void unknown_msrs_are_answered_by_policy(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_true(msr_unknown_read(MSR_KNOWN, 0xc0011020, &v));
	assert_int_equal(v, 0);
	assert_true(msr_unknown_read(MSR_KNOWN, 0xc0011029, &v));
	assert_int_equal(v, 2);
	assert_true(msr_unknown_write(MSR_KNOWN, 0xc0011029, 2));
	v = 7;
	assert_false(msr_unknown_read(MSR_KNOWN, 0xdeadbeef, &v));
	assert_false(msr_unknown_write(MSR_KNOWN, 0xdeadbeef, 0));
	assert_false(msr_unknown_read(MSR_FAULT, 0xc0011020, &v));
	assert_false(msr_unknown_write(MSR_FAULT, 0xc0011020, 0));
	assert_int_equal(v, 7);
	assert_true(msr_unknown_read(MSR_IGNORE, 0xdeadbeef, &v));
	assert_int_equal(v, 0);
	assert_true(msr_unknown_write(MSR_IGNORE, 0xdeadbeef, 1));
	assert_string_equal(msr_name(0x10), "IA32_TSC");
	assert_string_equal(msr_name(0xc0011029), "DE_CFG");
	assert_null(msr_name(0xdeadbeef));
	assert_string_equal(msr_policy_names[MSR_IGNORE], "ignore");
}

/* A vCPU of this host's KVM with this table; -1: there is none to be had. */
static int make_vcpu(const struct cpuid_table *t, int *vm, int *kvm)
{
	_cleanup_free_ struct kvm_cpuid2 *c =
		calloc(1, sizeof(*c) + CPUID_MAX_LEAVES * sizeof(c->entries[0]));
	int vcpu;

	*kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	*vm = *kvm < 0 ? -1 : ioctl(*kvm, KVM_CREATE_VM, 0);
	if (*vm < 0)
		return -1;
	assert_int_equal(ioctl(*vm, KVM_SET_TSS_ADDR, 0xfffbd000), 0);
	assert_int_equal(ioctl(*vm, KVM_CREATE_IRQCHIP, 0), 0);
	vcpu = ioctl(*vm, KVM_CREATE_VCPU, 0);
	assert_true(vcpu >= 0);
	c->nent = t->cnt;
	for (unsigned i = 0; i < t->cnt; i++) {
		const struct cpuid_leaf *l = &t->leaf[i];

		c->entries[i] = (struct kvm_cpuid_entry2){ l->function, l->index, l->flags, l->eax,
							   l->ebx,      l->ecx,   l->edx,   { 0 } };
	}
	assert_int_equal(ioctl(vcpu, KVM_SET_CPUID2, c), 0);
	return vcpu;
}

static void this_machine_takes_them(void **state)
{
	struct cpuid_table sup, t;
	const char *why = NULL;
	struct msr_value v[MSR_RESET_MAX];
	int vcpu, vm = -1, kvm = -1;
	struct error *e = NULL;
	const struct cpuid_request rq = {
		.topo = { 1, 1, 1 },
		.tsc_khz = 2000000,
		.apic = true,
		.tsc_deadline = true,
	};

	(void)state;
	if (!fake_cpuid_real(&sup, &why)) {
		print_message("skipped: /dev/kvm: %s\n", why);
		skip();
	}
	assert_int_equal(cpuid_build(&sup, &rq, &t, &e), 0);
	vcpu = make_vcpu(&t, &vm, &kvm);
	if (vcpu < 0) {
		print_message("skipped: cannot create a VM: %s\n", strerror(errno));
		skip();
	}
	for (unsigned warm = 0; warm < 2; warm++) {
		unsigned cnt = list(&t, warm, v), refused = 0;

		for (unsigned i = 0; i < cnt; i++) {
			union {
				struct kvm_msrs head;
				uint8_t room[sizeof(struct kvm_msrs) +
					     sizeof(struct kvm_msr_entry)];
			} m = { .head.nmsrs = 1 };

			m.head.entries[0].index = v[i].index;
			m.head.entries[0].data = v[i].value;
			if (ioctl(vcpu, KVM_SET_MSRS, &m.head) == 1)
				continue;
			refused++;
			print_message("refused: %#x %s\n", v[i].index,
				      msr_name(v[i].index) ? msr_name(v[i].index) : "");
			assert_true(v[i].optional);
		}
		print_message("%s: %u MSRs, %u refused\n", warm ? "warm" : "cold", cnt, refused);
	}
	close(vcpu);
	close(vm);
	close(kvm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_msr_twice_and_none_without_its_feature),
		cmocka_unit_test(mtrrs_are_write_back_with_a_hole),
		cmocka_unit_test(a_fresh_vcpu_needs_only_what_firmware_does),
		cmocka_unit_test(a_reset_takes_back_what_the_guest_set),
		cmocka_unit_test(unknown_msrs_are_answered_by_policy),
		cmocka_unit_test(this_machine_takes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
