/* SPDX-License-Identifier: MIT */
/* test_doctor.c: what the doctor says of hosts we do not have: each test brings one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"
#include "vmm/probe.h"

/* A server as one would wish it. */
static struct host_probe healthy(void)
{
	struct host_probe p = {
		.kvm = PROBE_KVM_WORKS,
		.api = 12,
		.dev_mode = 0660,
		.dev_group = "kvm",
		.cap_cnt = 3,
		.cap = { { "user-memory", "guest memory", true, 1 },
			 { "immediate-exit", "stopping", true, 1 },
			 { "irqfd", "interrupts without a system call", false, 1 } },
		.max_vcpus = 1024,
		.good_vcpus = 64,
		.insns_per_second = UINT64_C(3000000000),
		.create_vm_ns = 900000,
		.cpu_model = "A CPU",
		.vmx = true,
		.cpus = 64,
		.kvm_module = true,
		.kvm_intel = true,
		.nested = "Y",
		.ept = "Y",
		.unrestricted = "Y",
		.halt_poll_ns = "200000",
		.nx_huge_pages = "N",
		.mem_total = 256 * GIB,
		.mem_available = 200 * GIB,
		.cgroup_limit = PROBE_NO_LIMIT,
		.huge_2m = { true, 512, 500 },
		.huge_1g = { true, 4, 4 },
		.thp = "madvise",
		.ksm = "1",
		.cgroup2 = true,
		.rlimit_memlock = PROBE_NO_LIMIT,
		.rlimit_nofile = 1024,
		.rlimit_as = PROBE_NO_LIMIT,
	};

	return p;
}

static struct findings judged;

static const struct finding *finding(const struct host_probe *p, const char *id)
{
	doctor_judge(p, &judged);
	for (unsigned i = 0; i < judged.cnt; i++) {
		if (!strcmp(judged.f[i].id, id))
			return &judged.f[i];
	}
	return NULL;
}

/* There is a finding @id of @level whose text and advice hold these words. */
static void says(const struct host_probe *p, const char *id, enum finding_level level,
		 const char *text, const char *advice)
{
	const struct finding *f = finding(p, id);

	if (!f)
		fail_msg("nothing is said of %s", id);
	if (!strstr(f->text, text))
		fail_msg("%s: '%s' does not say '%s'", id, f->text, text);
	if (!strstr(f->todo, advice) || (!*advice && f->todo[0]))
		fail_msg("%s: advice '%s', not '%s'", id, f->todo, advice);
	assert_int_equal(f->level, level);
	assert_int_equal(doctor_can_run(&judged), level != FINDING_PROBLEM);
}

static void healthy_host(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	doctor_judge(&p, &judged);
	for (unsigned i = 0; i < judged.cnt; i++) {
		if (judged.f[i].level != FINDING_OK)
			fail_msg("%s: %s", judged.f[i].id, judged.f[i].text);
		assert_string_equal(judged.f[i].todo, "");
	}
	assert_true(judged.cnt > 10);
	assert_true(doctor_can_run(&judged));
	says(&p, "kvm.speed", FINDING_OK, "hardware KVM", "");
}

/* Even a host on which everything is wrong fits, and no sentence is cut off. */
static void worst_host(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	for (unsigned i = 0; i < PROBE_MAX_CAPS; i++)
		p.cap[i] = (struct probe_cap){ "a-capability-of-long-name",
					       "something that is said at length", true, 0 };
	p.cap_cnt = PROBE_MAX_CAPS;
	p.insns_per_second = 1234567;
	p.create_vm_ns = UINT64_C(40000000);
	strcpy(p.kvm_other, "kvm_abcdefghijklmnopqrstuvwxyz0");
	strcpy(p.nested, "N");
	strcpy(p.ept, "N");
	strcpy(p.unrestricted, "N");
	strcpy(p.nx_huge_pages, "Y");
	p.hypervisor = p.container = true;
	p.mem_available = MIB;
	p.overcommit = 2;
	p.cgroup_limit = MIB;
	p.huge_2m.total = p.huge_1g.total = 0;
	strcpy(p.thp, "never");
	strcpy(p.ksm, "0");
	p.tun = p.vhost_net = PROBE_DEV_NO_ACCESS;
	p.tun_errno = p.vhost_net_errno = EACCES;
	p.rlimit_nofile = 5;
	p.rlimit_as = p.rlimit_memlock = MIB;
	doctor_judge(&p, &judged);
	assert_true(judged.cnt < MAX_FINDINGS);
	assert_false(doctor_can_run(&judged));
	for (unsigned i = 0; i < judged.cnt; i++) {
		assert_true(strlen(judged.f[i].text) < sizeof(judged.f[i].text) - 1);
		assert_true(strlen(judged.f[i].todo) < sizeof(judged.f[i].todo) - 1);
	}
}

/* --- /dev/kvm --------------------------------------------------------------------------------- */

