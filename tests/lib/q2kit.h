/* SPDX-License-Identifier: MIT */
/* q2kit.h: disks of a few MiB for tests: a directory, requests that are waited for, and qemu-img as
 * the second opinion. */
#ifndef TESTS_LIB_Q2KIT_H
#define TESTS_LIB_Q2KIT_H

#include "block/block_internal.h"
#include "block/qcow2.h"
#include "tests/lib/fake.h"
#include "vmm/loop.h"

struct q2kit {
	char dir[64];    /* its own; removed with all that is in it */
	char image[128]; /* DIR/a.qcow2 */
	struct loop *loop;
	struct blk *blk;
};

void q2kit_init(struct q2kit *k);
void q2kit_free(struct q2kit *k);
/* A path in the directory; static, overwritten by the fourth call after this one. */
const char *q2kit_path(const struct q2kit *k, const char *name);

/* Makes the image @path; fails the test if it cannot. */
void q2kit_create(const char *path, const struct qcow2_options *o);
/* The configuration of qcow2 image @path: threads, write-back. */
struct blk_config q2kit_config(const char *path);
void q2kit_open(struct q2kit *k, const struct blk_config *c);
void q2kit_close(struct q2kit *k);
/* 0 or the errno of a request that was waited for. */
int q2kit_do(struct q2kit *k, enum blk_op op, unsigned flags, uint64_t off, void *buf,
	     uint64_t len);

/* Runs a command line in the directory; its exit status. Output goes to DIR/log. */
int q2kit_run(const struct q2kit *k, const char *fmt, ...) __printf(2, 3);
/* What that said; static. */
const char *q2kit_log(const struct q2kit *k);
/* qemu-img check: no errors, and no leaks unless allowed; the test fails otherwise. */
void q2kit_check(const struct q2kit *k, const char *path, bool leaks_ok);
/* qemu-img reads @path as @len bytes at @want. */
void q2kit_compare(const struct q2kit *k, const char *path, const void *want, size_t len);

/* Numbers that are the same each time. */
static inline uint64_t q2kit_rand(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

#endif
