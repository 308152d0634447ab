/* SPDX-License-Identifier: MIT */
/*
 * qcow2_header.c: the header and its extensions. All of it is somebody else's: every number is
 * checked against every other before anything is read or allocated by it.
 */
#include "block/qcow2_header.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/str.h"

/* The bits we know, for the messages and for the feature name table of images we make. */
static const struct {
	enum q2_feature_type type;
	uint8_t bit;
	const char *name;
} features[] = {
	{ Q2_FEATURE_INCOMPAT, 0, "dirty bit" },
	{ Q2_FEATURE_INCOMPAT, 1, "corrupt bit" },
	{ Q2_FEATURE_INCOMPAT, 2, "external data file" },
	{ Q2_FEATURE_INCOMPAT, 3, "compression type" },
	{ Q2_FEATURE_INCOMPAT, 4, "extended L2 entries" },
	{ Q2_FEATURE_COMPAT, 0, "lazy refcounts" },
	{ Q2_FEATURE_AUTOCLEAR, 0, "bitmaps" },
	{ Q2_FEATURE_AUTOCLEAR, 1, "raw external data" },
};

bool q2_header_probe(const void *buf, size_t len)
{
	q2_be32 magic;

	if (len < sizeof(magic))
		return false;
	memcpy(&magic, buf, sizeof(magic));
	return q2_get32(magic) == QCOW2_MAGIC;
}

uint64_t q2_header_cluster_size(const void *buf, size_t len)
{
	struct q2_disk_header d;
	uint32_t bits;

	if (len < Q2_V2_HEADER)
		return 0;
	memcpy(&d, buf, Q2_V2_HEADER);
	bits = q2_get32(d.cluster_bits);
	if (bits < Q2_CLUSTER_BITS_MIN || bits > Q2_CLUSTER_BITS_MAX)
		return 0;
	return UINT64_C(1) << bits;
}

uint64_t q2_l1_entries(uint64_t size, unsigned cluster_bits)
{
	unsigned shift = cluster_bits + (cluster_bits - 3);

	return (size >> shift) + ((size & ((UINT64_C(1) << shift) - 1)) != 0);
}

