/* SPDX-License-Identifier: MIT */
/*
 * share.h: a directory of the host as a guest sees it. A share answers requests of the FUSE
 * protocol (linux/fuse.h; virtio 1.2, 5.11.6 carries them) on the tree below one directory, with
 * the rights of this process and no others.
 *
 * What holds, whatever a request says:
 *
 *   - Nothing outside of the tree is reached: names are single components, looked up beneath the
 *     descriptor of a directory in the tree (openat2(2), RESOLVE_BENEATH), and no symbolic or magic
 *     link is ever followed on the host.
 *   - Only regular files and directories are opened. FIFOs, sockets and devices are names with
 *     attributes; devices are not made. File systems that are the kernel's own interface (proc,
 *     sysfs and their kin) appear as empty directories where they are mounted in the tree.
 *   - A share that is not writable changes nothing: EROFS.
 *   - What the guest can make this process hold is bounded: files that it has looked up, of which
 *     a part is held by descriptors (ENFILE beyond), what it has opened (EMFILE beyond), and the
 *     memory to know them, 80 MiB at most.
 *
 * What belongs to the effective user shows as root's in the guest, as in GUEST_ROOT_TREE, and what
 * the guest makes belongs to the effective user.
 *
 * One struct share is one thread's at a time. Requests are answered on the spot and may wait for
 * the host's disk.
 */
#ifndef FS_SHARE_H
#define FS_SHARE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "vmm/base.h"

struct error;
struct share;

/* virtio 1.2, 5.11.4: a tag has 36 bytes, and needs no NUL behind it. */
#define SHARE_TAG_MAX 36u

/* --share DIR[,tag=TAG][,rw] */
struct share_config {
	char *path;
	char *tag; /* what the guest mounts; NULL: "share" and the number among shares, from 0 */
	bool writable;
};

struct share_params {
	const char *path;
	bool writable;
	/* How many descriptors it may hold, for what the guest has looked up and opened: see
	 * share_descriptors(). 0: as many as that says of one share. */
	unsigned descriptors;
	unsigned nodes; /* files that the guest may remember; 0: 524288 */
};

/*
 * Opens the directory @p->path. -ENOTDIR and what else open(2) says of it; -EOPNOTSUPP for a
 * kernel's interface, and where /proc or openat2(2) is missing; -ENOMEM. Control thread.
 */
int share_open(const struct share_params *p, struct share **ret, struct error **errp) __must_check;
/* NULL-safe, returns NULL. */
struct share *share_close(struct share *s);

/*
 * Raises this process's limit of descriptors (RLIMIT_NOFILE) as far as it may, and says how many
 * each of @shares may have so that enough is left for everything else. Control thread.
 */
unsigned share_descriptors(unsigned shares);

/* As after share_open(): the guest knows nothing any more, and nothing is held open for it. */
void share_reset(struct share *s);

/* A request and the room for its answer, in the guest's memory, which may change while it is read.
 */
struct share_msg {
	const struct iovec *in, *out;
	unsigned in_cnt, out_cnt; /* at most SHARE_MSG_PIECES each */
	size_t in_len, out_len;   /* bytes in all */
};
#define SHARE_MSG_PIECES 257u

/* The most data in one READ or WRITE: what a chain of a virtqueue has room for, with headers. */
#define SHARE_DATA_PAGES 240u

/*
 * Answers one request. Returns the bytes of the answer, from the start of @m->out on; 0 where the
 * protocol knows no answer. -EINVAL: too short to be a request or to have an answer, or as long as
 * it does not say; nothing was done.
 */
ssize_t share_answer(struct share *s, const struct share_msg *m);

#endif
