/* SPDX-License-Identifier: MIT */
/* test_share.c: a directory of the host as a guest sees it: what an honest guest asks. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/lib/share_kit.h"
#include "vmm/log.h"

static struct share_kit kit;

static void session(void **state)
{
	struct share_kit *k = &kit;
	struct fuse_init_in in = { .major = 7, .minor = 31, .max_readahead = 4096, .flags = ~0u };
	struct fuse_init_out out;

	(void)state;
	sk_init(k, true);
	assert_int_equal(sk_ask(k, FUSE_INIT, 0, &in, sizeof(in), NULL, 0), 0);
	memcpy(&out, sk_out(k), sizeof(out));
	assert_int_equal(out.major, 7);
	assert_int_equal(out.max_readahead, 4096);
	assert_int_equal(out.max_pages, SHARE_DATA_PAGES);
	assert_int_equal(out.max_write, SHARE_DATA_PAGES * 4096);
	assert_false(out.flags & (FUSE_WRITEBACK_CACHE | FUSE_EXPORT_SUPPORT | FUSE_POSIX_ACL));
	/* A kernel of before FUSE_INIT_EXT sends 16 bytes; one that offers less gets less. */
	in.flags = FUSE_MAX_PAGES;
	assert_int_equal(sk_ask(k, FUSE_INIT, 0, &in, 16, NULL, 0), 0);
	memcpy(&out, sk_out(k), sizeof(out));
	assert_int_equal(out.flags, FUSE_MAX_PAGES);
	/* "userspace shall reply with the major version it supports" */
	in.major = 8;
	assert_int_equal(sk_ask(k, FUSE_INIT, 0, &in, sizeof(in), NULL, 0), 0);
	in = (struct fuse_init_in){ .major = 7, .minor = 30 };
	assert_int_equal(sk_ask(k, FUSE_INIT, 0, &in, sizeof(in), NULL, 0), -EPROTO);
	in.major = 6;
	assert_int_equal(sk_ask(k, FUSE_INIT, 0, &in, sizeof(in), NULL, 0), -EPROTO);
	assert_int_equal(sk_ask(k, FUSE_DESTROY, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(sk_ask(k, FUSE_IOCTL, 1, &in, sizeof(in), NULL, 0), -ENOSYS);
	assert_int_equal(sk_ask(k, FUSE_GETXATTR, 1, &in, sizeof(in), NULL, 0), -ENOSYS);
	assert_int_equal(sk_ask(k, 9999, 1, NULL, 0, NULL, 0), -ENOSYS);
	sk_end(k);
}

static void attributes(void **state)
{
	struct share_kit *k = &kit;
	struct fuse_attr a;
	struct stat st;
	uint64_t id;

	(void)state;
	sk_init(k, false);
	sk_file(k, "a", "hello");
	assert_int_equal(chmod(sk_path(k, "a"), 0640), 0);
	id = sk_lookup(k, FUSE_ROOT_ID, "a");
	a = sk_attr(k, id);
	assert_int_equal(stat(sk_path(k, "a"), &st), 0);
	assert_int_equal(a.mode, S_IFREG | 0640);
	assert_int_equal(a.size, 5);
	assert_int_equal(a.ino, st.st_ino);
	assert_int_equal(a.nlink, 1);
	assert_int_equal(a.mtime, st.st_mtim.tv_sec);
	assert_int_equal(a.mtimensec, st.st_mtim.tv_nsec);
	/* "what belongs to the effective user shows as root's" */
	assert_int_equal(a.uid, 0);
	assert_int_equal(a.gid, 0);
	/* The same file by another name is the same node, and there is one more look-up of it. */
	assert_int_equal(link(sk_path(k, "a"), sk_path(k, "b")), 0);
	assert_int_equal(sk_lookup(k, FUSE_ROOT_ID, "b"), id);
	sk_forget(k, id, 1);
	assert_int_equal(sk_attr(k, id).nlink, 2);
	sk_forget(k, id, 1);
	assert_int_equal(sk_ask(k, FUSE_GETATTR, id, &a, sizeof(struct fuse_getattr_in), NULL, 0),
			 -ESTALE);
	assert_true(S_ISDIR(sk_attr(k, FUSE_ROOT_ID).mode));
	assert_int_equal(sk_name(k, FUSE_LOOKUP, FUSE_ROOT_ID, "none"), -ENOENT);
	sk_end(k);
}

/* Pieces of any length, and data of any length in them. */
static void reads_and_writes(void **state)
{
	static const size_t cuts[] = { 0, 1, 7, 4096, 100000 };
	static uint8_t data[900000], back[900000];
	struct share_kit *k = &kit;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + (i >> 9));
	for (unsigned c = 0; c < ARRAY_LEN(cuts); c++) {
		uint64_t id, fh;
		FILE *f;

		sk_init(k, true);
		k->cut = cuts[c];
		assert_int_equal(sk_create(k, FUSE_ROOT_ID, "f", O_RDWR, 0644, &id, &fh), 0);
		assert_int_equal(sk_write(k, id, fh, 0, data, sizeof(data)), sizeof(data));
		assert_int_equal(sk_write(k, id, fh, 3, "xyz", 3), 3);
		assert_int_equal(sk_read(k, FUSE_READ, id, fh, 0, sizeof(data)), 0);
		assert_int_equal(k->out_len, sizeof(data));
		memcpy(back, sk_out(k), sizeof(back));
		assert_memory_equal(back + 6, data + 6, sizeof(data) - 6);
		assert_memory_equal(back + 3, "xyz", 3);
		/* Over the end, and behind it. */
		assert_int_equal(sk_read(k, FUSE_READ, id, fh, sizeof(data) - 5, 100), 0);
		assert_int_equal(k->out_len, 5);
		assert_int_equal(sk_read(k, FUSE_READ, id, fh, sizeof(data), 100), 0);
		assert_int_equal(k->out_len, 0);
		assert_int_equal(sk_release(k, FUSE_RELEASE, id, fh), 0);
		assert_int_equal(sk_release(k, FUSE_RELEASE, id, fh), -EBADF);
		f = fopen(sk_path(k, "f"), "r");
		assert_non_null(f);
		assert_int_equal(fread(back, 1, sizeof(back), f), sizeof(back));
		fclose(f);
		assert_memory_equal(back + 6, data + 6, sizeof(data) - 6);
		sk_end(k);
	}
}

