/* SPDX-License-Identifier: MIT */
/* image.c: reading input files by position. */
#include "boot/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "vmm/error.h"
#include "vmm/io.h"

#define COPY_CHUNK  (16 * 1024)
#define PIPE_MAX    (4 * GIB) /* what a pipe delivers is kept in memory */
#define IMAGE_IOVEC 16        /* as many regions as a guest memory can have */

/* Why a file of this type cannot be an image; NULL: it can. */
static const char *unfit(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "is a directory";
	case S_IFBLK:
		return "is a block device, not a file";
	case S_IFCHR:
		return "is a character device, not a file";
	case S_IFSOCK:
		return "is a socket, not a file";
	default:
		return NULL;
	}
}

/* A pipe can be read once only, a guest can be reset often: keep what it said in a memfd. */
static int slurp(struct image *img, uint64_t max, struct error **errp)
{
	_cleanup_close_ int mem = memfd_create("trapeze-image", MFD_CLOEXEC);
	uint8_t buf[COPY_CHUNK];
	uint64_t size = 0;
	int r;

	if (mem < 0)
		return err_errno(errp, errno, "cannot create a memory file to read the pipe into");
	for (;;) {
		ssize_t n = read(img->fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errp, errno, "cannot read the pipe");
		if (n == 0)
			break;
		size += (uint64_t)n;
		if (size > max)
			return err_set(errp, EFBIG,
				       "the pipe delivers more than the limit of %" PRIu64 " MiB",
				       max / MIB);
		r = io_write_all(mem, buf, (size_t)n);
		if (r < 0)
			return err_errno(errp, -r, "cannot keep what the pipe delivers");
	}
	close(img->fd);
	img->fd = take_fd(&mem);
	img->size = size;
	return 0;
}

/* Looks at what @fd is, which becomes *ret's, also after an error. */
static int take(int fd, uint64_t max, struct image *ret, struct error **errp)
{
	_cleanup_(image_close) struct image img = { .fd = fd };
	const char *why;
	struct stat st;
	int r;

	if (fstat(img.fd, &st) < 0)
		return err_errno(errp, errno, "cannot tell what kind of file it is");
	why = unfit(st.st_mode);
	if (why)
		return err_set(errp, S_ISDIR(st.st_mode) ? EISDIR : EINVAL, "%s", why);
	if (S_ISREG(st.st_mode)) {
		img.size = (uint64_t)st.st_size;
		if (img.size > max)
			return err_set(errp, EFBIG,
				       "has %" PRIu64 " MiB, the limit is %" PRIu64 " MiB",
				       img.size / MIB, max / MIB);
	} else {
		r = slurp(&img, min_u64(max, PIPE_MAX), errp);
		if (r < 0)
			return r;
	}
	if (!img.size)
		return err_set(errp, EINVAL, "is empty");
	*ret = img;
	img.fd = -1;
	return 0;
}

int image_open(const char *path, uint64_t max, struct image *ret, struct error **errp)
{
	/* O_NOCTTY: a terminal named by mistake must not become ours. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_errno(errp, errno, "cannot open it");
	return take(fd, max, ret, errp);
}

int image_from_fd(int fd, uint64_t max, struct image *ret, struct error **errp)
{
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(errp, errno, "cannot keep it open");
	return take(fd, max, ret, errp);
}

void image_close(struct image *img)
{
	if (img->fd >= 0)
		close(img->fd);
	img->fd = -1;
}

/* preadv until done, end of file (*ret short) or error. Consumes @iov. */
static int read_iov(const struct image *img, uint64_t off, struct iovec *iov, unsigned cnt,
		    uint64_t *ret, struct error **errp)
{
	uint64_t done = 0;

	while (cnt) {
		ssize_t n;

		if (off + done > INT64_MAX)
			break;
		n = preadv(img->fd, iov, (int)cnt, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errp, errno, "cannot read at offset %#" PRIx64,
					 off + done);
		if (n == 0)
			break;
		done += (uint64_t)n;
		while (cnt && (size_t)n >= iov->iov_len) {
			n -= (ssize_t)iov->iov_len;
			iov++;
			cnt--;
		}
		if (cnt) {
			iov->iov_base = (uint8_t *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	*ret = done;
	return 0;
}

static int too_short(uint64_t off, uint64_t len, uint64_t got, struct error **errp)
{
	return err_set(errp, EIO,
		       "the file became shorter while it was read: %" PRIu64 " of %" PRIu64
		       " bytes at offset %#" PRIx64,
		       got, len, off);
}

int image_head(const struct image *img, uint64_t off, void *buf, size_t len, size_t *ret,
	       struct error **errp)
{
	struct iovec iov = { buf, len };
	uint64_t got = 0;
	int r = len ? read_iov(img, off, &iov, 1, &got, errp) : 0;

	if (r == 0)
		*ret = got;
	return r;
}

int image_read(const struct image *img, uint64_t off, void *buf, size_t len, struct error **errp)
{
	size_t got;
	int r = image_head(img, off, buf, len, &got, errp);

	if (r == 0 && got < len)
		r = too_short(off, len, got, errp);
	return r;
}

int image_load(const struct image *img, uint64_t off, uint64_t len, struct guest_mem *gm, gpa_t gpa,
	       struct error **errp)
{
	struct iovec iov[IMAGE_IOVEC];
	uint64_t got = 0;
	int n, r;

	if (!len)
		return 0;
	n = gm_iov(gm, gpa, len, GM_WRITE, iov, IMAGE_IOVEC);
	if (n < 0)
		return err_set(errp, EFAULT,
			       "guest memory %#" PRIx64 " + %#" PRIx64 " is not all RAM", gpa, len);
	r = read_iov(img, off, iov, (unsigned)n, &got, errp);
	if (r == 0 && got < len)
		r = too_short(off, len, got, errp);
	return r;
}
