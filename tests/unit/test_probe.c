/* SPDX-License-Identifier: MIT */
/* test_probe.c: reading a host made of files, and KVM where there is one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "vmm/cpuid.h"
#include "vmm/probe.h"

static char root[64];
static struct host_probe p;

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/test_probe.XXXXXX");
	assert_non_null(mkdtemp(root));
	memset(&p, 0, sizeof(p));
	return 0;
}

static int drop_root(void **state)
{
	char cmd[96];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	return system(cmd);
}

/* ROOT/PATH with @text, and the directories above it. */
static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Nothing there: everything unknown, nothing crashes. */
static void empty_host(void **state)
{
	(void)state;
	probe_files(root, &p);
	assert_false(p.vmx || p.svm || p.hypervisor || p.kvm_module || p.container);
	assert_string_equal(p.cpu_model, "");
	assert_string_equal(p.thp, "");
	assert_string_equal(p.nested, "");
	assert_int_equal(p.mem_total, 0);
	assert_int_equal(p.overcommit, 3);
	assert_true(p.cgroup_limit == PROBE_UNKNOWN);
	assert_false(p.huge_2m.supported);
	assert_int_equal(p.tun, PROBE_DEV_MISSING);
	assert_int_equal(p.tun_errno, ENOENT);
}

static void intel_host(void **state)
{
	(void)state;
	put("/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\n"
			     "model name\t: Intel(R) Xeon(R)\nflags\t\t: fpu vmx avx2\n"
			     "vmx flags\t: ept\n\nprocessor\t: 1\nflags\t\t: svm\n");
	put("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
	put("/sys/module/kvm/parameters/halt_poll_ns", "200000\n");
	put("/sys/module/kvm/parameters/nx_huge_pages", "Y\n");
	put("/sys/module/kvm_intel/parameters/nested", "Y\n");
	put("/sys/module/kvm_intel/parameters/ept", "N\n");
	put("/sys/module/kvm_intel/parameters/unrestricted_guest", "Y\n");
	put("/run/systemd/container", "docker\n");
	put("/dev/net/tun", "");
	probe_files(root, &p);
	assert_true(p.vmx);
	assert_false(p.svm || p.hypervisor); /* the first CPU's line counts, not the second's */
	assert_string_equal(p.cpu_vendor, "GenuineIntel");
	assert_string_equal(p.cpu_model, "Intel(R) Xeon(R)");
	assert_string_equal(p.kernel_release, "6.1.0-56-amd64");
	assert_true(p.kvm_module && p.kvm_intel && !p.kvm_amd && p.container);
	assert_string_equal(p.kvm_other, "");
	assert_string_equal(p.nested, "Y");
	assert_string_equal(p.ept, "N");
	assert_string_equal(p.unrestricted, "Y");
	assert_string_equal(p.halt_poll_ns, "200000");
	assert_string_equal(p.nx_huge_pages, "Y");
	assert_int_equal(p.tun, PROBE_DEV_OK);
	assert_int_equal(p.vhost_net, PROBE_DEV_MISSING);
}

static void software_host(void **state)
{
	(void)state;
	put("/proc/cpuinfo", "flags\t\t: fpu hypervisor svm_lock vmxnet\n");
	put("/sys/module/kvm/x", "");
	put("/sys/module/kvm_pvm/x", "");
	probe_files(root, &p);
	assert_false(p.vmx || p.svm); /* whole words only */
	assert_true(p.hypervisor);
	assert_string_equal(p.kvm_other, "kvm_pvm");
}

static void memory(void **state)
{
	(void)state;
	put("/proc/meminfo", "MemTotal:       24684084 kB\nMemFree: 1 kB\n"
			     "MemAvailable:   24330792 kB\n");
	put("/proc/sys/vm/overcommit_memory", "2\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n");
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "500\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	put("/sys/kernel/mm/ksm/run", "1\n");
	probe_files(root, &p);
	assert_true(p.mem_total == UINT64_C(24684084) * KIB);
	assert_true(p.mem_available == UINT64_C(24330792) * KIB);
	assert_int_equal(p.overcommit, 2);
	assert_true(p.huge_2m.supported && !p.huge_1g.supported);
	assert_int_equal(p.huge_2m.total, 512);
	assert_int_equal(p.huge_2m.free, 500);
	assert_string_equal(p.thp, "madvise");
	assert_string_equal(p.ksm, "1");
}

/* cgroups(7): the limit of every ancestor holds. */
static void cgroup_v2(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "0::/system.slice/vm.service\n");
	put("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,favordynmods 0 0\n");
	put("/sys/fs/cgroup/system.slice/vm.service/memory.max", "max\n");
	put("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
	put("/sys/fs/cgroup/memory.max", "2147483648\n");
	probe_files(root, &p);
	assert_true(p.cgroup_limit == GIB);
	assert_true(p.cgroup2 && p.favordynmods);
}

static void cgroup_v1(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "5:devices:/\n4:memory:/a\n0::/\n");
	put("/proc/self/mounts", "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n");
	put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "536870912\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	probe_files(root, &p);
	assert_true(p.cgroup_limit == 512 * MIB);
	assert_false(p.cgroup2 || p.favordynmods);
}

static void no_cgroup_limit(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "4:memory:/\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	probe_files(root, &p);
	assert_true(p.cgroup_limit == PROBE_NO_LIMIT);
}

