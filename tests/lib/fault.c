/* SPDX-License-Identifier: MIT */
/* fault.c: a host that fails. */
#include "tests/lib/fault.h"

#include <errno.h>
#include <stdatomic.h>

static struct {
	enum host_call call;
	unsigned n;
	int err;
	_Atomic bool fired;
	_Atomic unsigned calls[HOST_CALLS];
} fault;

static bool hit(enum host_call call)
{
	unsigned n = atomic_fetch_add(&fault.calls[call], 1) + 1;

	if (call != fault.call || (fault.n != FAULT_EVERY && n != fault.n))
		return false;
	atomic_store(&fault.fired, true);
	return true;
}

/* Half of the segments' bytes, in whole sectors. */
static unsigned halve(const struct iovec *iov, int cnt, struct iovec *out)
{
	size_t sum = 0, half, pos = 0;
	unsigned n = 0;

	for (int i = 0; i < cnt; i++)
		sum += iov[i].iov_len;
	half = sum / 2 / 512 * 512;
	if (!half)
		half = sum;
	while (pos < half) {
		out[n] = iov[n];
		if (out[n].iov_len > half - pos)
			out[n].iov_len = half - pos;
		pos += out[n++].iov_len;
	}
	return n;
}

static ssize_t transfer(bool write, int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	struct iovec half[1100];
	bool faulty;

	/* An attempt at the page cache, which may always say no: the one that counts comes after.
	 */
	if (flags & RWF_NOWAIT) {
		errno = EAGAIN;
		return -1;
	}
	faulty = hit(write ? HOST_WRITE : HOST_READ);
	if (faulty && fault.err != FAULT_SHORT) {
		errno = fault.err;
		return -1;
	}
	if (faulty) {
		cnt = (int)halve(iov, cnt, half);
		iov = half;
	}
	return write ? host_real.write(fd, iov, cnt, off, flags)
		     : host_real.read(fd, iov, cnt, off, flags);
}

static ssize_t faulty_read(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	return transfer(false, fd, iov, cnt, off, flags);
}

static ssize_t faulty_write(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	return transfer(true, fd, iov, cnt, off, flags);
}

/* True: it has failed, and errno says how. */
static bool fails(enum host_call call)
{
	if (!hit(call) || fault.err == FAULT_SHORT)
		return false;
	errno = fault.err;
	return true;
}

static int faulty_fdatasync(int fd)
{
	return fails(HOST_SYNC) ? -1 : host_real.fdatasync(fd);
}

static int faulty_fallocate(int fd, int mode, off_t off, off_t len)
{
	return fails(HOST_FALLOCATE) ? -1 : host_real.fallocate(fd, mode, off, len);
}

static int faulty_ftruncate(int fd, off_t size)
{
	return fails(HOST_TRUNCATE) ? -1 : host_real.ftruncate(fd, size);
}

static int faulty_ioctl(int fd, unsigned long request, void *arg)
{
	return fails(HOST_IOCTL) ? -1 : host_real.ioctl(fd, request, arg);
}

static int faulty_lock(int fd, int cmd, void *flock)
{
	return fails(HOST_LOCK) ? -1 : host_real.lock(fd, cmd, flock);
}

static int32_t faulty_completion(enum host_call call, int32_t res)
{
	if (!hit(call))
		return res;
	if (fault.err != FAULT_SHORT)
		return -fault.err;
	return res > 512 ? res / 2 / 512 * 512 : res;
}

static const struct host_ops faulty = {
	.read = faulty_read,
	.write = faulty_write,
	.fdatasync = faulty_fdatasync,
	.fallocate = faulty_fallocate,
	.ftruncate = faulty_ftruncate,
	.ioctl = faulty_ioctl,
	.lock = faulty_lock,
	.completion = faulty_completion,
};

void fault_arm(enum host_call call, unsigned n, int err)
{
	fault.call = call;
	fault.n = n;
	fault.err = err;
	atomic_store(&fault.fired, false);
	for (unsigned i = 0; i < HOST_CALLS; i++)
		atomic_store(&fault.calls[i], 0);
	host = &faulty;
}

bool fault_disarm(void)
{
	host = &host_real;
	return atomic_load(&fault.fired);
}

unsigned fault_calls(enum host_call call)
{
	return atomic_load(&fault.calls[call]);
}
