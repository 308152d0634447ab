/* SPDX-License-Identifier: MIT */
/* fs_internal.h: what the files of src/fs/ share. */
#ifndef FS_INTERNAL_H
#define FS_INTERNAL_H

#include <linux/fuse.h>
#include <sys/stat.h>

#include "fs/share.h"
#include "vmm/siphash.h"

/*
 * What the guest has looked up and not forgotten: a file of the tree, held by a descriptor that can
 * do nothing but name it (O_PATH). Found by its number, which is slot and generation, so that one
 * that was forgotten is not taken for another, and by what it is, device and inode.
 *
 * There are fewer descriptors than a guest may look up files. So one that is no directory, that is
 * not open and whose name is known can lose its own, and gets another by that name when it is asked
 * for; if the name has become another file's, the node is stale. Directories keep theirs: what is
 * in them is found from there.
 */
struct node {
	uint64_t lookups;      /* 0: free */
	uint64_t parent;       /* number of the directory that @name is in */
	char *name;            /* NULL: not known, or no longer so */
	struct timespec birth; /* while there is no descriptor: tells it from a later file */
	dev_t dev;
	ino_t ino;
	uint32_t opens; /* handles */
	int fd;         /* -1: none now; see node_fd() */
	uint32_t generation;
	uint32_t next; /* slot: of the same bucket, or of the free list */
	mode_t type;   /* S_IFMT */
	bool closed;   /* a kernel's interface: there, but nothing is in it */
	bool replaced; /* another has its device and inode now: in no bucket */
};

#define ROOT_SLOT 1u /* its number is FUSE_ROOT_ID */

/* What the guest has opened. */
struct handle {
	uint64_t nodeid; /* 0: free */
	int64_t pos;     /* of a directory: where its descriptor stands; -1: elsewhere */
	int fd;          /* -1: a directory with nothing in it */
	uint32_t generation;
	uint32_t next; /* slot of the free list */
	bool dir;
};

/* The longest there is, but for data: fixed part, two names, or a name and a link's target. */
#define ARGS_MAX  (8 * KIB)
#define DENTS_LEN (32 * KIB)

struct share {
	char *path; /* for messages */
	int proc;   /* /proc/self/fd: the way from O_PATH to an open file */
	bool writable;
	uid_t uid; /* whose files are the guest's root's */
	gid_t gid;
	bool said_full; /* once is enough */

	struct node *node; /* [0] is unused */
	uint32_t node_max; /* the last slot */
	uint32_t node_top; /* slots from here on were never used */
	uint32_t node_free, node_cnt;
	uint32_t fd_cnt, fd_max; /* of nodes */
	uint32_t hand;           /* slot at which the search for a descriptor to close goes on */
	size_t name_bytes;       /* of all nodes */
	uint32_t *bucket;
	uint32_t bucket_cnt; /* a power of two */
	struct siphash_key key;

	struct handle *handle; /* [0] is unused */
	uint32_t handle_max, handle_top, handle_free;

	uint32_t generation; /* of the next node or handle */

	_Alignas(8) uint8_t args[ARGS_MAX];
	_Alignas(8) char dents[DENTS_LEN];
};

/* One request, taken apart. */
struct fs_req {
	struct share *s;
	const struct share_msg *m;
	struct fuse_in_header h;
	size_t len;          /* bytes behind the header */
	size_t copied;       /* of which are in s->args */
	const char *name[2]; /* checked; in s->args */
	const char *target;  /* of SYMLINK */
	struct node *node;   /* h.nodeid */
	size_t replied;      /* bytes of the answer, behind its header */
};

/* --- dispatch.c ------------------------------------------------------------------------------- */

/* The fixed part of the request's arguments; there are as many bytes as the operation's row says.
 */
void req_args(const struct fs_req *rq, void *to, size_t len);
/* Bytes of room behind the answer's header. */
size_t req_room(const struct fs_req *rq);
/* Puts @len bytes at @off of what is behind the answer's header; there is room. */
void req_put(struct fs_req *rq, size_t off, const void *from, size_t len);
/* All of the answer. */
int req_reply(struct fs_req *rq, const void *from, size_t len);

/* --- node.c ----------------------------------------------------------------------------------- */

