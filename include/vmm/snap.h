/* SPDX-License-Identifier: MIT */
/*
 * snap.h: device state as tables of named, typed, versioned fields.
 *
 * On disk: magic, format, arch, then sections {device id, version, len, crc32c}; a section is a
 * list of {name, type, count, little-endian payload}. Order-free; an unknown or missing name is a
 * readable error. A field is known by its name and its version span: a table may hold one name
 * twice with spans that do not meet, where a field has changed its type.
 */
#ifndef VMM_SNAP_H
#define VMM_SNAP_H

#include "vmm/base.h"

struct error;

enum snap_type { SNAP_U8, SNAP_U16, SNAP_U32, SNAP_U64, SNAP_BOOL, SNAP_BAD };

struct snap_field {
	const char *name;
	uint32_t off, count;
	uint8_t type, size;
	/*
	 * Present in versions [since, gone). Loading a version before @since leaves the field
	 * untouched, i.e. at its reset value. One with @gone <= the current version is no longer
	 * saved, but still loaded from files that old: post_load makes today's fields from it.
	 */
	uint16_t since, gone;
	uint16_t flags; /* SNAP_ELSEWHERE */
};

/* Another lock's than the device's: to be read while the machine stands still, and not before. */
#define SNAP_ELSEWHERE 1u

struct snap_desc {
	uint16_t version, min_version;
	const struct snap_field *f;
	unsigned n;
	/* Brings copies of derived state up to date. snap_save() promises a const state and casts
	 * that away here: write nothing the guest or another thread could tell. */
	void (*pre_save)(void *s);
	/* Validates: a snapshot is hostile input. Indices, counts and enums are checked as if the
	 * guest had written them. Runs after the fields are in place; @version is the file's. */
	int (*post_load)(void *s, unsigned version, struct error **errp);
};

/* clang-format off */
#define SNAP_TYPE(x)                                                                               \
	_Generic((x), uint8_t: SNAP_U8, uint16_t: SNAP_U16, uint32_t: SNAP_U32,                    \
		 uint64_t: SNAP_U64, bool: SNAP_BOOL, default: SNAP_BAD)
#define SNAP_OK(x)                                                                                 \
	(0 * sizeof(struct {                                                                       \
		 _Static_assert(SNAP_TYPE(x) != SNAP_BAD, "unserialisable field type");            \
		 int z;                                                                            \
	 }))
#define SNAP_MEMBER(S, m) (((S *)0)->m)

/* Field @m of struct @S, present since version @v; and the same for an array. */
#define SNAP(S, m, v)                                                                              \
	{ #m, (uint32_t)(offsetof(S, m) + SNAP_OK(SNAP_MEMBER(S, m))), 1,                          \
	  SNAP_TYPE(SNAP_MEMBER(S, m)), sizeof(SNAP_MEMBER(S, m)), (v), UINT16_MAX, 0 }
#define SNAP_ARR(S, m, v)                                                                          \
	{ #m, (uint32_t)(offsetof(S, m) + SNAP_OK(SNAP_MEMBER(S, m)[0])),                          \
	  sizeof(SNAP_MEMBER(S, m)) / sizeof(SNAP_MEMBER(S, m)[0]),                                \
	  SNAP_TYPE(SNAP_MEMBER(S, m)[0]), sizeof(SNAP_MEMBER(S, m)[0]), (v), UINT16_MAX, 0 }
/* clang-format on */

/* For those who look at state: the value of element @i of field @f of @s. */
uint64_t snap_value(const struct snap_field *f, const void *s, uint32_t i);
/* Is the field one of the version that runs, and not only of older files? */
bool snap_field_is_current(const struct snap_desc *d, const struct snap_field *f);

struct snap_writer;
struct snap_reader;

/* A writer into memory that grows; NULL if there is no memory. Single-threaded, as all of this. */
struct snap_writer *snap_writer_new(void);
/* Hands out the bytes (the caller frees) and frees the writer, also on failure (-ENOMEM). */
int snap_writer_finish(struct snap_writer *w, uint8_t **ret, size_t *ret_len,
		       struct error **errp) __must_check;
struct snap_writer *snap_writer_free(struct snap_writer *w); /* NULL-safe, returns NULL */

/* Checks the whole blob (magic, lengths, names, checksums, ids used twice) before anything is used.
 * Borrows @buf until freed. */
int snap_reader_new(const uint8_t *buf, size_t len, struct snap_reader **ret,
		    struct error **errp) __must_check;
struct snap_reader *snap_reader_free(struct snap_reader *r); /* NULL-safe, returns NULL */

/* When all devices are loaded: -ENOENT naming a device of the snapshot that nobody asked for. */
int snap_reader_check_used(const struct snap_reader *r, struct error **errp) __must_check;

/* Saves the fields of @s, the state of instance @id, as @d describes. VM paused. */
int snap_save(struct snap_writer *w, const char *id, const struct snap_desc *d, const void *s,
	      struct error **errp) __must_check;

/*
 * Restores the fields of @s. VM paused; @s has just been reset. Until everything is known to fit,
 * @s is untouched; only when post_load itself fails has @s been written and is not to be used
 * before its next reset.
 */
int snap_load(struct snap_reader *r, const char *id, const struct snap_desc *d, void *s,
	      struct error **errp) __must_check;

#endif
