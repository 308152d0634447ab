/* SPDX-License-Identifier: MIT */
/* test_image.c: files that are fine, files that are none, files that change under our hands. */
#include "boot/image.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/lib/bootkit.h"

static void refused(const char *path, uint64_t max, int code, const char *says)
{
	struct error *e = NULL;
	struct image img;

	assert_true(image_open(path, max, &img, &e) < 0);
	assert_int_equal(error_code(e), code);
	assert_error(e, says);
}

static void what_cannot_be_an_image(void **state)
{
	struct kit *k = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	refused(k->dir, GIB, EISDIR, "is a directory");
	refused("/nonexistent/kernel", GIB, ENOENT, "cannot open it: No such file");
	refused("/dev/null", GIB, EINVAL, "is a character device");
	refused(kit_file(k, "empty", "", 0), GIB, EINVAL, "is empty");
	refused(kit_file(k, "big", "12345", 5), 4, EFBIG, "the limit is 0 MiB");
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/sock", k->dir);
	assert_int_equal(bind(s, (struct sockaddr *)&sa, sizeof(sa)), 0);
	refused(sa.sun_path, GIB, ENXIO, "cannot open it");
	close(s);
}

/* A sparse file of many GiB is read where it is read, not whole. */
static void sparse_file(void **state)
{
	struct kit *k = *state;
	const char *path = kit_file(k, "sparse", "x", 1);
	struct error *e = NULL;
	struct image img;
	uint8_t b[4];

	assert_int_equal(truncate(path, (off_t)(3 * GIB)), 0);
	refused(path, 2 * GIB, EFBIG, "has 3072 MiB, the limit is 2048 MiB");
	assert_int_equal(image_open(path, 4 * GIB, &img, &e), 0);
	assert_int_equal(image_read(&img, 3 * GIB - 4, b, 4, &e), 0);
	assert_true(image_read(&img, 3 * GIB - 3, b, 4, &e) < 0);
	assert_error(e, "3 of 4 bytes");
	e = NULL;
	assert_true(image_read(&img, UINT64_MAX - 1, b, 4, &e) < 0);
	assert_error(e, "0 of 4 bytes");
	image_close(&img);
	image_close(&img); /* twice is fine */
}

struct feed {
	int fd;
	size_t len;
};

static void *feed(void *arg)
{
	struct feed *f = arg;
	static const char block[1000];

	for (size_t left = f->len; left;) {
		size_t n = left < sizeof(block) ? left : sizeof(block);

		if (write(f->fd, block, n) != (ssize_t)n)
			break;
		left -= n;
	}
	close(f->fd);
	return NULL;
}

static void from_pipe(size_t len, uint64_t max, const char *says)
{
	struct error *e = NULL;
	struct image img;
	pthread_t t;
	char path[32];
	int p[2];
	struct feed f = { .len = len };

	assert_int_equal(pipe(p), 0);
	f.fd = p[1];
	snprintf(path, sizeof(path), "/dev/fd/%d", p[0]);
	assert_int_equal(pthread_create(&t, NULL, feed, &f), 0);
	if (says) {
		assert_true(image_open(path, max, &img, &e) < 0);
		assert_error(e, says);
	} else {
		uint8_t b[10];

		assert_int_equal(image_open(path, max, &img, &e), 0);
		assert_int_equal(img.size, len);
		/* by position and as often as one likes */
		assert_int_equal(image_read(&img, len - 10, b, 10, &e), 0);
		assert_int_equal(image_read(&img, 0, b, 10, &e), 0);
		image_close(&img);
	}
	close(p[0]);
	pthread_join(t, NULL);
}

static void pipes_are_read_once(void **state)
{
	(void)state;
	from_pipe(300000, MIB, NULL);
	from_pipe(300, 300, NULL);
	from_pipe(301, 300, "more than the limit");
	from_pipe(0, 300, "is empty");
}

/* A file that is truncated after it was opened gives an error, no signal and no garbage. */
static void truncation(void **state)
{
	static const char data[8192] = "data";
	struct kit *k = *state;
	const char *path = kit_file(k, "kernel", data, sizeof(data));
	struct error *e = NULL;
	struct image img;

	assert_int_equal(image_open(path, GIB, &img, &e), 0);
	assert_int_equal(image_load(&img, 0, 8192, k->gm, MIB, &e), 0);
	assert_no_error(e);
	assert_int_equal(truncate(path, 5000), 0);
	assert_true(image_load(&img, 0, 8192, k->gm, MIB, &e) < 0);
	assert_error(e, "became shorter while it was read: 5000 of 8192");
	image_close(&img);
}

static void loads_only_into_ram(void **state)
{
	struct kit *k = *state;
	struct error *e = NULL;
	struct image img;

	assert_int_equal(image_open(kit_file(k, "f", "0123456789", 10), GIB, &img, &e), 0);
	assert_int_equal(image_load(&img, 2, 5, k->gm, KIT_RAM - 5, &e), 0);
	assert_int_equal(kit_u32(k, KIT_RAM - 5), 0x35343332);
	assert_true(image_load(&img, 0, 10, k->gm, KIT_RAM - 5, &e) < 0);
	assert_error(e, "is not all RAM");
	image_close(&img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_cannot_be_an_image, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(sparse_file, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(pipes_are_read_once, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(truncation, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(loads_only_into_ram, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
