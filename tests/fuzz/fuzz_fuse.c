/* SPDX-License-Identifier: MIT */
/*
 * fuzz_fuse.c: a shared directory and a guest that asks for anything (libFuzzer).
 *
 * The input is a list of requests: any operation on nodes and handles that it was told of, or made
 * up; arguments, names and lengths that are nearly right, or not; answers with any room, in any
 * pieces; and what somebody on the host does to the tree meanwhile. What lies beside the tree must
 * be as it was, every answer well-formed, and the share as good as new after it all.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/share_kit.h"
#include "vmm/log.h"

#define KNOWN 16u

static struct share_kit k;
static struct {
	uint64_t node[KNOWN], fh[KNOWN];
	unsigned nodes, fhs;
} known;

/* What is in front of names, or all there is. */
static const uint8_t fixed[64] = {
	[FUSE_FORGET] = 8,       [FUSE_GETATTR] = 16,    [FUSE_SETATTR] = 88,
	[FUSE_MKNOD] = 16,       [FUSE_MKDIR] = 8,       [FUSE_RENAME] = 8,
	[FUSE_LINK] = 8,         [FUSE_OPEN] = 8,        [FUSE_READ] = 40,
	[FUSE_WRITE] = 40,       [FUSE_RELEASE] = 24,    [FUSE_FSYNC] = 16,
	[FUSE_FLUSH] = 24,       [FUSE_INIT] = 64,       [FUSE_OPENDIR] = 8,
	[FUSE_READDIR] = 40,     [FUSE_RELEASEDIR] = 24, [FUSE_FSYNCDIR] = 16,
	[FUSE_ACCESS] = 8,       [FUSE_CREATE] = 16,     [FUSE_INTERRUPT] = 8,
	[FUSE_BATCH_FORGET] = 8, [FUSE_FALLOCATE] = 32,  [FUSE_READDIRPLUS] = 40,
	[FUSE_RENAME2] = 16,     [FUSE_LSEEK] = 24,      [FUSE_COPY_FILE_RANGE] = 56,
};

static uint64_t some_node(struct input *in)
{
	unsigned how = (unsigned)take(in, 1);

	if (how < 64)
		return FUSE_ROOT_ID;
	if (how < 240)
		return known.node[how % KNOWN];
	return how < 248 ? how : take(in, 8);
}

static size_t some_name(struct input *in, uint8_t *to)
{
	static const char *const names[] = { "a", "b", "d", "l",         "up",  "p",    "..", ".",
					     "",  "x", "/", "../secret", "d/a", "proc", "y",  "z" };
	unsigned how = (unsigned)take(in, 1);
	size_t len;

	if (how < 224) {
		strcpy((char *)to, names[how % ARRAY_LEN(names)]);
		return strlen((char *)to) + 1;
	}
	len = how == 255 ? 255 + take(in, 1) % 4 : take(in, 1) % 16;
	for (size_t i = 0; i < len; i++)
		to[i] = how == 255 ? 'n' : (uint8_t)take(in, 1);
	if (how & 1)
		to[len++] = '\0';
	return len;
}

/* Arguments: mostly small numbers, and in front mostly something that is known. */
static size_t some_args(struct input *in, uint32_t op, uint8_t *to)
{
	size_t len = op < sizeof(fixed) ? fixed[op] : take(in, 1);
	unsigned how = (unsigned)take(in, 1);
	uint64_t v = op == FUSE_LINK || op == FUSE_RENAME || op == FUSE_RENAME2
			     ? some_node(in)
			     : known.fh[how % KNOWN];

	for (size_t i = 0; i < len; i++)
		to[i] = how & 0x40 || i % 8 < 2 ? (uint8_t)take(in, 1) : 0;
	if (len >= 8 && op != FUSE_OPEN && op != FUSE_CREATE && op != FUSE_SETATTR &&
	    op != FUSE_MKDIR && op != FUSE_MKNOD && op != FUSE_INIT && how < 0xf0)
		memcpy(to, &v, 8);
	if (op == FUSE_INIT && how < 0xf0) {
		const uint32_t version[2] = { 7, 31 };

		memcpy(to, version, sizeof(version));
	}
	if (op == FUSE_COPY_FILE_RANGE && how < 0xf0) {
		v = some_node(in);
		memcpy(to + 16, &v, 8);
		memcpy(to + 24, &known.fh[how % 7], 8);
	}
	return len;
}

static void learn(uint32_t op, size_t len)
{
	const uint8_t *p = sk_out(&k);
	uint64_t v;

	if (len >= sizeof(struct fuse_entry_out) &&
	    (op == FUSE_LOOKUP || op == FUSE_MKDIR || op == FUSE_MKNOD || op == FUSE_CREATE ||
	     op == FUSE_SYMLINK || op == FUSE_LINK)) {
		memcpy(&v, p, 8);
		known.node[known.nodes++ % KNOWN] = v;
		p += sizeof(struct fuse_entry_out);
	}
	if (op == FUSE_OPEN || op == FUSE_OPENDIR || op == FUSE_CREATE) {
		memcpy(&v, p, 8);
		known.fh[known.fhs++ % KNOWN] = v;
	}
}

