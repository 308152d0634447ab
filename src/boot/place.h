/* SPDX-License-Identifier: MIT */
/*
 * place.h: where things go in guest RAM. Every loader takes its places here, so that nothing lies
 * outside RAM and no two things overlap.
 */
#ifndef BOOT_PLACE_H
#define BOOT_PLACE_H

#include "vmm/boot.h"

struct error;

#define PLACE_MAX 48

struct place_taken {
	gpa_t base;
	uint64_t len;
	const char *what; /* for the error that says what is in the way */
};

struct place {
	const struct board *board;
	struct place_taken taken[PLACE_MAX]; /* sorted by base */
	unsigned cnt;
	gpa_t scratch, scratch_end; /* what is left of boot_env's scratch */
};

/* Starts with the whole of @env's scratch taken. */
int place_init(struct place *p, const struct boot_env *env, struct error **errp) __must_check;

/* Takes [gpa, gpa+len). @what ("PT_LOAD segment 2") must outlive @p and starts the error's text. */
int place_fixed(struct place *p, gpa_t gpa, uint64_t len, const char *what,
		struct error **errp) __must_check;

/* True if place_fixed() would succeed. */
bool place_is_free(const struct place *p, gpa_t gpa, uint64_t len);

/* The highest place of @len bytes (> 0), @align-ed (power of two), in [min, end). False: none;
 * nothing taken. */
bool place_high(struct place *p, uint64_t len, uint64_t align, gpa_t min, gpa_t end,
		const char *what, gpa_t *ret) __must_check;

/* The lowest one. */
bool place_low(struct place *p, uint64_t len, uint64_t align, gpa_t min, gpa_t end,
	       const char *what, gpa_t *ret) __must_check;

/* The biggest free piece in [min, end), for messages. */
uint64_t place_biggest(const struct place *p, gpa_t min, gpa_t end);

/* @len bytes of scratch, @align-ed. The error names @what. */
int place_scratch(struct place *p, uint64_t len, uint64_t align, const char *what, gpa_t *ret,
		  struct error **errp) __must_check;

#endif
