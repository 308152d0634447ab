/* SPDX-License-Identifier: MIT */
/* test_cache.c: what is kept is found again; what is not to be trusted is not. */
#include "boot/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/lib/bootkit.h"

struct fx {
	struct kit *k;
	char dir[128];
	struct cache c;
	struct image img;
};

static void open_fx(struct fx *f, void **state)
{
	struct error *e = NULL;

	f->k = *state;
	snprintf(f->dir, sizeof(f->dir), "%s/a/b/cache", f->k->dir);
	cache_open(&f->c, f->dir);
	assert_int_equal(image_open(kit_file(f->k, "kernel", "..payload..", 11), GIB, &f->img, &e),
			 0);
}

static void close_fx(struct fx *f)
{
	image_close(&f->img);
	cache_close(&f->c);
}

static unsigned count(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d))
		n += strncmp(de->d_name, prefix, strlen(prefix)) == 0;
	if (d)
		closedir(d);
	return n;
}

static bool store(struct cache *c, const struct siphash_tag *key, const void *p, size_t len)
{
	struct cache_writer w;
	struct image img = { .fd = -1 };
	bool ok;

	cache_begin(&w, c, key);
	cache_put(&w, p, len);
	ok = cache_commit(&w, &img);
	if (ok)
		assert_int_equal(img.size, len);
	image_close(&img);
	cache_abort(&w);
	return ok;
}

static const char *entry_path(struct fx *f, const struct siphash_tag *key)
{
	static char path[256];
	int n = snprintf(path, sizeof(path), "%s/vmlinux-", f->dir);

	for (unsigned i = 0; i < 16; i++)
		n += snprintf(path + n, 3, "%02x", key->b[i]);
	return path;
}

