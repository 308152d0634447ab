/* SPDX-License-Identifier: MIT */
/* root.c: from the initramfs to the root that the command sees. */
#include "firmware/init/init.h"

#define STEP_MS   10
#define MAX_DEPTH 64 /* of an initramfs that is taken away */

/* What a file system looks like, so that no other is tried first, which the kernel would log. */
static const struct {
	const char *type;
	uint32_t off;
	uint8_t len;
	const char *magic;
} known_types[] = {
	{ "ext4", 1080, 2, "\x53\xef" },
	{ "xfs", 0, 4, "XFSB" },
	{ "btrfs", 65600, 8, "_BHRfS_M" },
	{ "squashfs", 0, 4, "hsqs" },
	{ "erofs", 1024, 4, "\xe2\xe1\xf5\xe0" },
	{ "f2fs", 1024, 4, "\x10\x20\xf5\xf2" },
	{ "iso9660", 32769, 5, "CD001" },
	{ "vfat", 82, 5, "FAT32" },
	{ "vfat", 54, 4, "FAT1" },
};

/* A read-only disk with a journal to be replayed cannot be mounted but without. */
static const struct {
	const char *type, *option;
} without_journal[] = {
	{ "ext4", "ro,noload" },
	{ "xfs", "ro,norecovery" },
};

/* Drivers of disks, by how the disks are called. */
static const struct {
	const char *prefix, *module;
} disk_drivers[] = {
	{ "/dev/vd", "virtio_blk" },  { "/dev/pmem", "virtio_pmem" }, { "/dev/pmem", "nd_pmem" },
	{ "/dev/sd", "virtio_scsi" }, { "/dev/sd", "sd_mod" },        { "/dev/nvme", "nvme" },
};

static const char *sniff(const char *device)
{
	char buf[8];
	int fd = sys_open(device, O_RDONLY);
	const char *type = NULL;

	for (unsigned i = 0; fd >= 0 && i < ARRAY_LEN(known_types) && !type; i++) {
		uint8_t len = known_types[i].len;

		if (sys_pread(fd, buf, len, known_types[i].off) == len &&
		    !memcmp(buf, known_types[i].magic, len))
			type = known_types[i].type;
	}
	if (fd >= 0)
		sys_close(fd);
	return type;
}

static int mount_type(const char *device, const char *target, const char *type, const char *options)
{
	int r;

	r = mount_at(device, target, type, options);
	for (unsigned i = 0; i < ARRAY_LEN(without_journal); i++)
		if ((r == -EROFS || r == -EACCES) && str_eq(type, without_journal[i].type))
			r = mount_at(device, target, type, without_journal[i].option);
	return r;
}

/* Each type that the kernel knows and that wants a device: lines of one tab and the name. */
static int try_types(const char *device, const char *target, const char *options)
{
	char buf[4096];
	int fd = sys_open("/proc/filesystems", O_RDONLY), r = -ENODEV;
	long n = fd < 0 ? 0 : sys_read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		sys_close(fd);
	for (long i = 0, start = 0; i < n && r < 0; i++) {
		if (buf[i] != '\n')
			continue;
		buf[i] = '\0';
		if (buf[start] == '\t')
			r = mount_type(device, target, buf + start + 1, options);
		start = i + 1;
	}
	return r;
}

static void wait_for_device(const char *path)
{
	struct stat st;

	for (unsigned ms = 0; sys_stat(path, &st) < 0; ms += STEP_MS) {
		if (ms >= config.head->device_wait_ms)
			fail(ENODEV, "there is no", path);
		sys_sleep_ms(STEP_MS);
	}
}

static void mount_disk(const char *target, const char *options)
{
	const char *device = config.str[GUEST_STR_ROOT_SOURCE];
	const char *type = config.str[GUEST_STR_ROOT_TYPE];
	int r;

	for (unsigned i = 0; i < ARRAY_LEN(disk_drivers); i++)
		if (str_starts(device, disk_drivers[i].prefix))
			module_load(disk_drivers[i].module);
	wait_for_device(device);
	if (!type[0])
		type = sniff(device);
	r = type ? mount_type(device, target, type, options) : try_types(device, target, options);
	if (r < 0)
		fail(r, type ? "cannot mount the root" : "no file system is known for the root",
		     device);
}

static void mount_share(const char *target, const char *options)
{
	int r = mount_at(config.str[GUEST_STR_ROOT_SOURCE], target, config.str[GUEST_STR_ROOT_TYPE],
			 options);

	if (r < 0)
		fail(r, "cannot mount the root", config.str[GUEST_STR_ROOT_SOURCE]);
}

