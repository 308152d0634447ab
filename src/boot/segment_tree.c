/* SPDX-License-Identifier: MIT */
/*
 * segment_tree.c: a directory of the host as the guest's root. It is copied as it is found: a file
 * that grows meanwhile is cut, one that shrinks or goes away is an error. Names in order, so that
 * the same tree gives the same bytes. Depth is bounded by PATH_MAX.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "boot/cpio.h"
#include "vmm/error.h"

struct walk {
	struct cpio *c;
	size_t skip; /* bytes of @from in @path, for which @to stands */
	const char *to;
	char path[PATH_MAX];
};

static int add_below(struct walk *w, int dir, size_t len, struct error **errp);

/* What is the user's own shall be the guest's: of other owners a guest knows no more. */
static void set_owner(struct cpio_entry *e, const struct stat *st)
{
	e->uid = st->st_uid == geteuid() ? 0 : st->st_uid;
	e->gid = st->st_gid == getegid() ? 0 : st->st_gid;
}

static int add_link(struct walk *w, int dir, const char *name, struct cpio_entry *e,
		    struct error **errp)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(dir, name, to, sizeof(to));

	if (n < 0 || (size_t)n >= sizeof(to))
		return err_errno(errp, n < 0 ? errno : ENAMETOOLONG, "cannot read the link '%s'",
				 w->path);
	e->size = (uint64_t)n;
	return cpio_file(w->c, e, to, errp);
}

static int add_one(struct walk *w, int dir, const char *name, size_t len, struct error **errp)
{
	_cleanup_free_ char *guest = NULL;
	_cleanup_close_ int fd = -1;
	struct cpio_entry e = { .name = NULL };
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(errp, errno, "cannot look at '%s'", w->path);
	if (asprintf(&guest, "%s%s", w->to, w->path + w->skip) < 0) {
		guest = NULL;
		return err_errno(errp, ENOMEM, "cannot pack '%s'", w->path);
	}
	e = (struct cpio_entry){ .name = guest, .mode = st.st_mode, .rdev = st.st_rdev };
	set_owner(&e, &st);
	if (S_ISLNK(st.st_mode))
		return add_link(w, dir, name, &e, errp);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		if (S_ISSOCK(st.st_mode))
			return 0; /* nobody would answer */
		e.rdev = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? st.st_rdev : 0;
		return cpio_file(w->c, &e, "", errp);
	}
	e.rdev = 0;
	/* What was put in its place meanwhile must neither be followed nor waited for. */
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(errp, errno, "cannot open '%s'", w->path);
	if (S_ISREG(st.st_mode)) {
		e.size = (uint64_t)st.st_size;
		return cpio_file_from(w->c, &e, fd, errp);
	}
	r = cpio_file(w->c, &e, "", errp);
	return r < 0 ? r : add_below(w, fd, len, errp);
}

static void free_names(struct dirent **v, int cnt)
{
	for (int i = 0; i < cnt; i++)
		free(v[i]);
	free(v);
}

static int no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* strcmp(3), as alphasort(3) follows the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* All in @dir, which is w->path, of @len bytes. */
static int add_below(struct walk *w, int dir, size_t len, struct error **errp)
{
	struct dirent **v = NULL;
	int cnt = scandirat(dir, ".", &v, no_dots, by_name), r = 0;

	if (cnt < 0)
		return err_errno(errp, errno, "cannot list '%s'", w->path);
	for (int i = 0; r == 0 && i < cnt; i++) {
		size_t n = strlen(v[i]->d_name);

		if (len + 1 + n >= sizeof(w->path)) {
			r = err_set(errp, ENAMETOOLONG, "'%s/%s' is too long a path", w->path,
				    v[i]->d_name);
			break;
		}
		w->path[len] = '/';
		memcpy(w->path + len + 1, v[i]->d_name, n + 1);
		r = add_one(w, dir, v[i]->d_name, len + 1 + n, errp);
		w->path[len] = '\0';
	}
	free_names(v, cnt);
	return r;
}

int segment_add_tree(struct cpio *c, const char *from, const char *to, struct error **errp)
{
	_cleanup_close_ int dir = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cpio_entry e = { .name = to };
	_cleanup_free_ struct walk *w = calloc(1, sizeof(*w));
	struct stat st;
	int r;

	if (dir < 0 || fstat(dir, &st) < 0)
		return err_errno(errp, errno, "cannot open the directory '%s'", from);
	if (!w || strlen(from) >= sizeof(w->path))
		return err_errno(errp, w ? ENAMETOOLONG : ENOMEM, "cannot pack '%s'", from);
	w->c = c;
	w->to = to;
	w->skip = strlen(from);
	memcpy(w->path, from, w->skip + 1);
	e.mode = st.st_mode;
	set_owner(&e, &st);
	r = cpio_file(c, &e, "", errp);
	return r < 0 ? r : add_below(w, dir, w->skip, errp);
}
