/* SPDX-License-Identifier: MIT */
/*
 * doctor.c: judges what the probe found: what is fine, what is worth knowing, what stands in the
 * way, and what to do about it. Judging is apart from probing, so that a test can bring any host.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"
#include "vmm/cli.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"
#include "vmm/probe.h"
#include "vmm/str.h"

static struct finding *find(struct findings *f, const char *id, enum finding_level level,
			    const char *fmt, ...) __printf(4, 5);
static void todo(struct finding *f, const char *fmt, ...) __printf(2, 3);

/* The last finding is overwritten if there are too many: MAX_FINDINGS is far off, a test checks. */
static struct finding *find(struct findings *f, const char *id, enum finding_level level,
			    const char *fmt, ...)
{
	struct finding *n = &f->f[f->cnt < MAX_FINDINGS ? f->cnt++ : MAX_FINDINGS - 1];
	va_list ap;

	*n = (struct finding){ .id = id, .level = level };
	va_start(ap, fmt);
	vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
	return n;
}

static void todo(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->todo, sizeof(f->todo), fmt, ap);
	va_end(ap);
}

static const char *errno_words(int code, char *buf, size_t len)
{
	return strerror_r(code, buf, len);
}

/* "23.5 GiB": to be looked at, not to be typed. */
static const char *about(uint64_t bytes, char *buf, size_t len)
{
	if (bytes >= GIB)
		snprintf(buf, len, "%.1f GiB", (double)bytes / (double)GIB);
	else
		snprintf(buf, len, "%.1f MiB", (double)bytes / (double)MIB);
	return buf;
}

/* KVM_CREATE_VM takes about a millisecond; 20 to 40 where a cgroup or the NX
 * worker is in the way. */
#define SLOW_CREATE_NS UINT64_C(10000000)

/* --- KVM -------------------------------------------------------------------------------------- */

static void no_device(const struct host_probe *p, struct findings *f)
{
	struct finding *n = find(f, "kvm.device", FINDING_PROBLEM, "/dev/kvm does not exist");

	bool cpu_can = p->vmx || p->svm;

	if (p->container && (p->kvm_module || !(cpu_can || p->hypervisor)))
		todo(n, "this is a container: start it with the device, e.g. --device /dev/kvm");
	else if (p->kvm_module && (p->kvm_intel || p->kvm_amd))
		todo(n, "KVM is loaded: make the device with: mknod /dev/kvm c 10 232");
	else if (cpu_can)
		todo(n,
		     "the CPU can do it: load the module with: modprobe %s (if that fails with "
		     "\"disabled by BIOS\", turn virtualization on in the firmware setup)",
		     p->vmx ? "kvm_intel" : "kvm_amd");
	else if (p->hypervisor)
		todo(n, "this is a virtual machine without nested virtualization: turn it on in "
			"the host below (KVM: kvm_intel or kvm_amd nested=1 and CPU model host)");
	else
		todo(n, "/proc/cpuinfo shows neither vmx nor svm: turn virtualization (VT-x, "
			"AMD-V) on in the firmware setup, if the CPU has it");
}

static void judge_device(const struct host_probe *p, struct findings *f)
{
	struct finding *n;
	char words[96];

	switch (p->kvm) {
	case PROBE_KVM_NO_DEVICE:
		no_device(p, f);
		return;
	case PROBE_KVM_NO_ACCESS:
		n = find(f, "kvm.device", FINDING_PROBLEM,
			 "/dev/kvm may not be opened: %s (mode %04o, group %s)",
			 errno_words(p->kvm_errno, words, sizeof(words)), p->dev_mode,
			 p->dev_group);
		if ((p->dev_mode & 060) == 060 && strcmp(p->dev_group, "root") != 0)
			todo(n, "join the group and log in again: sudo usermod -aG %s \"$USER\"",
			     p->dev_group);
		else
			todo(n, "let the group kvm have it: sudo chgrp kvm /dev/kvm && sudo chmod "
				"660 /dev/kvm && sudo usermod -aG kvm \"$USER\"");
		return;
	case PROBE_KVM_NO_OPEN:
		n = find(f, "kvm.device", FINDING_PROBLEM, "/dev/kvm cannot be opened: %s",
			 errno_words(p->kvm_errno, words, sizeof(words)));
		if (p->kvm_errno == ENODEV || p->kvm_errno == ENXIO)
			todo(n, "the module behind it is gone: modprobe kvm_intel or kvm_amd");
		return;
	default:
		find(f, "kvm.device", FINDING_OK, "/dev/kvm opens (mode %04o, group %s)",
		     p->dev_mode, p->dev_group);
	}
	if (p->kvm == PROBE_KVM_BAD_API) {
		n = find(f, "kvm.api", FINDING_PROBLEM,
			 "/dev/kvm speaks version %d of the API, 12 is needed", p->api);
		todo(n, "see what /dev/kvm really is; every Linux since 2.6.22 speaks version 12");
		return;
	}
	find(f, "kvm.api", FINDING_OK, "KVM speaks version 12 of the API");
}

