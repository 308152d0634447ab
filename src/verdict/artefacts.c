/* SPDX-License-Identifier: MIT */
/* artefacts.c: the files of one attempt. */
#include "verdict/artefacts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "verdict/result_json.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define NAME_BYTES 100u
/* Of the same name; a directory with more is one that nobody cleans up. */
#define SAME_NAME 10000u

static const char *const names[ART_CNT] = { "console.log", "stdout", "stderr" };
static const char times_name[] = "console.times.log", log_name[] = "vmm.log";
static const char config_name[] = "config.json", result_name[] = "result.json";

struct stream {
	int fd;
	uint64_t bytes;
	bool stopped; /* at ARTEFACT_MAX, or by an error */
};

struct artefacts {
	char *path;
	int dir, log;
	struct stream streams[ART_CNT], times;
	bool line_open; /* in the file with times */
	int err;        /* the first one */
	const char *err_file;
};

/* --- the directory ---------------------------------------------------------------------------- */

/* mkdir -p. */
static int make_dirs(const char *dir)
{
	char *path = strdup(dir), *p = path;
	int err = 0;

	if (!path)
		return -ENOMEM;
	while (!err && (p = strchr(p + 1, '/'))) {
		*p = '\0';
		if (mkdir(path, 0777) < 0 && errno != EEXIST)
			err = -errno;
		*p = '/';
	}
	if (!err && mkdir(path, 0777) < 0 && errno != EEXIST)
		err = -errno;
	free(path);
	return err;
}

/* "bzImage/smp 2/true #3" -> "bzImage_smp_2_true_3": nothing a shell, a URL or FAT minds. */
static void fit(const char *name, char buf[NAME_BYTES + 1])
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
	size_t n = 0;

	for (; *name && n < NAME_BYTES; name++) {
		if (strchr(good, *name) && !(n == 0 && (*name == '.' || *name == '-')))
			buf[n++] = *name;
		else if (n && buf[n - 1] != '_')
			buf[n++] = '_';
	}
	while (n && buf[n - 1] == '_')
		n--;
	if (!n)
		n = (size_t)sprintf(buf, "test");
	buf[n] = '\0';
}

