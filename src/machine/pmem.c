/* SPDX-License-Identifier: MIT */
/*
 * pmem.c: files as memory behind RAM, each with a virtio-pmem device that tells the guest of it and
 * makes what it stores durable, on a thread that may wait for the disk.
 */
#include "devices/virtio/pmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "block/lock.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/parse.h"

/* --- the file --------------------------------------------------------------------------------- */

static int open_file(const struct pmem_config *c, struct error **errp)
{
	bool shared = !c->readonly && !c->private;
	_cleanup_close_ int fd =
		open(c->path, (shared ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = err_errno(errp, errno, "cannot open '%s'", c->path);
		if (shared && (r == -EACCES || r == -EPERM || r == -EROFS))
			err_hint(errp, "',ro' or ',private' behind the path does without writing");
		return r;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(errp, EINVAL, "'%s' is neither a regular file nor a block device",
			       c->path);
	r = file_lock(fd, c->path, !shared, errp);
	return r < 0 ? r : take_fd(&fd);
}

/*
 * A page that has no place on the disk yet gets one when the guest first stores to it; where there
 * is none to be had, that store ends the guest. So that is said before.
 */
static void warn_of_holes(const struct pmem_config *c, int fd, uint64_t len)
{
	char needs[24], has[24];
	struct statvfs fs;
	struct stat st;
	uint64_t there, room;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fstatvfs(fd, &fs) < 0)
		return;
	there = (uint64_t)st.st_blocks * 512;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (there >= len || len - there <= room)
		return;
	log_msg(LOG_WARN, "pmem",
		"'%s' may need %s more on its file system, which has %s: the guest ends if it runs "
		"out",
		c->path, format_size(len - there, needs, sizeof(needs)),
		format_size(room, has, sizeof(has)));
}

static int size_error(const struct pmem_config *c, uint64_t size, struct error **errp)
{
	char is[24];

	err_set(errp, EINVAL, "'%s' of %s is no multiple of 2 MiB, as memory is mapped", c->path,
		format_size(size, is, sizeof(is)));
	err_hint(errp, "truncate -s %%2M makes it one; or say how much with ',size='; with ',ro' "
		       "and ',private' it need not be");
	return -EINVAL;
}

/*
 * How many bytes the guest gets. A shared file is all of it the guest's: the end of the last 2 MiB
 * of a file that is no multiple would be memory that forgets, so that is refused.
 */
static int choose_len(const struct pmem_config *c, int fd, uint64_t *ret, struct error **errp)
{
	bool shared = !c->readonly && !c->private;
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t len;

	if (size < 0)
		return err_errno(errp, errno, "cannot tell the size of '%s'", c->path);
	if (!size && !c->size)
		return err_set(errp, EINVAL, "'%s' is empty: say how much memory with ',size='",
			       c->path);
	len = c->size ? c->size : align_up((uint64_t)size, 2 * MIB);
	if (shared && !c->size && len != (uint64_t)size)
		return size_error(c, (uint64_t)size, errp);
	if (shared && (uint64_t)size < len && ftruncate(fd, (off_t)len) < 0)
		return err_errno(errp, errno, "cannot grow '%s' for ',size='", c->path);
	if (shared)
		warn_of_holes(c, fd, len);
	*ret = len;
	return 0;
}

/* --- its place -------------------------------------------------------------------------------- */

/* On a border of 1 GiB if it is as long, so that one entry of a page table can map that much. */
static gpa_t place_after(gpa_t end, uint64_t len)
{
	return align_up(end, len >= GIB ? GIB : 2 * MIB);
}

static int place(struct machine *m, unsigned i, unsigned phys_bits, struct error **errp)
{
	const struct pmem_config *c = &m->config->virtio.pmem.v[i];
	_cleanup_close_ int fd = open_file(c, errp);
	struct gm_file_config file = { .path = c->path,
				       .fd = fd,
				       .mode = c->readonly  ? GM_FILE_READONLY
					       : c->private ? GM_FILE_PRIVATE
							    : GM_FILE_SHARED };
	uint64_t limit = phys_bits < 64 ? BIT64(phys_bits) : UINT64_MAX, base;
	char size[24];
	int r = fd < 0 ? fd : choose_len(c, fd, &file.len, errp);

	if (r < 0)
		return r;
	base = place_after(m->memory_end, file.len);
	if (base > limit || file.len > limit - base)
		return err_set(errp, EFBIG,
			       "'%s' of %s does not fit in the %u-bit physical addresses of this "
			       "CPU",
			       c->path, format_size(file.len, size, sizeof(size)), phys_bits);
	r = gm_add_file(m->gm, base, &file, errp);
	if (r < 0)
		return r;
	take_fd(&fd);
	m->pmem[i].base = base;
	m->pmem[i].len = file.len;
	m->memory_end = base + file.len;
	return 0;
}

int machine_place_pmem(struct machine *m, unsigned phys_bits, struct error **errp)
{
	uint64_t size = m->config->mem.size;

	m->memory_end = LAYOUT_RAM_HIGH + (size - min_u64(size, LAYOUT_RAM_LOW_MAX));
	for (unsigned i = 0; i < m->config->virtio.pmem.cnt; i++) {
		int r = place(m, i, phys_bits, errp);

		if (r < 0)
			return err_wrap(errp, "--pmem");
	}
	return 0;
}

/* --- its device ------------------------------------------------------------------------------- */

static int sync_file(void *opaque)
{
	struct pmem_file *f = opaque;

	return gm_sync_file(f->gm, f->base);
}

static int add(struct machine *m, unsigned i, struct error **errp)
{
	char id[16];
	struct virtio_pmem_params p = {
		.id = id,
		.gm = m->gm,
		.packed = m->config->board.packed,
		.start = m->pmem[i].base,
		.size = m->pmem[i].len,
		.sync = sync_file,
		.opaque = &m->pmem[i],
	};
	struct virtio_pmem *dev;
	int r;

	snprintf(id, sizeof(id), "pmem%u", i);
	m->pmem[i].gm = m->gm;
	r = machine_iothread(m, NULL, id, &p.loop, errp);
	if (r >= 0)
		r = virtio_pmem_create(&p, &dev, errp);
	return r < 0 ? r : machine_add_virtio(m, virtio_pmem_device(dev), errp);
}

int machine_add_pmem(struct machine *m, const struct vm_config *c, struct error **errp)
{
	for (unsigned i = 0; i < c->virtio.pmem.cnt; i++) {
		int r = add(m, i, errp);

		if (r < 0)
			return r;
	}
	return 0;
}
