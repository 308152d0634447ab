/* SPDX-License-Identifier: MIT */
/*
 * test_share_hostile.c: a guest that wants out of the directory it was given, or the server to
 * fall over. Row numbers are those of docs/threat-model.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/lib/share_kit.h"
#include "vmm/log.h"

static struct share_kit kit;

/* How many descriptors this process has. */
static unsigned open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* --- requests that are none ------------------------------------------------------------------- */

static void test_row109_lengths_that_lie(void **state)
{
	struct fuse_in_header h = { .opcode = FUSE_GETATTR, .unique = 1, .nodeid = 1 };
	struct share_kit *k = &kit;

	(void)state;
	sk_init(k, true);
	for (size_t n = 0; n < sizeof(h); n++) {
		memset(k->in, 0xff, sizeof(h));
		assert_int_equal(sk_raw(k, n), -EINVAL);
	}
	/* More than there is, less than a header. */
	static const uint32_t lens[] = { 0, 1, 39, 57, 1000, UINT32_MAX };
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		h.len = lens[i];
		memcpy(k->in, &h, sizeof(h));
		assert_int_equal(sk_raw(k, 56), -EINVAL);
	}
	/* No room for an answer; room for its header and no more. */
	h.len = 56;
	memset(k->in, 0, 56);
	memcpy(k->in, &h, sizeof(h));
	for (k->out_room = 0; k->out_room < 16; k->out_room++)
		assert_int_equal(sk_raw(k, 56), -EINVAL);
	for (k->out_room = 16; k->out_room < 16 + sizeof(struct fuse_attr_out); k->out_room++) {
		assert_int_equal(sk_raw(k, 56), 16);
		assert_int_equal(((struct fuse_out_header *)(void *)k->out)->error, -EINVAL);
	}
	assert_int_equal(sk_raw(k, 56), 16 + sizeof(struct fuse_attr_out));
	k->out_room = sizeof(k->out);
	sk_end(k);
}

/* Each operation with any number of bytes of arguments, all zero and all ones: an answer, no more.
 */
static void test_row109_short_arguments(void **state)
{
	static uint8_t arg[300];
	struct share_kit *k = &kit;

	(void)state;
	for (unsigned fill = 0; fill < 2; fill++) {
		sk_init(k, true);
		memset(arg, fill ? 0xff : 0, sizeof(arg));
		for (uint32_t op = 0; op < 64; op++) {
			if (op == FUSE_FORGET || op == FUSE_BATCH_FORGET || op == FUSE_INTERRUPT)
				continue;
			for (size_t n = 0; n < sizeof(arg); n++) {
				int r = sk_ask(k, op, FUSE_ROOT_ID, arg, n, NULL, 0);

				assert_true(r < 0 || op == FUSE_GETATTR || op == FUSE_SETATTR ||
					    op == FUSE_STATFS || op == FUSE_OPENDIR ||
					    op == FUSE_ACCESS || op == FUSE_SYNCFS ||
					    op == FUSE_DESTROY || op == FUSE_INIT);
			}
		}
		/* Longer than any has arguments. */
		assert_int_equal(
			sk_ask(k, FUSE_LOOKUP, FUSE_ROOT_ID, k->out + 20000, 9000, NULL, 0),
			-EINVAL);
		sk_end(k);
	}
}

static void test_row109_data_that_is_not_there(void **state)
{
	struct fuse_write_in in = { .size = 100 };
	struct share_kit *k = &kit;
	uint64_t id, fh;

	(void)state;
	sk_init(k, true);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "f", O_RDWR, 0644, &id, &fh), 0);
	in.fh = fh;
	assert_int_equal(sk_ask(k, FUSE_WRITE, id, &in, sizeof(in), "abc", 3), -EINVAL);
	in.size = UINT32_MAX;
	assert_int_equal(sk_ask(k, FUSE_WRITE, id, &in, sizeof(in), "abc", 3), -EINVAL);
	in.size = 2;
	in.offset = UINT64_MAX - 1;
	assert_int_equal(sk_ask(k, FUSE_WRITE, id, &in, sizeof(in), "abc", 3), -EINVAL);
	assert_int_equal(sk_read(k, FUSE_READ, id, fh, UINT64_MAX, 4), -EINVAL);
	assert_int_equal(sk_read(k, FUSE_READ, id, fh, 0, UINT32_MAX), 0);
	assert_int_equal(k->out_len, 0);
	sk_end(k);
}