static void opens(void **state)
{
	struct share_kit *k = &kit;
	uint64_t id, fh, fh2;
	char text[64];

	(void)state;
	sk_init(k, true);
	sk_file(k, "a", "0123456789");
	id = sk_lookup(k, FUSE_ROOT_ID, "a");
	assert_int_equal(sk_open(k, FUSE_OPEN, id, O_RDONLY, &fh), 0);
	assert_int_equal(sk_write(k, id, fh, 0, "x", 1), -EBADF);
	assert_int_equal(sk_open(k, FUSE_OPEN, id, O_WRONLY | O_APPEND, &fh2), 0);
	/* Whatever the guest believes the end is. */
	assert_int_equal(sk_write(k, id, fh2, 2, "+", 1), 1);
	sk_text(k, "a", text, sizeof(text));
	assert_string_equal(text, "0123456789+");
	assert_int_equal(sk_release(k, FUSE_RELEASE, id, fh2), 0);
	assert_int_equal(sk_open(k, FUSE_OPEN, id, O_RDWR | O_TRUNC | O_DIRECT | O_CREAT, &fh2), 0);
	assert_int_equal(sk_attr(k, id).size, 0);
	/* A file that is removed stays for those who have it open. */
	assert_int_equal(sk_name(k, FUSE_UNLINK, FUSE_ROOT_ID, "a"), 0);
	assert_int_equal(sk_write(k, id, fh2, 0, "still", 5), 5);
	assert_int_equal(sk_read(k, FUSE_READ, id, fh, 0, 100), 0);
	assert_memory_equal(sk_out(k), "still", 5);
	/* CREATE of what is there. */
	sk_file(k, "b", "old");
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "b", O_RDWR, 0600, &id, &fh), 0);
	assert_int_equal(sk_read(k, FUSE_READ, id, fh, 0, 100), 0);
	assert_memory_equal(sk_out(k), "old", 3);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "b", O_RDWR | O_EXCL, 0600, &id, &fh), -EEXIST);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "b", O_RDWR | O_TRUNC, 0600, &id, &fh), 0);
	assert_int_equal(sk_attr(k, id).size, 0);
	sk_end(k);
}

