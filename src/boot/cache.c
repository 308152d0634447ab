/* SPDX-License-Identifier: MIT */
/*
 * cache.c: unpacked payloads, kept by content.
 *
 * Trust: the directory and everything in it must belong to the effective user and be writable by
 * nobody else, so an entry can only have been made by a process that may do as much to us anyway.
 * The trailer guards against half-written files after a power failure, not against attackers.
 */
#include "boot/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define SECRET_NAME  "secret"
#define ENTRY_PREFIX "vmlinux-"
#define ALIAS_PREFIX "stat-"
#define TMP_PREFIX   "tmp-"
#define TMP_STALE_S  3600
#define HASH_CHUNK   (16 * 1024)
#define ENTRY_NAME   48 /* prefix, 32 digits, NUL */
#define MAX_ALIASES  32
#define RACY_S       2

/* Trailer of an entry and whole content of an alias: magic, key of the content, unpacked length (0
 * in an alias), its complement. */
#define TRAILER_LEN 48
static const char trailer_magic[16] __nonstring = "trapeze-cache-01";

static bool trusted(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & 022);
}

/* --- directory and secret --------------------------------------------------------------------- */

/* mkdir -p, 0700 as the XDG base directory specification wants it. */
static void make_dirs(const char *path)
{
	char p[PATH_MAX];

	if (!*path || strlen(path) >= sizeof(p))
		return;
	memcpy(p, path, strlen(path) + 1);
	for (char *s = p + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		mkdir(p, 0700); /* a failure shows at the last one */
		*s = '/';
	}
	mkdir(p, 0700);
}

static bool read_secret(struct cache *c)
{
	_cleanup_close_ int fd = openat(c->dir, SECRET_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t b[16];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !trusted(&st) ||
	    (st.st_mode & 044) || read(fd, b, sizeof(b)) != sizeof(b))
		return false;
	c->secret = siphash_key(b);
	return true;
}

static void tmp_name(char buf[40])
{
	uint64_t salt = 0;

	if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) != sizeof(salt))
		salt = (uint64_t)getpid();
	snprintf(buf, 40, TMP_PREFIX "%016" PRIx64, salt);
}

/* Two processes may get here at once: link() lets one win, both then read the winner's. */
static void make_secret(struct cache *c)
{
	_cleanup_close_ int fd = -1;
	uint8_t b[16];
	char tmp[40];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return;
	tmp_name(tmp);
	fd = openat(c->dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write(fd, b, sizeof(b)) == sizeof(b) &&
	    linkat(c->dir, tmp, c->dir, SECRET_NAME, 0) < 0 && errno != EEXIST)
		log_msg(LOG_DBG, "boot", "cannot keep the cache's secret: %s", strerror(errno));
	unlinkat(c->dir, tmp, 0);
}

void cache_open(struct cache *c, const char *path)
{
	_cleanup_close_ int dir = -1;
	struct stat st;

	*c = (struct cache){ .dir = -1 };
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT) {
		make_dirs(path);
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (dir < 0 || fstat(dir, &st) < 0) {
		log_msg(LOG_DBG, "boot", "cache '%s' is not used: %s", path, strerror(errno));
		return;
	}
	if (!trusted(&st)) {
		log_msg(LOG_DBG, "boot",
			"cache '%s' is not used: not ours alone (owner %u, mode %03o)", path,
			(unsigned)st.st_uid, (unsigned)st.st_mode & 0777);
		return;
	}
	c->dir = take_fd(&dir);
	if (read_secret(c))
		return;
	make_secret(c);
	if (!read_secret(c)) {
		log_msg(LOG_DBG, "boot", "cache '%s' is not used: no usable secret", path);
		cache_close(c);
	}
}

void cache_close(struct cache *c)
{
	if (c->dir >= 0)
		close(c->dir);
	c->dir = -1;
}

/* --- names of content ------------------------------------------------------------------------- */

static void file_name(const char *prefix, const struct siphash_tag *key, char name[ENTRY_NAME])
{
	int n = snprintf(name, ENTRY_NAME, "%s", prefix);

	for (unsigned i = 0; i < 16; i++)
		n += snprintf(name + n, (size_t)(ENTRY_NAME - n), "%02x", key->b[i]);
}

static void make_trailer(uint8_t t[TRAILER_LEN], const struct siphash_tag *key, uint64_t len)
{
	memset(t, 0, TRAILER_LEN);
	memcpy(t, trailer_magic, sizeof(trailer_magic));
	memcpy(t + 16, key->b, 16);
	put_le64(t + 32, len);
	put_le64(t + 40, ~len); /* not zero: a tail that was never written reads as zeros */
}