/* Files that hold anything but what they should. */
static void garbage(void **state)
{
	static char noise[20000];

	(void)state;
	for (size_t i = 0; i < sizeof(noise) - 1; i++)
		noise[i] = (char)(' ' + i * 7 % 90);
	put("/proc/cpuinfo", noise);
	put("/proc/meminfo", noise);
	put("/proc/self/cgroup", noise);
	put("/proc/self/mounts", noise);
	put("/proc/sys/vm/overcommit_memory", "-1\n");
	put("/proc/sys/kernel/osrelease", noise);
	put("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "99999999999999999999\n");
	put("/sys/kernel/mm/transparent_hugepage/enabled", "[always\n");
	put("/sys/module/kvm/parameters/halt_poll_ns", noise);
	probe_files(root, &p);
	assert_int_equal(p.overcommit, 3);
	assert_false(p.huge_2m.supported);
	assert_string_equal(p.thp, "");
	assert_int_equal(strlen(p.kernel_release), sizeof(p.kernel_release) - 1);
}

static void limits(void **state)
{
	(void)state;
	probe_limits(&p);
	assert_true(p.rlimit_nofile > 0);
	assert_true(p.rlimit_memlock > 0);
	assert_true(p.rlimit_as > 0);
}

/* --- KVM -------------------------------------------------------------------------------------- */

static void nodes_that_are_not_kvm(void **state)
{
	char path[96];

	(void)state;
	snprintf(path, sizeof(path), "%s/kvm", root);
	probe_kvm(path, &p);
	assert_int_equal(p.kvm, PROBE_KVM_NO_DEVICE);
	assert_true(p.cap_cnt > 10);
	probe_kvm("/dev/null", &p); /* opens, and knows no ioctl */
	assert_int_equal(p.kvm, PROBE_KVM_BAD_API);
	assert_int_equal(p.api, -1);
	assert_int_equal(p.kvm_errno, ENOTTY);
	probe_kvm("/", &p);
	assert_int_equal(p.kvm, PROBE_KVM_NO_OPEN);
	assert_int_equal(p.kvm_errno, EISDIR);
	if (geteuid() == 0) {
		print_message("not checked as root: a device without permission\n");
		return;
	}
	put("/kvm", "");
	assert_int_equal(chmod(path, 0), 0);
	probe_kvm(path, &p);
	assert_int_equal(p.kvm, PROBE_KVM_NO_ACCESS);
}

/* The guest of seven bytes really runs, and whatever kind of KVM this is,
 * its speed is plausible. */
static void the_real_one(void **state)
{
	(void)state;
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		print_message("SKIP: /dev/kvm: %s\n", strerror(errno));
		skip();
	}
	probe_host(&p);
	if (p.kvm != PROBE_KVM_WORKS)
		fail_msg("KVM state %d, errno %d: %s", p.kvm, p.kvm_errno, p.run_why);
	assert_int_equal(p.api, 12);
	assert_true(p.max_vcpus >= 1 && p.good_vcpus >= 1);
	assert_int_not_equal(probe_cap_value(&p, "user-memory"), 0);
	assert_in_range(p.insns_per_second, 10000, UINT64_C(100000000000));
	assert_true(p.create_vm_ns > 0);
	print_message("%s: %.1f million instructions a second\n",
		      probe_is_hardware(&p) ? "hardware KVM" : "software KVM",
		      (double)p.insns_per_second / 1e6);
}

/* Nothing stays open or mapped. */
static void leaves_nothing_behind(void **state)
{
	int before, after;

	(void)state;
	before = dup(0);
	close(before);
	probe_host(&p);
	after = dup(0);
	close(after);
	assert_int_equal(before, after);
}

static void supported_cpuid(void **state)
{
	static struct cpuid_table t;
	struct error *e = NULL;

	(void)state;
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		print_message("SKIP: /dev/kvm: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(probe_cpuid(&t, &e), 0);
	assert_no_error(e);
	assert_true(t.cnt > 5 && t.cnt <= CPUID_MAX_LEAVES);
	assert_int_equal(t.leaf[0].function, 0);
	assert_true(t.leaf[0].eax >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_host, make_root, drop_root),
		cmocka_unit_test_setup_teardown(intel_host, make_root, drop_root),
		cmocka_unit_test_setup_teardown(software_host, make_root, drop_root),
		cmocka_unit_test_setup_teardown(memory, make_root, drop_root),
		cmocka_unit_test_setup_teardown(cgroup_v2, make_root, drop_root),
		cmocka_unit_test_setup_teardown(cgroup_v1, make_root, drop_root),
		cmocka_unit_test_setup_teardown(no_cgroup_limit, make_root, drop_root),
		cmocka_unit_test_setup_teardown(garbage, make_root, drop_root),
		cmocka_unit_test_setup_teardown(limits, make_root, drop_root),
		cmocka_unit_test_setup_teardown(nodes_that_are_not_kvm, make_root, drop_root),
		cmocka_unit_test_setup_teardown(the_real_one, make_root, drop_root),
		cmocka_unit_test_setup_teardown(leaves_nothing_behind, make_root, drop_root),
		cmocka_unit_test_setup_teardown(supported_cpuid, make_root, drop_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
