/* SPDX-License-Identifier: MIT */
/* node.c: what the guest has looked up. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "fs/fs_internal.h"

/* Bytes of names, of all nodes of a share. */
#define NAMES_MAX (32 * MIB)
/* How many nodes are looked at for one whose descriptor can be closed. */
#define SEARCH_MAX 4096u

static uint32_t *bucket_of(const struct share *s, dev_t dev, ino_t ino)
{
	const uint64_t what[2] = { dev, ino };
	struct siphash_tag tag;
	struct siphash h;
	uint32_t v;

	siphash_init(&h, s->key);
	siphash_update(&h, what, sizeof(what));
	tag = siphash_final(&h);
	memcpy(&v, tag.b, sizeof(v));
	return &s->bucket[v & (s->bucket_cnt - 1)];
}

/* Pages of the table that are never used cost nothing. */
int nodes_create(struct share *s, unsigned max, unsigned fds)
{
	s->fd_max = fds;
	s->bucket_cnt = 64;
	while (s->bucket_cnt < max)
		s->bucket_cnt *= 2;
	s->node_max = max;
	s->node_top = ROOT_SLOT;
	s->node = calloc((size_t)max + 1, sizeof(*s->node));
	s->bucket = calloc(s->bucket_cnt, sizeof(*s->bucket));
	return s->node && s->bucket ? 0 : -ENOMEM;
}

static struct node *find(const struct share *s, dev_t dev, ino_t ino)
{
	for (uint32_t i = *bucket_of(s, dev, ino); i; i = s->node[i].next) {
		if (s->node[i].dev == dev && s->node[i].ino == ino)
			return &s->node[i];
	}
	return NULL;
}

static uint32_t slot_of(const struct share *s, const struct node *n)
{
	return (uint32_t)(n - s->node);
}

uint64_t node_id(const struct share *s, const struct node *n)
{
	return (uint64_t)n->generation << 32 | slot_of(s, n);
}

struct node *node_get(const struct share *s, uint64_t nodeid)
{
	uint32_t slot = (uint32_t)nodeid;
	struct node *n = &s->node[slot];

	if (!slot || slot >= s->node_top || !n->lookups || n->generation != nodeid >> 32)
		return NULL;
	return n;
}

static struct node *take_slot(struct share *s)
{
	struct node *n;

	if (s->node_free) {
		n = &s->node[s->node_free];
		s->node_free = n->next;
		return n;
	}
	return s->node_top <= s->node_max ? &s->node[s->node_top++] : NULL;
}

/* --- names ------------------------------------------------------------------------------------ */

static void clear_name(struct share *s, struct node *n)
{
	if (n->name)
		s->name_bytes -= strlen(n->name) + 1;
	free(n->name);
	n->name = NULL;
}

/* A node without a name keeps its descriptor, and that is all it costs. */
static void set_name(struct share *s, struct node *n, const struct node *dir, const char *name)
{
	size_t len = name ? strlen(name) + 1 : 0;

	if (!name || (n->name && n->parent == node_id(s, dir) && !strcmp(n->name, name)))
		return;
	clear_name(s, n);
	if (s->name_bytes + len > NAMES_MAX)
		return;
	n->name = strdup(name);
	n->parent = node_id(s, dir);
	s->name_bytes += n->name ? len : 0;
}

void node_moved(struct share *s, const struct stat *st, const struct node *dir, const char *name)
{
	struct node *n = find(s, st->st_dev, st->st_ino);

	if (n)
		set_name(s, n, dir, name);
}

/* --- descriptors ------------------------------------------------------------------------------ */

/* When what @fd is was made; zero where the file system does not say. @links: how many names it
 * has.
 */
static int birth_of(int fd, struct timespec *birth, uint32_t *links)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_NLINK, &st) < 0)
		return -errno;
	*birth = (struct timespec){ 0 };
	if (st.stx_mask & STATX_BTIME)
		*birth = (struct timespec){ .tv_sec = st.stx_btime.tv_sec,
					    .tv_nsec = st.stx_btime.tv_nsec };
	*links = st.stx_nlink;
	return 0;
}

static bool may_lose_fd(const struct node *n)
{
	return n->lookups && n->fd >= 0 && n->name && !n->opens && !n->closed && !S_ISDIR(n->type);
}

/* False: it has to stay. */
static bool lose_fd(struct share *s, struct node *n)
{
	uint32_t links = 0;

	if (birth_of(n->fd, &n->birth, &links) < 0 || !links)
		return false;
	close(n->fd);
	n->fd = -1;
	s->fd_cnt--;
	return true;
}

/* There is one descriptor for a node to be had. Round about, so that the same is not always hit. */
static bool make_room(struct share *s)
{
	for (unsigned i = 0; i < SEARCH_MAX && s->fd_cnt >= s->fd_max; i++) {
		struct node *n;

		s->hand = s->hand + 1 < s->node_top ? s->hand + 1 : ROOT_SLOT;
		n = &s->node[s->hand];
		if (may_lose_fd(n))
			lose_fd(s, n);
	}
	return s->fd_cnt < s->fd_max;
}