/* --- ways out --------------------------------------------------------------------------------- */

static void test_row110_names(void **state)
{
	static const char *const bad[] = { "",     ".",   "..",
					   "/",    "a/b", "../secret",
					   "/etc", "a/",  "tree/../../secret" };
	static const uint32_t ops[] = { FUSE_LOOKUP, FUSE_UNLINK, FUSE_RMDIR };
	struct fuse_link_in link = { 0 };
	struct fuse_mknod_in node = { .mode = 0644 };
	struct share_kit *k = &kit;
	uint64_t id, fh;
	char name[300];

	(void)state;
	sk_init(k, true);
	sk_file(k, "a", "x");
	link.oldnodeid = sk_lookup(k, FUSE_ROOT_ID, "a");
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		for (unsigned o = 0; o < ARRAY_LEN(ops); o++)
			assert_int_equal(sk_name(k, ops[o], FUSE_ROOT_ID, bad[i]), -EINVAL);
		assert_int_equal(sk_mkdir(k, FUSE_ROOT_ID, bad[i], 0755), -EINVAL);
		assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "a", FUSE_ROOT_ID, bad[i], 0), -EINVAL);
		assert_int_equal(sk_rename(k, FUSE_ROOT_ID, bad[i], FUSE_ROOT_ID, "x", 0), -EINVAL);
		assert_int_equal(sk_create(k, FUSE_ROOT_ID, bad[i], O_RDWR, 0644, &id, &fh),
				 -EINVAL);
		assert_int_equal(
			sk_struct_name(k, FUSE_LINK, FUSE_ROOT_ID, &link, sizeof(link), bad[i]),
			-EINVAL);
		assert_int_equal(
			sk_struct_name(k, FUSE_MKNOD, FUSE_ROOT_ID, &node, sizeof(node), bad[i]),
			-EINVAL);
		snprintf(name, sizeof(name), "%s%cx", bad[i], '\0');
		assert_int_equal(
			sk_ask(k, FUSE_SYMLINK, FUSE_ROOT_ID, name, strlen(bad[i]) + 3, NULL, 0),
			-EINVAL);
	}
	/* Without an end; too long; as long as they may be. */
	assert_int_equal(sk_ask(k, FUSE_LOOKUP, FUSE_ROOT_ID, "abc", 3, NULL, 0), -EINVAL);
	assert_int_equal(sk_ask(k, FUSE_SYMLINK, FUSE_ROOT_ID, "n\0target", 8, NULL, 0), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(sk_name(k, FUSE_LOOKUP, FUSE_ROOT_ID, name), -ENAMETOOLONG);
	assert_int_equal(sk_mkdir(k, FUSE_ROOT_ID, name, 0755), -ENAMETOOLONG);
	name[255] = '\0';
	assert_int_equal(sk_mkdir(k, FUSE_ROOT_ID, name, 0755), 0);
	sk_end(k);
}

