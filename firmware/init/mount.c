/* SPDX-License-Identifier: MIT */
/* mount.c: file systems, but for the root. */
#include "firmware/init/init.h"

#define OPTIONS_LEN 2048

static const struct {
	const char *name;
	unsigned long set, clear;
} mount_flags[] = {
	{ "rw", 0, MS_RDONLY },         { "ro", MS_RDONLY, 0 },        { "nosuid", MS_NOSUID, 0 },
	{ "nodev", MS_NODEV, 0 },       { "noexec", MS_NOEXEC, 0 },    { "noatime", MS_NOATIME, 0 },
	{ "relatime", MS_RELATIME, 0 }, { "sync", MS_SYNCHRONOUS, 0 }, { "bind", MS_BIND, 0 },
	{ "defaults", 0, 0 },
};

/* Flags out of @options; what is none goes to @data, for the file system. */
static bool split_options(const char *options, unsigned long *flags, char *data, size_t size)
{
	size_t at = 0;

	*flags = 0;
	while (*options) {
		size_t n = 0;
		bool known = false;

		while (options[n] && options[n] != ',')
			n++;
		for (unsigned i = 0; i < ARRAY_LEN(mount_flags) && !known; i++) {
			known = strlen(mount_flags[i].name) == n &&
				!memcmp(mount_flags[i].name, options, n);
			if (known)
				*flags = (*flags & ~mount_flags[i].clear) | mount_flags[i].set;
		}
		if (!known && n) {
			if (at + n + 2 > size)
				return false;
			if (at)
				data[at++] = ',';
			memcpy(data + at, options, n);
			at += n;
		}
		options += n + (options[n] == ',');
	}
	data[at] = '\0';
	return true;
}

/*
 * What a file system asks modprobe for when it is mounted, and modules.dep does not know of; there
 * may be no modprobe.
 */
static const struct {
	const char *type, *module;
} helpers[] = {
	{ "9p", "9pnet_virtio" },     { "btrfs", "crc32c_generic" }, { "btrfs", "crc32c_intel" },
	{ "ext4", "crc32c_generic" }, { "ext4", "crc32c_intel" },    { "f2fs", "crc32_generic" },
	{ "iso9660", "isofs" },       { "vfat", "nls_cp437" },       { "vfat", "nls_ascii" },
	{ "vfat", "nls_iso8859_1" },  { "xfs", "crc32c_generic" },   { "xfs", "crc32c_intel" },
};

static void load_driver(const char *type)
{
	for (unsigned i = 0; i < ARRAY_LEN(helpers); i++)
		if (str_eq(type, helpers[i].type))
			module_load(helpers[i].module);
	module_load(type);
}

int mount_at(const char *source, const char *target, const char *type, const char *options)
{
	char data[OPTIONS_LEN];
	unsigned long flags;
	int r;

	if (!split_options(options, &flags, data, sizeof(data)))
		return -E2BIG;
	r = sys_mount(source, target, type, flags, data[0] ? data : NULL);
	if (r != -ENODEV)
		return r;
	load_driver(type);
	return sys_mount(source, target, type, flags, data[0] ? data : NULL);
}

static int make_node(const char *path, unsigned mode, unsigned major, unsigned minor)
{
	return (int)SYS3(__NR_mknod, path, S_IFCHR | mode, major << 8 | minor);
}

/* A kernel without devtmpfs: what programs open, and COM1. The ports have no fixed numbers. */
static void make_nodes(void)
{
	static const struct {
		const char *path;
		unsigned mode, major, minor;
	} nodes[] = {
		{ "/dev/null", 0666, 1, 3 },    { "/dev/zero", 0666, 1, 5 },
		{ "/dev/full", 0666, 1, 7 },    { "/dev/random", 0666, 1, 8 },
		{ "/dev/urandom", 0666, 1, 9 }, { "/dev/kmsg", 0644, 1, 11 },
		{ "/dev/tty", 0666, 5, 0 },     { "/dev/console", 0600, 5, 1 },
		{ "/dev/ptmx", 0666, 5, 2 },    { "/dev/ttyS0", 0600, 4, 64 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(nodes); i++)
		make_node(nodes[i].path, nodes[i].mode, nodes[i].major, nodes[i].minor);
}

void mounts_early(void)
{
	sys_mkdir("/dev", 0755);
	sys_mkdir("/proc", 0755);
	sys_mkdir("/sys", 0755);
	if (sys_mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=755") < 0)
		make_nodes();
	sys_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	sys_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static bool anything(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return true;
}

static void mount_one(const char *target, const char *type, const char *options)
{
	int r;

	sys_mkdir(target, 0755);
	r = mount_at(type, target, type, options);
	/* ENODEV: this kernel has no such thing. EBUSY: somebody has mounted it. */
	if (r < 0 && r != -ENODEV && r != -EBUSY)
		say(r, "cannot mount", target);
}

/* On a disk, a fresh one; in RAM, what was packed stays to be seen. */
static void mount_scratch(const char *target, const char *options)
{
	bool in_ram =
		config.head->root == GUEST_ROOT_INITRAMFS || config.head->root == GUEST_ROOT_TREE;

	if (!in_ram || !each_name(target, anything, NULL))
		mount_one(target, "tmpfs", options);
}

void mounts_system(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	mount_one("/dev/pts", "devpts", "nosuid,noexec,gid=5,mode=620,ptmxmode=666");
	mount_one("/dev/shm", "tmpfs", "nosuid,nodev,mode=1777");
	mount_scratch("/run", "nosuid,nodev,mode=755");
	mount_scratch("/tmp", "nosuid,nodev,mode=1777");
	if (flag(GUEST_INIT_F_CGROUP))
		mount_one("/sys/fs/cgroup", "cgroup2", "nosuid,nodev,noexec");
	for (unsigned i = 0; i < ARRAY_LEN(links); i++)
		sys_symlink(links[i][0], links[i][1]);
}

void mounts_wanted(void)
{
	const char *s = config.mounts;

	for (uint32_t i = 0; i < config.head->mount_cnt; i++) {
		const char *source = s, *target = next_string(source);
		const char *type = next_string(target), *options = next_string(type);
		int r;

		s = next_string(options);
		make_dirs(target);
		r = mount_at(source, target, type, options);
		if (r < 0)
			fail(r, "cannot mount", target);
	}
}