/* DIR/NAME, DIR/NAME-2 ...: made by us, so that nobody else's files are in it. */
static int make_own_dir(const char *dir, const char *name, char **ret)
{
	char fitting[NAME_BYTES + 1];

	fit(name, fitting);
	for (unsigned i = 1; i <= SAME_NAME; i++) {
		struct str path = { 0 };
		char *s;

		str_add(&path, "%s/%s", dir, fitting);
		if (i > 1)
			str_add(&path, "-%u", i);
		s = str_take(&path);
		if (!s)
			return -ENOMEM;
		if (mkdir(s, 0777) == 0) {
			*ret = s;
			return 0;
		}
		free(s);
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int create(const struct artefacts *a, const char *name)
{
	return openat(a->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		      0666);
}

static int open_all(struct artefacts *a)
{
	a->dir = open(a->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dir < 0)
		return -errno;
	for (int i = 0; i < ART_CNT; i++) {
		a->streams[i].fd = create(a, names[i]);
		if (a->streams[i].fd < 0)
			return -errno;
	}
	a->times.fd = create(a, times_name);
	a->log = create(a, log_name);
	return a->times.fd < 0 || a->log < 0 ? -errno : 0;
}

int artefacts_create(const char *dir, const char *name, struct artefacts **ret, struct error **errp)
{
	struct artefacts *a = calloc(1, sizeof(*a));
	int err = a ? make_dirs(dir) : -ENOMEM;

	if (!a)
		return err_errno(errp, ENOMEM, "keeping the artefacts of '%s'", name);
	a->dir = a->log = a->times.fd = -1;
	for (int i = 0; i < ART_CNT; i++)
		a->streams[i].fd = -1;
	if (!err)
		err = make_own_dir(dir, name, &a->path);
	if (!err && a->path)
		err = open_all(a);
	if (err < 0) {
		artefacts_close(a, false);
		err_errno(errp, -err, "cannot keep the artefacts of '%s' in '%s'", name, dir);
		err_hint(errp, "--dir DIR puts them elsewhere");
		return err;
	}
	*ret = a;
	return 0;
}

const char *artefacts_path(const struct artefacts *a)
{
	return a->path;
}

int artefacts_log_fd(const struct artefacts *a)
{
	return a->log;
}

/* --- what comes in ---------------------------------------------------------------------------- */

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static void note_error(struct artefacts *a, const char *file, int err)
{
	if (err < 0 && !a->err) {
		a->err = err;
		a->err_file = file;
	}
}

static void append(struct artefacts *a, struct stream *s, const char *file, const char *p,
		   size_t len)
{
	static const char full[] = "\n[trapeze: what comes after 64 MiB is not kept]\n";
	size_t room = (size_t)(ARTEFACT_MAX - s->bytes), n = len < room ? len : room;
	int err;

	if (s->stopped)
		return;
	err = write_all(s->fd, p, n);
	s->bytes += n;
	if (!err && len > room) {
		err = write_all(s->fd, full, sizeof(full) - 1);
		s->stopped = true;
	}
	if (err < 0)
		s->stopped = true;
	note_error(a, file, err);
}

static void append_times(struct artefacts *a, uint64_t since_ns, const char *p, size_t len)
{
	struct str out = { 0 };

	while (len && !a->times.stopped && out.len < ARTEFACT_MAX) {
		const char *end = memchr(p, '\n', len);
		size_t n = end ? (size_t)(end - p) + 1 : len;

		if (!a->line_open)
			str_add(&out, "%9llu ", (unsigned long long)(since_ns / 1000000));
		str_add_bytes(&out, p, n);
		a->line_open = !end;
		p += n;
		len -= n;
	}
	if (out.failed)
		note_error(a, times_name, -ENOMEM);
	else if (out.len)
		append(a, &a->times, times_name, out.s, out.len);
	str_free(&out);
}

void artefacts_feed(struct artefacts *a, enum artefact which, uint64_t since_ns, const void *bytes,
		    size_t len)
{
	append(a, &a->streams[which], names[which], bytes, len);
	if (which == ART_CONSOLE)
		append_times(a, since_ns, bytes, len);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void write_file(struct artefacts *a, const char *name, const char *text)
{
	int fd = create(a, name), err = fd < 0 ? -errno : 0;

	if (!err)
		err = write_all(fd, text, strlen(text));
	if (fd >= 0 && close(fd) < 0 && !err && errno != EINTR)
		err = -errno;
	note_error(a, name, err);
}

int artefacts_finish(struct artefacts *a, const struct test_result *r, const char *config,
		     struct error **errp)
{
	json_t *j = result_json(r);
	char *text = j ? json_dumps(j, JSON_INDENT(2)) : NULL;

	json_decref(j);
	if (config)
		write_file(a, config_name, config);
	if (text)
		write_file(a, result_name, text);
	else
		note_error(a, result_name, -ENOMEM);
	free(text);
	if (!a->err)
		return 0;
	return err_errno(errp, -a->err, "cannot write '%s/%s'", a->path, a->err_file);
}

static void remove_files(const struct artefacts *a)
{
	static const char *const others[] = { times_name, log_name, config_name, result_name };

	for (int i = 0; i < ART_CNT; i++)
		unlinkat(a->dir, names[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		unlinkat(a->dir, others[i], 0);
}

struct artefacts *artefacts_close(struct artefacts *a, bool keep)
{
	if (!a)
		return NULL;
	for (int i = 0; i < ART_CNT; i++)
		if (a->streams[i].fd >= 0)
			close(a->streams[i].fd);
	if (a->times.fd >= 0)
		close(a->times.fd);
	if (a->log >= 0)
		close(a->log);
	if (!keep && a->dir >= 0)
		remove_files(a);
	if (a->dir >= 0)
		close(a->dir);
	/* What somebody else has put there stays, and the directory with it. */
	if (!keep && a->path)
		(void)!rmdir(a->path);
	free(a->path);
	free(a);
	return NULL;
}
