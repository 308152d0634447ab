/* SPDX-License-Identifier: MIT */
/*
 * test_guest_segment.c: the segment with the guest's init, read back by the rules that the kernel
 * has (init/initramfs.c: do_header, do_name, do_copy, clean_path) and by cpio(1).
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/lib/bootkit.h"
#include "vmm/crc32c.h"
#include "vmm/guest_segment.h"

#define FILES 64

/* What a kernel would have after unpacking. */
struct unpacked {
	struct node {
		char name[256];
		uint32_t mode, uid, nlink, ino;
		uint32_t major, minor;
		const char *data;
		uint32_t len;
	} v[FILES];
	unsigned cnt;
	char *bytes;
	uint64_t len;
};

static uint32_t hex8(const char *p)
{
	char digits[9] = { 0 };
	char *end;
	unsigned long v;

	memcpy(digits, p, 8);
	v = strtoul(digits, &end, 16); /* simple_strntoul(), as do_header() has it */
	assert_ptr_equal(end, digits + 8);
	return (uint32_t)v;
}

static struct node *find(struct unpacked *u, const char *name)
{
	for (unsigned i = 0; i < u->cnt; i++)
		if (!strcmp(u->v[i].name, name))
			return &u->v[i];
	return NULL;
}

/* do_name(): what has the name and another type goes; a directory must be there for what is in it.
 */
static struct node *enter(struct unpacked *u, const char *name, uint32_t mode)
{
	struct node *n = find(u, name);
	char parent[256];
	char *slash;

	assert_true(strlen(name) < sizeof(parent));
	strcpy(parent, name);
	slash = strrchr(parent, '/');
	if (slash) {
		*slash = '\0';
		assert_non_null(find(u, parent));
		assert_true(S_ISDIR(find(u, parent)->mode));
	}
	if (n)
		return n;
	assert_true(u->cnt < FILES);
	n = &u->v[u->cnt++];
	strcpy(n->name, name);
	n->mode = mode;
	return n;
}

static void unpack(struct unpacked *u)
{
	uint64_t at = 0;

	for (;;) {
		const char *h = u->bytes + at, *name = h + 110;
		uint32_t mode, size, name_len;
		struct node *n;

		assert_int_equal(at % 4, 0);
		assert_true(at + 110 <= u->len);
		assert_memory_equal(h, "070701", 6);
		mode = hex8(h + 14);
		size = hex8(h + 54);
		name_len = hex8(h + 94);
		assert_int_equal(hex8(h + 102), 0);
		assert_true(name_len > 0 && at + 110 + name_len <= u->len);
		assert_int_equal(strlen(name) + 1, name_len);
		at = align_up(at + 110 + name_len, 4);
		if (!strcmp(name, "TRAILER!!!"))
			break;
		n = enter(u, name, mode);
		n->mode = mode;
		n->ino = hex8(h + 6);
		n->uid = hex8(h + 22);
		n->nlink = hex8(h + 38);
		n->major = hex8(h + 78);
		n->minor = hex8(h + 86);
		n->data = u->bytes + at;
		n->len = size;
		assert_true(at + size <= u->len);
		/* GotName goes on to the next head at once for what has no data. */
		assert_true(size == 0 || S_ISREG(mode) || S_ISLNK(mode));
		assert_true(S_ISDIR(mode) || n->nlink == 1); /* else: maybe another name of one */
		at = align_up(at + size, 4);
	}
	assert_int_equal(at, u->len);
}

static void build(const struct guest_segment_config *c, struct unpacked *u)
{
	struct error *e = NULL;
	int fd = -1;

	memset(u, 0, sizeof(*u));
	if (guest_segment_build(c, &fd, &u->len, &e) < 0)
		fail_msg("%s", error_msg(e));
	u->bytes = calloc(1, u->len + 1);
	assert_non_null(u->bytes);
	assert_int_equal(pread(fd, u->bytes, u->len + 1, 0), u->len);
	close(fd);
	unpack(u);
}

static void refuse(const struct guest_segment_config *c, int code, const char *words)
{
	struct error *e = NULL;
	uint64_t len;
	int fd = -1;

	assert_int_equal(guest_segment_build(c, &fd, &len, &e), -code);
	assert_error(e, words);
	assert_int_equal(fd, -1);
}

static const char *const true_argv[] = { "true", NULL };