static void names(void **state)
{
	struct fuse_link_in link = { 0 };
	struct share_kit *k = &kit;
	struct fuse_mknod_in node = { .mode = S_IFIFO | 0666 };
	uint64_t dir, id;
	struct stat st;
	mode_t mask;

	(void)state;
	sk_init(k, true);
	mask = umask(077);
	assert_int_equal(sk_mkdir(k, FUSE_ROOT_ID, "d", 01777), 0);
	assert_int_equal(sk_struct_name(k, FUSE_MKNOD, FUSE_ROOT_ID, &node, sizeof(node), "p"), 0);
	node.mode = 0664;
	assert_int_equal(sk_struct_name(k, FUSE_MKNOD, FUSE_ROOT_ID, &node, sizeof(node), "r"), 0);
	node.mode = S_IFSOCK | 0600;
	assert_int_equal(sk_struct_name(k, FUSE_MKNOD, FUSE_ROOT_ID, &node, sizeof(node), "s"), 0);
	umask(mask);
	/* The mode is the guest's, whose umask has cut it already. */
	assert_int_equal(stat(sk_path(k, "d"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(stat(sk_path(k, "p"), &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0666);
	assert_int_equal(stat(sk_path(k, "r"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0664);
	dir = sk_lookup(k, FUSE_ROOT_ID, "d");
	assert_int_equal(sk_mkdir(k, FUSE_ROOT_ID, "d", 0755), -EEXIST);
	assert_int_equal(sk_ask(k, FUSE_SYMLINK, dir, "l\0../x/y", 9, NULL, 0), 0);
	id = sk_lookup(k, dir, "l");
	assert_int_equal(sk_ask(k, FUSE_READLINK, id, NULL, 0, NULL, 0), 0);
	assert_int_equal(k->out_len, 6);
	assert_memory_equal(sk_out(k), "../x/y", 6);
	/* A link to a link is one to the link. */
	link.oldnodeid = id;
	assert_int_equal(sk_struct_name(k, FUSE_LINK, dir, &link, sizeof(link), "l2"), 0);
	assert_int_equal(sk_lookup(k, dir, "l2"), id);
	link.oldnodeid = sk_lookup(k, FUSE_ROOT_ID, "r");
	assert_int_equal(sk_struct_name(k, FUSE_LINK, dir, &link, sizeof(link), "r2"), 0);
	assert_int_equal(sk_attr(k, link.oldnodeid).nlink, 2);
	link.oldnodeid = dir;
	assert_int_equal(sk_struct_name(k, FUSE_LINK, dir, &link, sizeof(link), "x"), -EPERM);
	/* Moving. */
	assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "r", dir, "r3", 0), 0);
	assert_int_equal(sk_rename(k, dir, "r3", dir, "l", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(sk_rename(k, dir, "r3", dir, "l", RENAME_EXCHANGE), 0);
	assert_int_equal(sk_lookup(k, dir, "r3"), id);
	assert_int_equal(sk_rename(k, dir, "r3", dir, "l", RENAME_WHITEOUT), -EINVAL);
	assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "d", dir, "d", 0), -EINVAL);
	assert_int_equal(sk_rename(k, FUSE_ROOT_ID, "none", dir, "d", 0), -ENOENT);
	/* Removing. */
	assert_int_equal(sk_name(k, FUSE_RMDIR, FUSE_ROOT_ID, "d"), -ENOTEMPTY);
	assert_int_equal(sk_name(k, FUSE_RMDIR, FUSE_ROOT_ID, "p"), -ENOTDIR);
	assert_int_equal(sk_name(k, FUSE_UNLINK, FUSE_ROOT_ID, "d"), -EISDIR);
	assert_int_equal(sk_name(k, FUSE_UNLINK, dir, "l"), 0);
	assert_int_equal(sk_name(k, FUSE_UNLINK, dir, "l2"), 0);
	assert_int_equal(sk_name(k, FUSE_UNLINK, dir, "r2"), 0);
	assert_int_equal(sk_name(k, FUSE_UNLINK, dir, "r3"), 0);
	assert_int_equal(sk_name(k, FUSE_RMDIR, FUSE_ROOT_ID, "d"), 0);
	assert_int_equal(sk_mkdir(k, dir, "x", 0755), -ENOENT);
	sk_end(k);
}

static void changes_attributes(void **state)
{
	struct fuse_setattr_in in = { .valid = FATTR_MODE | FATTR_SIZE | FATTR_MTIME | FATTR_ATIME |
					       FATTR_UID | FATTR_GID,
				      .mode = 0751,
				      .size = 3,
				      .atime = 1000,
				      .atimensec = 5,
				      .mtime = 2000,
				      .mtimensec = 999999999 };
	struct share_kit *k = &kit;
	struct fuse_attr a;
	uint64_t id, fh, l;
	char text[64];

	(void)state;
	sk_init(k, true);
	sk_file(k, "a", "0123456789");
	id = sk_lookup(k, FUSE_ROOT_ID, "a");
	/* chown to root: it is root's already. */
	assert_int_equal(sk_setattr(k, id, &in), 0);
	a = sk_attr(k, id);
	assert_int_equal(a.mode, S_IFREG | 0751);
	assert_int_equal(a.size, 3);
	assert_int_equal(a.atime, 1000);
	assert_int_equal(a.atimensec, 5);
	assert_int_equal(a.mtime, 2000);
	assert_int_equal(a.mtimensec, 999999999);
	assert_int_equal(a.uid, 0);
	in = (struct fuse_setattr_in){ .valid = FATTR_MTIME | FATTR_MTIME_NOW, .mtime = 1 };
	assert_int_equal(sk_setattr(k, id, &in), 0);
	a = sk_attr(k, id);
	assert_int_equal(a.atime, 1000);
	assert_true(a.mtime > 1000000000);
	/* By a handle, of a file that nobody may write any more. */
	assert_int_equal(sk_open(k, FUSE_OPEN, id, O_RDWR, &fh), 0);
	in = (struct fuse_setattr_in){ .valid = FATTR_SIZE | FATTR_FH, .size = 1, .fh = fh };
	assert_int_equal(sk_setattr(k, id, &in), 0);
	sk_text(k, "a", text, sizeof(text));
	assert_string_equal(text, "0");
	in.size = UINT64_MAX;
	assert_int_equal(sk_setattr(k, id, &in), -EFBIG);
	in.size = 1;
	in.fh++;
	assert_int_equal(sk_setattr(k, id, &in), -EBADF);
	in.valid = FATTR_SIZE;
	assert_int_equal(sk_setattr(k, FUSE_ROOT_ID, &in), -EISDIR);
	/* Of a link, its own times; its mode means nothing. */
	assert_int_equal(symlink("a", sk_path(k, "l")), 0);
	l = sk_lookup(k, FUSE_ROOT_ID, "l");
	in = (struct fuse_setattr_in){ .valid = FATTR_MTIME, .mtime = 7, .mtimensec = UTIME_NOW };
	assert_int_equal(sk_setattr(k, l, &in), 0);
	assert_int_equal(sk_attr(k, l).mtime, 7);
	assert_int_equal(sk_attr(k, l).mtimensec, 999999999);
	in.valid = FATTR_MODE;
	assert_int_equal(sk_setattr(k, l, &in), -EOPNOTSUPP);
	in.valid = FATTR_SIZE;
	assert_int_equal(sk_setattr(k, l, &in), -EINVAL);
	sk_end(k);
}

static void lists_directories(void **state)
{
	static const uint32_t ops[] = { FUSE_READDIR, FUSE_READDIRPLUS };
	static const uint32_t sizes[] = { 4096, 500, 65536, 200000 };
	struct share_kit *k = &kit;
	uint64_t fh;

	(void)state;
	sk_init(k, false);
	for (unsigned i = 0; i < 500; i++) {
		char name[32];

		snprintf(name, sizeof(name), "file%u", i);
		sk_file(k, name, "");
	}
	for (unsigned v = 0; v < ARRAY_LEN(ops) * ARRAY_LEN(sizes); v++) {
		bool plus = v % 2;
		uint64_t off = 0;
		bool seen[500] = { 0 };
		unsigned cnt = 0, dots = 0;

		assert_int_equal(sk_open(k, FUSE_OPENDIR, FUSE_ROOT_ID, O_RDONLY, &fh), 0);
		for (;;) {
			const uint8_t *p = sk_out(k);
			size_t at = 0;

			assert_int_equal(sk_read(k, ops[plus], FUSE_ROOT_ID, fh, off, sizes[v / 2]),
					 0);
			if (!k->out_len)
				break;
			assert_true(k->out_len <= sizes[v / 2] && k->out_len <= 65536);
			while (at < k->out_len) {
				struct fuse_entry_out e = { 0 };
				struct fuse_dirent d;
				char name[256];
				unsigned i;

				if (plus)
					memcpy(&e, p + at, sizeof(e));
				at += plus ? sizeof(e) : 0;
				memcpy(&d, p + at, FUSE_NAME_OFFSET);
				snprintf(name, sizeof(name), "%.*s", (int)d.namelen,
					 (const char *)p + at + FUSE_NAME_OFFSET);
				at += FUSE_REC_ALIGN(FUSE_NAME_OFFSET + d.namelen);
				off = d.off;
				if (name[0] == '.') {
					dots++;
					assert_int_equal(e.nodeid, 0);
					continue;
				}
				assert_int_equal(sscanf(name, "file%u", &i), 1);
				assert_true(i < 500 && !seen[i]);
				seen[i] = true;
				cnt++;
				assert_true(!plus || e.nodeid);
				assert_int_equal(d.type, S_IFREG >> 12);
				assert_true(!plus || e.attr.ino == d.ino);
				if (plus)
					sk_forget(k, e.nodeid, 1);
			}
			assert_int_equal(at, k->out_len);
		}
		assert_int_equal(cnt, 500);
		assert_int_equal(dots, 2);
		/* From the beginning again. */
		assert_int_equal(sk_read(k, ops[plus], FUSE_ROOT_ID, fh, 0, 4096), 0);
		assert_true(k->out_len);
		assert_int_equal(sk_release(k, FUSE_RELEASEDIR, FUSE_ROOT_ID, fh), 0);
		assert_int_equal(sk_release(k, FUSE_RELEASEDIR, FUSE_ROOT_ID, fh), -EBADF);
	}
	sk_end(k);
}

static void the_rest(void **state)
{
	struct share_kit *k = &kit;
	struct fuse_fallocate_in fa = { .offset = 100, .length = 8192 };
	struct fuse_lseek_in seek = { .offset = 0, .whence = SEEK_HOLE };
	struct fuse_fsync_in sync = { .fsync_flags = FUSE_FSYNC_FDATASYNC };
	struct fuse_copy_file_range_in copy = { .len = 1 << 30, .off_out = 10 };
	struct fuse_access_in access = { .mask = R_OK | W_OK };
	struct fuse_interrupt_in intr = { .unique = 4 };
	struct fuse_flush_in flush = { 0 };
	struct fuse_statfs_out fs;
	uint64_t id, fh, id2, fh2, dh;
	char text[64];

	(void)state;
	sk_init(k, true);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "f", O_RDWR, 0644, &id, &fh), 0);
	fa.fh = seek.fh = sync.fh = copy.fh_in = flush.fh = fh;
	assert_int_equal(sk_ask(k, FUSE_FALLOCATE, id, &fa, sizeof(fa), NULL, 0), 0);
	assert_int_equal(sk_attr(k, id).size, 8292);
	fa.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	assert_int_equal(sk_ask(k, FUSE_FALLOCATE, id, &fa, sizeof(fa), NULL, 0), 0);
	fa.mode = FALLOC_FL_COLLAPSE_RANGE;
	assert_int_equal(sk_ask(k, FUSE_FALLOCATE, id, &fa, sizeof(fa), NULL, 0), -EOPNOTSUPP);
	assert_int_equal(sk_ask(k, FUSE_LSEEK, id, &seek, sizeof(seek), NULL, 0), 0);
	seek.whence = SEEK_CUR;
	assert_int_equal(sk_ask(k, FUSE_LSEEK, id, &seek, sizeof(seek), NULL, 0), -EINVAL);
	assert_int_equal(sk_ask(k, FUSE_FSYNC, id, &sync, sizeof(sync), NULL, 0), 0);
	assert_int_equal(sk_ask(k, FUSE_FLUSH, id, &flush, sizeof(flush), NULL, 0), 0);
	assert_int_equal(sk_write(k, id, fh, 0, "copied", 6), 6);
	assert_int_equal(sk_create(k, FUSE_ROOT_ID, "g", O_RDWR, 0644, &id2, &fh2), 0);
	copy.nodeid_out = id2;
	copy.fh_out = fh2;
	assert_int_equal(sk_ask(k, FUSE_COPY_FILE_RANGE, id, &copy, sizeof(copy), NULL, 0), 0);
	sk_text(k, "g", text, sizeof(text));
	assert_memory_equal(text + 0, "\0\0\0\0\0\0\0\0\0\0copied", 16);
	assert_int_equal(sk_open(k, FUSE_OPENDIR, FUSE_ROOT_ID, O_RDONLY, &dh), 0);
	sync.fh = dh;
	assert_int_equal(sk_ask(k, FUSE_FSYNCDIR, FUSE_ROOT_ID, &sync, sizeof(sync), NULL, 0), 0);
	assert_int_equal(sk_ask(k, FUSE_SYNCFS, FUSE_ROOT_ID, &sync, 8, NULL, 0), 0);
	assert_int_equal(sk_ask(k, FUSE_ACCESS, id, &access, sizeof(access), NULL, 0), 0);
	access.mask = 077;
	assert_int_equal(sk_ask(k, FUSE_ACCESS, id, &access, sizeof(access), NULL, 0), -EINVAL);
	assert_int_equal(sk_ask(k, FUSE_STATFS, FUSE_ROOT_ID, NULL, 0, NULL, 0), 0);
	memcpy(&fs, sk_out(k), sizeof(fs));
	assert_true(fs.st.blocks && fs.st.bsize && fs.st.namelen >= 255);
	sk_tell(k, FUSE_INTERRUPT, 0, &intr, sizeof(intr));
	sk_end(k);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void refuse(const char *path, bool writable, const char *says)
{
	struct share_params p = { .path = path, .writable = writable };
	struct share *s = NULL;
	struct error *e = NULL;

	assert_true(share_open(&p, &s, &e) < 0);
	assert_error(e, says);
}

static void refused(void **state)
{
	struct share_kit *k = &kit;

	(void)state;
	sk_init(k, false);
	sk_file(k, "f", "");
	refuse(sk_path(k, "none"), false, "No such file or directory");
	refuse(sk_path(k, "f"), false, "Not a directory");
	refuse("/proc", false, "'/proc' cannot be shared: what is in it is no data");
	refuse("/proc/self", true, "cannot be shared");
	refuse("/sys", false, "cannot be shared");
	sk_end(k);
}

static void descriptors(void **state)
{
	struct rlimit lim;

	(void)state;
	assert_true(share_descriptors(1) >= 32);
	assert_true(share_descriptors(4) * 4 <= share_descriptors(1) * 4);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	assert_true(share_descriptors(1) < lim.rlim_cur);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session),
		cmocka_unit_test(attributes),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(opens),
		cmocka_unit_test(names),
		cmocka_unit_test(changes_attributes),
		cmocka_unit_test(lists_directories),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(refused),
		cmocka_unit_test(descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