/* Links that lead out are links, and nothing behind them is there. */
static void test_row110_links(void **state)
{
	struct share_kit *k = &kit;
	struct fuse_setattr_in chmod_in = { .valid = FATTR_MODE, .mode = 0 };
	struct fuse_setattr_in size_in = { .valid = FATTR_SIZE };
	struct stat st;
	uint64_t id, fh, out;
	char secret[96];

	(void)state;
	sk_init(k, true);
	snprintf(secret, sizeof(secret), "%.63s/secret", k->top);
	assert_int_equal(chmod(secret, 0600), 0);
	assert_int_equal(symlink("../secret", sk_path(k, "l")), 0);
	assert_int_equal(symlink("..", sk_path(k, "up")), 0);
	assert_int_equal(symlink("/proc/self/root", sk_path(k, "magic")), 0);
	id = sk_lookup(k, FUSE_ROOT_ID, "l");
	assert_true(S_ISLNK(sk_attr(k, id).mode));
	assert_int_equal(sk_open(k, FUSE_OPEN, id, O_RDONLY, &fh), -ELOOP);
	assert_int_equal(sk_open(k, FUSE_OPEN, id, O_RDWR | O_TRUNC, &fh), -ELOOP);
	assert_int_equal(sk_setattr(k, id, &chmod_in), -EOPNOTSUPP);
	assert_int_equal(sk_setattr(k, id, &size_in), -EINVAL);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "l", O_RDWR | O_TRUNC, 0644, &out, &fh),
			 -ELOOP);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "l", O_RDWR | O_EXCL, 0644, &out, &fh),
			 -EEXIST);
	for (unsigned i = 0; i < 2; i++) {
		id = sk_lookup(k, FUSE_ROOT_ID, i ? "magic" : "up");
		assert_int_equal(sk_name(k, FUSE_LOOKUP, id, "secret"), -ENOTDIR);
		assert_int_equal(sk_open(k, FUSE_OPENDIR, id, O_RDONLY, &fh), -ENOTDIR);
		assert_int_equal(sk_mkdir(k, id, "x", 0755), -ENOTDIR);
		assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "l", id, "x", 0), -ENOTDIR);
		assert_int_equal(sk_name(k, FUSE_UNLINK, id, "secret"), -ENOTDIR);
	}
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 6);
	sk_end(k);
}

/* A directory that becomes a link to elsewhere while the guest is in it: the guest stays in it. */
static void test_row110_directory_replaced(void **state)
{
	struct share_kit *k = &kit;
	uint64_t dir;

	(void)state;
	sk_init(k, true);
	assert_int_equal(mkdir(sk_path(k, "d"), 0755), 0);
	dir = sk_lookup(k, FUSE_ROOT_ID, "d");
	assert_int_equal(rename(sk_path(k, "d"), sk_path(k, "e")), 0);
	assert_int_equal(symlink("..", sk_path(k, "d")), 0);
	assert_int_equal(sk_name(k, FUSE_LOOKUP, dir, "secret"), -ENOENT);
	assert_int_equal(sk_mkdir(k, dir, "in", 0755), 0);
	assert_int_equal(access(sk_path(k, "e/in"), F_OK), 0);
	/* And one that is removed. */
	assert_int_equal(rmdir(sk_path(k, "e/in")), 0);
	assert_int_equal(rmdir(sk_path(k, "e")), 0);
	assert_int_equal(sk_mkdir(k, dir, "in", 0755), -ENOENT);
	assert_int_equal(sk_attr(k, dir).nlink, 0);
	sk_end(k);
}

/* FIFOs would keep the server waiting, devices and sockets are the host's. */
static void test_row111_special_files(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct fuse_mknod_in node = { .rdev = 259 };
	static const uint32_t kinds[] = { S_IFCHR, S_IFBLK, S_IFDIR, S_IFLNK, 0150000 };
	static const char *const names[] = { "fifo", "sock" };
	struct share_kit *k = &kit;
	uint64_t id, fh;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	sk_init(k, true);
	assert_int_equal(mkfifo(sk_path(k, "fifo"), 0666), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.90s", sk_path(k, "sock"));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		id = sk_lookup(k, FUSE_ROOT_ID, names[i]);
		assert_int_equal(sk_open(k, FUSE_OPEN, id, O_RDONLY, &fh), -ENXIO);
		assert_int_equal(sk_open(k, FUSE_OPEN, id, O_WRONLY, &fh), -ENXIO);
		assert_int_equal(sk_create(k, FUSE_ROOT_ID, names[i], O_RDWR, 0644, &id, &fh),
				 -ENXIO);
	}
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		node.mode = kinds[i] | 0666;
		assert_int_equal(
			sk_struct_name(k, FUSE_MKNOD, FUSE_ROOT_ID, &node, sizeof(node), "dev"),
			-EPERM);
		assert_int_equal(access(sk_path(k, "dev"), F_OK), -1);
	}
	close(fd);
	sk_end(k);
}