void q2_header_free(struct q2_header *h)
{
	free(h->backing);
	free(h->backing_format);
	*h = (struct q2_header){ 0 };
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Under way through the first cluster. */
struct parse {
	const uint8_t *buf;
	size_t len;
	uint64_t file_len, cluster_size;
	struct q2_header *h;
	const uint8_t *names; /* struct q2_disk_feature[] */
	size_t name_cnt;
	bool data_file;
};

static int check_version(struct parse *p, const struct q2_disk_header *d, struct error **errp)
{
	struct q2_header *h = p->h;

	if (!q2_header_probe(p->buf, p->len))
		return err_set(errp, EINVAL,
			       "is no qcow2 image: it does not start with 'QFI\\xfb'");
	if (p->len < Q2_V2_HEADER)
		return err_set(errp, EINVAL, "qcow2 header: the file ends after %zu bytes of it",
			       p->len);
	h->version = q2_get32(d->version);
	if (h->version != 2 && h->version != 3)
		return err_set(errp, ENOTSUP, "qcow2 header: version is %u, not 2 or 3",
			       h->version);
	if (h->version == 3 && p->len < Q2_V3_HEADER)
		return err_set(errp, EINVAL, "qcow2 header: the file ends after %zu bytes of it",
			       p->len);
	h->cluster_bits = q2_get32(d->cluster_bits);
	if (h->cluster_bits < Q2_CLUSTER_BITS_MIN || h->cluster_bits > Q2_CLUSTER_BITS_MAX)
		return err_set(errp, EINVAL,
			       "qcow2 header: cluster_bits is %u; %u to %u are possible",
			       h->cluster_bits, Q2_CLUSTER_BITS_MIN, Q2_CLUSTER_BITS_MAX);
	p->cluster_size = UINT64_C(1) << h->cluster_bits;
	if (p->file_len >> h->cluster_bits > Q2_CLUSTERS_MAX)
		return err_set(errp, EFBIG,
			       "the file has %" PRIu64 " bytes, too many for clusters of %" PRIu64
			       " bytes",
			       p->file_len, p->cluster_size);
	p->len = min_u64(p->len, p->cluster_size);
	return 0;
}

/* Version 3's fields, or what version 2 means. Sets the number of bytes of the header. */
static int read_v3(struct parse *p, const struct q2_disk_header *d, size_t *header_len,
		   struct error **errp)
{
	struct q2_header *h = p->h;

	h->refcount_order = Q2_REFCOUNT_ORDER_USUAL;
	*header_len = Q2_V2_HEADER;
	if (h->version == 2)
		return 0;
	h->incompat = q2_get64(d->incompatible_features);
	h->compat = q2_get64(d->compatible_features);
	h->autoclear = q2_get64(d->autoclear_features);
	h->refcount_order = q2_get32(d->refcount_order);
	*header_len = q2_get32(d->header_length);
	if (h->refcount_order > Q2_REFCOUNT_ORDER_MAX)
		return err_set(errp, EINVAL,
			       "qcow2 header: refcount_order is %u; 0 to %u are possible",
			       h->refcount_order, Q2_REFCOUNT_ORDER_MAX);
	if (*header_len < Q2_V3_HEADER || *header_len > p->len)
		return err_set(errp, EINVAL,
			       "qcow2 header: header_length is %zu; %u to %zu are possible",
			       *header_len, Q2_V3_HEADER, p->len);
	if (*header_len > Q2_V3_HEADER && d->compression_type > Q2_ZSTD)
		return err_set(errp, ENOTSUP,
			       "qcow2 header: compression_type is %u, not 0 (zlib) or 1 (zstd)",
			       d->compression_type);
	if (*header_len > Q2_V3_HEADER)
		h->compression = d->compression_type;
	if (!(h->incompat & Q2_INCOMPAT_COMPRESSION) != (h->compression == Q2_ZLIB))
		return err_set(
			errp, EINVAL,
			"qcow2 header: compression_type is %u, but incompatible bit 3, which "
			"goes with it, is %s",
			h->compression, h->incompat & Q2_INCOMPAT_COMPRESSION ? "set" : "not set");
	return 0;
}

/* @off and @len describe a table: cluster-aligned and inside the file, whose last cluster may be
 * cut. */
static int check_table(const struct parse *p, const char *field, uint64_t off, uint64_t len,
		       uint64_t max, const char *what, struct error **errp)
{
	if (len > max)
		return err_set(errp, EFBIG,
			       "qcow2 header: the %s would have %" PRIu64 " bytes; %" PRIu64
			       " are possible",
			       what, len, max);
	if (!len)
		return 0;
	if (!off || off % p->cluster_size)
		return err_set(errp, EINVAL,
			       "qcow2 header: %s 0x%" PRIx64
			       " is not at a cluster's start (clusters have %" PRIu64 " bytes)",
			       field, off, p->cluster_size);
	if (off > p->file_len || len > align_up(p->file_len, p->cluster_size) - off)
		return err_set(errp, EINVAL,
			       "qcow2 header: %s 0x%" PRIx64 " puts %" PRIu64
			       " bytes of the %s past the end of the file",
			       field, off, len, what);
	return 0;
}

static int read_tables(struct parse *p, const struct q2_disk_header *d, struct error **errp)
{
	struct q2_header *h = p->h;
	int r;

	h->size = q2_get64(d->size);
	h->l1_cnt = q2_get32(d->l1_size);
	h->l1_off = q2_get64(d->l1_table_offset);
	h->rt_off = q2_get64(d->refcount_table_offset);
	h->rt_clusters = q2_get32(d->refcount_table_clusters);
	h->snapshot_cnt = q2_get32(d->nb_snapshots);
	h->snapshots_off = q2_get64(d->snapshots_offset);
	if (h->size > INT64_MAX)
		return err_set(errp, EFBIG, "qcow2 header: size is %" PRIu64 " bytes", h->size);
	if (q2_l1_entries(h->size, h->cluster_bits) > h->l1_cnt)
		return err_set(errp, EINVAL,
			       "qcow2 header: l1_size is %u, too small for a disk of %" PRIu64
			       " bytes, which needs %" PRIu64,
			       h->l1_cnt, h->size, q2_l1_entries(h->size, h->cluster_bits));
	r = check_table(p, "l1_table_offset", h->l1_off, (uint64_t)h->l1_cnt * 8, Q2_L1_BYTES_MAX,
			"L1 table", errp);
	if (r < 0)
		return r;
	if (!h->rt_clusters)
		return err_set(errp, EINVAL, "qcow2 header: refcount_table_clusters is 0");
	r = check_table(p, "refcount_table_offset", h->rt_off,
			(uint64_t)h->rt_clusters << h->cluster_bits,
			max_u64(Q2_RT_BYTES_MAX, p->cluster_size), "refcount table", errp);
	if (r < 0)
		return r;
	if (h->snapshot_cnt > Q2_SNAPSHOTS_MAX)
		return err_set(errp, EFBIG, "qcow2 header: nb_snapshots is %u; %u are possible",
			       h->snapshot_cnt, Q2_SNAPSHOTS_MAX);
	return check_table(p, "snapshots_offset", h->snapshots_off,
			   h->snapshot_cnt * sizeof(struct q2_disk_snapshot), Q2_SNAPSHOT_BYTES_MAX,
			   "snapshot table", errp);
}

static int take_string(const uint8_t *s, size_t len, const char *what, char **ret,
		       struct error **errp)
{
	if (memchr(s, 0, len))
		return err_set(errp, EINVAL, "qcow2 header: there is a NUL in the %s", what);
	free(*ret);
	*ret = strndup((const char *)s, len);
	return *ret ? 0 : err_errno(errp, ENOMEM, "cannot store the %s", what);
}

static int read_bitmaps(struct parse *p, const uint8_t *data, size_t len, struct error **errp)
{
	struct q2_disk_bitmaps b;
	struct q2_header *h = p->h;

	/* "If the bit is unset, the bitmaps extension data must be considered inconsistent." */
	if (!(h->autoclear & Q2_AUTOCLEAR_BITMAPS))
		return 0;
	if (len != sizeof(b))
		return err_set(errp, EINVAL, "qcow2 header: a bitmaps extension of %zu bytes", len);
	memcpy(&b, data, sizeof(b));
	h->bitmap_cnt = q2_get32(b.nb_bitmaps);
	h->bitmaps_off = q2_get64(b.directory_offset);
	h->bitmaps_len = q2_get64(b.directory_size);
	return check_table(p, "bitmap_directory_offset", h->bitmaps_off, h->bitmaps_len,
			   Q2_SNAPSHOT_BYTES_MAX, "bitmap directory", errp);
}

static int read_extension(struct parse *p, uint32_t type, const uint8_t *data, size_t len,
			  struct error **errp)
{
	switch (type) {
	case Q2_EXT_BACKING:
		return take_string(data, len, "backing format", &p->h->backing_format, errp);
	case Q2_EXT_FEATURE_NAMES:
		p->names = data;
		p->name_cnt = len / sizeof(struct q2_disk_feature);
		return 0;
	case Q2_EXT_BITMAPS:
		return read_bitmaps(p, data, len, errp);
	case Q2_EXT_DATA_FILE:
		p->data_file = true;
		return 0;
	default:
		return 0; /* "Other: unknown header extension, can be safely ignored" */
	}
}

static int read_extensions(struct parse *p, size_t at, struct error **errp)
{
	while (p->len - at >= 8) {
		uint32_t head[2];
		uint64_t type, len;
		int r;

		memcpy(head, p->buf + at, sizeof(head));
		type = be32toh(head[0]);
		len = be32toh(head[1]);
		at += 8;
		if (type == Q2_EXT_END)
			return 0;
		if (len > p->len - at)
			return err_set(errp, EINVAL,
				       "qcow2 header: the extension 0x%08" PRIx64 " has %" PRIu64
				       " bytes, more than the first cluster has left",
				       type, len);
		r = read_extension(p, (uint32_t)type, p->buf + at, (size_t)len, errp);
		if (r < 0)
			return r;
		at += (size_t)min_u64(align_up(len, 8), p->len - at);
	}
	return 0;
}

static int read_backing(struct parse *p, const struct q2_disk_header *d, size_t header_len,
			struct error **errp)
{
	uint64_t off = q2_get64(d->backing_file_offset);
	uint32_t len = q2_get32(d->backing_file_size);

	/* "0 if the image doesn't have a backing file." */
	if (!off)
		return 0;
	if (len > Q2_BACKING_NAME_MAX)
		return err_set(errp, EINVAL,
			       "qcow2 header: backing_file_size is %u; %u is the most", len,
			       Q2_BACKING_NAME_MAX);
	if (off < header_len || off > p->len || len > p->len - off)
		return err_set(errp, EINVAL,
			       "qcow2 header: backing_file_offset 0x%" PRIx64
			       " and backing_file_size %u reach outside of the first cluster",
			       off, len);
	return len ? take_string(p->buf + off, len, "backing file's name", &p->h->backing, errp)
		   : 0;
}

/* Adds the name of an incompatible bit: the image's own word for it first. */
static void name_bit(const struct parse *p, unsigned bit, struct str *all)
{
	char name[sizeof(((struct q2_disk_feature *)0)->name) + 1] = "";

	for (size_t i = 0; i < p->name_cnt && !name[0]; i++) {
		struct q2_disk_feature f;

		memcpy(&f, p->names + i * sizeof(f), sizeof(f));
		if (f.type == Q2_FEATURE_INCOMPAT && f.bit == bit)
			memcpy(name, f.name, sizeof(f.name));
	}
	for (size_t i = 0; i < ARRAY_LEN(features) && !name[0]; i++) {
		if (features[i].type == Q2_FEATURE_INCOMPAT && features[i].bit == bit)
			strcpy(name, features[i].name); /* NOLINT: all are short */
	}
	str_add(all, "%s%s%s%sincompatible bit %u%s", all->len ? ", " : "", name[0] ? "'" : "",
		name, name[0] ? "' (" : "", bit, name[0] ? ")" : "");
}

static int check_features(const struct parse *p, const struct q2_disk_header *d,
			  struct error **errp)
{
	uint64_t unknown = p->h->incompat & ~Q2_INCOMPAT_KNOWN;
	_cleanup_(str_free) struct str all = { 0 };
	uint32_t crypt = q2_get32(d->crypt_method);

	for (unsigned bit = 0; bit < 64; bit++) {
		if (unknown >> bit & 1)
			name_bit(p, bit, &all);
	}
	if (unknown) {
		err_set(errp, ENOTSUP, "the image needs what is not supported here: %s",
			all.s ? all.s : "incompatible features");
		err_hint(errp, "'qemu-img convert -O qcow2' makes an image without it");
		return -ENOTSUP;
	}
	if (p->data_file)
		return err_set(errp, ENOTSUP,
			       "qcow2 header: it names an external data file without "
			       "incompatible bit 2");
	if (crypt)
		return err_set(errp, ENOTSUP,
			       "the image is encrypted (crypt_method %u, %s), which is not "
			       "supported here",
			       crypt,
			       crypt == 1   ? "AES"
			       : crypt == 2 ? "LUKS"
					    : "unknown");
	return 0;
}

static int parse_all(struct parse *p, struct error **errp)
{
	struct q2_disk_header d = { 0 };
	size_t header_len = 0;
	int r;

	memcpy(&d, p->buf, min_u64(p->len, sizeof(d)));
	r = check_version(p, &d, errp);
	if (r < 0)
		return r;
	r = read_v3(p, &d, &header_len, errp);
	if (r < 0)
		return r;
	/* Extensions first: they have the names for the bits. */
	r = read_extensions(p, header_len, errp);
	if (r < 0)
		return r;
	r = check_features(p, &d, errp);
	if (r < 0)
		return r;
	r = read_tables(p, &d, errp);
	if (r < 0)
		return r;
	return read_backing(p, &d, header_len, errp);
}

int q2_header_parse(const void *buf, size_t len, uint64_t file_len, struct q2_header *ret,
		    struct error **errp)
{
	struct q2_header h = { 0 };
	struct parse p = { .buf = buf, .len = len, .file_len = file_len, .h = &h };
	int r = parse_all(&p, errp);

	if (r < 0) {
		q2_header_free(&h);
		return r;
	}
	*ret = h;
	return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static size_t put_extension(uint8_t *buf, size_t at, uint32_t type, const void *data, size_t len)
{
	q2_be32 head[2] = { q2_put32(type), q2_put32((uint32_t)len) };

	memcpy(buf + at, head, sizeof(head));
	if (len)
		memcpy(buf + at + sizeof(head), data, len);
	return at + sizeof(head) + align_up(len, 8);
}

static size_t put_feature_names(uint8_t *buf, size_t at)
{
	struct q2_disk_feature f[ARRAY_LEN(features)] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		f[i].type = (uint8_t)features[i].type;
		f[i].bit = features[i].bit;
		memcpy(f[i].name, features[i].name, strlen(features[i].name));
	}
	return put_extension(buf, at, Q2_EXT_FEATURE_NAMES, f, sizeof(f));
}

int q2_header_write(const struct q2_header *h, void *buf, struct error **errp)
{
	const size_t cluster_size = (size_t)1 << h->cluster_bits;
	const size_t backing_len = h->backing ? strlen(h->backing) : 0;
	const size_t format_len = h->backing_format ? strlen(h->backing_format) : 0;
	size_t at = h->version == 2 ? Q2_V2_HEADER : sizeof(struct q2_disk_header);
	/* The names of features are a courtesy: small clusters have no room for them. */
	bool names = h->version == 3 && cluster_size >= 4096;
	struct q2_disk_header d = {
		.magic = q2_put32(QCOW2_MAGIC),
		.version = q2_put32(h->version),
		.cluster_bits = q2_put32(h->cluster_bits),
		.size = q2_put64(h->size),
		.l1_size = q2_put32(h->l1_cnt),
		.l1_table_offset = q2_put64(h->l1_off),
		.refcount_table_offset = q2_put64(h->rt_off),
		.refcount_table_clusters = q2_put32(h->rt_clusters),
		.incompatible_features = q2_put64(h->incompat),
		.compatible_features = q2_put64(h->compat),
		.refcount_order = q2_put32(h->refcount_order),
		.header_length = q2_put32(sizeof(d)),
		.compression_type = (uint8_t)h->compression,
	};
	size_t need = at + 8 + (format_len ? 8 + align_up(format_len, 8) : 0) +
		      (names ? 8 + ARRAY_LEN(features) * sizeof(struct q2_disk_feature) : 0) +
		      backing_len;

	if (backing_len > Q2_BACKING_NAME_MAX || need > cluster_size)
		return err_set(errp, ENAMETOOLONG,
			       "the backing file's name has %zu bytes: too long for a qcow2 header "
			       "in a cluster of %zu bytes",
			       backing_len, cluster_size);
	if (format_len)
		at = put_extension(buf, at, Q2_EXT_BACKING, h->backing_format, format_len);
	if (names)
		at = put_feature_names(buf, at);
	at = put_extension(buf, at, Q2_EXT_END, NULL, 0);
	if (backing_len) {
		d.backing_file_offset = q2_put64(at);
		d.backing_file_size = q2_put32((uint32_t)backing_len);
		memcpy((uint8_t *)buf + at, h->backing, backing_len);
	}
	memcpy(buf, &d, h->version == 2 ? Q2_V2_HEADER : sizeof(d));
	return 0;
}