static void request(struct input *in)
{
	struct fuse_in_header h = { .opcode = (uint32_t)take(in, 1) % 56 };
	struct fuse_out_header out;
	uint8_t *p = k.in + sizeof(h);
	unsigned how = (unsigned)take(in, 1);
	size_t len;
	ssize_t n;

	h.nodeid = some_node(in);
	h.unique = take(in, 1);
	p += some_args(in, h.opcode, p);
	if (how & 1)
		p += some_name(in, p);
	if (how & 2)
		p += some_name(in, p);
	if (how & 4)
		p += take(in, 2) % 5000;
	len = (size_t)(p - k.in);
	h.len = (uint32_t)(how & 0x38 ? len : take(in, 2));
	memcpy(k.in, &h, sizeof(h));
	k.cut = how & 0x40 ? 1 + take(in, 1) : 0;
	k.out_room = how & 0x80 ? take(in, 2) : sizeof(k.out);
	n = sk_raw(&k, len);
	must(n == -EINVAL || n == 0 || (n >= (ssize_t)sizeof(out) && (size_t)n <= k.out_room) ||
	     n == -ESTALE || n == -EROFS);
	if (n < (ssize_t)sizeof(out))
		return;
	memcpy(&out, k.out, sizeof(out));
	must(out.len == (size_t)n && out.unique == h.unique && out.error <= 0 &&
	     out.error > -4096 && (!out.error || n == sizeof(out)));
	if (!out.error && h.opcode < 64)
		learn(h.opcode, (size_t)n - sizeof(out));
}

/* Somebody on the host. */
static void meddle(struct input *in)
{
	static const char *const names[] = { "a", "b", "d", "l", "x", "y" };
	char a[700], b[700];

	snprintf(a, sizeof(a), "%s", sk_path(&k, names[take(in, 1) % ARRAY_LEN(names)]));
	snprintf(b, sizeof(b), "%s", sk_path(&k, names[take(in, 1) % ARRAY_LEN(names)]));
	switch (take(in, 1) % 6) {
	case 0:
		must(rename(a, b) == 0 || errno);
		break;
	case 1:
		must(remove(a) == 0 || errno);
		break;
	case 2:
		must(symlink("../secret", a) == 0 || errno);
		break;
	case 3:
		must(symlink("..", a) == 0 || errno);
		break;
	case 4:
		must(mkdir(a, 0700) == 0 || errno);
		break;
	case 5:
		must(mkfifo(a, 0700) == 0 || errno);
		break;
	}
}

static void check(void)
{
	char path[96], text[16] = { 0 };
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.63s/secret", k.top);
	fd = open(path, O_RDONLY);
	must(fd >= 0 && read(fd, text, sizeof(text)) == 6 && !memcmp(text, "secret", 6));
	must(fstat(fd, &st) == 0 && st.st_nlink == 1 && (st.st_mode & 07777) == 0640);
	close(fd);
	must(stat(k.top, &st) == 0 && st.st_nlink == 3);
	/* Whatever was done to the tree. */
	k.cut = 0;
	k.out_room = sizeof(k.out);
	must(sk_begin(&k) == 0);
	must(S_ISDIR(sk_attr(&k, FUSE_ROOT_ID).mode));
}

static void once(void)
{
	static bool done;
	const struct rlimit lim = { 64 * MIB, 64 * MIB };

	if (done)
		return;
	done = true;
	/* What a guest may fill is the host's disk. */
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &lim);
	log_set_level(LOG_ERR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = (uint8_t)take(&in, 1);
	char path[96];

	once();
	memset(&known, 0, sizeof(known));
	sk_init_limited(&k, how & 3, how & 4 ? 12 : 200);
	snprintf(path, sizeof(path), "%.63s/secret", k.top);
	must(chmod(path, 0640) == 0);
	sk_file(&k, "a", "some text");
	sk_file(&k, "b", "");
	must(mkdir(sk_path(&k, "d"), 0755) == 0 && mkfifo(sk_path(&k, "p"), 0644) == 0);
	must(symlink("../secret", sk_path(&k, "l")) == 0 && symlink("..", sk_path(&k, "up")) == 0);
	sk_file(&k, "d/a", "deep");
	for (unsigned n = 0; in.left && n < 500; n++) {
		if (take(&in, 1) < 240)
			request(&in);
		else
			meddle(&in);
	}
	check();
	sk_end(&k);
	return 0;
}