/* A file system of the kernel's own in the tree is an empty directory. */
static void test_row111_kernel_interfaces(void **state)
{
	struct share_params p = { .path = "/", .descriptors = 100 };
	struct share_kit *k = &kit;
	uint64_t id, fh;

	(void)state;
	sk_init(k, true);
	share_close(k->share);
	p.writable = true;
	assert_int_equal(share_open(&p, &k->share, NULL), 0);
	id = sk_lookup(k, FUSE_ROOT_ID, "proc");
	assert_true(S_ISDIR(sk_attr(k, id).mode));
	assert_int_equal(sk_name(k, FUSE_LOOKUP, id, "self"), -ENOENT);
	assert_int_equal(sk_name(k, FUSE_UNLINK, id, "self"), -EPERM);
	assert_int_equal(sk_mkdir(k, id, "x", 0755), -EPERM);
	assert_int_equal(sk_create(k, id, "x", O_RDWR, 0755, &fh, &fh), -EPERM);
	assert_int_equal(sk_setattr(k, id, &(struct fuse_setattr_in){ .valid = FATTR_MODE }),
			 -EPERM);
	assert_int_equal(sk_open(k, FUSE_OPENDIR, id, O_RDONLY, &fh), 0);
	assert_int_equal(sk_read(k, FUSE_READDIRPLUS, id, fh, 0, 4096), 0);
	assert_int_equal(k->out_len, 0);
	assert_int_equal(sk_release(k, FUSE_RELEASEDIR, id, fh), 0);
	sk_end(k);
}

/* --- a share that is not to be changed -------------------------------------------------------- */

