/* SPDX-License-Identifier: MIT */
/* probe_files.c: what /proc, /sys and this process's limits say about the host. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "vmm/probe.h"

/* Reads up to len - 1 bytes of ROOT/PATH into @buf, a string in any case. */
static bool read_file(const char *root, const char *path, char *buf, size_t len)
{
	char full[512];
	size_t n = 0;

	buf[0] = '\0';
	if ((size_t)snprintf(full, sizeof(full), "%s%s", root, path) >= sizeof(full))
		return false;
	_cleanup_close_ int fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (n < len - 1) {
		ssize_t got = read(fd, buf + n, len - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	buf[n] = '\0';
	return true;
}

static bool exists(const char *root, const char *path)
{
	char full[512];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", root, path);
	return stat(full, &st) == 0;
}

/* The first word of a small file. */
static void read_word(const char *root, const char *path, probe_word *ret)
{
	char buf[sizeof(*ret)];

	read_file(root, path, buf, sizeof(buf));
	buf[strcspn(buf, " \t\n")] = '\0';
	memcpy(*ret, buf, sizeof(buf));
}

static bool read_number(const char *root, const char *path, uint64_t *ret)
{
	char buf[64], *end;

	if (!read_file(root, path, buf, sizeof(buf)) || buf[0] < '0' || buf[0] > '9')
		return false;
	errno = 0;
	*ret = strtoull(buf, &end, 10);
	return !errno && (*end == '\n' || !*end);
}

/* --- /proc/cpuinfo, modules ------------------------------------------------------------------- */

/* The value of the first line "KEY : VALUE", in @text; NULL if there is none. Not terminated. */
static const char *line_value(const char *text, const char *key, size_t *ret_len)
{
	size_t len = strlen(key);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *v = p + len;

		if (strncmp(p, key, len) != 0)
			continue;
		v += strspn(v, " \t");
		if (*v != ':')
			continue;
		v++;
		v += strspn(v, " \t");
		*ret_len = strcspn(v, "\n");
		return v;
	}
	return NULL;
}

static void copy_value(const char *text, const char *key, char *buf, size_t len)
{
	size_t n = 0;
	const char *v = line_value(text, key, &n);

	snprintf(buf, len, "%.*s", v ? (int)n : 0, v ? v : "");
}

static bool has_word(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	while (len) {
		size_t w = 0;

		while (w < len && s[w] != ' ')
			w++;
		if (w == n && !memcmp(s, word, n))
			return true;
		w += w < len;
		s += w;
		len -= w;
	}
	return false;
}

/* A CPU's paragraph is below 8 KiB; the first is enough, the others are counted in `stat`. */
static void probe_cpuinfo(const char *root, struct host_probe *p)
{
	char buf[16384];
	const char *flags;
	size_t len = 0;

	read_file(root, "/proc/cpuinfo", buf, sizeof(buf));
	copy_value(buf, "vendor_id", p->cpu_vendor, sizeof(p->cpu_vendor));
	copy_value(buf, "model name", p->cpu_model, sizeof(p->cpu_model));
	flags = line_value(buf, "flags", &len);
	if (flags) {
		p->vmx = has_word(flags, len, "vmx");
		p->svm = has_word(flags, len, "svm");
		p->hypervisor = has_word(flags, len, "hypervisor");
	}
	p->cpus = (unsigned)max_u64((uint64_t)sysconf(_SC_NPROCESSORS_ONLN), 1);
	read_file(root, "/proc/sys/kernel/osrelease", p->kernel_release, sizeof(p->kernel_release));
	p->kernel_release[strcspn(p->kernel_release, "\n")] = '\0';
}

/* Of KVM's family, and what it can be used as: kvm_intel, kvm_amd,
 * or something else ("kvm_pvm"). */
static void probe_modules(const char *root, struct host_probe *p)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	p->kvm_module = exists(root, "/sys/module/kvm");
	p->kvm_intel = exists(root, "/sys/module/kvm_intel");
	p->kvm_amd = exists(root, "/sys/module/kvm_amd");
	snprintf(path, sizeof(path), "%s/sys/module", root);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, "kvm_", 4) != 0 || !strcmp(e->d_name, "kvm_intel") ||
		    !strcmp(e->d_name, "kvm_amd"))
			continue;
		snprintf(p->kvm_other, sizeof(p->kvm_other), "%.31s", e->d_name);
	}
	if (d)
		closedir(d);
	read_word(root,
		  p->kvm_intel ? "/sys/module/kvm_intel/parameters/nested"
			       : "/sys/module/kvm_amd/parameters/nested",
		  &p->nested);
	read_word(root, "/sys/module/kvm_intel/parameters/ept", &p->ept);
	read_word(root, "/sys/module/kvm_intel/parameters/unrestricted_guest", &p->unrestricted);
	read_word(root, "/sys/module/kvm_amd/parameters/npt", &p->npt);
	read_word(root, "/sys/module/kvm/parameters/halt_poll_ns", &p->halt_poll_ns);
	read_word(root, "/sys/module/kvm/parameters/nx_huge_pages", &p->nx_huge_pages);
	p->container = exists(root, "/.dockerenv") || exists(root, "/run/.containerenv") ||
		       exists(root, "/run/systemd/container");
}

/* --- memory ----------------------------------------------------------------------------------- */

static uint64_t meminfo(const char *text, const char *key)
{
	size_t len = 0;
	const char *v = line_value(text, key, &len);

	return v ? strtoull(v, NULL, 10) * KIB : 0;
}

