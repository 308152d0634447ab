/* SPDX-License-Identifier: MIT */
/* kernel_bytes.c: a kernel as the CPU sees it, for who looks at it and does not run it. */
#include <errno.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define LOOK_MAX    GIB /* a vmlinux with all debugging information */
#define UNPACK_MOST (512 * MIB)

struct collector {
	struct unpack_sink sink;
	struct str bytes;
};

static int collect(struct unpack_sink *sink, const uint8_t *p, size_t len, struct error **errp)
{
	struct collector *c = container_of(sink, struct collector, sink);

	str_add_bytes(&c->bytes, (const char *)p, len);
	return c->bytes.failed ? err_errno(errp, ENOMEM, "cannot unpack it") : 0;
}

static int unpack_payload(const struct image *img, const struct bzimage *bz, struct str *ret,
			  struct error **errp)
{
	struct collector c = { .sink.put = collect };
	const char *name = NULL;
	enum unpack_format f = UNPACK_NONE;
	uint8_t magic[8];
	int r = -ENOTSUP;

	if (bz->payload_len >= sizeof(magic)) {
		r = image_read(img, bz->payload_off, magic, sizeof(magic), errp);
		if (r < 0)
			return r;
		f = unpack_detect(magic, sizeof(magic), &name);
	}
	if (f == UNPACK_NONE)
		return err_set(errp, ENOTSUP,
			       "its payload is packed by %s, which is not known here",
			       name ? name : "something");
	r = unpack(img, bz->payload_off, bz->payload_len, f, UNPACK_MOST, &c.sink, errp);
	if (r < 0)
		str_free(&c.bytes);
	*ret = c.bytes;
	return r;
}

static int read_all(const struct image *img, struct str *ret, struct error **errp)
{
	int r;

	*ret = (struct str){ .s = malloc(img->size), .len = img->size, .cap = img->size };
	r = ret->s ? image_read(img, 0, ret->s, img->size, errp)
		   : err_errno(errp, ENOMEM, "cannot read it");
	if (r < 0)
		str_free(ret);
	return r;
}

int boot_kernel_bytes(const char *path, void **ret, size_t *len, struct error **errp)
{
	_cleanup_(image_close) struct image img = { .fd = -1 };
	struct str bytes = { 0 };
	uint8_t head[BZ_HEAD];
	struct bzimage bz;
	size_t n = 0;
	int r = image_open(path, LOOK_MAX, &img, errp);

	if (r == 0)
		r = image_head(&img, 0, head, sizeof(head), &n, errp);
	if (r == 0 && bzimage_magic(head, n)) {
		r = bzimage_parse(head, n, img.size, &bz, errp);
		if (r == 0)
			r = unpack_payload(&img, &bz, &bytes, errp);
	} else if (r == 0) {
		r = read_all(&img, &bytes, errp);
	}
	if (r < 0)
		return err_wrap(errp, "'%s'", path);
	*len = bytes.len;
	*ret = bytes.s;
	return 0;
}
