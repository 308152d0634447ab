/* SPDX-License-Identifier: MIT */
/* image.h: an input file that stays open; read by position, never mapped, so truncating it cannot
 * kill us. */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include "vmm/guestmem.h"

struct error;

struct image {
	int fd; /* -1: none */
	uint64_t size;
};

/*
 * Opens @path. What is no regular file but can be read (a pipe) is read once into a memfd of at
 * most @max bytes, 4 GiB at that. Directories, devices and empty files are errors, worded to follow
 * "kernel 'PATH': ".
 */
int image_open(const char *path, uint64_t max, struct image *ret, struct error **errp) __must_check;
/* The regular file that @fd is, which stays the caller's. Errors as image_open()'s. */
int image_from_fd(int fd, uint64_t max, struct image *ret, struct error **errp) __must_check;
void image_close(struct image *img); /* NULL-safe fields: accepts a zeroed or closed image */

/* Exactly @len bytes from @off; a shorter file is an error ("has become shorter"). */
int image_read(const struct image *img, uint64_t off, void *buf, size_t len,
	       struct error **errp) __must_check;

/* As much as there is, up to @len. */
int image_head(const struct image *img, uint64_t off, void *buf, size_t len, size_t *ret,
	       struct error **errp) __must_check;

/* Exactly @len bytes from @off straight into guest RAM at @gpa. */
int image_load(const struct image *img, uint64_t off, uint64_t len, struct guest_mem *gm, gpa_t gpa,
	       struct error **errp) __must_check;

#endif
