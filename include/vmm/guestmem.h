/* SPDX-License-Identifier: MIT */
/*
 * guestmem.h: the only door to guest RAM.
 *
 * Guest-physical addresses never travel without a length. The region array is built before the
 * first vCPU runs and is immutable from then on, so look-ups take no lock; any thread may call
 * them.
 */
#ifndef VMM_GUESTMEM_H
#define VMM_GUESTMEM_H

#include <sys/uio.h>

#include "vmm/base.h"

struct error;

typedef uint64_t gpa_t;

enum gm_access { GM_READ = 1, GM_WRITE = 2, GM_RW = 3 }; /* GM_WRITE on ROM fails */

/* Where RAM comes from. */
enum ram_backing { RAM_ANON, RAM_MEMFD, RAM_FILE };
enum ram_pages { RAM_PAGES_SMALL, RAM_PAGES_THP, RAM_PAGES_2M, RAM_PAGES_1G };

struct ram_config {
	uint64_t size; /* bytes, page aligned */
	enum ram_backing backing;
	enum ram_pages pages;
	const char *path; /* RAM_FILE: a file (grown to size) or a directory (unnamed file in it) */
	bool prefault;    /* populate now; fails instead of a SIGBUS later */
	bool mergeable;   /* offer to KSM */
	unsigned prefault_threads; /* 0: one per online CPU, at most 8 */
};

struct gm_region {
	gpa_t base;
	uint64_t len;
	uint8_t *hva;
	unsigned slot;        /* KVM memory slot, chosen by order of addition */
	bool readonly;        /* ROM: guest writes exit as MMIO */
	bool file;            /* gm_add_file()'s: memory, but not RAM */
	uint64_t backing_off; /* offset in the backing mapping, UINT64_MAX if it has its own */
};

enum gm_file_mode {
	GM_FILE_SHARED,   /* what the guest stores goes to the file */
	GM_FILE_READONLY, /* the guest's stores exit as MMIO */
	GM_FILE_PRIVATE,  /* what it stores is its own, and gone when it is */
};

#define GM_MAX_FILES 8

/* A regular file or block device that is open as the mode wants it. */
struct gm_file_config {
	const char *path; /* for messages; copied */
	int fd;
	enum gm_file_mode mode;
	/* Bytes to map, a multiple of 2 MiB. Of a file that is shorter than this the rest reads as
	 * zero, which only the other modes than GM_FILE_SHARED allow. */
	uint64_t len;
};

struct guest_mem;

/*
 * Allocates all of guest RAM as one host mapping as @c says. The result has no regions yet:
 * gm_add_ram() places parts of the mapping in guest-physical space. Errors name the option and what
 * to do (hugepages missing, file too small).
 */
int gm_create(const struct ram_config *c, struct guest_mem **ret, struct error **errp) __must_check;
struct guest_mem *gm_destroy(struct guest_mem *gm); /* NULL-safe, returns NULL */

/*
 * Places bytes [off, off + len) of the RAM mapping at @base. @off and @base should agree modulo the
 * huge page size, or the host cannot map huge pages. -EEXIST on overlap, -ERANGE past the end of
 * the mapping.
 */
int gm_add_ram(struct guest_mem *gm, gpa_t base, uint64_t off, uint64_t len,
	       struct error **errp) __must_check;

/* Adds a separate anonymous read-only-to-the-guest region of @len bytes at @base with @img copied
 * to its start. */
int gm_add_rom(struct guest_mem *gm, gpa_t base, uint64_t len, const void *img, size_t img_len,
	       struct error **errp) __must_check;

/*
 * Maps a file at @base, a multiple of 2 MiB, as memory that is not RAM: devices reach it like RAM,
 * but it is in no memory map, and a reset leaves it alone. Takes over the descriptor (not on
 * error). If somebody truncates the file, see gm_check(). -ENOSPC: more than GM_MAX_FILES.
 */
int gm_add_file(struct guest_mem *gm, gpa_t base, const struct gm_file_config *c,
		struct error **errp) __must_check;

/*
 * Makes what was stored before in the file at @base durable, as far as fdatasync(2) does: 0 or
 * -errno. Waits for the disk. Nothing to do for a file that is not GM_FILE_SHARED. Any thread.
 */
int gm_sync_file(struct guest_mem *gm, gpa_t base);

/* The regions sorted by base, for the KVM layer and e820. Valid as long as @gm. */
const struct gm_region *gm_regions(const struct guest_mem *gm, unsigned *cnt);

uint64_t gm_ram_size(const struct guest_mem *gm); /* bytes of RAM placed; no ROM, no files */

/* The host page size that backs RAM, bytes. */
uint64_t gm_page_size(const struct guest_mem *gm);

/*
 * A pointer to guest memory; NULL unless all of [gpa, gpa+len) lies in one region that allows @a;
 * NULL for len 0. Called only in core, virtq and boot.
 */
void *gm_ptr(struct guest_mem *gm, gpa_t gpa, uint64_t len, enum gm_access a) __must_check;

/* Copy in or out; may span adjacent regions; false (and nothing copied past the hole) if any byte
 * is not RAM or ROM. */
bool gm_read(struct guest_mem *gm, gpa_t gpa, void *dst, size_t len) __must_check;
bool gm_write(struct guest_mem *gm, gpa_t gpa, const void *src, size_t len) __must_check;

/* Splits a guest range at region borders. Returns the number of iovecs, -EFAULT (not RAM), or
 * -E2BIG (> max). */
int gm_iov(struct guest_mem *gm, gpa_t gpa, uint64_t len, enum gm_access a, struct iovec *iov,
	   unsigned max) __must_check;

/*
 * A region of RAM kept at hand by one who translates addresses all the time (a virtqueue) and
 * mostly finds them where the last one was: no call, no search. Zeroed: none. Regions do not move,
 * so it stays right as long as @gm; it belongs to one thread. Called only in core and virtq.
 */
struct gm_window {
	gpa_t base;
	uint64_t len;
	uint8_t *hva;
};

/* *p becomes a pointer to [gpa, gpa+len). False unless all of it lies in the window, or for len 0.
 */
static inline bool gm_window_ptr(const struct gm_window *w, gpa_t gpa, uint64_t len, uint8_t **p)
{
	uint64_t off = gpa - w->base;

	/* off < w->len bounds the subtraction; len 0 wraps to the largest number. */
	if (off >= w->len || len - 1 >= w->len - off)
		return false;
	*p = w->hva + off;
	return true;
}

/* Moves @w to the region that @gpa lies in. False, and @w is as it was, if that is not RAM. */
bool gm_window_move(struct guest_mem *gm, struct gm_window *w, gpa_t gpa) __must_check;

/* Gives every byte of RAM back to the host; it reads as zero afterwards. Only while no vCPU runs
 * (reset). */
int gm_clear_ram(struct guest_mem *gm, struct error **errp) __must_check;

/*
 * Host pages under guest RAM and files can go away while the guest runs: somebody truncates the
 * file, the host's memory fails. Whoever touches them then, a vCPU included, reads zeros or
 * (KVM_RUN, a system call) gets EFAULT; this process lives on. gm_check() returns 0, or a sentence
 * on what was lost; any thread. gm_notify_loss() has @efd, a borrowed eventfd, signalled by the
 * first touch of a lost page outside of the kernel; control thread.
 */
int gm_check(const struct guest_mem *gm, struct error **errp) __must_check;
void gm_notify_loss(struct guest_mem *gm, int efd);

static inline void gm_destroyp(struct guest_mem **gm)
{
	*gm = gm_destroy(*gm);
}

#endif
