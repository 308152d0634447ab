/* SPDX-License-Identifier: MIT */
/* node.c: what the guest has looked up. */
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "fs/fs_internal.h"

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
int nodes_create(struct share *s, unsigned max)
{
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

struct node *node_add(struct share *s, int fd, const struct stat *st, bool closed)
{
	struct node *n = find(s, st->st_dev, st->st_ino);
	uint32_t *bucket;

	if (n) {
		close(fd);
		/* It cannot come to the end of 64 bits by ones. */
		n->lookups++;
		return n;
	}
	n = take_slot(s);
	if (!n) {
		close(fd);
		return NULL;
	}
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
	return n;
}

/* A descriptor keeps its inode, so that while a node lives no other has its device and inode. */
static void drop(struct share *s, struct node *n)
{
	uint32_t slot = slot_of(s, n), *p = bucket_of(s, n->dev, n->ino);

	while (*p != slot)
		p = &s->node[*p].next;
	*p = n->next;
	close(n->fd);
	n->lookups = 0;
	n->next = s->node_free;
	s->node_free = slot;
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
