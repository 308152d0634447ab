/* SPDX-License-Identifier: MIT */
/* q2kit.c: see q2kit.h. */
#include "tests/lib/q2kit.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "vmm/error.h"

void q2kit_init(struct q2kit *k)
{
	struct error *err = NULL;

	*k = (struct q2kit){ 0 };
	snprintf(k->dir, sizeof(k->dir), "/tmp/trapeze-q2.XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->image, sizeof(k->image), "%s/a.qcow2", k->dir);
	k->loop = loop_create("test", &err);
	assert_non_null(k->loop);
}

void q2kit_free(struct q2kit *k)
{
	char cmd[128];

	q2kit_close(k);
	loop_destroy(k->loop);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", k->dir);
	assert_int_equal(system(cmd), 0);
}

const char *q2kit_path(const struct q2kit *k, const char *name)
{
	static char buf[4][160];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(buf[n], sizeof(buf[n]), "%s/%s", k->dir, name);
	return buf[n];
}

void q2kit_create(const char *path, const struct qcow2_options *o)
{
	struct error *err = NULL;
	struct blk_file *f = NULL;

	assert_int_equal(file_open(NULL, path, FILE_CREATE, &f, &err), 0);
	if (qcow2_create(f, o, &err) < 0)
		fail_msg("%s", error_msg(err));
	file_close(f);
}

struct blk_config q2kit_config(const char *path)
{
	return (struct blk_config){ .path = (char *)(uintptr_t)path,
				    .format = BLK_FORMAT_QCOW2,
				    .engine = BLK_ENGINE_THREADS };
}

void q2kit_open(struct q2kit *k, const struct blk_config *c)
{
	struct error *err = NULL;

	if (blk_open(c, k->loop, &k->blk, &err) < 0)
		fail_msg("%s", error_msg(err));
}

void q2kit_close(struct q2kit *k)
{
	k->blk = blk_close(k->blk);
}

static int result;

static void done(struct blk_req *r, int err)
{
	(void)r;
	result = err;
}

int q2kit_do(struct q2kit *k, enum blk_op op, unsigned flags, uint64_t off, void *buf, uint64_t len)
{
	struct iovec iov = { buf, len };
	struct blk_req r = { .op = op,
			     .flags = flags,
			     .off = off,
			     .len = len,
			     .iov = &iov,
			     .iov_cnt = buf ? 1 : 0,
			     .done = done };

	result = -1;
	blk_submit(k->blk, &r);
	blk_drain(k->blk);
	assert_int_not_equal(result, -1);
	return result;
}

int q2kit_run(const struct q2kit *k, const char *fmt, ...)
{
	char cmd[1024], all[1400];
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "cd %s && { %s ; } >%s/log 2>&1 </dev/null", k->dir, cmd,
		 k->dir);
	r = system(all);
	return WIFEXITED(r) ? WEXITSTATUS(r) : 255;
}

const char *q2kit_log(const struct q2kit *k)
{
	static char buf[4096];
	FILE *f = fopen(q2kit_path(k, "log"), "re");
	size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	buf[n] = '\0';
	if (f)
		fclose(f);
	return buf;
}

void q2kit_check(const struct q2kit *k, const char *path, bool leaks_ok)
{
	int r = q2kit_run(k, "qemu-img check -f qcow2 %s", path);

	/* qemu-img(1), check: 0 clean, 2 corrupt, 3 leaks */
	if (r && !(r == 3 && leaks_ok))
		fail_msg("qemu-img check %s: %d\n%s", path, r, q2kit_log(k));
}

void q2kit_compare(const struct q2kit *k, const char *path, const void *want, size_t len)
{
	const char *raw = q2kit_path(k, "want.raw");
	FILE *f = fopen(raw, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(want, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	if (q2kit_run(k, "qemu-img compare -f qcow2 -F raw %s %s", path, raw))
		fail_msg("qemu-img compare %s: %s", path, q2kit_log(k));
}