static void minimal(void **state)
{
	struct guest_segment_config c = { .argv = true_argv };
	struct unpacked u;
	struct node *n;
	size_t len;

	(void)state;
	build(&c, &u);
	assert_int_equal(u.cnt, 3);
	n = find(&u, "init");
	assert_int_equal(n->mode, S_IFREG | 0755);
	assert_memory_equal(n->data, guest_init_image(&len), n->len);
	assert_int_equal(n->len, len);
	n = find(&u, ".trapeze");
	assert_int_equal(n->mode, S_IFDIR | 0700);
	n = find(&u, ".trapeze/config");
	assert_int_equal(n->mode, S_IFREG | 0600);
	assert_int_equal(n->uid, 0);
	free(u.bytes);

	c.init_path = "/other";
	build(&c, &u);
	assert_null(find(&u, "init"));
	assert_non_null(find(&u, "other"));
	free(u.bytes);
}

/* A static program that wants nothing from anybody. */
static void init_is_static_and_small(void **state)
{
	size_t len;
	const uint8_t *p = guest_init_image(&len);
	const Elf64_Ehdr *h = (const void *)p;

	(void)state;
	assert_in_range(len, sizeof(*h), GUEST_INIT_IMAGE_MAX - 1);
	assert_memory_equal(h->e_ident, ELFMAG, SELFMAG);
	assert_int_equal(h->e_type, ET_EXEC);
	assert_int_equal(h->e_machine, EM_X86_64);
	for (unsigned i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *ph = (const void *)(p + h->e_phoff + i * sizeof(*ph));

		assert_int_not_equal(ph->p_type, PT_INTERP);
		assert_int_not_equal(ph->p_type, PT_DYNAMIC);
		if (ph->p_type == PT_LOAD || ph->p_type == PT_GNU_STACK)
			assert_int_not_equal(ph->p_flags & (PF_W | PF_X), PF_W | PF_X);
	}
}

static const char *next(const char **s)
{
	const char *p = *s;

	*s += strlen(p) + 1;
	return p;
}

static void configuration(void **state)
{
	static const char *const argv[] = { "sh", "-c", "echo \"$0\"\n", "", NULL };
	static const char *const env[] = { "PATH=/bin", "A=b=c", NULL };
	static const char *const modules[] = { "/.trapeze/m/x.ko", NULL };
	static const struct guest_mount mounts[] = { { "tag", "/mnt", "virtiofs", "ro" },
						     { NULL, "/b", "tmpfs", NULL } };
	static const char *const want[] = {
		"/tmp",  "name", "/dev/vda",      "ext4",     "noatime",
		"sh",    "-c",   "echo \"$0\"\n", "",         "PATH=/bin",
		"A=b=c", "tag",  "/mnt",          "virtiofs", "ro",
		"",      "/b",   "tmpfs",         "",         "/.trapeze/m/x.ko"
	};
	struct guest_segment_config c = { .argv = argv,
					  .env = env,
					  .cwd = "/tmp",
					  .hostname = "name",
					  .root = GUEST_ROOT_DISK,
					  .root_source = "/dev/vda",
					  .root_type = "ext4",
					  .root_options = "noatime",
					  .mounts = mounts,
					  .mount_cnt = 2,
					  .modules = modules,
					  .flags = GUEST_INIT_F_COMMIT,
					  .grace_ms = 77 };
	struct guest_init_config h;
	struct unpacked u;
	struct node *n;
	const char *s;
	uint32_t crc;

	(void)state;
	build(&c, &u);
	n = find(&u, ".trapeze/config");
	memcpy(&h, n->data, sizeof(h));
	assert_int_equal(h.magic, GUEST_INIT_CONFIG_MAGIC);
	assert_int_equal(h.version, GUEST_INIT_VERSION);
	assert_int_equal(h.len, n->len);
	crc = h.crc;
	memset(u.bytes + (n->data - u.bytes) + offsetof(struct guest_init_config, crc), 0, 4);
	assert_int_equal(crc32c(0, n->data, n->len), crc);
	assert_int_equal(h.root, GUEST_ROOT_DISK);
	assert_int_equal(h.flags, GUEST_INIT_F_COMMIT);
	assert_int_equal(h.arg_cnt, 4);
	assert_int_equal(h.env_cnt, 2);
	assert_int_equal(h.mount_cnt, 2);
	assert_int_equal(h.module_cnt, 1);
	assert_int_equal(h.grace_ms, 77);
	assert_int_equal(h.port_wait_ms, 5000);
	s = n->data + sizeof(h);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(next(&s), want[i]);
	assert_ptr_equal(s, n->data + n->len);
	free(u.bytes);
}