static void judge_run(const struct host_probe *p, struct findings *f)
{
	uint64_t millions = p->insns_per_second / 1000000;
	struct finding *n;
	char words[96];

	if (p->kvm == PROBE_KVM_NO_VM) {
		n = find(f, "kvm.create", FINDING_PROBLEM, "KVM makes no virtual machine: %s",
			 errno_words(p->kvm_errno, words, sizeof(words)));
		if (p->kvm_errno == EBUSY)
			todo(n, "another hypervisor (VirtualBox, VMware) holds the CPU's "
				"virtualization: stop it");
		else if (p->kvm_errno == ENOMEM)
			todo(n, "free some memory, or raise the memory limit of this cgroup");
		return;
	}
	if (p->kvm == PROBE_KVM_NO_RUN) {
		n = find(f, "kvm.run", FINDING_PROBLEM,
			 "a guest of three instructions did not "
			 "run: %s",
			 p->run_why);
		todo(n, "look at the kernel's log (dmesg) for what KVM says");
		return;
	}
	if (p->kvm != PROBE_KVM_WORKS)
		return;
	if (probe_is_hardware(p)) {
		find(f, "kvm.speed", FINDING_OK,
		     "hardware KVM: the guest runs on the CPU itself (%s million "
		     "instructions a second in ring 0)",
		     millions > 999   ? "over 1000"
		     : millions > 499 ? "over 500"
				      : "over 20");
	} else {
		n = find(f, "kvm.speed", FINDING_NOTE,
			 "software KVM%s%s: the host interprets ring 0 of the guest (%" PRIu64
			 ".%" PRIu64 " million instructions a second)",
			 p->kvm_other[0] ? ", module " : "", p->kvm_other, millions,
			 p->insns_per_second / 100000 % 10);
		todo(n, "small guests run, a stock Linux does not: the interpreter lacks "
			"instructions; use a host with VT-x or AMD-V");
	}
	if (p->create_vm_ns > SLOW_CREATE_NS)
		todo(find(f, "kvm.create", FINDING_NOTE,
			  "making a virtual machine took %" PRIu64 " ms",
			  p->create_vm_ns / 1000000),
		     "1 ms is usual; the notes on favordynmods and the iTLB erratum, if any, say "
		     "why");
}

static void judge_caps(const struct host_probe *p, struct findings *f)
{
	unsigned have = 0;

	if (p->kvm < PROBE_KVM_NO_VM)
		return;
	for (unsigned i = 0; i < p->cap_cnt; i++) {
		const struct probe_cap *c = &p->cap[i];

		have += c->value != 0;
		if (c->value)
			continue;
		if (c->needed)
			todo(find(f, "kvm.capability", FINDING_PROBLEM, "KVM lacks %s (%s)", c->id,
				  c->use),
			     "use a newer kernel");
		else
			find(f, "kvm.capability", FINDING_NOTE, "KVM lacks %s: no %s", c->id,
			     c->use);
	}
	find(f, "kvm.capabilities", FINDING_OK, "%u of %u capabilities are there", have,
	     p->cap_cnt);
	find(f, "kvm.cpus", FINDING_OK, "a guest may have %u CPUs; this host has %u", p->max_vcpus,
	     p->cpus);
}

static bool is_no(const char *word)
{
	return !strcmp(word, "N") || !strcmp(word, "0");
}

