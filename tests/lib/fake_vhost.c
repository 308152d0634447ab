/* SPDX-License-Identifier: MIT */
/* fake_vhost.c: the host's kernel, as far as it has vhost. */
#include "tests/lib/fake_vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "vmm/endian.h"

/* --- ioctls ----------------------------------------------------------------------------------- */

static struct fake_vhost *to_fake(const struct vhost_kernel *k)
{
	return container_of((struct vhost_kernel *)(uintptr_t)k, struct fake_vhost, kernel);
}

static int fake_open(const struct vhost_kernel *k, const char *path)
{
	struct fake_vhost *f = to_fake(k);

	snprintf(f->path, sizeof(f->path), "%s", path);
	if (f->open_err)
		return f->open_err;
	f->opens++;
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static bool serves(const struct fake_vhost *f, const struct fake_vhost_ring *r)
{
	return f->vsock ? f->running : r->backend >= 0;
}

static bool is_fd(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int set_file(struct fake_vhost *f, int *where, int fd)
{
	if (fd >= 0 && !is_fd(fd)) {
		f->wrong++;
		return -EBADF;
	}
	*where = fd;
	return 0;
}

/* vhost_vq_access_ok(), vhost_vq_init_access() */
static int begin(struct fake_vhost *f, struct fake_vhost_ring *r)
{
	if (!r->num || !r->addr.desc_user_addr || !f->regions)
		return -EFAULT;
	memcpy(&r->used, (void *)(uintptr_t)(r->addr.used_user_addr + 2), 2);
	if (r->used != r->avail)
		f->wrong++;
	return 0;
}

static int set_backend(struct fake_vhost *f, const struct vhost_vring_file *file)
{
	struct fake_vhost_ring *r = &f->ring[file->index];
	int err = 0;

	if (f->vsock)
		return -ENOTTY;
	if (file->fd >= 0)
		err = begin(f, r);
	return err < 0 ? err : set_file(f, &r->backend, file->fd);
}

static int set_running(struct fake_vhost *f, bool on)
{
	int err = 0;

	if (!f->vsock)
		return -ENOTTY;
	for (unsigned i = 0; on && i < FAKE_VHOST_RINGS && err >= 0; i++)
		err = begin(f, &f->ring[i]);
	if (err >= 0)
		f->running = on;
	return err;
}

static int set_memory(struct fake_vhost *f, const struct vhost_memory *m)
{
	if (m->padding || m->nregions > ARRAY_LEN(f->region))
		return -EOPNOTSUPP;
	f->regions = m->nregions;
	for (unsigned i = 0; i < m->nregions; i++) {
		f->region[i] = m->regions[i];
		if (f->region[i].guest_phys_addr % 4096 || f->region[i].memory_size % 4096 ||
		    f->region[i].userspace_addr % 4096)
			f->wrong++;
	}
	return 0;
}

static int set_num(struct fake_vhost *f, struct fake_vhost_ring *r, unsigned num)
{
	if (serves(f, r))
		return -EBUSY;
	if (!num || num > 0xffff || (num & (num - 1)))
		return -EINVAL;
	r->num = num;
	return 0;
}

static int set_base(struct fake_vhost *f, struct fake_vhost_ring *r, unsigned base)
{
	if (serves(f, r))
		return -EBUSY;
	if (base > 0xffff)
		return -EINVAL;
	r->avail = (uint16_t)base;
	return 0;
}

static int set_addr(struct fake_vhost_ring *r, const struct vhost_vring_addr *a)
{
	if (a->flags)
		return -EOPNOTSUPP;
	if (a->desc_user_addr % 16 || a->avail_user_addr % 2 || a->used_user_addr % 4)
		return -EINVAL;
	r->addr = *a;
	return 0;
}

static int device_ioctl(struct fake_vhost *f, unsigned long request, void *arg)
{
	switch (request) {
	case VHOST_SET_OWNER:
		if (f->owned)
			return -EBUSY;
		f->owned = true;
		return 0;
	case VHOST_GET_FEATURES:
		memcpy(arg, &f->features, 8);
		return 0;
	case VHOST_SET_FEATURES:
		memcpy(&f->acked, arg, 8);
		return f->acked & ~f->features ? -EOPNOTSUPP : 0;
	case VHOST_SET_MEM_TABLE:
		return set_memory(f, arg);
	case VHOST_NET_SET_BACKEND:
		return set_backend(f, arg);
	case VHOST_VSOCK_SET_RUNNING:
		return set_running(f, *(int *)arg);
	case VHOST_VSOCK_SET_GUEST_CID:
		memcpy(&f->cid, arg, 8);
		return f->cid == f->taken_cid ? -EADDRINUSE : f->cid <= 2 ? -EINVAL : 0;
	default:
		return -ENOTTY;
	}
}

static int ring_ioctl(struct fake_vhost *f, unsigned long request, void *arg)
{
	struct vhost_vring_state *s = arg;
	const struct vhost_vring_file *file = arg;
	struct fake_vhost_ring *r = &f->ring[s->index];

	switch (request) {
	case VHOST_SET_VRING_NUM:
		return set_num(f, r, s->num);
	case VHOST_SET_VRING_BASE:
		return set_base(f, r, s->num);
	case VHOST_GET_VRING_BASE:
		s->num = r->avail;
		f->wrong += serves(f, r);
		return 0;
	case VHOST_SET_VRING_ADDR:
		return set_addr(r, arg);
	case VHOST_SET_VRING_KICK:
		r->kicks_set++;
		return set_file(f, &r->kick, file->fd);
	case VHOST_SET_VRING_CALL:
		r->calls_set++;
		return set_file(f, &r->call, file->fd);
	case VHOST_SET_VRING_ERR:
		return set_file(f, &r->err, file->fd);
	default:
		return -ENOTTY;
	}
}

static int locked_ioctl(struct fake_vhost *f, unsigned long request, void *arg)
{
	unsigned nr = _IOC_NR(request);

	f->calls++;
	if (f->fail_at && --f->fail_at == 0) {
		f->failed = true;
		return f->fail_err;
	}
	if (!f->owned && request != VHOST_SET_OWNER)
		return -EPERM;
	if (nr >= 0x10 && nr < 0x30) {
		if (*(unsigned *)arg >= FAKE_VHOST_RINGS)
			return -ENOBUFS;
		return ring_ioctl(f, request, arg);
	}
	return device_ioctl(f, request, arg);
}

static int fake_ioctl(const struct vhost_kernel *k, int fd, unsigned long request, void *arg)
{
	struct fake_vhost *f = to_fake(k);
	int r;

	mutex_lock(&f->lock);
	r = is_fd(fd) ? locked_ioctl(f, request, arg) : -EBADF;
	mutex_unlock(&f->lock);
	return r;
}

/* --- the worker ------------------------------------------------------------------------------- */

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static uint16_t load(uint64_t at)
{
	return le16toh(__atomic_load_n((uint16_t *)(uintptr_t)at, __ATOMIC_ACQUIRE));
}

static void store(uint64_t at, uint16_t v)
{
	__atomic_store_n((uint16_t *)(uintptr_t)at, htole16(v), __ATOMIC_RELEASE);
}

static uint8_t *find(const struct fake_vhost *f, uint64_t gpa, uint32_t len)
{
	for (unsigned i = 0; i < f->regions; i++) {
		const struct vhost_memory_region *m = &f->region[i];
		uint64_t off = gpa - m->guest_phys_addr;

		if (off < m->memory_size && len <= m->memory_size - off)
			return (uint8_t *)(uintptr_t)(m->userspace_addr + off);
	}
	return NULL;
}

/* A chain of a buffer to read and one to write. Bytes written, or -1: a ring of nonsense. */
static int echo(const struct fake_vhost *f, const struct fake_vhost_ring *r, uint16_t head)
{
	struct desc d[2];
	uint8_t *p[2];

	for (unsigned i = 0; i < 2; i++) {
		if (head >= r->num)
			return -1;
		memcpy(&d[i], (void *)(uintptr_t)(r->addr.desc_user_addr + head * 16u), 16);
		p[i] = find(f, d[i].addr, d[i].len);
		if (!p[i] || (d[i].flags & 1) != !i)
			return -1;
		head = d[i].next;
	}
	memcpy(p[1], p[0], min_u64(d[0].len, d[1].len));
	return (int)min_u64(d[0].len, d[1].len);
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static unsigned run_ring(struct fake_vhost *f, struct fake_vhost_ring *r)
{
	uint16_t seen = load(r->addr.avail_user_addr + 2);
	unsigned n = 0;

	for (; r->avail != seen; n++) {
		uint16_t head = load(r->addr.avail_user_addr + 4 + r->avail % r->num * 2);
		int len = f->sink ? 0 : echo(f, r, head);
		uint32_t elem[2] = { head, (uint32_t)len };

		if (len < 0) {
			signal_fd(r->err);
			break;
		}
		memcpy((void *)(uintptr_t)(r->addr.used_user_addr + 4 + r->used % r->num * 8), elem,
		       sizeof(elem));
		r->avail++;
		r->used++;
	}
	store(r->addr.used_user_addr + 2, r->used);
	/* avail_event: every kick is asked for */
	store(r->addr.used_user_addr + 4 + r->num * 8, r->avail);
	if (n && !(load(r->addr.avail_user_addr) & 1))
		signal_fd(r->call);
	return n;
}

unsigned fake_vhost_run(struct fake_vhost *f)
{
	unsigned n = 0;

	mutex_lock(&f->lock);
	for (unsigned i = f->sink; i < FAKE_VHOST_RINGS; i++) {
		struct fake_vhost_ring *r = &f->ring[i];
		struct pollfd p = { .fd = r->kick, .events = POLLIN };

		if (serves(f, r) && poll(&p, 1, 0) == 1)
			n += run_ring(f, r);
	}
	mutex_unlock(&f->lock);
	return n;
}

unsigned fake_vhost_lose(struct fake_vhost *f, unsigned i)
{
	struct fake_vhost_ring *r = &f->ring[i];
	unsigned n = 0;

	mutex_lock(&f->lock);
	if (serves(f, r)) {
		uint16_t seen = load(r->addr.avail_user_addr + 2);

		n = (uint16_t)(seen - r->avail);
		r->avail = seen;
		signal_fd(r->err);
	}
	mutex_unlock(&f->lock);
	return n;
}

struct fake_vhost_ring fake_vhost_ring(struct fake_vhost *f, unsigned i)
{
	struct fake_vhost_ring r;

	mutex_lock(&f->lock);
	r = f->ring[i];
	mutex_unlock(&f->lock);
	return r;
}

unsigned fake_vhost_served(struct fake_vhost *f)
{
	unsigned n = 0;

	mutex_lock(&f->lock);
	for (unsigned i = 0; i < FAKE_VHOST_RINGS; i++)
		n += serves(f, &f->ring[i]);
	mutex_unlock(&f->lock);
	return n;
}

/* --- life ------------------------------------------------------------------------------------- */

void fake_vhost_init(struct fake_vhost *f, bool vsock)
{
	*f = (struct fake_vhost){ .kernel = { fake_open, fake_ioctl }, .vsock = vsock };
	/* Linux 6.1: VHOST_FEATURES, and what vhost-net and vhost-vsock add */
	f->features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | BIT64(24) |
		      BIT64(26) | BIT64(27) | VIRTIO_F_ACCESS_PLATFORM |
		      (vsock ? BIT64(1) : BIT64(15));
	for (unsigned i = 0; i < FAKE_VHOST_RINGS; i++)
		f->ring[i] = (struct fake_vhost_ring){
			.kick = -1, .call = -1, .err = -1, .backend = -1
		};
	mutex_init(&f->lock);
}

void fake_vhost_fini(struct fake_vhost *f)
{
	mutex_destroy(&f->lock);
}