static void test_row112_read_only(void **state)
{
	static const uint32_t flags[] = { O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_RDWR | O_APPEND };
	struct share_kit *k = &kit;
	struct fuse_setattr_in attr = { .valid = FATTR_MTIME };
	struct fuse_fallocate_in fa = { .length = 1 };
	struct fuse_copy_file_range_in copy = { .len = 1 };
	struct fuse_link_in link = { 0 };
	struct fuse_mknod_in node = { .mode = 0644 };
	struct fuse_access_in access = { .mask = W_OK };
	uint64_t id, fh, fh2;
	struct stat a, b;
	char text[16];

	(void)state;
	sk_init(k, false);
	sk_file(k, "a", "kept");
	assert_int_equal(mkdir(sk_path(k, "d"), 0755), 0);
	assert_int_equal(stat(sk_path(k, "a"), &a), 0);
	id = sk_lookup(k, FUSE_ROOT_ID, "a");
	for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
		assert_int_equal(sk_open(k, FUSE_OPEN, id, flags[i], &fh), -EROFS);
	assert_int_equal(sk_open(k, FUSE_OPEN, id, O_RDONLY | O_APPEND, &fh), 0);
	copy.fh_in = copy.fh_out = fa.fh = fh;
	copy.nodeid_out = link.oldnodeid = id;
	assert_int_equal(sk_write(k, id, fh, 0, "x", 1), -EROFS);
	assert_int_equal(sk_setattr(k, id, &attr), -EROFS);
	assert_int_equal(sk_ask(k, FUSE_FALLOCATE, id, &fa, sizeof(fa), NULL, 0), -EROFS);
	assert_int_equal(sk_ask(k, FUSE_COPY_FILE_RANGE, id, &copy, sizeof(copy), NULL, 0), -EROFS);
	assert_int_equal(sk_ask(k, FUSE_ACCESS, id, &access, sizeof(access), NULL, 0), -EROFS);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "a", O_RDONLY, 0644, &id, &fh2), -EROFS);
	assert_int_equal(sk_mkdir(k, FUSE_ROOT_ID, "x", 0755), -EROFS);
	assert_int_equal(sk_name(k, FUSE_UNLINK, FUSE_ROOT_ID, "a"), -EROFS);
	assert_int_equal(sk_name(k, FUSE_RMDIR, FUSE_ROOT_ID, "d"), -EROFS);
	assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "a", FUSE_ROOT_ID, "b", 0), -EROFS);
	assert_int_equal(sk_ask(k, FUSE_RENAME, FUSE_ROOT_ID, &link, 8, "a\0b", 4), -EROFS);
	assert_int_equal(sk_ask(k, FUSE_SYMLINK, FUSE_ROOT_ID, "x\0y", 4, NULL, 0), -EROFS);
	assert_int_equal(sk_struct_name(k, FUSE_LINK, FUSE_ROOT_ID, &link, sizeof(link), "b"),
			 -EROFS);
	assert_int_equal(sk_struct_name(k, FUSE_MKNOD, FUSE_ROOT_ID, &node, sizeof(node), "b"),
			 -EROFS);
	assert_int_equal(stat(sk_path(k, "a"), &b), 0);
	assert_int_equal(a.st_ctim.tv_nsec, b.st_ctim.tv_nsec);
	sk_text(k, "a", text, sizeof(text));
	assert_string_equal(text, "kept");
	sk_end(k);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void test_row113_numbers_that_are_none(void **state)
{
	struct share_kit *k = &kit;
	struct fuse_getattr_in in = { 0 };
	uint64_t a, b, fh, old_fh;

	(void)state;
	sk_init(k, true);
	sk_file(k, "a", "a");
	sk_file(k, "b", "b");
	a = sk_lookup(k, FUSE_ROOT_ID, "a");
	static const uint64_t none[] = { 0, 2000, 1ull << 32, UINT64_MAX, 1ull << 32 | 1 };
	for (unsigned i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(sk_ask(k, FUSE_GETATTR, none[i], &in, sizeof(in), NULL, 0),
				 -ESTALE);
		assert_int_equal(sk_name(k, FUSE_LOOKUP, none[i], "a"), -ESTALE);
		assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "a", none[i], "x", 0), -ESTALE);
		sk_forget(k, none[i], 1);
		assert_int_equal(sk_read(k, FUSE_READ, a, none[i], 0, 10), -EBADF);
		assert_int_equal(sk_read(k, FUSE_READDIR, FUSE_ROOT_ID, none[i], 0, 10), -EBADF);
		assert_int_equal(sk_release(k, FUSE_RELEASE, a, none[i]), -EBADF);
	}
	/* Another node's handle, one of the other kind, one that is closed. */
	assert_int_equal(sk_open(k, FUSE_OPEN, a, O_RDONLY, &fh), 0);
	b = sk_lookup(k, FUSE_ROOT_ID, "b");
	assert_int_equal(sk_read(k, FUSE_READ, b, fh, 0, 10), -EBADF);
	assert_int_equal(sk_read(k, FUSE_READDIR, a, fh, 0, 10), -EBADF);
	assert_int_equal(sk_release(k, FUSE_RELEASEDIR, a, fh), -EBADF);
	assert_int_equal(sk_release(k, FUSE_RELEASE, a, fh), 0);
	old_fh = fh;
	assert_int_equal(sk_open(k, FUSE_OPEN, a, O_RDONLY, &fh), 0);
	assert_true(fh != old_fh);
	assert_int_equal(sk_read(k, FUSE_READ, a, old_fh, 0, 10), -EBADF);
	assert_int_equal(sk_open(k, FUSE_OPENDIR, a, O_RDONLY, &fh), -ENOTDIR);
	assert_int_equal(sk_open(k, FUSE_OPEN, FUSE_ROOT_ID, O_RDONLY, &fh), -EISDIR);
	sk_end(k);
}

