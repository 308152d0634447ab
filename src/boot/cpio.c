/* SPDX-License-Identifier: MIT */
/* cpio.c: see cpio.h. */
#include "boot/cpio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "vmm/error.h"

#define HEAD_LEN 110u /* buffer-format.rst: c_magic and thirteen numbers of eight digits */
#define TRAILER  "TRAILER!!!"
#define CHUNK    (64 * 1024)

int cpio_open(struct cpio *c, struct error **errp)
{
	_cleanup_close_ int fd = memfd_create("trapeze-segment", MFD_CLOEXEC);

	*c = (struct cpio){ .f = NULL };
	if (fd < 0)
		return err_errno(errp, errno, "cannot create a memory file for the guest's init");
	c->f = fdopen(fd, "w");
	if (!c->f)
		return err_errno(errp, errno, "cannot write the guest's init");
	take_fd(&fd);
	return 0;
}

void cpio_close(struct cpio *c)
{
	if (c->f)
		fclose(c->f);
	c->f = NULL;
}

int cpio_put(struct cpio *c, const void *p, size_t len, struct error **errp)
{
	if (len && fwrite(p, 1, len, c->f) != len)
		return err_errno(errp, errno ? errno : EIO,
				 "cannot keep the guest's init in memory");
	c->len += len;
	return 0;
}

int cpio_pad(struct cpio *c, struct error **errp)
{
	return cpio_put(c, "\0\0\0", (size_t)(align_up(c->len, 4) - c->len), errp);
}

/*
 * Every entry has a number of its own and one link, so that none is taken for another name of one
 * before; devices are all zero, times too.
 */
int cpio_head(struct cpio *c, const struct cpio_entry *e, struct error **errp)
{
	size_t name_len = strlen(e->name) + 1;
	char head[HEAD_LEN + 1];
	int r;

	if (e->size > UINT32_MAX)
		return err_set(errp, EFBIG,
			       "'%s' has %" PRIu64 " MiB; in an initramfs, 4 GiB is "
			       "the limit",
			       e->name, e->size / MIB);
	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 ++c->ino, e->mode, e->uid, e->gid, S_ISDIR(e->mode) ? 2 : 1, 0, (uint32_t)e->size,
		 0, 0, major(e->rdev), minor(e->rdev), (uint32_t)name_len, 0);
	r = cpio_put(c, head, HEAD_LEN, errp);
	if (r == 0)
		r = cpio_put(c, e->name, name_len, errp);
	return r < 0 ? r : cpio_pad(c, errp);
}

int cpio_file(struct cpio *c, const struct cpio_entry *e, const void *data, struct error **errp)
{
	int r = cpio_head(c, e, errp);

	if (r == 0)
		r = cpio_put(c, data, (size_t)e->size, errp);
	return r < 0 ? r : cpio_pad(c, errp);
}

int cpio_file_from(struct cpio *c, const struct cpio_entry *e, int fd, struct error **errp)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	uint64_t left = e->size;
	int r = cpio_head(c, e, errp);

	if (r < 0)
		return r;
	if (!buf)
		return err_errno(errp, ENOMEM, "cannot copy '%s'", e->name);
	while (left) {
		ssize_t n = read(fd, buf, (size_t)min_u64(left, CHUNK));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errp, errno, "cannot read '%s'", e->name);
		if (n == 0)
			return err_set(errp, EIO, "'%s' has become shorter while it was read",
				       e->name);
		r = cpio_put(c, buf, (size_t)n, errp);
		if (r < 0)
			return r;
		left -= (uint64_t)n;
	}
	return cpio_pad(c, errp);
}

int cpio_finish(struct cpio *c, int *fd, uint64_t *len, struct error **errp)
{
	struct cpio_entry e = { .name = TRAILER };
	int r = cpio_head(c, &e, errp);

	if (r < 0)
		return r;
	*fd = fflush(c->f) == 0 ? fcntl(fileno(c->f), F_DUPFD_CLOEXEC, 0) : -1;
	if (*fd < 0)
		return err_errno(errp, errno, "cannot keep the guest's init in memory");
	*len = c->len;
	cpio_close(c);
	return 0;
}
