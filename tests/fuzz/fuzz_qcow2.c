/* SPDX-License-Identifier: MIT */
/*
 * fuzz_qcow2.c: an image and what a guest does to it (libFuzzer).
 *
 * The input is the start of a file, then operations: its last two bytes say how many bytes these
 * have. The file is opened for reading, checked, opened for writing, repaired, and opened again:
 * no memory error, no request without an end, and what a repair has made right is right.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "block/block_internal.h"
#include "block/qcow2.h"
#include "tests/fuzz/fuzz.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/loop.h"

#define MAX_IO (96 * KIB)

static uint8_t buf[MAX_IO];
static struct loop *loop;

static void done(struct blk_req *r, int err)
{
	(void)err;
	r->blk = NULL;
}

static void io(struct blk *b, const uint8_t op[8])
{
	struct blk_info info = blk_info(b);
	uint64_t sectors = info.size / 512,
		 n = 1 + (op[1] | (uint64_t)(op[2] & 1) << 8) % (MAX_IO / 512);
	uint64_t at = (op[3] | (uint64_t)op[4] << 8 | (uint64_t)op[5] << 16) << (op[6] % 16);
	struct iovec iov = { buf, 0 };
	struct blk_req r = { .op = (enum blk_op)(op[0] % 5), .flags = op[7] & 3, .done = done };

	if (!sectors)
		return;
	r.off = at % sectors * 512;
	r.len = iov.iov_len = min_u64(n * 512, info.size - r.off);
	if (r.op <= BLK_WRITE) {
		r.iov = &iov;
		r.iov_cnt = 1;
	}
	memset(buf, op[7], r.op == BLK_WRITE ? r.len : 0);
	blk_submit(b, &r);
	blk_drain(b);
	if (r.blk)
		__builtin_trap(); /* a request without an end */
}

static void use(const char *path, bool readonly, const uint8_t *ops, size_t cnt)
{
	struct blk_config c = { .path = (char *)(uintptr_t)path,
				.format = BLK_FORMAT_QCOW2,
				.engine = BLK_ENGINE_THREADS,
				.readonly = readonly };
	struct error *err = NULL;
	struct blk *b = NULL;

	if (blk_open(&c, loop, &b, &err) < 0) {
		if (!error_msg(err)[0])
			__builtin_trap();
		error_free(err);
		return;
	}
	for (size_t i = 0; i + 8 <= cnt && i < 64 * 8; i += 8)
		io(b, ops + i);
	blk_close(b);
}

static void check(const char *path, enum qcow2_repair repair, struct qcow2_result *res, int *ret)
{
	struct error *err = NULL;
	struct blk_file *f = NULL;

	*ret = file_open(NULL, path, repair ? 0 : FILE_READONLY, &f, &err);
	if (!*ret)
		*ret = qcow2_check(f, repair, NULL, NULL, res, &err);
	file_close(f);
	error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct qcow2_result res = { 0 };
	struct error *err = NULL;
	char path[64];
	size_t ops;
	int fd, r;

	if (len < 2)
		return -1;
	if (!loop) {
		log_set_level(LOG_ERR);
		log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
		loop = loop_create("fuzz", &err);
	}
	ops = data[len - 1] | (size_t)data[len - 2] << 8;
	len -= 2;
	ops = min_u64(ops, len);
	len -= ops;
	fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0 || (len && write(fd, data, len) != (ssize_t)len))
		__builtin_trap();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	use(path, true, data + len, ops);
	check(path, QCOW2_REPAIR_NONE, &res, &r);
	use(path, false, data + len, ops);
	check(path, QCOW2_REPAIR_ALL, &res, &r);
	/* What a repair has made right, is right. */
	if (!r && res.corruptions == res.corruptions_fixed && res.leaks == res.leaks_fixed) {
		check(path, QCOW2_REPAIR_NONE, &res, &r);
		if (r || res.corruptions || res.leaks)
			__builtin_trap();
	}
	use(path, false, data + len, ops);
	close(fd);
	return 0;
}
