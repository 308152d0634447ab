/* SPDX-License-Identifier: MIT */
/*
 * qcow2_format.h: what is on disk, after QEMU's docs/interop/qcow2.txt. All numbers are big-endian.
 */
#ifndef BLOCK_QCOW2_FORMAT_H
#define BLOCK_QCOW2_FORMAT_H

#include <endian.h>
#include <string.h>

#include "vmm/base.h"

#define QCOW2_MAGIC 0x514649fbu /* "QFI\xfb" */

typedef struct {
	uint8_t raw[4];
} q2_be32;
typedef struct {
	uint8_t raw[8];
} q2_be64;

/* "Header". Version 2 ends at 72; what follows is read as if it were zero. */
struct q2_disk_header {
	q2_be32 magic;                   /*   0 */
	q2_be32 version;                 /*   4 */
	q2_be64 backing_file_offset;     /*   8 */
	q2_be32 backing_file_size;       /*  16 */
	q2_be32 cluster_bits;            /*  20 */
	q2_be64 size;                    /*  24 */
	q2_be32 crypt_method;            /*  32 */
	q2_be32 l1_size;                 /*  36 */
	q2_be64 l1_table_offset;         /*  40 */
	q2_be64 refcount_table_offset;   /*  48 */
	q2_be32 refcount_table_clusters; /*  56 */
	q2_be32 nb_snapshots;            /*  60 */
	q2_be64 snapshots_offset;        /*  64 */
	q2_be64 incompatible_features;   /*  72 */
	q2_be64 compatible_features;     /*  80 */
	q2_be64 autoclear_features;      /*  88 */
	q2_be32 refcount_order;          /*  96 */
	q2_be32 header_length;           /* 100 */
	uint8_t compression_type;        /* 104 */
	uint8_t padding[7];
};
_Static_assert(sizeof(struct q2_disk_header) == 112, "qcow2.txt, Header");
_Static_assert(offsetof(struct q2_disk_header, incompatible_features) == 72, "qcow2.txt, Header");
_Static_assert(offsetof(struct q2_disk_header, compression_type) == 104, "qcow2.txt, Header");

#define Q2_V2_HEADER 72u
#define Q2_V3_HEADER 104u

/* "incompatible_features" */
#define Q2_INCOMPAT_DIRTY       UINT64_C(1)
#define Q2_INCOMPAT_CORRUPT     UINT64_C(2)
#define Q2_INCOMPAT_DATA_FILE   UINT64_C(4)
#define Q2_INCOMPAT_COMPRESSION UINT64_C(8)
#define Q2_INCOMPAT_EXTENDED_L2 UINT64_C(16)
#define Q2_INCOMPAT_KNOWN       (Q2_INCOMPAT_DIRTY | Q2_INCOMPAT_CORRUPT | Q2_INCOMPAT_COMPRESSION)
/* "compatible_features" */
#define Q2_COMPAT_LAZY_REFCOUNTS UINT64_C(1)
/* "autoclear_features": a writer that does not keep them up clears them all. */
#define Q2_AUTOCLEAR_BITMAPS UINT64_C(1)

enum q2_compression { Q2_ZLIB, Q2_ZSTD };

/* "Header extensions": type, length, data padded to 8 bytes. */
#define Q2_EXT_END           0u
#define Q2_EXT_BACKING       0xe2792acau
#define Q2_EXT_FEATURE_NAMES 0x6803f857u
#define Q2_EXT_BITMAPS       0x23852875u
#define Q2_EXT_CRYPTO        0x0537be77u
#define Q2_EXT_DATA_FILE     0x44415441u

/* "Feature name table" */
struct q2_disk_feature {
	uint8_t type, bit;
	char name[46];
};
_Static_assert(sizeof(struct q2_disk_feature) == 48, "qcow2.txt, Feature name table");
enum q2_feature_type { Q2_FEATURE_INCOMPAT, Q2_FEATURE_COMPAT, Q2_FEATURE_AUTOCLEAR };

/* "Snapshots": followed by extra data, ID, name; padded to 8 bytes. */
struct q2_disk_snapshot {
	q2_be64 l1_table_offset;
	q2_be32 l1_size;
	uint8_t id_len[2], name_len[2];
	q2_be32 date_sec, date_nsec;
	q2_be64 vm_clock_nsec;
	q2_be32 vm_state_size, extra_data_size;
};
_Static_assert(sizeof(struct q2_disk_snapshot) == 40, "qcow2.txt, Snapshots");

/* "Bitmaps extension" and "Bitmap directory" */
struct q2_disk_bitmaps {
	q2_be32 nb_bitmaps, reserved;
	q2_be64 directory_size, directory_offset;
};
struct q2_disk_bitmap {
	q2_be64 table_offset;
	q2_be32 table_size, flags;
	uint8_t type, granularity_bits, name_len[2];
	q2_be32 extra_data_size;
};
_Static_assert(sizeof(struct q2_disk_bitmap) == 24, "qcow2.txt, Bitmap directory");

/* "Cluster mapping": entries of L1 tables, L2 tables and the refcount table. */
#define Q2_COPIED     (UINT64_C(1) << 63) /* refcount is exactly one */
#define Q2_COMPRESSED (UINT64_C(1) << 62)
#define Q2_ZERO       UINT64_C(1) /* version 3 */
#define Q2_OFFSET     UINT64_C(0x00fffffffffffe00)
#define Q2_L1_KNOWN   (Q2_COPIED | Q2_OFFSET)
#define Q2_L2_KNOWN   (Q2_COPIED | Q2_OFFSET | Q2_ZERO)
#define Q2_RT_KNOWN   UINT64_C(0xfffffffffffffe00)

#define Q2_CLUSTER_BITS_MIN     9u
#define Q2_CLUSTER_BITS_MAX     21u
#define Q2_REFCOUNT_ORDER_MAX   6u
#define Q2_REFCOUNT_ORDER_USUAL 4u
#define Q2_BACKING_NAME_MAX     1023u

/* --- bytes ------------------------------------------------------------------------------------ */

static inline uint32_t q2_get32(q2_be32 v)
{
	uint32_t x;

	memcpy(&x, v.raw, sizeof(x));
	return be32toh(x);
}

static inline uint64_t q2_get64(q2_be64 v)
{
	uint64_t x;

	memcpy(&x, v.raw, sizeof(x));
	return be64toh(x);
}

static inline q2_be32 q2_put32(uint32_t v)
{
	q2_be32 r;

	v = htobe32(v);
	memcpy(r.raw, &v, sizeof(v));
	return r;
}

static inline q2_be64 q2_put64(uint64_t v)
{
	q2_be64 r;

	v = htobe64(v);
	memcpy(r.raw, &v, sizeof(v));
	return r;
}

static inline uint16_t q2_get16(const uint8_t p[2])
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

#endif
