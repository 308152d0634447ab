/* SPDX-License-Identifier: MIT */
/* share.c: a share's beginning, limits and end. */
#include "fs/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "fs/fs_internal.h"
#include "vmm/error.h"
#include "vmm/nofile.h"

/* Left to all that is no share, sockets of a busy guest above all; or a quarter of what there is.
 */
#define RESERVED 16384u
/* Of each share. What has a descriptor keeps some 2 KiB of the host's kernel, which nothing can
 * reclaim; what has none, some 100 bytes of ours. */
#define MAX_NODES    524288u
#define MAX_NODE_FDS 32768u
#define MAX_HANDLES  16384u

/* As root, beyond what the process was started with; what the kernel allows at most
 * (/proc/sys/fs/nr_open) is that unless somebody has changed it. */
#define NR_OPEN (1024u * 1024)

unsigned share_descriptors(unsigned shares)
{
	uint64_t want, n;

	shares = shares ? shares : 1;
	want = min_u64((uint64_t)shares * (MAX_NODE_FDS + MAX_HANDLES) + RESERVED, NR_OPEN);
	n = nofile_raise(want);
	if (!n)
		return 64;
	n -= min_u64(RESERVED, n / 4);
	return (unsigned)min_u64(n / shares, MAX_NODE_FDS + MAX_HANDLES);
}

/* Is there openat2(2), in the form in which it is used? */
static int probe_openat2(int dir)
{
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, dir, ".", &how, sizeof(how));

	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

static int open_root(struct share *s, struct error **errp)
{
	_cleanup_close_ int fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(errp, errno, "cannot share the directory '%s'", s->path);
	if (is_kernel_interface(fd)) {
		err_set(errp, EOPNOTSUPP,
			"'%s' cannot be shared: what is in it is no data, but the host's kernel",
			s->path);
		err_hint(errp, "a guest has its own /proc and /sys");
		return -EOPNOTSUPP;
	}
	if (access(s->path, R_OK | X_OK) < 0)
		return err_errno(errp, errno, "cannot share the directory '%s'", s->path);
	if (s->writable && access(s->path, W_OK) < 0 && errno == EROFS)
		return err_errno(errp, EROFS, "cannot share the directory '%s' for writing",
				 s->path);
	r = probe_openat2(fd);
	if (r < 0)
		return err_errno(errp, -r,
				 "cannot share the directory '%s': openat2(2), which keeps the "
				 "guest in it, fails",
				 s->path);
	return node_add(s, take_fd(&fd), &st, false, NULL, NULL) ? 0 : -ENOMEM;
}

/* The guest must not know which numbers it could make up; where there is no random byte, it may. */
static void choose_numbers(struct share *s)
{
	struct {
		struct siphash_key key;
		uint32_t generation;
	} v = { .generation = 1 };

	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) < 0)
		v.generation = 1;
	s->key = v.key;
	s->generation = v.generation;
}

static int fill_in(struct share *s, const struct share_params *p, struct error **errp)
{
	unsigned n = p->descriptors ? p->descriptors : share_descriptors(1), handles, fds;

	s->path = strdup(p->path);
	s->writable = p->writable;
	s->uid = geteuid();
	s->gid = getegid();
	choose_numbers(s);
	handles = (unsigned)min_u64(n / 4 + 1, MAX_HANDLES);
	fds = (unsigned)min_u64(n > handles ? n - handles + 1 : 1, MAX_NODE_FDS);
	if (!s->path || handles_create(s, handles) < 0 ||
	    nodes_create(s, p->nodes ? p->nodes : MAX_NODES, fds) < 0)
		return err_errno(errp, ENOMEM, "cannot share the directory '%s'", p->path);
	s->proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->proc < 0 || !is_kernel_interface(s->proc)) {
		err_set(errp, EOPNOTSUPP,
			"cannot share the directory '%s': /proc is not mounted here", p->path);
		return -EOPNOTSUPP;
	}
	return open_root(s, errp);
}

int share_open(const struct share_params *p, struct share **ret, struct error **errp)
{
	struct share *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_errno(errp, ENOMEM, "cannot share the directory '%s'", p->path);
	s->proc = -1;
	r = fill_in(s, p, errp);
	if (r < 0) {
		share_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct share *share_close(struct share *s)
{
	if (!s)
		return NULL;
	handles_destroy(s);
	nodes_destroy(s);
	if (s->proc >= 0)
		close(s->proc);
	free(s->path);
	free(s);
	return NULL;
}

void share_reset(struct share *s)
{
	handles_clear(s);
	nodes_clear(s);
}