static void mount_overlay(void)
{
	int r;

	sys_mkdir(UPPER, 0755);
	r = sys_mount("overlay", UPPER, "tmpfs", 0, "mode=755");
	if (r < 0)
		fail(r, "cannot mount memory for", "the overlay");
	sys_mkdir(UPPER "/data", 0755);
	sys_mkdir(UPPER "/work", 0755);
	/* A disk has more modules than the initramfs that was made to boot from it. */
	modules_also_in(LOWER);
	r = mount_at("overlay", WORK, "overlay",
		     "lowerdir=" LOWER ",upperdir=" UPPER "/data,workdir=" UPPER "/work");
	if (r < 0)
		fail(r, "cannot mount", "an overlay: is the driver missing?");
}

/* Puts the root together at WORK. */
static void assemble(void)
{
	const char *at = flag(GUEST_INIT_F_OVERLAY) ? LOWER : WORK;
	char options[PATH_LEN];
	int r;

	if (!join(options, flag(GUEST_INIT_F_COMMIT) && !flag(GUEST_INIT_F_OVERLAY) ? "rw," : "ro,",
		  config.str[GUEST_STR_ROOT_OPTIONS]))
		fail(E2BIG, "too long:", "the root's mount options");
	sys_mkdir(WORK, 0755);
	sys_mkdir(LOWER, 0755);
	switch (config.head->root) {
	case GUEST_ROOT_DISK:
		mount_disk(at, options);
		break;
	case GUEST_ROOT_SHARE:
		mount_share(at, options);
		break;
	default: /* so that it is a mount, which can be moved */
		r = sys_mount(GUEST_INIT_TREE, WORK, NULL, MS_BIND, NULL);
		if (r < 0)
			fail(r, "cannot find the root", GUEST_INIT_TREE);
		return;
	}
	if (flag(GUEST_INIT_F_OVERLAY))
		mount_overlay();
}

/* Removes all of @dir that is on @device, but what is called @keep (NULL: all). */
static void remove_below(int dir, uint64_t device, int depth, const char *keep)
{
	char buf[1024] __attribute__((aligned(8)));
	long n;

	while ((n = SYS3(__NR_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			struct dirent64 *d = (struct dirent64 *)(void *)(buf + at);
			struct stat st;
			int sub;

			at += d->reclen;
			if (str_eq(d->name, ".") || str_eq(d->name, "..") ||
			    (keep && str_eq(d->name, keep)))
				continue;
			if (SYS3(__NR_unlinkat, dir, d->name, 0) != -EISDIR || depth == 0)
				continue;
			sub = sys_openat(dir, d->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
			if (sub < 0)
				continue;
			if (sys_fstat(sub, &st) == 0 && st.st_dev == device)
				remove_below(sub, device, depth - 1, NULL);
			sys_close(sub);
			SYS3(__NR_unlinkat, dir, d->name, AT_REMOVEDIR);
		}
	}
}

static void remove_in(int dir, const char *keep)
{
	struct stat st;

	if (dir >= 0 && sys_fstat(dir, &st) == 0)
		remove_below(dir, st.st_dev, MAX_DEPTH, keep);
	if (dir >= 0)
		sys_close(dir);
}

static void move_into_root(const char *dir)
{
	char to[PATH_LEN];
	int r;

	join(to, WORK, dir);
	sys_mkdir(to, 0755);
	r = sys_mount(dir, to, NULL, MS_MOVE, NULL);
	if (r < 0) {
		say(r, "the root has no place for", dir);
		SYS2(__NR_umount2, dir, MNT_DETACH);
	}
}

/* Nobody sees the initramfs any more, but for a root in it: its memory is freed. */
static void switch_root(void)
{
	const char *keep = config.head->root == GUEST_ROOT_TREE ? &GUEST_INIT_DIR[1] : NULL;
	int old = sys_open("/", O_RDONLY | O_DIRECTORY), r;

	move_into_root("/dev");
	move_into_root("/proc");
	move_into_root("/sys");
	r = (int)SYS1(__NR_chdir, WORK);
	if (r == 0)
		r = sys_mount(".", "/", NULL, MS_MOVE, NULL);
	if (r == 0)
		r = (int)SYS1(__NR_chroot, ".");
	if (r == 0)
		r = (int)SYS1(__NR_chdir, "/");
	if (r < 0)
		fail(r, "cannot go to", "the root");
	remove_in(old, keep);
}

void root_enter(void)
{
	if (config.head->root > GUEST_ROOT_SHARE)
		fail(EINVAL, "unknown:", "the kind of root");
	if (config.head->root == GUEST_ROOT_INITRAMFS) {
		remove_in(sys_open(GUEST_INIT_DIR, O_RDONLY | O_DIRECTORY), NULL);
		SYS1(__NR_rmdir, GUEST_INIT_DIR);
		return;
	}
	assemble();
	switch_root();
	modules_also_in("/");
}

int root_close(void)
{
	int r;

	SYS0(__NR_sync);
	if (!flag(GUEST_INIT_F_COMMIT) || flag(GUEST_INIT_F_OVERLAY) ||
	    config.head->root < GUEST_ROOT_DISK)
		return 0;
	r = sys_mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	SYS0(__NR_sync);
	return r;
}