/* Is @fd what the node was when it had a descriptor? */
static bool is_same(const struct node *n, int fd, const struct stat *st)
{
	struct timespec birth = { 0 };
	uint32_t links = 0;

	return n->dev == st->st_dev && n->ino == st->st_ino && n->type == (st->st_mode & S_IFMT) &&
	       birth_of(fd, &birth, &links) == 0 && birth.tv_sec == n->birth.tv_sec &&
	       birth.tv_nsec == n->birth.tv_nsec;
}

int node_fd(struct share *s, struct node *n)
{
	_cleanup_close_ int fd = -1;
	const struct node *dir;
	struct stat st;

	if (n->fd >= 0)
		return n->fd;
	dir = n->name && !n->replaced ? node_get(s, n->parent) : NULL;
	if (!dir || !S_ISDIR(dir->type))
		return -ESTALE;
	if (!make_room(s))
		return -ENFILE;
	fd = open_beneath(dir, n->name);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ESTALE;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !is_same(n, fd, &st))
		return -ESTALE;
	n->fd = take_fd(&fd);
	s->fd_cnt++;
	return n->fd;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void leave_bucket(struct share *s, struct node *n)
{
	uint32_t slot = slot_of(s, n), *p = bucket_of(s, n->dev, n->ino);

	while (*p != slot)
		p = &s->node[*p].next;
	*p = n->next;
}

/*
 * The node of what @fd is. While a node has a descriptor no other file has its device and inode;
 * one without may find that it is gone and another has them.
 */
static struct node *find_same(struct share *s, int fd, const struct stat *st)
{
	struct node *n = find(s, st->st_dev, st->st_ino);

	if (!n || n->fd >= 0 || is_same(n, fd, st))
		return n;
	leave_bucket(s, n);
	n->replaced = true;
	return NULL;
}

static struct node *new_node(struct share *s, int fd, const struct stat *st, bool closed)
{
	struct node *n = make_room(s) ? take_slot(s) : NULL;
	uint32_t *bucket;

	if (!n)
		return NULL;
	bucket = bucket_of(s, st->st_dev, st->st_ino);
	*n = (struct node){ .lookups = 1,
			    .dev = st->st_dev,
			    .ino = st->st_ino,
			    .fd = fd,
			    .generation = s->node_cnt ? s->generation++ : 0,
			    .next = *bucket,
			    .type = st->st_mode & S_IFMT,
			    .closed = closed };
	*bucket = slot_of(s, n);
	s->node_cnt++;
	s->fd_cnt++;
	return n;
}

struct node *node_add(struct share *s, int fd, const struct stat *st, bool closed,
		      const struct node *dir, const char *name)
{
	struct node *n = find_same(s, fd, st);

	if (n) {
		close(fd);
		/* It cannot come to the end of 64 bits by ones. */
		n->lookups++;
	} else {
		n = new_node(s, fd, st, closed);
		if (!n)
			close(fd);
	}
	if (n)
		set_name(s, n, dir, name);
	return n;
}

static void drop(struct share *s, struct node *n)
{
	if (!n->replaced)
		leave_bucket(s, n);
	if (n->fd >= 0) {
		close(n->fd);
		s->fd_cnt--;
	}
	clear_name(s, n);
	n->lookups = 0;
	n->next = s->node_free;
	s->node_free = slot_of(s, n);
	s->node_cnt--;
}

void node_forget(struct share *s, uint64_t nodeid, uint64_t cnt)
{
	struct node *n = node_get(s, nodeid);

	if (!n || slot_of(s, n) == ROOT_SLOT)
		return;
	n->lookups -= min_u64(n->lookups, cnt);
	if (n->lookups)
		return;
	n->lookups = 1; /* drop() wants one that is in use */
	drop(s, n);
}

void nodes_clear(struct share *s)
{
	for (uint32_t i = ROOT_SLOT + 1; i < s->node_top; i++) {
		if (s->node[i].lookups)
			drop(s, &s->node[i]);
	}
	/* As if they had never been, so that the next time is short; but numbers go on. */
	s->node_top = (uint32_t)min_u64(s->node_top, ROOT_SLOT + 1);
	s->node_free = 0;
	s->hand = ROOT_SLOT;
}

void nodes_destroy(struct share *s)
{
	if (s->node && s->bucket) {
		nodes_clear(s);
		if (s->node_cnt)
			drop(s, &s->node[ROOT_SLOT]);
	}
	free(s->node);
	free(s->bucket);
}

/* What is in these is not data: to read or write it is to ask the host's kernel for something. */
bool is_kernel_interface(int fd)
{
	static const uint32_t kinds[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		BPF_FS_MAGIC,
		PSTOREFS_MAGIC,
		EFIVARFS_MAGIC,
		DEVPTS_SUPER_MAGIC,
		SELINUX_MAGIC,
		SMACK_MAGIC,
		BINFMTFS_MAGIC,
		NSFS_MAGIC,
		AUTOFS_SUPER_MAGIC,
		RDTGROUP_SUPER_MAGIC,
		XENFS_SUPER_MAGIC,
		0x62656570 /* configfs */,
		0x65735543 /* fusectl */,
		0x19800202 /* mqueue */,
		0x5a3c69f0 /* apparmorfs */,
		0x67596969 /* rpc_pipefs */,
		0x6e667364 /* nfsd */,
	};
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return true;
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		if ((uint32_t)st.f_type == kinds[i])
			return true;
	}
	return false;
}
