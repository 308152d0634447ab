/* SPDX-License-Identifier: MIT */
/* output_file.c: written under another name, then renamed. */
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/error.h"

/* A file, or nothing yet: it can be replaced as a whole. */
static bool can_be_replaced(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

static int open_early(struct output_file *o, struct error **errp)
{
	_cleanup_close_ int fd = -1;

	if (asprintf(&o->early, "%s.XXXXXX", o->path) < 0) {
		o->early = NULL;
		return err_errno(errp, ENOMEM, "cannot write '%s'", o->path);
	}
	fd = mkostemp(o->early, O_CLOEXEC);
	if (fd < 0) {
		int err = errno;

		free(o->early);
		o->early = NULL;
		return err_errno(errp, err, "cannot write '%s'", o->path);
	}
	o->f = fdopen(fd, "w");
	if (!o->f)
		return err_errno(errp, errno, "cannot write '%s'", o->path);
	take_fd(&fd);
	return 0;
}

int output_file_open(const char *path, struct output_file *ret, struct error **errp)
{
	struct output_file o = { .path = path };
	int r = 0;

	if (!strcmp(path, "-")) {
		o.f = stdout;
	} else if (can_be_replaced(path)) {
		r = open_early(&o, errp);
	} else {
		o.f = fopen(path, "we");
		if (!o.f)
			r = err_errno(errp, errno, "cannot write '%s'", path);
	}
	if (r < 0)
		output_file_drop(&o);
	else
		*ret = o;
	return r;
}

/* 0 or an errno; also if an earlier write has failed. */
static int close_file(struct output_file *o)
{
	bool bad = ferror(o->f);
	FILE *f = o->f;
	int err = 0;

	o->f = NULL;
	errno = 0;
	if (f == stdout)
		return fflush(f) ? errno : bad ? EIO : 0;
	if (fflush(f) && !err)
		err = errno;
	if (o->early && !err && fchmod(fileno(f), 0644) < 0)
		err = errno;
	if (fclose(f) && !err)
		err = errno;
	return err ? err : bad ? EIO : 0;
}

int output_file_finish(struct output_file *o, struct error **errp)
{
	int err = close_file(o), r;

	if (!err && o->early && rename(o->early, o->path) < 0)
		err = errno;
	if (err) {
		r = err_errno(errp, err, "cannot write '%s'", o->path);
		output_file_drop(o);
		return r;
	}
	free(o->early);
	o->early = NULL;
	return 0;
}

void output_file_drop(struct output_file *o)
{
	if (o->f && o->f != stdout)
		fclose(o->f);
	if (o->early)
		unlink(o->early);
	free(o->early);
	*o = (struct output_file){ 0 };
}
