/* SPDX-License-Identifier: MIT */
/*
 * initrd.c: initial ramdisks and modules: opened once, read straight into guest RAM at every load.
 * Linux takes several cpio archives one after the other if each starts at a multiple of 4
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/error.h"

/* Opens @name; with @args, what follows the first blank is the module's arguments, unless a file
 * has the whole name. */
static int open_one(const char *name, bool args, struct image *ret, struct error **errp)
{
	char path[PATH_MAX];
	char *blank;

	if (strlen(name) >= sizeof(path))
		return image_open(name, INITRD_MAX, ret, errp); /* no system call takes it */
	memcpy(path, name, strlen(name) + 1);
	blank = args ? strchr(path, ' ') : NULL;
	if (blank && access(path, F_OK) < 0)
		*blank = '\0';
	return image_open(path, INITRD_MAX, ret, errp);
}

/* Opens the next one behind those there are: @name, or, if there is one, @segment. */
static int add(struct initrds *in, const char *name, const struct boot_segment *segment, bool args,
	       uint64_t align, struct error **errp)
{
	struct initrd *e = &in->v[in->cnt++];
	int r;

	e->img.fd = -1;
	if (segment)
		name = segment->name;
	if (asprintf(&e->name, "%s", name) < 0) {
		e->name = NULL; /* undefined after a failure */
		return err_set(errp, ENOMEM, "cannot copy an initrd's name");
	}
	r = segment ? image_from_fd(segment->fd, INITRD_MAX, &e->img, errp)
		    : open_one(name, args, &e->img, errp);
	if (r < 0) {
		err_wrap(errp, "initrd '%s'", name);
		return r;
	}
	e->off = align_up(in->len, align);
	in->len = e->off + e->img.size; /* both at most INITRD_MAX = 2^40 */
	if (in->len > INITRD_MAX)
		return err_set(errp, EFBIG, "the initrds have more than %" PRIu64 " MiB",
			       INITRD_MAX / MIB);
	return 0;
}

int initrd_open(struct initrds *in, const struct boot_config *c, bool args, uint64_t align,
		struct error **errp)
{
	int r = 0;

	in->v = calloc((size_t)c->initrd_cnt + 1, sizeof(*in->v));
	if (!in->v)
		return err_set(errp, ENOMEM, "cannot allocate the list of initrds");
	for (unsigned i = 0; r == 0 && i < c->initrd_cnt; i++)
		r = add(in, c->initrd[i], NULL, args, align, errp);
	if (r == 0 && c->segment)
		r = add(in, NULL, c->segment, false, align, errp);
	return r;
}

int initrd_load(const struct initrds *in, struct guest_mem *gm, gpa_t base, struct error **errp)
{
	for (unsigned i = 0; i < in->cnt; i++) {
		const struct initrd *e = &in->v[i];
		int r = image_load(&e->img, 0, e->img.size, gm, base + e->off, errp);

		if (r < 0) {
			err_wrap(errp, "initrd '%s'", e->name);
			return r;
		}
	}
	return 0;
}

void initrd_close(struct initrds *in)
{
	for (unsigned i = 0; i < in->cnt; i++) {
		image_close(&in->v[i].img);
		free(in->v[i].name);
	}
	free(in->v);
	*in = (struct initrds){ 0 };
}

int load_initrd(struct boot *b, struct load *l, uint64_t end, bool above_4g, struct error **errp)
{
	const struct initrds *in = &b->initrds;
	gpa_t at;
	int r;

	if (!in->cnt)
		return 0;
	if (!place_high(&l->place, in->len, 4096, MIB, min_u64(end, 4 * GIB), "the initrd", &at) &&
	    !(above_4g &&
	      place_low(&l->place, in->len, 4096, 4 * GIB, UINT64_MAX, "the initrd", &at)))
		return err_set(
			errp, ENOMEM,
			"the initrd has %" PRIu64 " KiB, the biggest free piece of guest RAM "
			"below %#" PRIx64 " has %" PRIu64 " KiB",
			(in->len + KIB - 1) / KIB, end, place_biggest(&l->place, MIB, end) / KIB);
	r = initrd_load(in, l->gm, at, errp);
	if (r < 0)
		return r;
	b->initrd_gpa = at;
	b->initrd_len = in->len;
	return 0;
}
