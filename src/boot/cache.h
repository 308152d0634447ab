/* SPDX-License-Identifier: MIT */
/*
 * cache.h: unpacked payloads, kept by content. A cache is a directory of ours (0700) with a secret
 * (0600, 16 random bytes) that keys the hash which names the entries. A cache never causes an
 * error: what cannot be used is as if it were not there, and said at debug level.
 *
 * An entry is the unpacked file followed by a trailer that says which it is and how long; it
 * appears under its name by rename only.
 */
#ifndef BOOT_CACHE_H
#define BOOT_CACHE_H

#include "boot/image.h"
#include "vmm/siphash.h"

#define CACHE_MAX_ENTRIES 8
#define CACHE_MAX_BYTES   GIB

struct cache {
	int dir; /* -1: no usable cache */
	struct siphash_key secret;
};

/* Opens the cache at @path, making the directory (and its parents) and the secret if missing. */
void cache_open(struct cache *c, const char *path);
void cache_close(struct cache *c);

/*
 * The name of @len bytes at @off of @img: a keyed hash of them, remembered for the file's identity
 * (inode, size, times). False: they cannot be read.
 */
bool cache_key(const struct cache *c, const struct image *img, uint64_t off, uint64_t len,
	       struct siphash_tag *ret);

/* The same without reading them: only if the file's identity is remembered. */
bool cache_known_key(const struct cache *c, const struct image *img, uint64_t off, uint64_t len,
		     struct siphash_tag *ret);

/* Opens the entry for @key; ret->size is the unpacked size. False: not there. */
bool cache_get(struct cache *c, const struct siphash_tag *key, struct image *ret);

/* An entry turned out to be unusable. */
void cache_drop(struct cache *c, const struct siphash_tag *key);

/* An entry being made. */
struct cache_writer {
	struct cache *c; /* NULL: given up, or never begun */
	struct siphash_tag key;
	int fd;
	uint64_t len;
	char tmp[40];
};

void cache_begin(struct cache_writer *w, struct cache *c, const struct siphash_tag *key);
void cache_put(struct cache_writer *w, const void *p, size_t len);
/* Publishes the entry and evicts old ones; *ret is then the entry. False: there is none. */
bool cache_commit(struct cache_writer *w, struct image *ret);
void cache_abort(struct cache_writer *w); /* NULL-safe fields; no-op after cache_commit() */

#endif
