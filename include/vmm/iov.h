/* SPDX-License-Identifier: MIT */
/* iov.h: bytes between one piece and many. */
#ifndef VMM_IOV_H
#define VMM_IOV_H

#include <string.h>
#include <sys/uio.h>

#include "vmm/base.h"

static inline size_t iov_len(const struct iovec *iov, unsigned cnt)
{
	size_t len = 0;

	for (unsigned i = 0; i < cnt; i++)
		len += iov[i].iov_len;
	return len;
}

/* Copies @len bytes from @off on, which are there, to @to. */
static inline void iov_gather(void *to, const struct iovec *iov, size_t off, size_t len)
{
	for (char *p = to; len; iov++) {
		size_t n = iov->iov_len > off ? iov->iov_len - off : 0;

		if (!n) {
			off -= iov->iov_len;
			continue;
		}
		n = n < len ? n : len;
		memcpy(p, (const char *)iov->iov_base + off, n);
		p += n;
		len -= n;
		off = 0;
	}
}

/* Copies @len bytes, for which there is room, to what is @off bytes into @iov. */
static inline void iov_scatter(const struct iovec *iov, size_t off, const void *from, size_t len)
{
	for (const char *p = from; len; iov++) {
		size_t n = iov->iov_len > off ? iov->iov_len - off : 0;

		if (!n) {
			off -= iov->iov_len;
			continue;
		}
		n = n < len ? n : len;
		memcpy((char *)iov->iov_base + off, p, n);
		p += n;
		len -= n;
		off = 0;
	}
}

/*
 * The part of @iov that begins at @off and is @len long, or shorter if there is no more, in at most
 * @max pieces at @to. The pieces; what they hold is iov_len() of them.
 */
static inline unsigned iov_part(struct iovec *to, unsigned max, const struct iovec *iov,
				unsigned cnt, size_t off, size_t len)
{
	unsigned k = 0;

	for (unsigned i = 0; i < cnt && len && k < max; i++) {
		size_t n = iov[i].iov_len > off ? iov[i].iov_len - off : 0;

		if (!n) {
			off -= iov[i].iov_len;
			continue;
		}
		n = n < len ? n : len;
		to[k++] = (struct iovec){ (char *)iov[i].iov_base + off, n };
		len -= n;
		off = 0;
	}
	return k;
}

#endif