static void probe_pool(const char *root, const char *dir, struct probe_hugepages *h)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/nr_hugepages", dir);
	h->supported = read_number(root, path, &h->total);
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages", dir);
	if (!read_number(root, path, &h->free))
		h->free = 0;
}

/* "always [madvise] never": the word in brackets. */
static void probe_thp(const char *root, struct host_probe *p)
{
	char buf[128], *open_bracket, *close_bracket;

	read_file(root, "/sys/kernel/mm/transparent_hugepage/enabled", buf, sizeof(buf));
	open_bracket = strchr(buf, '[');
	close_bracket = open_bracket ? strchr(open_bracket, ']') : NULL;
	if (!close_bracket)
		return;
	*close_bracket = '\0';
	snprintf(p->thp, sizeof(p->thp), "%.31s", open_bracket + 1);
}

/*
 * The smallest limit from @group ("/system.slice/x") up to the root of the hierarchy mounted at
 * @mount. @file holds a number; "max" or an absurdly large one is no limit.
 */
static uint64_t smallest_limit(const char *root, const char *mount, char *group, const char *file)
{
	uint64_t least = PROBE_UNKNOWN;

	for (;;) {
		char path[512], buf[64];
		uint64_t v = PROBE_NO_LIMIT;
		char *slash;

		snprintf(path, sizeof(path), "%s%s/%s", mount, group, file);
		if (read_file(root, path, buf, sizeof(buf))) {
			if (buf[0] >= '0' && buf[0] <= '9')
				v = strtoull(buf, NULL, 10);
			/* cgroup v1 says "none" with 2^63 rounded down to a page. */
			if (v >= UINT64_C(1) << 62)
				v = PROBE_NO_LIMIT;
			least = least == PROBE_UNKNOWN ? v : min_u64(least, v);
		}
		slash = strrchr(group, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* cgroups(7): "hierarchy-ID:controller-list:cgroup-path"; version 2 is "0::path". */
static void probe_cgroup(const char *root, struct host_probe *p)
{
	char text[4096], mounts[16384], *line, *save;

	p->cgroup_limit = PROBE_UNKNOWN;
	read_file(root, "/proc/self/cgroup", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *path = strchr(line, '/'), *ctl = strchr(line, ':');
		uint64_t v = PROBE_UNKNOWN;

		if (!path || !ctl)
			continue;
		if (path[1] == '\0')
			path[0] = '\0';
		if (!strncmp(line, "0::", 3))
			v = smallest_limit(root, "/sys/fs/cgroup", path, "memory.max");
		else if (!strncmp(ctl, ":memory:", 8))
			v = smallest_limit(root, "/sys/fs/cgroup/memory", path,
					   "memory.limit_in_bytes");
		if (v != PROBE_UNKNOWN)
			p->cgroup_limit =
				p->cgroup_limit == PROBE_UNKNOWN ? v : min_u64(p->cgroup_limit, v);
	}
	read_file(root, "/proc/self/mounts", mounts, sizeof(mounts));
	for (line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strstr(line, " cgroup"))
			continue;
		p->cgroup2 |= strstr(line, " cgroup2 ") != NULL;
		p->favordynmods |= strstr(line, "favordynmods") != NULL;
	}
}

static void probe_memory(const char *root, struct host_probe *p)
{
	char buf[4096];
	uint64_t v;

	read_file(root, "/proc/meminfo", buf, sizeof(buf));
	p->mem_total = meminfo(buf, "MemTotal");
	p->mem_available = meminfo(buf, "MemAvailable");
	p->overcommit =
		read_number(root, "/proc/sys/vm/overcommit_memory", &v) && v <= 2 ? (unsigned)v : 3;
	probe_pool(root, "hugepages-2048kB", &p->huge_2m);
	probe_pool(root, "hugepages-1048576kB", &p->huge_1g);
	probe_thp(root, p);
	read_word(root, "/sys/kernel/mm/ksm/run", &p->ksm);
	probe_cgroup(root, p);
}

/* --- devices and limits ----------------------------------------------------------------------- */

static enum probe_dev try_open(const char *root, const char *path, int *ret_errno)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", root, path);
	_cleanup_close_ int fd = open(full, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	*ret_errno = fd < 0 ? errno : 0;
	if (fd >= 0)
		return PROBE_DEV_OK;
	if (*ret_errno == ENOENT)
		return PROBE_DEV_MISSING;
	return *ret_errno == EACCES || *ret_errno == EPERM ? PROBE_DEV_NO_ACCESS : PROBE_DEV_FAILS;
}

void probe_files(const char *root, struct host_probe *ret)
{
	probe_cpuinfo(root, ret);
	probe_modules(root, ret);
	probe_memory(root, ret);
	ret->tun = try_open(root, "/dev/net/tun", &ret->tun_errno);
	ret->vhost_net = try_open(root, "/dev/vhost-net", &ret->vhost_net_errno);
}

static uint64_t soft_limit(__rlimit_resource_t which)
{
	struct rlimit r;

	if (getrlimit(which, &r) < 0)
		return PROBE_UNKNOWN;
	return r.rlim_cur == RLIM_INFINITY ? PROBE_NO_LIMIT : r.rlim_cur;
}

void probe_limits(struct host_probe *ret)
{
	ret->rlimit_memlock = soft_limit(RLIMIT_MEMLOCK);
	ret->rlimit_nofile = soft_limit(RLIMIT_NOFILE);
	ret->rlimit_as = soft_limit(RLIMIT_AS);
}
