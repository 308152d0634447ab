/* SPDX-License-Identifier: MIT */
/*
 * filemap.h: a file, or a block device, as guest-physical memory that is not RAM. Used by
 * guestmem.c only; guestmem.h says what the modes mean.
 */
#ifndef CORE_FILEMAP_H
#define CORE_FILEMAP_H

#include "vmm/guestmem.h"

struct filemap {
	uint8_t *hva;
	uint64_t len;      /* of the mapping, which begins on a 2 MiB border */
	uint64_t file_len; /* of it, how much is the file's; the rest is zeros */
	int fd;
	int guard; /* ram_guard.h */
	enum gm_file_mode mode;
	char *path;
};

/* Maps @c and takes over its descriptor; on error that is still the caller's. */
int filemap_open(struct filemap *m, const struct gm_file_config *c,
		 struct error **errp) __must_check;
void filemap_close(struct filemap *m); /* fine on a zeroed @m */

/* 0, or a sentence on how part of it was lost. Any thread. */
int filemap_check(const struct filemap *m, struct error **errp) __must_check;
/* gm_sync_file() */
int filemap_sync(const struct filemap *m);

#endif