static void no_device(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	p.kvm = PROBE_KVM_NO_DEVICE;
	says(&p, "kvm.device", FINDING_PROBLEM, "does not exist", "mknod /dev/kvm c 10 232");
	p.container = true;
	says(&p, "kvm.device", FINDING_PROBLEM, "does not exist", "--device /dev/kvm");
	p.container = p.kvm_module = p.kvm_intel = false;
	says(&p, "kvm.device", FINDING_PROBLEM, "does not exist", "modprobe kvm_intel");
	p.vmx = false;
	p.svm = true;
	says(&p, "kvm.device", FINDING_PROBLEM, "does not exist", "modprobe kvm_amd");
	p.svm = false;
	p.hypervisor = true;
	says(&p, "kvm.device", FINDING_PROBLEM, "does not exist", "nested=1");
	p.hypervisor = false;
	says(&p, "kvm.device", FINDING_PROBLEM, "does not exist", "firmware setup");
	/* Nothing is said of what could not be asked. */
	assert_null(finding(&p, "kvm.api"));
	assert_null(finding(&p, "kvm.cpus"));
	assert_null(finding(&p, "kvm.speed"));
}

static void no_permission(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	p.kvm = PROBE_KVM_NO_ACCESS;
	p.kvm_errno = EACCES;
	says(&p, "kvm.device", FINDING_PROBLEM,
	     "/dev/kvm may not be opened: Permission denied (mode 0660, group kvm)",
	     "sudo usermod -aG kvm \"$USER\"");
	strcpy(p.dev_group, "libvirt");
	says(&p, "kvm.device", FINDING_PROBLEM, "group libvirt",
	     "sudo usermod -aG libvirt \"$USER\"");
	p.dev_mode = 0600;
	strcpy(p.dev_group, "root");
	says(&p, "kvm.device", FINDING_PROBLEM, "mode 0600, group root",
	     "sudo chgrp kvm /dev/kvm && sudo chmod 660 /dev/kvm && sudo usermod -aG kvm");
}

static void device_that_is_odd(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	p.kvm = PROBE_KVM_NO_OPEN;
	p.kvm_errno = ENODEV;
	says(&p, "kvm.device", FINDING_PROBLEM, "cannot be opened: No such device", "modprobe");
	p.kvm = PROBE_KVM_BAD_API;
	p.api = 11;
	says(&p, "kvm.api", FINDING_PROBLEM, "version 11 of the API, 12 is needed", "what");
	p.kvm = PROBE_KVM_NO_VM;
	p.kvm_errno = EBUSY;
	says(&p, "kvm.create", FINDING_PROBLEM, "Device or resource busy", "VirtualBox");
	p.kvm = PROBE_KVM_NO_RUN;
	strcpy(p.run_why, "KVM_RUN failed");
	says(&p, "kvm.run", FINDING_PROBLEM, "KVM_RUN failed", "dmesg");
}

static void capabilities(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	says(&p, "kvm.capabilities", FINDING_OK, "3 of 3 capabilities", "");
	says(&p, "kvm.cpus", FINDING_OK, "1024 CPUs; this host has 64", "");
	p.cap[2].value = 0;
	says(&p, "kvm.capability", FINDING_NOTE, "KVM lacks irqfd: no interrupts without", "");
	p.cap[0].value = 0;
	says(&p, "kvm.capability", FINDING_PROBLEM, "KVM lacks user-memory (guest memory)",
	     "newer kernel");
	assert_int_equal(probe_cap_value(&p, "immediate-exit"), 1);
	assert_int_equal(probe_cap_value(&p, "irqfd"), 0);
	assert_int_equal(probe_cap_value(&p, "no-such"), 0);
}

/* Speed decides, not the CPU's flags: a software KVM may well live below a CPU with svm. */
static void software_kvm(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	p.insns_per_second = 1300000;
	strcpy(p.kvm_other, "kvm_pvm");
	says(&p, "kvm.speed", FINDING_NOTE,
	     "software KVM, module kvm_pvm: the host interprets ring 0 of the guest (1.3 million",
	     "a stock Linux does not");
	p.vmx = false;
	p.insns_per_second = PROBE_HARDWARE_SPEED;
	says(&p, "kvm.speed", FINDING_OK, "hardware KVM", "");
}

static void modules(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	says(&p, "kvm.nested", FINDING_OK, "kvm_intel nested=Y", "");
	strcpy(p.nested, "0");
	says(&p, "kvm.nested", FINDING_NOTE, "may not run virtual machines",
	     "modprobe -r kvm_intel; modprobe kvm_intel nested=1");
	strcpy(p.ept, "N");
	says(&p, "kvm.paging", FINDING_NOTE, "ept=N", "modprobe kvm_intel");
	strcpy(p.unrestricted, "N");
	says(&p, "kvm.unrestricted", FINDING_NOTE, "real mode is emulated", "");
	strcpy(p.nx_huge_pages, "Y");
	says(&p, "kvm.nx-huge-pages", FINDING_NOTE, "iTLB multihit", "echo never");
	p.hypervisor = true;
	says(&p, "host.nested", FINDING_NOTE, "itself a virtual machine", "");
	p = healthy();
	p.kvm_intel = false;
	p.kvm_amd = true;
	p.ept[0] = '\0';
	strcpy(p.npt, "N");
	says(&p, "kvm.paging", FINDING_NOTE, "npt=N", "modprobe kvm_amd");
}

