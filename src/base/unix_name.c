/* SPDX-License-Identifier: MIT */
/* unix_name.c: see unix_name.h. */
#include "vmm/unix_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vmm/error.h"

#define BACKLOG  64
#define CLAIM_MS 1000

static int address(struct sockaddr_un *sa, const char *path, struct error **errp)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path)
		return err_set(errp, EINVAL, "an empty path is no name for a socket");
	if (strlen(path) >= sizeof(sa->sun_path)) {
		err_set(errp, ENAMETOOLONG, "'%s' is too long for the name of a socket", path);
		err_hint(errp, "at most %zu bytes; a relative path may do",
			 sizeof(sa->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(sa->sun_path, path, strlen(path));
	return 0;
}

int unix_name_connect(const char *path)
{
	struct sockaddr_un sa;
	int fd, r = address(&sa, path, NULL);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* True: @path is a socket, and nobody listens on it. */
static bool is_stale(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = unix_name_connect(path);
	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

/*
 * Between finding a name stale and taking it another one of us could do the same, and both would
 * think it theirs. So one at a time looks at a directory; one that cannot be locked is used
 * without.
 */
static int lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path) + 2];
	int fd;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned ms = 0; fd >= 0 && ms < CLAIM_MS; ms += 10) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			break;
		usleep(10000);
	}
	return fd;
}

void unix_name_remove_stale(const char *path)
{
	if (is_stale(path))
		unlink(path);
}

static int taken(const char *path, struct error **errp)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_errno(errp, errno, "cannot look at '%s'", path);
	if (!S_ISSOCK(st.st_mode)) {
		err_set(errp, EEXIST, "'%s' exists and is no socket", path);
		err_hint(errp, "choose another path, or remove that file");
		return -EEXIST;
	}
	err_set(errp, EADDRINUSE, "somebody listens at '%s' already", path);
	err_hint(errp, "is that another guest? choose another path for this one");
	return -EADDRINUSE;
}

static int new_socket(struct unix_name *u, const char *path, struct error **errp)
{
	snprintf(u->path, sizeof(u->path), "%s", path);
	u->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* bind(2) makes the name with the socket's own mode. */
	if (u->fd < 0 || fchmod(u->fd, 0600) < 0)
		return err_errno(errp, errno, "cannot create a socket for '%s'", path);
	return 0;
}

static int listen_named(struct unix_name *u, const char *where, struct error **errp)
{
	struct stat st;

	if (listen(u->fd, BACKLOG) < 0 || lstat(where, &st) < 0)
		return err_errno(errp, errno, "cannot listen at '%s'", u->path);
	u->dev = st.st_dev;
	u->ino = st.st_ino;
	return 0;
}

int unix_name_listen(struct unix_name *u, const char *path, struct error **errp)
{
	_cleanup_close_ int lock = -1;
	struct sockaddr_un sa;
	int r;

	*u = (struct unix_name){ .fd = -1 };
	r = address(&sa, path, errp);
	if (r == 0)
		r = new_socket(u, path, errp);
	if (r == 0)
		lock = lock_directory(path);
	if (r == 0 && bind(u->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		if (r == -EADDRINUSE && is_stale(path)) {
			unlink(path);
			r = bind(u->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
		}
		if (r == -EADDRINUSE)
			r = taken(path, errp);
		else if (r < 0)
			err_errno(errp, -r, "cannot listen at '%s'", path);
	}
	if (r == 0)
		r = listen_named(u, path, errp);
	if (r < 0)
		unix_name_close(u);
	return r;
}

int unix_name_appear(struct unix_name *u, const char *path, struct error **errp)
{
	char early[sizeof(u->path) + 4];
	struct sockaddr_un sa;
	int r;

	*u = (struct unix_name){ .fd = -1 };
	snprintf(early, sizeof(early), "%s.new", path);
	r = address(&sa, early, errp);
	if (r == 0)
		r = new_socket(u, path, errp);
	if (r == 0 && bind(u->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		r = err_errno(errp, errno, "cannot listen at '%s'", early);
	if (r == 0)
		r = listen_named(u, early, errp);
	if (r == 0 && rename(early, path) < 0) {
		r = err_errno(errp, errno, "cannot listen at '%s'", path);
		unlink(early);
	}
	if (r < 0)
		unix_name_close(u);
	return r;
}

void unix_name_close(struct unix_name *u)
{
	struct stat st;

	if (u->fd < 0)
		return;
	/* Somebody may have moved it, or put something else there. */
	if (u->ino && lstat(u->path, &st) == 0 && st.st_dev == u->dev && st.st_ino == u->ino)
		unlink(u->path);
	close(u->fd);
	u->fd = -1;
}