static void judge_modules(const struct host_probe *p, struct findings *f)
{
	const char *module = p->kvm_intel ? "kvm_intel" : "kvm_amd";

	if (p->kvm < PROBE_KVM_NO_VM)
		return;
	if (p->hypervisor && probe_is_hardware(p))
		find(f, "host.nested", FINDING_NOTE,
		     "this host is itself a virtual machine: guests pay more for each exit");
	if (p->nested[0] && !is_no(p->nested))
		find(f, "kvm.nested", FINDING_OK, "guests may run virtual machines (%s nested=%s)",
		     module, p->nested);
	else if (p->nested[0])
		todo(find(f, "kvm.nested", FINDING_NOTE,
			  "guests may not run virtual machines "
			  "(%s nested=%s)",
			  module, p->nested),
		     "if they shall: modprobe -r %s; modprobe %s nested=1", module, module);
	if (is_no(p->ept) || is_no(p->npt))
		todo(find(f, "kvm.paging", FINDING_NOTE,
			  "%s works without nested paging: guests are slow (%s=N)", module,
			  p->kvm_intel ? "ept" : "npt"),
		     "modprobe -r %s; modprobe %s", module, module);
	if (is_no(p->unrestricted))
		find(f, "kvm.unrestricted", FINDING_NOTE,
		     "kvm_intel has no unrestricted guest: real mode is emulated");
	if (p->halt_poll_ns[0])
		find(f, "kvm.halt-poll", FINDING_OK,
		     "a CPU that halts is polled for %s ns before the thread sleeps",
		     p->halt_poll_ns);
	/* "never" is set by hand; "N" is what "auto" comes to on CPUs without the erratum. */
	if (!strcmp(p->nx_huge_pages, "Y"))
		todo(find(f, "kvm.nx-huge-pages", FINDING_NOTE,
			  "KVM splits huge pages against the iTLB multihit erratum: the first VM "
			  "starts 20 to 40 ms later and huge pages help less"),
		     "if you trust all guests: echo never > "
		     "/sys/module/kvm/parameters/nx_huge_pages");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void judge_pool(const struct probe_hugepages *h, const char *id, const char *size,
		       const char *example, struct findings *f)
{
	if (!h->supported)
		return;
	if (h->total)
		find(f, id, FINDING_OK, "%" PRIu64 " of %" PRIu64 " reserved %s pages are free",
		     h->free, h->total, size);
	else
		todo(find(f, id, FINDING_NOTE, "no %s pages are reserved", size),
		     "for --hugepages: %s", example);
}

static void judge_memory(const struct host_probe *p, struct findings *f)
{
	static const char *const overcommit[] = { "by guess", "always", "never", "unknown" };
	char a[24], b[24];

	find(f, "memory.available", p->mem_available < 512 * MIB ? FINDING_NOTE : FINDING_OK,
	     "%s of %s of memory are available; overcommit: %s",
	     about(p->mem_available, a, sizeof(a)), about(p->mem_total, b, sizeof(b)),
	     overcommit[p->overcommit & 3]);
	if (p->overcommit == 2)
		todo(find(f, "memory.overcommit", FINDING_NOTE,
			  "vm.overcommit_memory=2: all of a guest's memory is reserved at start"),
		     "sysctl vm.overcommit_memory=0, or give guests no more than there is");
	if (p->cgroup_limit < PROBE_NO_LIMIT && p->cgroup_limit < p->mem_total)
		todo(find(f, "memory.cgroup", FINDING_NOTE,
			  "this cgroup may use %s of memory, guests included",
			  about(p->cgroup_limit, a, sizeof(a))),
		     "a guest that needs more is killed: keep -m well below that");
	judge_pool(&p->huge_2m, "memory.2m-pages", "2 MiB",
		   "echo 256 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages (512 MiB)",
		   f);
	judge_pool(&p->huge_1g, "memory.1g-pages", "1 GiB",
		   "hugepagesz=1G hugepages=4 on the host's kernel command line", f);
	if (!strcmp(p->thp, "never"))
		todo(find(f, "memory.thp", FINDING_NOTE, "transparent huge pages are off"),
		     "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
	else if (p->thp[0])
		find(f, "memory.thp", FINDING_OK, "transparent huge pages: %s", p->thp);
	if (!strcmp(p->ksm, "1"))
		find(f, "memory.ksm", FINDING_OK, "KSM runs: --mergeable has an effect");
	else if (p->ksm[0])
		todo(find(f, "memory.ksm", FINDING_NOTE,
			  "KSM does not run: --mergeable has no "
			  "effect"),
		     "echo 1 > /sys/kernel/mm/ksm/run");
	if (p->cgroup2 && !p->favordynmods && p->create_vm_ns > SLOW_CREATE_NS)
		todo(find(f, "cgroup.favordynmods", FINDING_NOTE,
			  "cgroup2 is mounted without favordynmods: making a VM may wait 20 to 40 "
			  "ms for other CPUs"),
		     "mount -o remount,favordynmods /sys/fs/cgroup");
}

/* --- devices and limits ----------------------------------------------------------------------- */

static void judge_node(enum probe_dev state, int code, const char *id, const char *path,
		       const char *use, const char *module, struct findings *f)
{
	struct finding *n;
	char words[96];

	if (state == PROBE_DEV_OK) {
		find(f, id, FINDING_OK, "%s opens: %s", path, use);
		return;
	}
	n = find(f, id, FINDING_NOTE, "%s: %s; without it no %s", path,
		 errno_words(code, words, sizeof(words)), use);
	if (state == PROBE_DEV_NO_ACCESS)
		todo(n, "sudo chmod 660 %s && sudo chgrp kvm %s", path, path);
	else
		todo(n, "modprobe %s", module);
}

static void judge_limits(const struct host_probe *p, struct findings *f)
{
	char a[24];

	if (p->rlimit_nofile < 256)
		todo(find(f, "limit.nofile", FINDING_NOTE,
			  "this process may open %" PRIu64 " files "
			  "only",
			  p->rlimit_nofile),
		     "ulimit -n 1024");
	else
		find(f, "limit.nofile", FINDING_OK, "this process may open %" PRIu64 " files",
		     p->rlimit_nofile);
	if (p->rlimit_as < PROBE_NO_LIMIT)
		todo(find(f, "limit.as", FINDING_NOTE,
			  "this process may map %s only, guest memory "
			  "included",
			  about(p->rlimit_as, a, sizeof(a))),
		     "ulimit -v unlimited");
	if (p->rlimit_memlock < PROBE_NO_LIMIT)
		find(f, "limit.memlock", FINDING_OK,
		     "this process may lock %s of memory (counts for device passthrough only)",
		     about(p->rlimit_memlock, a, sizeof(a)));
}

void doctor_judge(const struct host_probe *p, struct findings *ret)
{
	ret->cnt = 0;
	judge_device(p, ret);
	judge_run(p, ret);
	judge_caps(p, ret);
	judge_modules(p, ret);
	judge_memory(p, ret);
	judge_node(p->tun, p->tun_errno, "net.tun", "/dev/net/tun", "networking by tap", "tun",
		   ret);
	judge_node(p->vhost_net, p->vhost_net_errno, "net.vhost", "/dev/vhost-net",
		   "networking inside the host's kernel", "vhost_net", ret);
	judge_limits(p, ret);
}

bool doctor_can_run(const struct findings *f)
{
	for (unsigned i = 0; i < f->cnt; i++) {
		if (f->f[i].level == FINDING_PROBLEM)
			return false;
	}
	return f->cnt > 0;
}

/* --- --need ----------------------------------------------------------------------------------- */

/* The first thing that stands in a guest's way, as a sentence's end; NULL: nothing does. */
static bool problem(const struct host_probe *p, char *why, size_t len)
{
	struct findings f = { 0 };

	doctor_judge(p, &f);
	for (unsigned i = 0; i < f.cnt; i++) {
		if (f.f[i].level == FINDING_PROBLEM) {
			snprintf(why, len, "%s", f.f[i].text);
			return true;
		}
	}
	return false;
}

static bool need_kvm(const struct host_probe *p, char *why, size_t len)
{
	if (problem(p, why, len))
		return false;
	snprintf(why, len, "/dev/kvm works");
	return true;
}

static bool need_hardware(const struct host_probe *p, char *why, size_t len)
{
	if (problem(p, why, len))
		return false;
	if (probe_is_hardware(p)) {
		snprintf(why, len, "/dev/kvm runs guests on the CPU itself");
		return true;
	}
	snprintf(why, len,
		 "KVM is software here%s%s%s: it interprets the guest's kernel, %.1f million "
		 "instructions a second",
		 p->kvm_other[0] ? " (" : "", p->kvm_other, p->kvm_other[0] ? ")" : "",
		 (double)p->insns_per_second / 1e6);
	return false;
}

static bool need_tun(const struct host_probe *p, char *why, size_t len)
{
	char words[96];

	snprintf(why, len, "/dev/net/tun %s%s",
		 p->tun == PROBE_DEV_OK ? "opens" : "does not open: ",
		 p->tun == PROBE_DEV_OK ? "" : errno_words(p->tun_errno, words, sizeof(words)));
	return p->tun == PROBE_DEV_OK;
}

static bool need_vhost(const struct host_probe *p, char *why, size_t len)
{
	bool ok = p->vhost_net == PROBE_DEV_OK;
	char words[96];

	snprintf(why, len, "/dev/vhost-net %s%s", ok ? "opens" : "does not open: ",
		 ok ? "" : errno_words(p->vhost_net_errno, words, sizeof(words)));
	return ok;
}

static bool need_pool(const struct probe_hugepages *h, const char *size, char *why, size_t len)
{
	snprintf(why, len, "%" PRIu64 " reserved %s pages are free", h->free, size);
	return h->free > 0;
}

static bool need_2m(const struct host_probe *p, char *why, size_t len)
{
	return need_pool(&p->huge_2m, "2 MiB", why, len);
}

static bool need_1g(const struct host_probe *p, char *why, size_t len)
{
	return need_pool(&p->huge_1g, "1 GiB", why, len);
}

static const struct {
	const char *name;
	bool (*met)(const struct host_probe *p, char *why, size_t len);
} needs[] = {
	{ "kvm", need_kvm },         { "hardware-kvm", need_hardware }, { "tun", need_tun },
	{ "vhost-net", need_vhost }, { "hugepages-2M", need_2m },       { "hugepages-1G", need_1g },
};

int doctor_need(const struct host_probe *p, const char *need, char *why, size_t len,
		struct error **errp)
{
	const char *names[ARRAY_LEN(needs)], *near;

	for (unsigned i = 0; i < ARRAY_LEN(needs); i++) {
		if (!strcmp(needs[i].name, need))
			return needs[i].met(p, why, len);
		names[i] = needs[i].name;
	}
	near = nearest(need, names, ARRAY_LEN(names));
	return err_set(errp, EINVAL, "--need: '%s' is unknown%s%s%s", need,
		       near ? "; did you mean '"
			    : ": 'trapeze doctor --help' lists what can be "
			      "asked for",
		       near ? near : "", near ? "'?" : "");
}

/* --- the verb --------------------------------------------------------------------------------- */

static const char *const level_names[] = { "ok", "note", "problem" };

static void print_text(const struct findings *f, FILE *out)
{
	for (unsigned i = 0; i < f->cnt; i++) {
		const struct finding *n = &f->f[i];

		text_wrap(out, (unsigned)fprintf(out, "%-8s", level_names[n->level]), 8, n->text);
		if (n->todo[0])
			text_wrap(out, (unsigned)fprintf(out, "%8s-> ", ""), 11, n->todo);
	}
	fputs(doctor_can_run(f) ? "\nGuests can run here.\n" : "\nNo guest can run here.\n", out);
}

static int print_json(const struct host_probe *p, const struct findings *f, FILE *out,
		      struct error **errp)
{
	_cleanup_(json_freep) json_t *list = json_array(), *root = NULL;
	int bad = list ? 0 : -1;

	for (unsigned i = 0; i < f->cnt; i++) {
		const struct finding *n = &f->f[i];

		bad |= json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s*}", "id", n->id,
							     "level", level_names[n->level], "text",
							     n->text, "todo",
							     n->todo[0] ? n->todo : NULL));
	}
	root = json_pack("{s:b, s:b, s:I, s:O}", "can_run", doctor_can_run(f), "hardware_kvm",
			 probe_is_hardware(p), "instructions_per_second",
			 (json_int_t)p->insns_per_second, "findings", list);
	if (bad || !root || json_dumpf(root, out, JSON_INDENT(2)) < 0)
		return err_errno(errp, ENOMEM, "cannot write the findings");
	fputc('\n', out);
	return 0;
}

