/* SPDX-License-Identifier: MIT */
/*
 * cpio.h: writes an archive that Linux takes as an initramfs: "newc" without checksums
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#ifndef BOOT_CPIO_H
#define BOOT_CPIO_H

#include <stdio.h>
#include <sys/stat.h>

#include "vmm/base.h"

struct error;

struct cpio {
	FILE *f; /* a memory file's; owned */
	uint32_t ino;
	uint64_t len; /* written so far */
};

struct cpio_entry {
	const char *name; /* relative, without a leading slash */
	mode_t mode;      /* type and permissions */
	uid_t uid;
	gid_t gid;
	uint64_t size; /* of the data that follow; below 4 GiB */
	dev_t rdev;
};

/* A zeroed @c may be closed. */
int cpio_open(struct cpio *c, struct error **errp) __must_check;
void cpio_close(struct cpio *c);

/* The head of an entry; exactly @e->size bytes are to be put behind it, in any number of pieces. */
int cpio_head(struct cpio *c, const struct cpio_entry *e, struct error **errp) __must_check;
int cpio_put(struct cpio *c, const void *p, size_t len, struct error **errp) __must_check;
/* Pads what was put to a multiple of 4; once after each entry that has data. */
int cpio_pad(struct cpio *c, struct error **errp) __must_check;

/* An entry as a whole, and directories. */
int cpio_file(struct cpio *c, const struct cpio_entry *e, const void *data,
	      struct error **errp) __must_check;
/* A regular file's contents, from @fd on at its present position; it must not become shorter. */
int cpio_file_from(struct cpio *c, const struct cpio_entry *e, int fd,
		   struct error **errp) __must_check;

/* The trailer; *fd is the memory file then, and the caller's. */
int cpio_finish(struct cpio *c, int *fd, uint64_t *len, struct error **errp) __must_check;

/* segment_tree.c: the directory @from and all that is in it, as @to. */
int segment_add_tree(struct cpio *c, const char *from, const char *to,
		     struct error **errp) __must_check;

#endif
