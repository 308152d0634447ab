/* SPDX-License-Identifier: MIT */
/* guestmem.c: regions of guest-physical memory and the checked ways to reach them. */
#include "vmm/guestmem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/filemap.h"
#include "core/ram.h"
#include "core/ram_guard.h"
#include "vmm/error.h"

#define GM_MAX_REGIONS 16

struct guest_mem {
	struct ram ram;
	struct gm_region region[GM_MAX_REGIONS]; /* sorted by base, disjoint */
	unsigned cnt;
	unsigned next_slot;
	struct filemap file[GM_MAX_FILES];
	gpa_t file_base[GM_MAX_FILES];
	unsigned file_cnt;
	int loss_efd; /* gm_notify_loss() */
};

int gm_create(const struct ram_config *c, struct guest_mem **ret, struct error **errp)
{
	struct guest_mem *gm = calloc(1, sizeof(*gm));
	int r;

	if (!gm)
		return err_set(errp, ENOMEM, "cannot allocate the guest memory map");
	gm->loss_efd = -1;
	r = ram_map(&gm->ram, c, errp);
	if (r < 0) {
		free(gm);
		return r;
	}
	*ret = gm;
	return 0;
}

struct guest_mem *gm_destroy(struct guest_mem *gm)
{
	if (!gm)
		return NULL;
	for (unsigned i = 0; i < gm->cnt; i++)
		if (gm->region[i].readonly && !gm->region[i].file)
			munmap(gm->region[i].hva, gm->region[i].len);
	for (unsigned i = 0; i < gm->file_cnt; i++)
		filemap_close(&gm->file[i]);
	ram_unmap(&gm->ram);
	free(gm);
	return NULL;
}

static int add_region(struct guest_mem *gm, struct gm_region r, struct error **errp)
{
	unsigned at = 0;
	gpa_t end;

	if (gm->cnt == GM_MAX_REGIONS)
		return err_set(errp, ENOSPC, "more than %d guest memory regions", GM_MAX_REGIONS);
	if (!r.len || __builtin_add_overflow(r.base, r.len - 1, &end))
		return err_set(errp, ERANGE, "guest memory region at %#llx has no valid end",
			       (unsigned long long)r.base);
	while (at < gm->cnt && gm->region[at].base < r.base)
		at++;
	if ((at < gm->cnt && gm->region[at].base <= end) ||
	    (at > 0 && gm->region[at - 1].base + (gm->region[at - 1].len - 1) >= r.base))
		return err_set(errp, EEXIST, "guest memory region %#llx-%#llx overlaps another",
			       (unsigned long long)r.base, (unsigned long long)end);
	memmove(&gm->region[at + 1], &gm->region[at], (gm->cnt - at) * sizeof(r));
	r.slot = gm->next_slot++;
	gm->region[at] = r;
	gm->cnt++;
	return 0;
}

int gm_add_ram(struct guest_mem *gm, gpa_t base, uint64_t off, uint64_t len, struct error **errp)
{
	uint64_t end;

	if (__builtin_add_overflow(off, len, &end) || end > gm->ram.len)
		return err_set(errp, ERANGE, "guest RAM at %#llx lies outside what is allocated",
			       (unsigned long long)base);
	return add_region(
		gm,
		(struct gm_region){
			.base = base, .len = len, .hva = gm->ram.hva + off, .backing_off = off },
		errp);
}

int gm_add_rom(struct guest_mem *gm, gpa_t base, uint64_t len, const void *img, size_t img_len,
	       struct error **errp)
{
	uint8_t *p;
	int r;

	if (img_len > len)
		return err_set(errp, E2BIG, "ROM image of %zu bytes does not fit in %llu", img_len,
			       (unsigned long long)len);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_errno(errp, errno, "cannot allocate %llu bytes of guest ROM",
				 (unsigned long long)len);
	memcpy(p, img, img_len);
	r = add_region(gm,
		       (struct gm_region){ .base = base,
					   .len = len,
					   .hva = p,
					   .readonly = true,
					   .backing_off = UINT64_MAX },
		       errp);
	if (r < 0)
		munmap(p, len);
	return r;
}

int gm_add_file(struct guest_mem *gm, gpa_t base, const struct gm_file_config *c,
		struct error **errp)
{
	struct filemap *m = &gm->file[gm->file_cnt];
	int r;

	if (gm->file_cnt == GM_MAX_FILES)
		return err_set(errp, ENOSPC, "'%s' is one file too many to map: at most %d",
			       c->path, GM_MAX_FILES);
	r = filemap_open(m, c, errp);
	if (r < 0)
		return r;
	r = add_region(gm,
		       (struct gm_region){ .base = base,
					   .len = m->len,
					   .hva = m->hva,
					   .readonly = c->mode == GM_FILE_READONLY,
					   .file = true,
					   .backing_off = UINT64_MAX },
		       errp);
	if (r < 0) {
		m->fd = -1; /* still the caller's */
		filemap_close(m);
		return r;
	}
	ram_guard_notify(m->guard, gm->loss_efd);
	gm->file_base[gm->file_cnt++] = base;
	return 0;
}

