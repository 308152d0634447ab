/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio.c: the virtio core and a transport, and a guest that may do everything (libFuzzer).
 *
 * The first byte chooses the transport. The rest is a list of acts: accesses of any register, of
 * configuration space and the window in it, well-formed set-ups, ring entries honest and not,
 * notifications, resets of the machine, pauses; and snapshots whose bytes the input chooses. The
 * loop does not run: the fuzzer delivers kicks itself, when it likes. At the end a driver that goes
 * by the book must find a device that works.
 */
#include <string.h>

#include "devices/virtio/transport_pci.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/virtio_rig.h"
#include "vmm/log.h"
#include "vmm/snap.h"

/* One of each kind of transport, made once: what an input has done to it, a reset undoes. */
static struct bench {
	struct virtio_rig g;
	struct fake_virtio *f;
} bench[3];
static struct virtio_rig *g;
static struct fake_virtio *f;

/* --- the loop's part -------------------------------------------------------------------------- */

static void deliver(void)
{
	uint64_t cnt;

	for (unsigned i = 0; i < f->v.queue_cnt; i++) {
		struct ev_fd *k = &f->v.queue[i].kick;

		if (read(k->fd, &cnt, sizeof(cnt)) == sizeof(cnt))
			k->cb(k, EV_IN);
	}
}

/* --- acts ------------------------------------------------------------------------------------- */

static uint64_t some_features(struct input *in)
{
	static const uint64_t f_bits[] = { VIRTIO_F_EVENT_IDX,   VIRTIO_F_INDIRECT_DESC,
					   VIRTIO_F_RING_PACKED, VIRTIO_F_RING_RESET,
					   FAKE_VIRTIO_F_A,      VIRTIO_F_NOTIFICATION_DATA };
	uint64_t v = VIRTIO_F_VERSION_1, pick = take(in, 1);

	for (unsigned i = 0; i < ARRAY_LEN(f_bits); i++)
		v |= pick >> i & 1 ? f_bits[i] : 0;
	return v;
}

/* BARs where firmware puts them, and everything on. */
static void firmware(void)
{
	struct pci_func *p;

	if (g->kind == VRIG_MMIO)
		return;
	p = virtio_pci_func(g->func);
	pci_rig_write(&g->pci, g->slot, 0x04, 2, 0); /* so that none is in another's way */
	for (unsigned i = VIRTIO_PCI_BAR_MEM; i <= VIRTIO_PCI_BAR_IO; i++)
		pci_rig_write(&g->pci, g->slot, 0x10 + 4 * i, 4, (uint32_t)p->bar[i].home);
	pci_rig_enable(&g->pci, g->slot, 7);
}

/* As vrig_probe(), but with whatever features, and rings of whatever size. */
static void set_up(struct input *in)
{
	uint64_t features = some_features(in);

	firmware();
	if (!(vrig_negotiate(g, features) & VIRTIO_STATUS_FEATURES_OK))
		return;
	for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++) {
		uint64_t pick = take(in, 1);
		struct vring_addr ring;

		gd_init(&g->q[i], g->gm, GD_RINGS + i * 256 * KIB, (uint16_t)(1u << pick % 5),
			features);
		ring = g->q[i].ring;
		if (pick >= 0xf0)
			ring.device += take(in, 2);
		if (pick < 0xc0 || pick >= 0xf0)
			vrig_set_queue(g, i, &ring);
	}
	vrig_write(g, VRIG_STATUS, 0xf);
}

static void any_register(struct input *in)
{
	enum vrig_reg reg = take(in, 1) % VRIG_REGS;

	vrig_write(g, reg, (uint32_t)take(in, 1 + take(in, 1) % 4));
	vrig_read(g, reg);
}

static void any_access(struct input *in)
{
	uint32_t off = (uint32_t)take(in, 2);
	unsigned size = 1u << take(in, 1) % 3;

	if (g->kind == VRIG_MMIO) {
		unsigned r = off & 1;

		off %= r ? 0xf00 : 0x100;
		size = r ? size : 4;
		off -= off % size;
		io_write(g->xport, r, off, size, take(in, 4) & size_mask(size));
		io_read(g->xport, r, off, size);
		return;
	}
	pci_rig_store(&g->pci, g->mem + off % VIRTIO_PCI_MEM_LEN, size, take(in, 4));
	pci_rig_load(&g->pci, g->mem + off % VIRTIO_PCI_MEM_LEN, size);
}

static void config_space(struct input *in)
{
	unsigned size = 1u << take(in, 1) % 3, off = (unsigned)take(in, 1);

	if (g->kind == VRIG_MMIO)
		return;
	off -= off % size;
	pci_rig_write(&g->pci, g->slot, off, size, (uint32_t)take(in, size));
	pci_rig_read(&g->pci, g->slot, off, size);
}