static void files(void **state)
{
	struct kit *k = *state;
	struct guest_file v[] = {
		{ .path = "/.trapeze/a/b/x.ko", .mode = 0640, .data = "12345", .len = 5 },
		{ .path = "/.trapeze/a/y", .mode = 0755 },
		{ .path = "/.trapeze/empty", .mode = 0600, .data = "" },
	};
	struct guest_segment_config c = { .argv = true_argv, .files = v, .file_cnt = 3 };
	struct unpacked u;
	struct node *n;

	v[1].from = kit_file(k, "y", "some", 4);
	build(&c, &u);
	n = find(&u, ".trapeze/a/b/x.ko");
	assert_int_equal(n->mode, S_IFREG | 0640);
	assert_int_equal(n->len, 5);
	assert_memory_equal(n->data, "12345", 5);
	n = find(&u, ".trapeze/a/y");
	assert_memory_equal(n->data, "some", 4);
	assert_int_equal(find(&u, ".trapeze/empty")->len, 0);
	free(u.bytes);

	v[0].path = "/lib/modules/x.ko"; /* /lib may be a link in the user's initramfs */
	refuse(&c, EINVAL, "'/lib/modules/x.ko' is not in /.trapeze");
	v[0].path = "/.trapeze/../x";
	refuse(&c, EINVAL, "is not in /.trapeze");
	v[0].path = "/.trapeze/x";
	v[1].from = "/dev/null";
	refuse(&c, EINVAL, "'/dev/null' is no regular file");
	v[1].from = "/no/such/file";
	refuse(&c, ENOENT, "cannot open '/no/such/file'");
}

/* A shell's @script, in @dir. */
static void shell(const char *dir, const char *script)
{
	char command[1024];

	snprintf(command, sizeof(command), "set -e; mkdir -p '%s'; cd '%s'; %s", dir, dir, script);
	assert_int_equal(system(command), 0);
}

static void tree(void **state)
{
	struct kit *k = *state;
	struct guest_segment_config c = { .argv = true_argv, .root = GUEST_ROOT_TREE };
	char dir[128], list[256];
	struct unpacked u, again;
	struct node *n;
	FILE *f;

	snprintf(dir, sizeof(dir), "%s/tree", k->dir);
	shell(dir, "mkdir -p bin e/f; printf 123 >'e/a b'; ln 'e/a b' e/hard; mkfifo e/fifo;"
		   "ln -s ../nowhere e/f/link; chmod 4711 'e/a b'; chmod 700 e/f");
	c.tree = dir;
	build(&c, &u);
	n = find(&u, ".trapeze/root/e/a b");
	assert_int_equal(n->mode, S_IFREG | 04711);
	assert_int_equal(n->uid, 0);
	assert_memory_equal(n->data, "123", 3);
	/* Two names of one file become two files. */
	assert_int_not_equal(n->ino, find(&u, ".trapeze/root/e/hard")->ino);
	assert_memory_equal(find(&u, ".trapeze/root/e/hard")->data, "123", 3);
	n = find(&u, ".trapeze/root/e/f/link");
	assert_int_equal(n->mode & S_IFMT, S_IFLNK);
	assert_int_equal(n->len, 10);
	assert_memory_equal(n->data, "../nowhere", 10);
	assert_int_equal(find(&u, ".trapeze/root/e/fifo")->mode & S_IFMT, S_IFIFO);
	assert_int_equal(find(&u, ".trapeze/root/e/f")->mode, S_IFDIR | 0700);
	build(&c, &again);
	assert_int_equal(u.len, again.len);
	assert_memory_equal(u.bytes, again.bytes, u.len);
	free(again.bytes);

	/* And as cpio(1) sees it. */
	snprintf(list, sizeof(list), "cpio -t --quiet <%s | tr '\\n' ' '",
		 kit_file(k, "segment", u.bytes, u.len));
	f = popen(list, "r");
	assert_non_null(f);
	assert_non_null(fgets(list, sizeof(list), f));
	assert_int_equal(pclose(f), 0);
	assert_string_equal(list, "init init .trapeze .trapeze/config .trapeze/root "
				  ".trapeze/root/bin .trapeze/root/e .trapeze/root/e/a b "
				  ".trapeze/root/e/f .trapeze/root/e/f/link "
				  ".trapeze/root/e/fifo .trapeze/root/e/hard ");
	free(u.bytes);

	shell(k->dir, "rm -rf tree");
	refuse(&c, ENOENT, "cannot open the directory");
}