/* At most @max nodes, of which @fds have a descriptor. */
int nodes_create(struct share *s, unsigned max, unsigned fds);
void nodes_destroy(struct share *s);
/* All but the root. */
void nodes_clear(struct share *s);
/* NULL: there is none of this number (any more). */
struct node *node_get(const struct share *s, uint64_t nodeid);
uint64_t node_id(const struct share *s, const struct node *n);
/* Takes over @fd, which is what @st says, and @name in @dir (NULL: the root). One more look-up of
 * it. NULL: there are too many. */
struct node *node_add(struct share *s, int fd, const struct stat *st, bool closed,
		      const struct node *dir, const char *name);
/* The descriptor of @n, which is the node's, until the next call that may want one. -ESTALE: what
 * it was is no longer there. -ENFILE. Of a directory it is n->fd. */
int node_fd(struct share *s, struct node *n);
/* The file that @st says, if it is known, is now called so. */
void node_moved(struct share *s, const struct stat *st, const struct node *dir, const char *name);
/* So many look-ups are undone; with the last the node goes. A number that is not there is ignored.
 */
void node_forget(struct share *s, uint64_t nodeid, uint64_t cnt);
/* The file system of @fd is the kernel's own interface. */
bool is_kernel_interface(int fd);

/* --- handle.c --------------------------------------------------------------------------------- */

int handles_create(struct share *s, unsigned max);
void handles_destroy(struct share *s);
void handles_clear(struct share *s);
/* Takes over @fd. -EMFILE: there are too many; then @fd is closed. */
int handle_add(struct share *s, uint64_t nodeid, int fd, bool dir, uint64_t *fh) __must_check;
/* Handle @fh of node @nodeid; NULL: there is none such. */
struct handle *handle_get(const struct share *s, uint64_t fh, uint64_t nodeid, bool dir);
void handle_close(struct share *s, struct handle *h);

/* --- attr.c ----------------------------------------------------------------------------------- */

/* Opens what @n is, a regular file or directory. -errno, for any other kind as well. */
int node_open(struct share *s, struct node *n, int flags);
int node_stat(struct share *s, struct node *n, struct stat *st);
void fill_attr(const struct share *s, const struct stat *st, struct fuse_attr *a);
/* An inode's number as the guest sees it: those of different devices must differ. */
uint64_t guest_ino(const struct share *s, dev_t dev, ino_t ino);
/* For utimensat() and its kin: "/proc/self/fd" is s->proc, and this is the name in it. */
struct fd_name {
	char s[12];
};
struct fd_name fd_name(int fd);

int op_getattr(struct fs_req *rq);
int op_setattr(struct fs_req *rq);
int op_access(struct fs_req *rq);
int op_readlink(struct fs_req *rq);
int op_statfs(struct fs_req *rq);

/* --- names.c ---------------------------------------------------------------------------------- */

/* Opens (O_PATH) what @name is in @dir; whatever it is, it is not followed. */
int open_beneath(const struct node *dir, const char *name);
/* Looks @name up in @dir and counts it. */
int lookup(struct share *s, struct node *dir, const char *name, struct fuse_entry_out *e);
/* 0: @dir is one in which something can be made. */
int check_dir(const struct node *dir);
/* Gives what was just made as @fd the mode that was asked for, which the process's umask has cut.
 */
int set_mode(const struct share *s, int fd, mode_t mode);

int op_lookup(struct fs_req *rq);
int op_mkdir(struct fs_req *rq);
int op_mknod(struct fs_req *rq);
int op_symlink(struct fs_req *rq);
int op_link(struct fs_req *rq);
int op_unlink(struct fs_req *rq);
int op_rmdir(struct fs_req *rq);
int op_rename(struct fs_req *rq);
int op_rename2(struct fs_req *rq);

/* --- file.c ----------------------------------------------------------------------------------- */

int op_open(struct fs_req *rq);
int op_create(struct fs_req *rq);
int op_release(struct fs_req *rq);
int op_read(struct fs_req *rq);
int op_write(struct fs_req *rq);
int op_flush(struct fs_req *rq);
int op_fsync(struct fs_req *rq);
int op_syncfs(struct fs_req *rq);
int op_lseek(struct fs_req *rq);
int op_fallocate(struct fs_req *rq);
int op_copy_file_range(struct fs_req *rq);

/* --- dir.c ------------------------------------------------------------------------------------ */

int op_opendir(struct fs_req *rq);
int op_readdir(struct fs_req *rq);
int op_readdirplus(struct fs_req *rq);
int op_releasedir(struct fs_req *rq);
int op_fsyncdir(struct fs_req *rq);

#endif