static void test_row113_forgetting(void **state)
{
	struct {
		struct fuse_batch_forget_in in;
		struct fuse_forget_one one[3];
	} batch = { .in.count = UINT32_MAX };
	struct share_kit *k = &kit;
	struct fuse_getattr_in in = { 0 };
	uint64_t a, b, again;
	unsigned before;

	(void)state;
	sk_init(k, true);
	sk_file(k, "a", "a");
	sk_file(k, "b", "b");
	before = open_files();
	/* More than there were; what is forgotten is closed, and its number is not used again. */
	a = sk_lookup(k, FUSE_ROOT_ID, "a");
	assert_int_equal(open_files(), before + 1);
	sk_forget(k, a, UINT64_MAX);
	sk_forget(k, a, 1);
	assert_int_equal(open_files(), before);
	again = sk_lookup(k, FUSE_ROOT_ID, "a");
	assert_true(a != again);
	assert_int_equal(sk_ask(k, FUSE_GETATTR, a, &in, sizeof(in), NULL, 0), -ESTALE);
	/* None of it; not the root either. */
	sk_forget(k, again, 0);
	sk_forget(k, FUSE_ROOT_ID, UINT64_MAX);
	sk_attr(k, again);
	sk_attr(k, FUSE_ROOT_ID);
	b = sk_lookup(k, FUSE_ROOT_ID, "b");
	batch.one[0] = (struct fuse_forget_one){ again, 1 };
	batch.one[1] = (struct fuse_forget_one){ 12345, 1 };
	batch.one[2] = (struct fuse_forget_one){ b, 7 };
	sk_tell(k, FUSE_BATCH_FORGET, 0, &batch, sizeof(batch));
	assert_int_equal(open_files(), before);
	sk_end(k);
}

static void test_row114_limits(void **state)
{
	struct share_kit *k = &kit;
	uint64_t id[200], fh[200], more;
	unsigned n = 0, before = open_files();
	char name[16];

	(void)state;
	sk_init_limited(k, true, 40);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		if (i)
			assert_int_equal(mkdir(sk_path(k, name), 0755), 0);
		else
			sk_file(k, name, "");
	}
	/* Directories keep their descriptors. */
	while (n < 200) {
		snprintf(name, sizeof(name), "f%u", n);
		if (sk_name(k, FUSE_LOOKUP, FUSE_ROOT_ID, name) == -ENFILE)
			break;
		id[n++] = sk_lookup(k, FUSE_ROOT_ID, name);
	}
	assert_true(n > 20 && n < 40);
	/* What is known is known; what it makes is made, but cannot be told. */
	assert_int_equal(sk_lookup(k, FUSE_ROOT_ID, "f0"), id[0]);
	assert_int_equal(sk_mkdir(k, FUSE_ROOT_ID, "made", 0755), -ENFILE);
	/* Listing works, without numbers. */
	assert_int_equal(sk_open(k, FUSE_OPENDIR, FUSE_ROOT_ID, O_RDONLY, &more), 0);
	assert_int_equal(sk_read(k, FUSE_READDIRPLUS, FUSE_ROOT_ID, more, 0, 65536), 0);
	assert_true(k->out_len > 1000);
	assert_int_equal(sk_release(k, FUSE_RELEASEDIR, FUSE_ROOT_ID, more), 0);
	/* Opened files have a limit of their own; to open one is to find it, too. */
	assert_int_equal(sk_open(k, FUSE_OPEN, id[0], O_RDWR, &more), -ENFILE);
	sk_forget(k, id[6], 100);
	n = 0;
	while (n < 200 && sk_open(k, FUSE_OPEN, id[0], O_RDWR, &fh[n]) == 0)
		n++;
	assert_true(n > 5 && n < 20);
	sk_attr(k, id[0]);
	assert_int_equal(sk_open(k, FUSE_OPEN, id[0], O_RDWR, &more), -EMFILE);
	assert_int_equal(sk_open(k, FUSE_OPENDIR, FUSE_ROOT_ID, O_RDONLY, &more), -EMFILE);
	assert_true(open_files() - before <= 44);
	/* Room again. */
	assert_int_equal(sk_release(k, FUSE_RELEASE, id[0], fh[3]), 0);
	assert_int_equal(sk_open(k, FUSE_OPEN, id[0], O_RDWR, &more), 0);
	sk_forget(k, id[5], 100);
	sk_lookup(k, FUSE_ROOT_ID, "f199");
	/* A new session begins with nothing. */
	assert_int_equal(sk_begin(k), 0);
	assert_true(open_files() - before <= 4);
	assert_int_equal(sk_name(k, FUSE_LOOKUP, id[0], "x"), -ESTALE);
	sk_end(k);
	assert_int_equal(open_files(), before);
}