static void memory(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	says(&p, "memory.available", FINDING_OK, "200.0 GiB of 256.0 GiB", "");
	says(&p, "memory.2m-pages", FINDING_OK, "500 of 512 reserved 2 MiB pages are free", "");
	assert_null(finding(&p, "memory.cgroup"));
	assert_null(finding(&p, "cgroup.favordynmods"));
	p.huge_2m.total = 0;
	says(&p, "memory.2m-pages", FINDING_NOTE, "no 2 MiB pages", "nr_hugepages");
	p.huge_1g.supported = false;
	assert_null(finding(&p, "memory.1g-pages"));
	p.cgroup_limit = 2 * GIB;
	says(&p, "memory.cgroup", FINDING_NOTE, "2.0 GiB", "-m");
	p.cgroup_limit = PROBE_UNKNOWN;
	assert_null(finding(&p, "memory.cgroup"));
	p.overcommit = 2;
	says(&p, "memory.overcommit", FINDING_NOTE, "vm.overcommit_memory=2", "sysctl");
	strcpy(p.thp, "never");
	says(&p, "memory.thp", FINDING_NOTE, "off", "echo madvise");
	strcpy(p.ksm, "0");
	says(&p, "memory.ksm", FINDING_NOTE, "--mergeable", "echo 1");
	/* The advice on cgroups is for those who suffer. */
	p.create_vm_ns = 30000000;
	says(&p, "kvm.create", FINDING_NOTE, "30 ms", "favordynmods");
	says(&p, "cgroup.favordynmods", FINDING_NOTE, "without favordynmods", "remount");
	p.favordynmods = true;
	assert_null(finding(&p, "cgroup.favordynmods"));
}

static void devices_and_limits(void **state)
{
	struct host_probe p = healthy();

	(void)state;
	says(&p, "net.tun", FINDING_OK, "/dev/net/tun opens", "");
	p.tun = PROBE_DEV_MISSING;
	p.tun_errno = ENOENT;
	says(&p, "net.tun", FINDING_NOTE, "No such file or directory", "modprobe tun");
	p.vhost_net = PROBE_DEV_NO_ACCESS;
	p.vhost_net_errno = EACCES;
	says(&p, "net.vhost", FINDING_NOTE, "Permission denied", "chmod 660 /dev/vhost-net");
	p.rlimit_nofile = 64;
	says(&p, "limit.nofile", FINDING_NOTE, "64 files only", "ulimit -n");
	p.rlimit_as = GIB;
	says(&p, "limit.as", FINDING_NOTE, "1.0 GiB", "ulimit -v");
}

/* --- --need ----------------------------------------------------------------------------------- */

static void need_is(const struct host_probe *p, const char *need, int want, const char *why)
{
	struct error *e = NULL;
	char got[256] = "";

	assert_int_equal(doctor_need(p, need, got, sizeof(got), &e), want);
	assert_no_error(e);
	assert_string_equal(got, why);
}

static void needs(void **state)
{
	struct host_probe p = healthy();
	struct error *e = NULL;
	char why[256];

	(void)state;
	need_is(&p, "kvm", 1, "/dev/kvm works");
	need_is(&p, "hardware-kvm", 1, "/dev/kvm runs guests on the CPU itself");
	need_is(&p, "tun", 1, "/dev/net/tun opens");
	need_is(&p, "hugepages-2M", 1, "500 reserved 2 MiB pages are free");
	p.huge_1g.free = 0;
	need_is(&p, "hugepages-1G", 0, "0 reserved 1 GiB pages are free");
	p.vhost_net = PROBE_DEV_MISSING;
	p.vhost_net_errno = ENOENT;
	need_is(&p, "vhost-net", 0, "/dev/vhost-net does not open: No such file or directory");
	p.insns_per_second = 1300000;
	strcpy(p.kvm_other, "kvm_pvm");
	need_is(&p, "kvm", 1, "/dev/kvm works");
	need_is(&p, "hardware-kvm", 0,
		"KVM is software here (kvm_pvm): it interprets the guest's kernel, 1.3 million "
		"instructions a second");
	p.kvm = PROBE_KVM_NO_DEVICE;
	need_is(&p, "kvm", 0, "/dev/kvm does not exist");
	need_is(&p, "hardware-kvm", 0, "/dev/kvm does not exist");
	p.kvm = PROBE_KVM_NO_ACCESS;
	p.kvm_errno = EACCES;
	need_is(&p, "hardware-kvm", 0,
		"/dev/kvm may not be opened: Permission denied (mode 0660, group kvm)");
	assert_int_equal(doctor_need(&p, "hardware", why, sizeof(why), &e), -EINVAL);
	assert_error(e, "--need: 'hardware' is unknown; did you mean 'hardware-kvm'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_host),
		cmocka_unit_test(worst_host),
		cmocka_unit_test(no_device),
		cmocka_unit_test(no_permission),
		cmocka_unit_test(device_that_is_odd),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(software_kvm),
		cmocka_unit_test(modules),
		cmocka_unit_test(memory),
		cmocka_unit_test(devices_and_limits),
		cmocka_unit_test(needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