int gm_sync_file(struct guest_mem *gm, gpa_t base)
{
	for (unsigned i = 0; i < gm->file_cnt; i++)
		if (gm->file_base[i] == base)
			return filemap_sync(&gm->file[i]);
	return -ENOENT;
}

const struct gm_region *gm_regions(const struct guest_mem *gm, unsigned *cnt)
{
	*cnt = gm->cnt;
	return gm->region;
}

uint64_t gm_ram_size(const struct guest_mem *gm)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < gm->cnt; i++)
		if (!gm->region[i].readonly && !gm->region[i].file)
			sum += gm->region[i].len;
	return sum;
}

uint64_t gm_page_size(const struct guest_mem *gm)
{
	return gm->ram.page_size;
}

/* The region that holds @gpa, with the bytes from there to its end in *left; NULL in a hole. */
static const struct gm_region *find(const struct guest_mem *gm, gpa_t gpa, uint64_t *left)
{
	for (unsigned i = 0; i < gm->cnt; i++) {
		const struct gm_region *r = &gm->region[i];

		if (gpa - r->base < r->len) {
			*left = r->len - (gpa - r->base);
			return r;
		}
	}
	return NULL;
}

void *gm_ptr(struct guest_mem *gm, gpa_t gpa, uint64_t len, enum gm_access a)
{
	uint64_t left;
	const struct gm_region *r = find(gm, gpa, &left);

	if (!r || !len || len > left || ((a & GM_WRITE) && r->readonly))
		return NULL;
	return r->hva + (gpa - r->base);
}

bool gm_window_move(struct guest_mem *gm, struct gm_window *w, gpa_t gpa)
{
	uint64_t left;
	const struct gm_region *r = find(gm, gpa, &left);

	if (!r || r->readonly)
		return false;
	*w = (struct gm_window){ .base = r->base, .len = r->len, .hva = r->hva };
	return true;
}

int gm_iov(struct guest_mem *gm, gpa_t gpa, uint64_t len, enum gm_access a, struct iovec *iov,
	   unsigned max)
{
	unsigned n = 0;

	if (!len)
		return -EFAULT;
	while (len) {
		uint64_t left;
		const struct gm_region *r = find(gm, gpa, &left);
		uint64_t part = min_u64(len, r ? left : 0);

		if (!r || ((a & GM_WRITE) && r->readonly))
			return -EFAULT;
		if (n == max)
			return -E2BIG;
		iov[n].iov_base = r->hva + (gpa - r->base);
		iov[n].iov_len = part;
		n++;
		len -= part;
		if (len && __builtin_add_overflow(gpa, part, &gpa))
			return -EFAULT;
	}
	return (int)n;
}

bool gm_read(struct guest_mem *gm, gpa_t gpa, void *dst, size_t len)
{
	struct iovec iov[GM_MAX_REGIONS];
	uint8_t *p = dst;
	int n = len ? gm_iov(gm, gpa, len, GM_READ, iov, GM_MAX_REGIONS) : 0;

	for (int i = 0; i < n; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	return n >= 0;
}

bool gm_write(struct guest_mem *gm, gpa_t gpa, const void *src, size_t len)
{
	struct iovec iov[GM_MAX_REGIONS];
	const uint8_t *p = src;
	int n = len ? gm_iov(gm, gpa, len, GM_WRITE, iov, GM_MAX_REGIONS) : 0;

	for (int i = 0; i < n; i++) {
		memcpy(iov[i].iov_base, p, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	return n >= 0;
}

int gm_clear_ram(struct guest_mem *gm, struct error **errp)
{
	/* Clearing gives a file its length back, which would hide that somebody took it away. */
	int r = ram_check(&gm->ram, errp);

	return r < 0 ? r : ram_clear(&gm->ram, errp);
}

int gm_check(const struct guest_mem *gm, struct error **errp)
{
	int r = ram_check(&gm->ram, errp);

	for (unsigned i = 0; i < gm->file_cnt && r >= 0; i++)
		r = filemap_check(&gm->file[i], errp);
	return r;
}

void gm_notify_loss(struct guest_mem *gm, int efd)
{
	gm->loss_efd = efd;
	ram_guard_notify(gm->ram.guard, efd);
	for (unsigned i = 0; i < gm->file_cnt; i++)
		ram_guard_notify(gm->file[i].guard, efd);
}