/* There are fewer descriptors than files: those that have none get one when they are asked for, if
 * they are still what they were. */
static void test_row114_more_files_than_descriptors(void **state)
{
	struct fuse_setattr_in chmod_in = { .valid = FATTR_MODE | FATTR_MTIME, .mode = 0600 };
	struct share_kit *k = &kit;
	struct fuse_getattr_in ga = { 0 };
	struct fuse_link_in link_in;
	unsigned before = open_files();
	uint64_t id[200], dir, fh, l;
	char name[16], text[16];

	(void)state;
	sk_init_limited(k, true, 40);
	assert_int_equal(mkdir(sk_path(k, "d"), 0755), 0);
	assert_int_equal(symlink("target", sk_path(k, "l")), 0);
	dir = sk_lookup(k, FUSE_ROOT_ID, "d");
	l = sk_lookup(k, FUSE_ROOT_ID, "l");
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		sk_file(k, name, name);
		id[i] = sk_lookup(k, FUSE_ROOT_ID, name);
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			assert_int_equal(sk_attr(k, id[i]).size, strlen(name));
			assert_int_equal(sk_setattr(k, id[i], &chmod_in), 0);
			assert_int_equal(sk_open(k, FUSE_OPEN, id[i], O_RDONLY, &fh), 0);
			assert_int_equal(sk_read(k, FUSE_READ, id[i], fh, 0, 16), 0);
			assert_memory_equal(sk_out(k), name, strlen(name));
			assert_int_equal(sk_release(k, FUSE_RELEASE, id[i], fh), 0);
			assert_int_equal(sk_lookup(k, FUSE_ROOT_ID, name), id[i]);
		}
		assert_int_equal(sk_ask(k, FUSE_READLINK, l, NULL, 0, NULL, 0), 0);
		assert_memory_equal(sk_out(k), "target", 6);
		assert_true(open_files() - before <= 44);
	}
	/* What the guest moves, links and removes is found all the same; f0 to f9 have none now. */
	assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "f0", dir, "g0", 0), 0);
	assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "d", FUSE_ROOT_ID, "e", 0), 0);
	assert_int_equal(sk_attr(k, id[0]).size, 2);
	assert_int_equal(sk_rename(k, dir, "g0", FUSE_ROOT_ID, "f1", RENAME_EXCHANGE), 0);
	assert_int_equal(sk_open(k, FUSE_OPEN, id[1], O_RDWR, &fh), 0);
	link_in.oldnodeid = id[2];
	assert_int_equal(sk_struct_name(k, FUSE_LINK, dir, &link_in, sizeof(link_in), "linked"), 0);
	assert_int_equal(sk_name(k, FUSE_UNLINK, FUSE_ROOT_ID, "f2"), 0);
	assert_int_equal(sk_attr(k, id[2]).nlink, 1);
	/* What is open stays what it is when its name is gone. */
	assert_int_equal(sk_name(k, FUSE_UNLINK, dir, "g0"), 0);
	for (unsigned i = 50; i < 200; i++)
		sk_attr(k, id[i]);
	assert_int_equal(sk_attr(k, id[1]).nlink, 0);
	assert_int_equal(sk_write(k, id[1], fh, 0, "x", 1), 1);
	/* What somebody on the host has put in a file's place is not it. */
	assert_int_equal(unlink(sk_path(k, "f3")), 0);
	sk_file(k, "f3", "another");
	assert_int_equal(unlink(sk_path(k, "f4")), 0);
	assert_int_equal(symlink("../secret", sk_path(k, "f4")), 0);
	assert_int_equal(unlink(sk_path(k, "f5")), 0);
	for (unsigned i = 3; i < 6; i++) {
		assert_int_equal(sk_ask(k, FUSE_GETATTR, id[i], &ga, sizeof(ga), NULL, 0), -ESTALE);
		assert_int_equal(sk_open(k, FUSE_OPEN, id[i], O_RDONLY, &l), -ESTALE);
		sk_forget(k, id[i], 100);
	}
	assert_true(sk_lookup(k, FUSE_ROOT_ID, "f3") != id[3]);
	sk_text(k, "f3", text, sizeof(text));
	assert_string_equal(text, "another");
	sk_end(k);
	assert_int_equal(open_files(), before);
}

