/* SPDX-License-Identifier: MIT */
/* switch_dir.c: the meeting place of a switch's members. */
#include "net/switch_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "vmm/error.h"

#define TRIES     3    /* the last member may remove the directory just when we have found it */
#define NAME_LEN  32   /* of a switch */
#define NAMES_MAX 1024 /* looked at in one go: the user's own directory, but not without end */

static int check_name(const char *name, struct error **errp)
{
	const char *ok = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	if (*name && *name != '.' && strlen(name) <= NAME_LEN && !name[strspn(name, ok)])
		return 0;
	err_set(errp, EINVAL, "'%s' cannot be the name of a switch", name);
	err_hint(errp, "letters, digits, '_', '-' and '.', at most %d of them", NAME_LEN);
	return -EINVAL;
}

/* A directory of ours that others cannot enter. */
static int own_directory(const char *path, struct error **errp)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(errp, errno, "cannot make directory '%s' for a switch", path);
	if (lstat(path, &st) < 0)
		return err_errno(errp, errno, "cannot look at directory '%s'", path);
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077))
		return 0;
	err_set(errp, EPERM, "'%s' is no directory that is yours alone", path);
	err_hint(errp, "a switch meets there: remove it, or set XDG_RUNTIME_DIR to a directory "
		       "that only you may enter");
	return -EPERM;
}

static int base_path(char *buf, size_t len, struct error **errp)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int n;

	if (xdg && *xdg == '/')
		n = snprintf(buf, len, "%s/trapeze", xdg);
	else if (geteuid() == 0)
		n = snprintf(buf, len, "/run/trapeze");
	else
		n = snprintf(buf, len, "/tmp/trapeze-%u", (unsigned)geteuid());
	if (n < 0 || (size_t)n + NAME_LEN + 6 > len) {
		err_set(errp, ENAMETOOLONG, "XDG_RUNTIME_DIR '%s' is too long for sockets in it",
			xdg ? xdg : "");
		err_hint(errp, "set it to a shorter one");
		return -ENAMETOOLONG;
	}
	return 0;
}

static int take_name(struct switch_dir *d, struct error **errp)
{
	char path[sizeof(d->path) + sizeof(d->own) + 1];
	uint32_t r = 0;

	/* Two cards of one process must differ, two processes do anyway. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) < 0)
		r = (uint32_t)(uintptr_t)d;
	snprintf(d->own, sizeof(d->own), "%d.%08x", (int)getpid(), r);
	snprintf(path, sizeof(path), "%s/%s", d->path, d->own);
	return unix_name_appear(&d->name, path, errp);
}

static int open_once(struct switch_dir *d, struct error **errp)
{
	int r = own_directory(d->path, errp);

	if (r < 0)
		return r;
	d->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->inotify < 0 || inotify_add_watch(d->inotify, d->path, IN_MOVED_TO) < 0) {
		r = err_errno(errp, errno, "cannot watch directory '%s'", d->path);
		if (errno == EMFILE || errno == ENOSPC)
			err_hint(errp, "sysctl fs.inotify.max_user_instances, "
				       "fs.inotify.max_user_watches");
	} else {
		r = take_name(d, errp);
	}
	if (r < 0) {
		base_closep(&d->inotify);
		d->inotify = -1;
	}
	return r;
}

int switch_dir_open(struct switch_dir *d, const char *name, struct error **errp)
{
	char base[sizeof(d->path)];
	int r = check_name(name, errp);

	*d = (struct switch_dir){ .name.fd = -1, .inotify = -1 };
	if (r == 0)
		r = base_path(base, sizeof(base), errp);
	if (r == 0)
		r = own_directory(base, errp);
	if (r < 0)
		return r;
	snprintf(d->path, sizeof(d->path), "%.*s/lan-%.32s", (int)(sizeof(d->path) - 40), base,
		 name);
	for (unsigned i = 0; i < TRIES; i++) {
		_cleanup_(error_freep) struct error *e = NULL;

		r = open_once(d, i + 1 < TRIES ? &e : errp);
		if (r != -ENOENT)
			break;
	}
	/* What was dropped above is said now. */
	if (r < 0 && errp && !*errp)
		r = open_once(d, errp);
	return r;
}

void switch_dir_close(struct switch_dir *d)
{
	if (d->name.fd < 0)
		return;
	unix_name_close(&d->name);
	base_closep(&d->inotify);
	d->inotify = -1;
	rmdir(d->path);
}

/* PID.NUMBER, decimal and hexadecimal. */
static bool is_member(const char *name)
{
	size_t pid = strspn(name, "0123456789"), n;

	if (!pid || pid > 10 || name[pid] != '.')
		return false;
	n = strspn(name + pid + 1, "0123456789abcdef");
	return n && n <= 8 && !name[pid + 1 + n];
}

void switch_dir_each(struct switch_dir *d, void (*fn)(void *opaque, const char *name), void *opaque)
{
	char buf[4096];
	struct dirent *e;
	DIR *dir;

	for (unsigned i = 0; i < 16 && read(d->inotify, buf, sizeof(buf)) > 0; i++)
		;
	dir = opendir(d->path);
	for (unsigned i = 0; dir && i < NAMES_MAX && (e = readdir(dir)); i++)
		if (is_member(e->d_name) && strcmp(e->d_name, d->own))
			fn(opaque, e->d_name);
	if (dir)
		closedir(dir);
}

int switch_dir_connect(const struct switch_dir *d, const char *name)
{
	char path[sizeof(d->path) + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%.24s", d->path, name);
	fd = unix_name_connect(path);
	if (fd == -ECONNREFUSED)
		unix_name_remove_stale(path);
	return fd;
}
