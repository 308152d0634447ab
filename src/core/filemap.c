/* SPDX-License-Identifier: MIT */
/*
 * filemap.c: a mapping of a file that outlives what others do to the file: ram_guard.c has zeros
 * put where pages are lost, and the run ends.
 */
#include "core/filemap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/ram_guard.h"
#include "vmm/error.h"

/* What the guest's page tables, and KVM's, can map at once if the host's file system can, too. */
#define BORDER (2 * MIB)

/* st_size of a block device is 0. */
static int64_t file_size(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);

	return end < 0 ? -errno : (int64_t)end;
}

/* Address space of @len bytes on a border, without anything in it. */
static uint8_t *reserve(uint64_t len)
{
	uint8_t *p = mmap(NULL, len + BORDER, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *start = (uint8_t *)align_up((uintptr_t)p, BORDER);

	if (p == MAP_FAILED)
		return NULL;
	if (start > p)
		munmap(p, (size_t)(start - p));
	munmap(start + len, BORDER - (size_t)(start - p));
	return start;
}

static int map_file(struct filemap *m)
{
	int prot = m->mode == GM_FILE_READONLY ? PROT_READ : PROT_READ | PROT_WRITE;
	int flags = (m->mode == GM_FILE_PRIVATE ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED;
	uint64_t head = align_up(m->file_len, 4 * KIB);

	if (head && mmap(m->hva, head, prot, flags, m->fd, 0) == MAP_FAILED)
		return -errno;
	if (head < m->len &&
	    mmap(m->hva + head, m->len - head, prot,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -errno;
	madvise(m->hva, m->len, MADV_DONTDUMP);
	return 0;
}

int filemap_open(struct filemap *m, const struct gm_file_config *c, struct error **errp)
{
	int64_t size = file_size(c->fd);
	int r = 0;

	*m = (struct filemap){ .fd = -1, .guard = -1, .mode = c->mode };
	if (size < 0)
		return err_errno(errp, (int)-size, "cannot tell the size of '%s'", c->path);
	if (!c->len || c->len % BORDER || (c->mode == GM_FILE_SHARED && (uint64_t)size < c->len))
		return err_set(errp, EINVAL, "'%s' of %lld bytes cannot be mapped as %llu", c->path,
			       (long long)size, (unsigned long long)c->len);
	m->path = strdup(c->path);
	m->len = c->len;
	m->file_len = min_u64(c->len, (uint64_t)size);
	m->hva = m->path ? reserve(c->len) : NULL;
	if (!m->hva)
		r = -ENOMEM;
	m->fd = c->fd;
	if (!r)
		r = map_file(m);
	if (r < 0) {
		m->fd = -1;
		filemap_close(m);
		return err_errno(errp, -r, "cannot map '%s' as memory", c->path);
	}
	m->guard = ram_guard_add(m->hva, m->len, 4 * KIB);
	return 0;
}

void filemap_close(struct filemap *m)
{
	if (!m->path)
		return;
	ram_guard_remove(m->guard);
	if (m->hva)
		munmap(m->hva, m->len);
	base_closep(&m->fd);
	free(m->path);
	*m = (struct filemap){ .fd = -1, .guard = -1 };
}

int filemap_check(const struct filemap *m, struct error **errp)
{
	enum ram_loss loss = ram_guard_loss(m->guard);
	int64_t size = file_size(m->fd);

	if (loss == RAM_POISONED)
		return err_set(errp, EIO,
			       "memory of '%s' was hit by an uncorrectable error of the host's",
			       m->path);
	if (size >= 0 && (uint64_t)size < m->file_len)
		return err_set(errp, EIO, "'%s' became shorter while the guest used it as memory",
			       m->path);
	if (loss == RAM_UNBACKED)
		return err_set(errp, EIO,
			       "memory of '%s' was lost while the guest used it: the host had no "
			       "page to put there (a failed disk or a full file system)",
			       m->path);
	return 0;
}

/*
 * Stores to a shared mapping make its pages dirty, and fdatasync(2) writes them back as it does
 * with what write(2) left: KVM has the host's kernel track its stores, too.
 */
int filemap_sync(const struct filemap *m)
{
	int r;

	if (m->mode != GM_FILE_SHARED)
		return 0;
	/* Zeros were put where stores have gone since; they are not the file's. */
	if (ram_guard_loss(m->guard) != RAM_INTACT)
		return -EIO;
	do {
		r = fdatasync(m->fd);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}