static void window(struct input *in)
{
	unsigned at;

	if (g->kind == VRIG_MMIO)
		return;
	at = pci_rig_cap(&g->pci, g->slot, PCI_CAP_VENDOR, 5);
	pci_rig_write(&g->pci, g->slot, at + 4, 1, (uint32_t)take(in, 1));
	pci_rig_write(&g->pci, g->slot, at + 8, 4, (uint32_t)take(in, 4));
	pci_rig_write(&g->pci, g->slot, at + 12, 4, (uint32_t)take(in, 1));
	pci_rig_write(&g->pci, g->slot, at + 16, 4, (uint32_t)take(in, 4));
	pci_rig_read(&g->pci, g->slot, at + 16, 4);
}

static void ring(struct input *in)
{
	struct guest_driver *d = &g->q[take(in, 1) % FAKE_VIRTIO_QUEUES];
	uint64_t act = take(in, 1);

	if (!d->size)
		return;
	if (act < 0x60)
		gd_evil(d, take(in, 8));
	if (act >= 0x40 && d->free_cnt >= 2) {
		struct gd_buf b[2] = { { GD_SEAM - 64, (uint32_t)take(in, 1), false },
				       { GD_SEAM + 64, (uint32_t)take(in, 1), GD_W } };

		gd_add(d, b, 2, NULL);
		gd_kick(d);
	}
}

static void machine_reset(void)
{
	device_reset(g->xport);
	device_reset(&f->v.dev);
	if (g->kind != VRIG_MMIO)
		pci_rig_reset(&g->pci);
}

static void pause_device(void)
{
	f->v.dev.ops->stop(&f->v.dev);
	assert_int_equal(f->v.dev.ops->start(&f->v.dev, NULL), 0);
}

/* Bytes of a snapshot table of @d become what the input says; if it is refused, it must be after a
 * reset, as snap.h asks, that things go on. */
static void hostile_state(struct device *d, struct input *in)
{
	const struct snap_desc *s = d->ops->state;
	const struct snap_field *fl = &s->f[take(in, 1) % s->n];
	uint8_t *at = (uint8_t *)d + fl->off + take(in, 2) % fl->count * fl->size;
	uint64_t val = take(in, fl->size);

	f->v.dev.ops->stop(&f->v.dev);
	s->pre_save(d);
	machine_reset();
	if (fl->type == SNAP_BOOL)
		val &= 1;
	memcpy(at, &val, fl->size);
	if (s->post_load(d, s->version, NULL) < 0)
		machine_reset();
	assert_int_equal(f->v.dev.ops->start(&f->v.dev, NULL), 0);
}

static void act(struct input *in)
{
	switch (take(in, 1) % 14) {
	case 0:
		set_up(in);
		break;
	case 1:
	case 2:
		any_register(in);
		break;
	case 3:
		any_access(in);
		break;
	case 4:
		config_space(in);
		break;
	case 5:
		window(in);
		break;
	case 6:
	case 7:
		ring(in);
		break;
	case 8:
		vrig_notify(g, (unsigned)take(in, 1) % 5);
		break;
	case 9:
		deliver();
		break;
	case 10:
		f->hold = take(in, 1) & 1;
		f->value = take(in, 8);
		virtio_config_changed(&f->v);
		vrig_take_isr(g);
		break;
	case 11:
		pause_device();
		break;
	case 12:
		machine_reset();
		break;
	default:
		hostile_state(take(in, 1) & 1 ? g->xport : &f->v.dev, in);
		break;
	}
}

/* --- the end ---------------------------------------------------------------------------------- */

static void must_work(void)
{
	struct gd_used u;
	uint32_t val = 0x600d600d;

	f->hold = false;
	machine_reset();
	firmware();
	vrig_probe(g, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	deliver();
	assert_true(gm_write(g->gm, GD_SEAM - 2, &val, 4));
	assert_true(gd_add(&g->q[1],
			   (struct gd_buf[]){ { GD_SEAM - 2, 4, false }, { GD_SEAM + 8, 4, GD_W } },
			   2, NULL) >= 0);
	vrig_kick(g, 1);
	deliver();
	assert_true(gd_get_used(&g->q[1], &u));
	assert_int_equal(u.len, 4);
	assert_int_equal(f->wrong, 0);
}

static void make(struct bench *b, enum vrig_kind kind)
{
	vrig_init(&b->g, kind);
	log_set_fd(-1);
	b->f = fake_virtio_create(b->g.gm, b->g.loop, true);
	vrig_plug(&b->g, &b->f->v);
	assert_int_equal(b->f->v.dev.ops->start(&b->f->v.dev, NULL), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct bench *b = &bench[take(&in, 1) % ARRAY_LEN(bench)];

	if (!b->f)
		make(b, (enum vrig_kind)(b - bench));
	g = &b->g;
	f = b->f;
	machine_reset();
	firmware();
	for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
		g->q[i].size = 0;
	for (unsigned n = 0; in.left && n < 2000; n++)
		act(&in);
	must_work();
	return 0;
}