static bool hash_content(const struct cache *c, const struct image *img, uint64_t off, uint64_t len,
			 struct siphash_tag *ret)
{
	uint8_t buf[HASH_CHUNK], total[8];
	struct siphash h;

	siphash_init(&h, c->secret);
	put_le64(total, len);
	siphash_update(&h, total, sizeof(total));
	while (len) {
		size_t n = min_u64(HASH_CHUNK, len);

		if (image_read(img, off, buf, n, NULL) < 0)
			return false;
		siphash_update(&h, buf, n);
		off += n;
		len -= n;
	}
	*ret = siphash_final(&h);
	return true;
}

/*
 * Hashing a kernel costs as much as unpacking a third of it, so the name of a file's content is
 * kept under the file's identity: device, inode, size and both times. The inode's ctime cannot be
 * set, and a change within the grain of that clock is excluded by not keeping the name of a file
 * that changed less than RACY_S seconds ago (make and git trust files in the same way).
 */
static struct siphash_tag identity(const struct cache *c, const struct stat *st, uint64_t off,
				   uint64_t len)
{
	const uint64_t id[] = {
		st->st_dev,
		st->st_ino,
		(uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec,
		off,
		len,
	};
	struct siphash h;

	siphash_init(&h, c->secret);
	siphash_update(&h, id, sizeof(id));
	return siphash_final(&h);
}

static bool read_alias(const struct cache *c, const char *name, struct siphash_tag *ret)
{
	_cleanup_close_ int fd = -1;
	uint8_t want[TRAILER_LEN], have[TRAILER_LEN];
	struct stat st;

	fd = openat(c->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !trusted(&st) ||
	    read(fd, have, sizeof(have)) != sizeof(have))
		return false;
	memcpy(ret->b, have + 16, sizeof(ret->b));
	make_trailer(want, ret, 0);
	return memcmp(want, have, sizeof(want)) == 0;
}

static void write_alias(const struct cache *c, const char *name, const struct siphash_tag *key)
{
	_cleanup_close_ int fd = -1;
	uint8_t t[TRAILER_LEN];
	char tmp[40];

	tmp_name(tmp);
	fd = openat(c->dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	make_trailer(t, key, 0);
	if (write(fd, t, sizeof(t)) != sizeof(t) || renameat(c->dir, tmp, c->dir, name) < 0)
		unlinkat(c->dir, tmp, 0);
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

bool cache_known_key(const struct cache *c, const struct image *img, uint64_t off, uint64_t len,
		     struct siphash_tag *ret)
{
	struct stat st;
	struct siphash_tag id;
	char name[ENTRY_NAME];

	if (fstat(img->fd, &st) < 0)
		return false;
	id = identity(c, &st, off, len);
	file_name(ALIAS_PREFIX, &id, name);
	return read_alias(c, name, ret);
}

bool cache_key(const struct cache *c, const struct image *img, uint64_t off, uint64_t len,
	       struct siphash_tag *ret)
{
	struct stat before, after;
	struct timespec now;
	struct siphash_tag id;
	char name[ENTRY_NAME];

	if (cache_known_key(c, img, off, len, ret))
		return true;
	if (fstat(img->fd, &before) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0 ||
	    !hash_content(c, img, off, len, ret))
		return false;
	if (before.st_ctim.tv_sec + RACY_S < now.tv_sec && fstat(img->fd, &after) == 0 &&
	    unchanged(&before, &after)) {
		id = identity(c, &before, off, len);
		file_name(ALIAS_PREFIX, &id, name);
		write_alias(c, name, ret);
	}
	return true;
}

/* --- entries ---------------------------------------------------------------------------------- */

bool cache_get(struct cache *c, const struct siphash_tag *key, struct image *ret)
{
	uint8_t want[TRAILER_LEN], have[TRAILER_LEN];
	_cleanup_close_ int fd = -1;
	char name[ENTRY_NAME];
	struct image img;
	struct stat st;

	file_name(ENTRY_PREFIX, key, name);
	fd = openat(c->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !trusted(&st) ||
	    st.st_size <= TRAILER_LEN) {
		log_msg(LOG_DBG, "boot", "cache entry '%s' is not used: not a file of ours", name);
		return false;
	}
	img = (struct image){ .fd = fd, .size = (uint64_t)st.st_size };
	make_trailer(want, key, img.size - TRAILER_LEN);
	if (image_read(&img, img.size - TRAILER_LEN, have, TRAILER_LEN, NULL) < 0 ||
	    memcmp(want, have, TRAILER_LEN) != 0) {
		log_msg(LOG_DBG, "boot", "cache entry '%s' is not used: incomplete", name);
		return false;
	}
	futimens(fd, NULL); /* newest stay longest; works on a read-only descriptor of ours */
	*ret = (struct image){ .fd = take_fd(&fd), .size = img.size - TRAILER_LEN };
	return true;
}

void cache_drop(struct cache *c, const struct siphash_tag *key)
{
	char name[ENTRY_NAME];

	file_name(ENTRY_PREFIX, key, name);
	unlinkat(c->dir, name, 0);
}

/* --- eviction --------------------------------------------------------------------------------- */

struct entry {
	char name[ENTRY_NAME];
	struct timespec at;
	uint64_t size;
};

static bool newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* The newest of one kind. */
struct newest {
	struct entry e[MAX_ALIASES]; /* newest first */
	unsigned cnt, max;
};
_Static_assert(MAX_ALIASES >= CACHE_MAX_ENTRIES, "both kinds fit");

/* Keeps @e if it is among the newest; what falls out is deleted. */
static void keep_newest(struct cache *c, struct newest *n, const struct entry *e)
{
	unsigned at = n->cnt;

	while (at > 0 && newer(&e->at, &n->e[at - 1].at))
		at--;
	if (at == n->max) {
		unlinkat(c->dir, e->name, 0);
		return;
	}
	if (n->cnt == n->max)
		unlinkat(c->dir, n->e[--n->cnt].name, 0);
	memmove(&n->e[at + 1], &n->e[at], (n->cnt - at) * sizeof(*e));
	n->e[at] = *e;
	n->cnt++;
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void evict_one(struct cache *c, const char *name, struct newest *entries,
		      struct newest *aliases)
{
	struct entry e = { 0 };
	struct stat st;

	if (strlen(name) >= sizeof(e.name) || fstatat(c->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	memcpy(e.name, name, strlen(name) + 1);
	e.at = st.st_mtim;
	e.size = (uint64_t)st.st_size;
	if (starts_with(name, ENTRY_PREFIX))
		keep_newest(c, entries, &e);
	else if (starts_with(name, ALIAS_PREFIX))
		keep_newest(c, aliases, &e);
	else if (starts_with(name, TMP_PREFIX) && st.st_mtim.tv_sec + TMP_STALE_S < time(NULL))
		unlinkat(c->dir, name, 0); /* left by a process that died */
}

static void evict(struct cache *c)
{
	struct newest entries = { .max = CACHE_MAX_ENTRIES }, aliases = { .max = MAX_ALIASES };
	uint64_t sum = 0;
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *de = readdir(d); de; de = readdir(d))
		evict_one(c, de->d_name, &entries, &aliases);
	closedir(d);
	for (unsigned i = 0; i < entries.cnt; i++) {
		sum += entries.e[i].size;
		if (i > 0 && sum > CACHE_MAX_BYTES)
			unlinkat(c->dir, entries.e[i].name, 0);
	}
}

/* --- writing ---------------------------------------------------------------------------------- */

static void give_up(struct cache_writer *w, int err)
{
	log_msg(LOG_DBG, "boot", "the unpacked kernel is not kept: %s", strerror(err));
	cache_abort(w);
}

void cache_begin(struct cache_writer *w, struct cache *c, const struct siphash_tag *key)
{
	*w = (struct cache_writer){ .c = c, .key = *key, .fd = -1 };
	tmp_name(w->tmp);
	w->fd = openat(c->dir, w->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->fd < 0)
		give_up(w, errno);
}

void cache_put(struct cache_writer *w, const void *data, size_t len)
{
	const uint8_t *p = data;
	struct rlimit lim;

	if (!w->c)
		return;
	/* Beyond this limit write() sends SIGXFSZ. */
	if (getrlimit(RLIMIT_FSIZE, &lim) < 0 || lim.rlim_cur < w->len + len + TRAILER_LEN) {
		give_up(w, EFBIG);
		return;
	}
	while (len) {
		ssize_t n = write(w->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			give_up(w, n < 0 ? errno : ENOSPC);
			return;
		}
		p += n;
		len -= (size_t)n;
		w->len += (uint64_t)n;
	}
}

bool cache_commit(struct cache_writer *w, struct image *ret)
{
	uint64_t len = w->len;
	uint8_t t[TRAILER_LEN];
	char name[ENTRY_NAME];

	make_trailer(t, &w->key, len);
	cache_put(w, t, sizeof(t));
	if (!w->c)
		return false;
	file_name(ENTRY_PREFIX, &w->key, name);
	if (renameat(w->c->dir, w->tmp, w->c->dir, name) < 0) {
		give_up(w, errno);
		return false;
	}
	*ret = (struct image){ .fd = take_fd(&w->fd), .size = len };
	evict(w->c);
	w->c = NULL;
	return true;
}

void cache_abort(struct cache_writer *w)
{
	if (!w->c)
		return;
	unlinkat(w->c->dir, w->tmp, 0);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	w->c = NULL;
}
