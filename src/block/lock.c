/* SPDX-License-Identifier: MIT */
/*
 * lock.c: open file description locks (fcntl(2), F_OFD_SETLK) on single bytes of an image.
 *
 * QEMU (block/file-posix.c, raw_apply_lock_bytes() and raw_check_lock_bytes()) knows permissions
 * by number: 0 consistent read, 1 write, 2 write unchanged, 3 resize. Who uses permission N has
 * byte 100+N locked, who does not let others use it has byte 200+N; all locks are shared ones. Each
 * first takes its own and then looks whether anybody has the opposite byte: of two that come
 * together, at most one gets in.
 */
#include "block/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "block/host.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/str.h"
#include "vmm/timer.h"

#define USED_BASE   100
#define DENIED_BASE 200

enum { PERM_READ = 1, PERM_WRITE = 2, PERM_WRITE_UNCHANGED = 4, PERM_RESIZE = 8, PERM_CNT = 4 };

/* What is ours to do, and what nobody else may. The guest's disk must not change by itself, so both
 * deny writing and resizing; readers get along. */
#define USED(readonly) ((readonly) ? PERM_READ : PERM_READ | PERM_WRITE | PERM_RESIZE)
#define DENIED         (PERM_WRITE | PERM_RESIZE)

#define LOCK_TRIES 1000 /* interrupted ones */

/* How often, and how long apart, a lock is tried again whose holder is nowhere to be seen. */
#define GHOST_TRIES 100
#define GHOST_NS    (10 * NSEC_PER_MSEC)

static int lock_byte(int fd, int cmd, struct flock *l)
{
	int r;

	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		r = host->lock(fd, cmd, l);
		if (r >= 0 || errno != EINTR)
			break;
	}
	return r < 0 ? -errno : 0;
}

static int take(int fd, unsigned base, unsigned perms)
{
	for (unsigned i = 0; i < PERM_CNT; i++) {
		struct flock l = {
			.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = base + i, .l_len = 1
		};
		int r = perms & (1u << i) ? lock_byte(fd, F_OFD_SETLK, &l) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* -EAGAIN: somebody has one of these bytes. */
static int look(int fd, unsigned base, unsigned perms)
{
	for (unsigned i = 0; i < PERM_CNT; i++) {
		struct flock l = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = base + i, .l_len = 1
		};
		int r = perms & (1u << i) ? lock_byte(fd, F_OFD_GETLK, &l) : 0;

		if (r < 0)
			return r;
		if (perms & (1u << i) && l.l_type != F_UNLCK)
			return -EAGAIN;
	}
	return 0;
}

/* --- who has it ------------------------------------------------------------------------------ */

/* Does this descriptor of another process lock the file? The kernel names no owner of an open file
 * description's locks (l_pid is -1), but shows them in the descriptor's fdinfo. */
static bool descriptor_locks(const char *pid, const char *fd, const struct stat *st)
{
	char path[64], line[256];
	struct stat other;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, fd);
	if (stat(path, &other) < 0 || other.st_dev != st->st_dev || other.st_ino != st->st_ino)
		return false;
	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, "lock:", 5);
	fclose(f);
	return found;
}

static bool process_locks(const char *pid, int own_fd, const struct stat *st)
{
	bool self = strtol(pid, NULL, 10) == (long)getpid();
	char path[64];
	struct dirent *d;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (d = readdir(dir)))
		found = d->d_name[0] != '.' && !(self && strtol(d->d_name, NULL, 10) == own_fd) &&
			descriptor_locks(pid, d->d_name, st);
	closedir(dir);
	return found;
}

static void process_name(const char *pid, char *buf, size_t len)
{
	char path[64], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	f = fopen(path, "re");
	if (f) {
		if (!fgets(comm, sizeof(comm), f))
			comm[0] = '\0';
		fclose(f);
	}
	str_escape(comm, strcspn(comm, "\n"), buf, len);
}

/* "process 42 (qemu)"; false, and "another process", if it does not show itself. */
static bool find_holder(int fd, char *buf, size_t len)
{
	bool found = false;
	struct dirent *d;
	struct stat st;
	DIR *dir;

	snprintf(buf, len, "another process");
	dir = fstat(fd, &st) < 0 ? NULL : opendir("/proc");
	if (!dir)
		return false;
	while ((d = readdir(dir))) {
		char name[64];

		if (d->d_name[0] < '0' || d->d_name[0] > '9' || !process_locks(d->d_name, fd, &st))
			continue;
		process_name(d->d_name, name, sizeof(name));
		if (strtol(d->d_name, NULL, 10) == (long)getpid())
			snprintf(buf, len, "this process already (is it named twice?)");
		else
			snprintf(buf, len, "process %.16s (%s)", d->d_name, name);
		found = true;
		break;
	}
	closedir(dir);
	return found;
}

void file_unlock(int fd)
{
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	lock_byte(fd, F_OFD_SETLK, &l);
}

/* -EAGAIN, -EACCES: somebody has it. */
static int try_lock(int fd, bool readonly)
{
	int r = take(fd, USED_BASE, USED(readonly));

	if (!r)
		r = take(fd, DENIED_BASE, DENIED);
	if (!r)
		r = look(fd, DENIED_BASE, USED(readonly));
	if (!r)
		r = look(fd, USED_BASE, DENIED);
	return r;
}

static bool is_taken(int r)
{
	return r == -EAGAIN || r == -EACCES;
}

int file_lock(int fd, const char *path, bool readonly, struct error **errp)
{
	const struct timespec pause = { .tv_nsec = GHOST_NS };
	char holder[128];
	int r = try_lock(fd, readonly);

	for (unsigned i = 0; i < GHOST_TRIES && is_taken(r); i++) {
		file_unlock(fd);
		if (find_holder(fd, holder, sizeof(holder)))
			break;
		nanosleep(&pause, NULL);
		r = try_lock(fd, readonly);
	}
	if (!r)
		return 0;
	if (r == -ENOLCK || r == -EOPNOTSUPP || r == -EINVAL || r == -ENOSYS) {
		log_msg(LOG_WARN, "disk",
			"'%s': its file system has no locks: nothing keeps another from using it",
			path);
		return 0;
	}
	if (!is_taken(r))
		return err_errno(errp, -r, "cannot lock '%s'", path);
	r = err_set(errp, EBUSY, "'%s' is in use by %s%s", path, holder,
		    readonly ? ", which may write to it" : "");
	err_hint(errp, readonly ? "end it, or give this guest a copy"
				: "end it; several can share an image only if all say 'ro' (or "
				  "'overlay')");
	return r;
}