/* Every need in one answer: the first that is not met decides. */
static int answer_needs(const struct host_probe *p, const struct str_list *wanted, FILE *out,
			struct error **errp)
{
	char why[256] = "";

	for (unsigned i = 0; i < wanted->cnt; i++) {
		int met = doctor_need(p, wanted->v[i], why, sizeof(why), errp);

		if (met < 0)
			return STATUS_USAGE;
		if (!met) {
			fprintf(out, "%s\n", why);
			return STATUS_ERROR;
		}
	}
	fprintf(out, "%s\n", why);
	return STATUS_OK;
}

static const struct opt_word need_words[] = {
	{ "kvm", 0, "guests can run, however slowly" },
	{ "hardware-kvm", 0, "guests run on the CPU itself" },
	{ "tun", 0, "/dev/net/tun opens" },
	{ "vhost-net", 0, "/dev/vhost-net opens" },
	{ "hugepages-2M", 0, "a reserved 2 MiB page is free" },
	{ "hugepages-1G", 0, "a reserved 1 GiB page is free" },
	{ 0 },
};
_Static_assert(ARRAY_LEN(need_words) == ARRAY_LEN(needs) + 1, "every need is documented");

const struct opt doctor_options[] = {
	{ "Options", NULL, "need", NULL, 0, "WHAT", &opt_list, offsetof(struct doctor_args, needs),
	  need_words,
	  .help = "Print nothing but one sentence: whether the host has WHAT, and why; exit with "
		  "0 if so, 1 if not. Several are all needed" },
	{ "Options", NULL, "json", NULL, 0, NULL, &opt_action, offsetof(struct doctor_args, json),
	  .help = "Print the findings as JSON" },
	{ "Options", NULL, "help", NULL, 'h', NULL, &opt_action, offsetof(struct doctor_args, help),
	  .help = "Print this help and exit" },
};
const unsigned doctor_option_cnt = ARRAY_LEN(doctor_options);

