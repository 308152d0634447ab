/* SPDX-License-Identifier: MIT */
/*
 * module.c: loading kernel modules as modprobe does, by modules.dep. A line of it is a module and
 * all that it needs, the nearest first: "a/b.ko: c/d.ko e/f.ko". A compressed file is the kernel's
 * to unpack, where it can.
 */
#include "firmware/init/init.h"

#define DEP_MAX (16u << 20)

/* The parts of <linux/utsname.h>'s struct that there are; 65 bytes each. */
struct names {
	char sysname[65], node[65], release[65], version[65], machine[65], domain[65];
};

/* One place with modules: its directory, and modules.dep in memory. */
struct place {
	char dir[PATH_LEN];
	const char *dep, *end;
};

static struct place places[2]; /* the initramfs, a mounted root */

/* Loads one file; true: it is in the kernel now. */
static bool insert(const char *path)
{
	int fd = sys_open(path, O_RDONLY), flags = 0;
	size_t n = strlen(path);
	long r;

	if (fd < 0)
		return false;
	if (n < 3 || memcmp(path + n - 3, ".ko", 3))
		flags = MODULE_INIT_COMPRESSED_FILE;
	r = SYS3(__NR_finit_module, fd, "", flags);
	sys_close(fd);
	return r == 0 || r == -EEXIST;
}

static void open_place(struct place *p, const char *root)
{
	static const char *const dirs[] = { "/lib/modules/", "/usr/lib/modules/" };
	struct names u;
	char dep[PATH_LEN];
	size_t len = 0;

	*p = (struct place){ .dep = NULL };
	if (SYS1(__NR_uname, &u) < 0)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(dirs) && !p->dep; i++) {
		if (!join(p->dir, root, dirs[i], u.release, "/") ||
		    !join(dep, p->dir, "modules.dep"))
			return;
		p->dep = map_file(dep, DEP_MAX, &len);
		p->end = p->dep + len;
	}
}

void modules_also_in(const char *root)
{
	/* The map stays: a few hundred KiB that can be paged out, and this happens once. */
	places[1].dep = NULL;
	if (root[0])
		open_place(&places[1], root);
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

/* Is [s, end), as in "kernel/fs/ext4/ext4.ko.xz", the file of module @name? */
static bool is_module(const char *s, const char *end, const char *name)
{
	for (const char *p = s; p < end; p++)
		if (*p == '/')
			s = p + 1;
	while (s < end && *name && plain(*s) == plain(*name)) {
		s++;
		name++;
	}
	return !*name && end - s >= 3 && !memcmp(s, ".ko", 3) && (end - s == 3 || s[3] == '.');
}

static bool insert_at(const struct place *p, const char *s, const char *end)
{
	char path[2 * PATH_LEN], file[PATH_LEN];

	if ((size_t)(end - s) >= sizeof(file))
		return false;
	memcpy(file, s, (size_t)(end - s));
	file[end - s] = '\0';
	return join(path, file[0] == '/' ? "" : p->dir, file) && insert(path);
}

/* [s, colon) is the module, [colon + 1, end) what it needs: that goes first, from the last on. */
static bool insert_line(const struct place *p, const char *s, const char *colon, const char *end)
{
	const char *last = end;

	while (last > colon + 1) {
		const char *first;

		while (last > colon + 1 && last[-1] == ' ')
			last--;
		for (first = last; first > colon + 1 && first[-1] != ' ';)
			first--;
		if (first < last)
			insert_at(p, first, last);
		last = first;
	}
	return insert_at(p, s, colon);
}

static bool load_from(const struct place *p, const char *name)
{
	for (const char *s = p->dep; s && s < p->end;) {
		const char *eol = s, *colon;

		while (eol < p->end && *eol != '\n')
			eol++;
		for (colon = s; colon < eol && *colon != ':';)
			colon++;
		if (colon < eol && is_module(s, colon, name))
			return insert_line(p, s, colon, eol);
		s = eol + 1;
	}
	return false;
}

void module_load(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(places); i++)
		if (load_from(&places[i], name))
			return;
}

void modules_for_start(void)
{
	static const char *const needed[] = { "virtio_pci", "virtio_console" };
	const char *s = config.modules;

	open_place(&places[0], "");
	for (uint32_t i = 0; i < config.head->module_cnt; i++, s = next_string(s))
		insert(s);
	for (unsigned i = 0; i < ARRAY_LEN(needed); i++)
		module_load(needed[i]);
	/* To load a module takes a kernel as long as a twentieth of its boot. */
	if (!ports_have_device())
		module_load("virtio_mmio");
}
