/* SPDX-License-Identifier: MIT */
/* qcow2_header.h: the first cluster of a qcow2 image as a plain struct, checked. */
#ifndef BLOCK_QCOW2_HEADER_H
#define BLOCK_QCOW2_HEADER_H

#include "block/qcow2_format.h"

struct error;

/* What the tables may take in memory; the largest L1 table covers 2 PiB at 64 KiB a cluster. */
#define Q2_L1_BYTES_MAX       (32 * MIB)
#define Q2_RT_BYTES_MAX       (8 * MIB)
#define Q2_SNAPSHOTS_MAX      65536u
#define Q2_SNAPSHOT_BYTES_MAX (16 * MIB)
/* Clusters of the host file: bitmaps have a bit for each. 256 TiB at 64 KiB a cluster. */
#define Q2_CLUSTERS_MAX (UINT64_C(1) << 32)

struct q2_header {
	unsigned version, cluster_bits, refcount_order;
	uint64_t size; /* of the disk, bytes */
	uint64_t l1_off;
	uint32_t l1_cnt;
	uint64_t rt_off;
	uint32_t rt_clusters;
	uint64_t snapshots_off;
	uint32_t snapshot_cnt;
	uint64_t incompat, compat, autoclear;
	enum q2_compression compression;
	char *backing, *backing_format; /* NULL: none, not named */
	/* "Bitmaps extension"; 0: none */
	uint32_t bitmap_cnt;
	uint64_t bitmaps_off, bitmaps_len;
};

/*
 * Checks @buf, the first @len bytes of a file of @file_len bytes: all of the first cluster, or all
 * there is. On error *ret holds nothing. The caller q2_header_free()s *ret. The error says which
 * field is wrong and does not name the file.
 */
int q2_header_parse(const void *buf, size_t len, uint64_t file_len, struct q2_header *ret,
		    struct error **errp) __must_check;
void q2_header_free(struct q2_header *h); /* accepts a zeroed one */

/* Whether @buf starts like a qcow2 image; and the size of its clusters, 0 if it is nonsense. */
bool q2_header_probe(const void *buf, size_t len);
uint64_t q2_header_cluster_size(const void *buf, size_t len);

/* Writes @h with its extensions to @buf (one cluster, zeroed). Fails if a name is too long. */
int q2_header_write(const struct q2_header *h, void *buf, struct error **errp) __must_check;

/* Entries of an L1 table for a disk of @size bytes. */
uint64_t q2_l1_entries(uint64_t size, unsigned cluster_bits);

#endif