static void doctor_args_free(struct doctor_args *a)
{
	str_list_free(&a->needs);
}

/* A need that does not exist is a usage error, whatever the host is like. */
static int check_needs(const struct str_list *wanted, struct error **errp)
{
	static const struct host_probe nothing;
	char why[256];

	for (unsigned i = 0; i < wanted->cnt; i++) {
		int met = doctor_need(&nothing, wanted->v[i], why, sizeof(why), errp);

		if (met < 0)
			return met;
	}
	return 0;
}

int cmd_doctor(int argc, char **argv, struct error **errp)
{
	_cleanup_(doctor_args_free) struct doctor_args a = { 0 };
	_cleanup_(opt_args_free) struct opt_args args = { 0 };
	const struct opt_set set = { doctor_options, doctor_option_cnt };
	struct host_probe p;
	struct findings f = { 0 };

	if (opt_scan(&set, argc - 1, argv + 1, &args, errp) < 0 || opt_apply(&args, &a, errp) < 0)
		return STATUS_USAGE;
	if (a.help) {
		help_verb(&verbs[VERB_DOCTOR], stdout);
		return STATUS_OK;
	}
	if (args.rest_cnt) {
		err_set(errp, EINVAL, "'%s' is one word too many: doctor takes options only",
			args.rest[0]);
		return STATUS_USAGE;
	}
	if (check_needs(&a.needs, errp) < 0)
		return STATUS_USAGE;
	probe_host(&p);
	if (a.needs.cnt)
		return answer_needs(&p, &a.needs, stdout, errp);
	doctor_judge(&p, &f);
	if (!a.json)
		print_text(&f, stdout);
	else if (print_json(&p, &f, stdout, errp) < 0)
		return STATUS_ERROR;
	return doctor_can_run(&f) ? STATUS_OK : STATUS_ERROR;
}