static void refused(void **state)
{
	static const char *const nothing[] = { NULL }, *const empty[] = { "", NULL };
	static const struct guest_mount relative = { "a", "b", "c", "" };
	static char long_arg[GUEST_INIT_CONFIG_MAX + 1];
	static const char *const too_long[] = { long_arg, NULL };
	static const struct {
		struct guest_segment_config c;
		const char *words;
	} v[] = {
		{ { .argv = NULL }, "there is no command" },
		{ { .argv = nothing }, "there is no command" },
		{ { .argv = empty }, "there is no command" },
		{ { .argv = true_argv, .init_path = "init" }, "'/NAME' is" },
		{ { .argv = true_argv, .init_path = "/a/b" }, "'/NAME' is" },
		{ { .argv = true_argv, .cwd = "tmp" }, "'tmp' is not absolute" },
		{ { .argv = true_argv, .root = GUEST_ROOT_DISK }, "is on no device" },
		{ { .argv = true_argv, .root = GUEST_ROOT_SHARE, .root_source = "t" }, "no share" },
		{ { .argv = true_argv, .root = GUEST_ROOT_TREE }, "is no directory" },
		{ { .argv = true_argv, .root = (enum guest_init_root)9 }, "of no kind" },
		{ { .argv = true_argv, .flags = 0x80 }, "flags 0x80" },
		{ { .argv = true_argv, .mounts = &relative, .mount_cnt = 1 }, "'b' is not" },
		{ { .argv = too_long }, "the limit is 4096 KiB" },
	};

	(void)state;
	memset(long_arg, 'x', sizeof(long_arg) - 1);
	for (unsigned i = 0; i < ARRAY_LEN(v); i++)
		refuse(&v[i].c, v[i].c.argv == too_long ? E2BIG : EINVAL, v[i].words);
}

/* Behind the user's initrds, at a multiple of four; the descriptor stays the caller's. */
static void behind_the_initrds(void **state)
{
	struct kit *k = *state;
	struct guest_segment_config c = { .argv = true_argv };
	struct boot_segment segment = { .name = "the init" };
	struct boot_config b = { .segment = &segment };
	char path[200], kernel[200], bytes[16];
	const char *list[] = { path };
	uint64_t len, got;
	gpa_t at;

	assert_int_equal(guest_segment_build(&c, &segment.fd, &len, NULL), 0);
	kit_vmlinux(&k->buf);
	snprintf(kernel, sizeof(kernel), "%s", kit_file(k, "vmlinux", k->buf.p, k->buf.len));
	snprintf(path, sizeof(path), "%s", kit_file(k, "i0", "12345", 5));
	b.kernel = kernel;
	kit_boot(k, &b);
	boot_initrd_range(k->boot, &at, &got);
	assert_int_equal(got, len);
	b.initrd = list;
	b.initrd_cnt = 1;
	kit_boot(k, &b);
	boot_initrd_range(k->boot, &at, &got);
	assert_int_equal(got, 8 + len);
	kit_read(k, at, bytes, 14);
	assert_memory_equal(bytes,
			    "12345\0\0\0"
			    "070701",
			    14);
	assert_int_equal(close(segment.fd), 0);
	/* It is read again at each reset. */
	assert_int_equal(boot_load(k->boot, k->gm, &k->env, &k->entry, NULL), 0);
	b.segment = &(struct boot_segment){ .name = "the init", .fd = -1 };
	kit_refused(k, &b, "initrd 'the init': cannot keep it open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minimal),
		cmocka_unit_test(init_is_static_and_small),
		cmocka_unit_test(configuration),
		cmocka_unit_test_setup_teardown(files, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(tree, kit_setup, kit_teardown),
		cmocka_unit_test(refused),
		cmocka_unit_test_setup_teardown(behind_the_initrds, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
