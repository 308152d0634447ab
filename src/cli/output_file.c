/* SPDX-License-Identifier: MIT */
/* output_file.c: written under another name, then renamed. */
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/error.h"
#include "vmm/io.h"

/* stdio forgets what went wrong; this remembers it. */
static ssize_t write_some(void *cookie, const char *p, size_t len)
{
	struct output_file *o = cookie;

	if (!o->err)
		o->err = -io_write_all(o->fd, p, len);
	return o->err ? 0 : (ssize_t)len; /* 0 is an error (fopencookie(3)) */
}

/* A file, or nothing yet: it can be replaced as a whole. */
static bool can_be_replaced(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

/* A descriptor, or -errno. */
static int open_path(struct output_file *o)
{
	int fd;

	if (!strcmp(o->path, "-"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else if (!can_be_replaced(o->path))
		fd = open(o->path, O_WRONLY | O_CLOEXEC);
	else if (asprintf(&o->early, "%s.XXXXXX", o->path) < 0)
		o->early = NULL, errno = ENOMEM, fd = -1;
	else
		fd = mkostemp(o->early, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int output_file_open(struct output_file *o, const char *path, struct error **errp)
{
	*o = (struct output_file){ .path = path };
	o->fd = open_path(o);
	if (o->fd < 0) {
		int err = -o->fd;

		free(o->early); /* it was not made */
		o->early = NULL;
		return err_errno(errp, err, "cannot write '%s'", path);
	}
	o->f = fopencookie(o, "w", (cookie_io_functions_t){ .write = write_some });
	return o->f ? 0 : err_errno(errp, ENOMEM, "cannot write '%s'", path);
}

int output_file_finish(struct output_file *o, struct error **errp)
{
	int r;

	if (fclose(o->f) && !o->err)
		o->err = errno;
	o->f = NULL;
	if (!o->err && o->early && (fchmod(o->fd, 0644) < 0 || rename(o->early, o->path) < 0))
		o->err = errno;
	if (o->err) {
		r = err_errno(errp, o->err, "cannot write '%s'", o->path);
		output_file_drop(o);
		return r;
	}
	free(o->early);
	o->early = NULL;
	return 0;
}

void output_file_drop(struct output_file *o)
{
	if (!o->path)
		return;
	if (o->f)
		fclose(o->f);
	if (o->fd >= 0)
		close(o->fd);
	if (o->early)
		unlink(o->early);
	free(o->early);
	*o = (struct output_file){ 0 };
}