static void kept_and_found(void **state)
{
	struct siphash_tag key, again;
	struct image got;
	struct stat st;
	struct error *e = NULL;
	char text[8];
	struct fx f;

	open_fx(&f, state);
	assert_true(f.c.dir >= 0);
	assert_int_equal(stat(f.dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(cache_key(&f.c, &f.img, 2, 7, &key));
	assert_false(cache_get(&f.c, &key, &got));
	assert_true(store(&f.c, &key, "unpacked", 8));
	assert_int_equal(count(f.dir, "tmp-"), 0);
	assert_true(cache_get(&f.c, &key, &got));
	assert_int_equal(got.size, 8); /* the trailer is not part of it */
	assert_int_equal(image_read(&got, 0, text, 8, &e), 0);
	assert_memory_equal(text, "unpacked", 8);
	image_close(&got);

	/* The same content has the same name in a cache opened again: the secret is kept. */
	cache_close(&f.c);
	cache_open(&f.c, f.dir);
	assert_true(cache_key(&f.c, &f.img, 2, 7, &again));
	assert_memory_equal(key.b, again.b, 16);
	assert_true(cache_key(&f.c, &f.img, 2, 8, &again));
	assert_memory_not_equal(key.b, again.b, 16);
	cache_drop(&f.c, &key);
	assert_false(cache_get(&f.c, &key, &got));
	close_fx(&f);
}

/* Two caches name the same content differently: names cannot be prepared. */
static void secret_differs(void **state)
{
	struct siphash_tag a, b;
	struct cache other;
	char dir[128];
	struct stat st;
	struct fx f;

	open_fx(&f, state);
	snprintf(dir, sizeof(dir), "%s/other", f.k->dir);
	cache_open(&other, dir);
	assert_true(cache_key(&f.c, &f.img, 0, 11, &a));
	assert_true(cache_key(&other, &f.img, 0, 11, &b));
	assert_memory_not_equal(a.b, b.b, 16);
	cache_close(&other);
	strcat(dir, "/secret");
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 16);
	close_fx(&f);
}

static void untrusted_entries(void **state)
{
	struct siphash_tag key;
	struct image got;
	struct fx f;
	char link_to[300];

	open_fx(&f, state);
	assert_true(cache_key(&f.c, &f.img, 0, 11, &key));
	assert_true(store(&f.c, &key, "unpacked", 8));
	assert_int_equal(chmod(entry_path(&f, &key), 0666), 0);
	assert_false(cache_get(&f.c, &key, &got));
	assert_int_equal(chmod(entry_path(&f, &key), 0600), 0);
	assert_true(cache_get(&f.c, &key, &got));
	image_close(&got);

	assert_int_equal(truncate(entry_path(&f, &key), 20), 0); /* shorter than a trailer */
	assert_false(cache_get(&f.c, &key, &got));
	assert_true(store(&f.c, &key, "unpacked", 8));
	assert_int_equal(truncate(entry_path(&f, &key), 8 + 47), 0); /* the trailer is cut */
	assert_false(cache_get(&f.c, &key, &got));
	assert_int_equal(truncate(entry_path(&f, &key), 8 + 48), 0);
	assert_false(cache_get(&f.c, &key, &got));

	/* A symbolic link, though to a good entry. */
	assert_true(store(&f.c, &key, "unpacked", 8));
	snprintf(link_to, sizeof(link_to), "%s/elsewhere", f.k->dir);
	assert_int_equal(rename(entry_path(&f, &key), link_to), 0);
	assert_int_equal(symlink(link_to, entry_path(&f, &key)), 0);
	assert_false(cache_get(&f.c, &key, &got));
	unlink(entry_path(&f, &key));

	/* A FIFO must not block, a directory must not confuse. */
	assert_int_equal(mkfifo(entry_path(&f, &key), 0600), 0);
	assert_false(cache_get(&f.c, &key, &got));
	unlink(entry_path(&f, &key));
	assert_int_equal(mkdir(entry_path(&f, &key), 0700), 0);
	assert_false(cache_get(&f.c, &key, &got));
	close_fx(&f);
}

static void entry_of_another_name(void **state)
{
	struct siphash_tag a, b;
	struct image got;
	char from[300];
	struct fx f;

	open_fx(&f, state);
	assert_true(cache_key(&f.c, &f.img, 0, 11, &a));
	assert_true(cache_key(&f.c, &f.img, 0, 10, &b));
	assert_true(store(&f.c, &a, "unpacked", 8));
	strcpy(from, entry_path(&f, &a));
	assert_int_equal(rename(from, entry_path(&f, &b)), 0);
	assert_false(cache_get(&f.c, &b, &got));
	close_fx(&f);
}

static void unusable_directories(void **state)
{
	struct kit *k = *state;
	struct cache c;
	char dir[128];

	cache_open(&c, kit_file(k, "file", "x", 1));
	assert_int_equal(c.dir, -1);
	cache_open(&c, "/proc/1/trapeze/cache");
	assert_int_equal(c.dir, -1);
	cache_open(&c, "");
	assert_int_equal(c.dir, -1);
	snprintf(dir, sizeof(dir), "%s/shared", k->dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	cache_open(&c, dir);
	assert_int_equal(c.dir, -1);
	/* a secret that others can read is none */
	assert_int_equal(chmod(dir, 0700), 0);
	cache_open(&c, dir);
	assert_true(c.dir >= 0);
	cache_close(&c);
	strcat(dir, "/secret");
	assert_int_equal(chmod(dir, 0644), 0);
	*strrchr(dir, '/') = '\0';
	cache_open(&c, dir);
	assert_int_equal(c.dir, -1);
}

static void bounded(void **state)
{
	struct siphash_tag key[CACHE_MAX_ENTRIES + 4];
	struct image got;
	struct fx f;

	open_fx(&f, state);
	for (unsigned i = 0; i < ARRAY_LEN(key); i++) {
		struct timespec t[2] = { { .tv_sec = 1000 + i }, { .tv_sec = 1000 + i } };

		memset(key[i].b, (int)i + 1, 16);
		assert_true(store(&f.c, &key[i], "unpacked", 8));
		/* The newest is the one just made: date it so that the next is newer. */
		assert_int_equal(utimensat(AT_FDCWD, entry_path(&f, &key[i]), t, 0), 0);
		if (i == 5) { /* using the first makes it new */
			assert_true(cache_get(&f.c, &key[0], &got));
			image_close(&got);
		}
	}
	assert_int_equal(count(f.dir, "vmlinux-"), CACHE_MAX_ENTRIES);
	assert_true(cache_get(&f.c, &key[0], &got));
	image_close(&got);
	assert_false(cache_get(&f.c, &key[1], &got));
	assert_true(cache_get(&f.c, &key[ARRAY_LEN(key) - 1], &got));
	image_close(&got);
	close_fx(&f);
}

/* What a killed process left goes after an hour, not before. */
static void stale_temporaries(void **state)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct siphash_tag key = { { 1 } };
	char path[160];
	struct fx f;

	open_fx(&f, state);
	for (unsigned i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/tmp-%u", f.dir, i);
		fd = open(path, O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_true(store(&f.c, &key, "unpacked", 8));
	assert_int_equal(count(f.dir, "tmp-"), 1);
	close_fx(&f);
}

static void too_big_a_file_is_given_up(void **state)
{
	struct rlimit old, lim;
	struct siphash_tag key = { { 1 } };
	static const char data[10000];
	struct fx f;

	open_fx(&f, state);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	lim = (struct rlimit){ 10020, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0); /* data fits, the trailer does not */
	assert_false(store(&f.c, &key, data, sizeof(data)));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(count(f.dir, "tmp-"), 0);
	assert_int_equal(count(f.dir, "vmlinux-"), 0);
	assert_true(store(&f.c, &key, data, sizeof(data)));
	close_fx(&f);
}

/* Content names are remembered for a file that has been at rest,
 * and only for the very same file. */
static void remembered_names(void **state)
{
	struct siphash_tag a, b;
	struct error *e = NULL;
	struct image img;
	struct fx f;
	const char *path;

	open_fx(&f, state);
	assert_true(cache_key(&f.c, &f.img, 0, 11, &a));
	assert_int_equal(count(f.dir, "stat-"), 0); /* changed a moment ago */

	path = "/proc/self/exe"; /* a file that nobody changes */
	assert_int_equal(image_open(path, GIB, &img, &e), 0);
	usleep(1);
	for (unsigned tries = 0; tries < 50 && !count(f.dir, "stat-"); tries++) {
		assert_true(cache_key(&f.c, &img, 0, 1000, &a));
		usleep(100000);
	}
	assert_int_equal(count(f.dir, "stat-"), 1);
	assert_true(cache_key(&f.c, &img, 0, 1000, &b));
	assert_memory_equal(a.b, b.b, 16);
	assert_true(cache_key(&f.c, &img, 8, 1000, &b));
	assert_memory_not_equal(a.b, b.b, 16);
	image_close(&img);
	close_fx(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept_and_found, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(secret_differs, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(untrusted_entries, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(entry_of_another_name, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(unusable_directories, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(bounded, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(stale_temporaries, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(too_big_a_file_is_given_up, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(remembered_names, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