/* A file whose number another one has got: the old node is stale, the new one is not the old. */
static void test_row114_inode_number_again(void **state)
{
	struct share_kit *k = &kit;
	struct fuse_getattr_in ga = { 0 };
	uint64_t id[100], again;
	char name[16];

	(void)state;
	sk_init_limited(k, true, 20);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		sk_file(k, name, "");
		id[i] = sk_lookup(k, FUSE_ROOT_ID, name);
	}
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(unlink(sk_path(k, name)), 0);
		assert_int_equal(symlink("x", sk_path(k, name)), 0);
		again = sk_lookup(k, FUSE_ROOT_ID, name);
		assert_true(again != id[i]);
		assert_true(S_ISLNK(sk_attr(k, again).mode));
		assert_int_equal(sk_ask(k, FUSE_GETATTR, id[i], &ga, sizeof(ga), NULL, 0), -ESTALE);
		sk_forget(k, id[i], 1);
	}
	sk_end(k);
}

/* A buffer that one name does not fit into; positions that no directory has. */
static void test_row114_listing(void **state)
{
	struct share_kit *k = &kit;
	uint64_t fh;
	char name[256];

	(void)state;
	sk_init(k, false);
	memset(name, 'n', 255);
	name[255] = '\0';
	sk_file(k, name, "");
	assert_int_equal(sk_open(k, FUSE_OPENDIR, FUSE_ROOT_ID, O_RDONLY, &fh), 0);
	for (uint32_t size = 0; size < 32; size++)
		assert_int_equal(sk_read(k, FUSE_READDIR, FUSE_ROOT_ID, fh, 0, size), -EINVAL);
	assert_int_equal(sk_read(k, FUSE_READDIRPLUS, FUSE_ROOT_ID, fh, 0, 100), -EINVAL);
	k->out_room = 16;
	assert_int_equal(sk_read(k, FUSE_READDIR, FUSE_ROOT_ID, fh, 0, 4096), -EINVAL);
	k->out_room = sizeof(k->out);
	assert_int_equal(sk_read(k, FUSE_READDIR, FUSE_ROOT_ID, fh, UINT64_MAX, 4096), -EINVAL);
	/* Made up: an answer, whatever the host makes of it. */
	for (uint64_t off = 1; off && off < UINT64_MAX / 3; off *= 3)
		sk_read(k, FUSE_READDIRPLUS, FUSE_ROOT_ID, fh, off, 4096);
	assert_int_equal(sk_read(k, FUSE_READDIR, FUSE_ROOT_ID, fh, 0, 4096), 0);
	assert_true(k->out_len > 255);
	sk_end(k);
}

int main(void)
{
	int quiet = open("/dev/null", O_WRONLY);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row109_lengths_that_lie),
		cmocka_unit_test(test_row109_short_arguments),
		cmocka_unit_test(test_row109_data_that_is_not_there),
		cmocka_unit_test(test_row110_names),
		cmocka_unit_test(test_row110_links),
		cmocka_unit_test(test_row110_directory_replaced),
		cmocka_unit_test(test_row111_special_files),
		cmocka_unit_test(test_row111_kernel_interfaces),
		cmocka_unit_test(test_row112_read_only),
		cmocka_unit_test(test_row113_numbers_that_are_none),
		cmocka_unit_test(test_row113_forgetting),
		cmocka_unit_test(test_row114_limits),
		cmocka_unit_test(test_row114_more_files_than_descriptors),
		cmocka_unit_test(test_row114_inode_number_again),
		cmocka_unit_test(test_row114_listing),
	};

	log_set_fd(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
