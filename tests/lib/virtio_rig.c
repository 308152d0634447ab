/* SPDX-License-Identifier: MIT */
/* virtio_rig.c: a virtio device, its transport, and a guest. */
#include "tests/lib/virtio_rig.h"

#include <string.h>
#include <sys/eventfd.h>

#include "devices/virtio/transport_mmio.h"
#include "devices/virtio/transport_pci.h"
#include "tests/lib/port.h"
#include "vmm/log.h"

/* --- interrupts, from any thread -------------------------------------------------------------- */

static void wire_set(struct irq_line *l, bool level)
{
	struct vrig_wire *w = l->chip;

	if (!atomic_exchange(&w->level, level) && level)
		w->rises++;
}

static const struct irq_ops wire_ops = { .set = wire_set };

static int msi_send(struct msi_sink *s, const struct msi_msg *m)
{
	struct pci_rig *p = container_of(s, struct pci_rig, msi.sink);
	struct virtio_rig *g = container_of(p, struct virtio_rig, pci);

	assert_true(m->data < ARRAY_LEN(g->msi));
	g->msi[m->data]++;
	return 1;
}

static const struct msi_sink_ops msi_ops = { .send = msi_send };

/* --- life ------------------------------------------------------------------------------------- */

static void on_mark(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	container_of(e, struct virtio_rig, mark)->marks++;
}

void vrig_init(struct virtio_rig *g, enum vrig_kind kind)
{
	struct error *e = NULL;

	log_set_level(LOG_ERR);
	memset(g, 0, sizeof(*g));
	g->kind = kind;
	g->gm = gd_mem_create();
	g->loop = loop_create("rig", &e);
	assert_no_error(e);
	g->mark = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				  .events = EV_IN | EV_EDGE,
				  .cb = on_mark };
	assert_true(g->mark.fd >= 0);
	fake_bells_init(&g->bells);
	g->irq = (struct irq_line){ .ops = &wire_ops, .chip = &g->wire };
	if (kind == VRIG_MMIO)
		return;
	pci_rig_init(&g->pci, kind == VRIG_PCI);
	g->pci.msi.sink.ops = &msi_ops;
	for (unsigned i = 0; i < PCI_INTX_LINES; i++)
		g->pci.intx[i].line = g->irq;
}

static void plug_mmio(struct virtio_rig *g)
{
	struct virtio_mmio_config c = {
		.vdev = g->v, .base = VRIG_MMIO_BASE, .irq = &g->irq, .doorbells = &g->bells.host
	};
	struct error *e = NULL;

	if (virtio_mmio_create(&c, &g->mmio, &e) < 0)
		assert_no_error(e);
	g->xport = virtio_mmio_device(g->mmio);
}

/* 4.1.4: the driver takes the first structure of each type that it can use. */
static void find_structures(struct virtio_rig *g)
{
	unsigned at;

	for (unsigned n = 0; (at = pci_rig_cap(&g->pci, g->slot, PCI_CAP_VENDOR, n)); n++) {
		uint32_t type = pci_rig_read(&g->pci, g->slot, at + 3, 1);
		uint32_t off = pci_rig_read(&g->pci, g->slot, at + 8, 4);

		if (type == VIRTIO_PCI_CAP_COMMON_CFG)
			g->common = off;
		else if (type == VIRTIO_PCI_CAP_ISR_CFG)
			g->isr = off;
		else if (type == VIRTIO_PCI_CAP_DEVICE_CFG)
			g->cfg = off;
	}
}

/* Each vector's message carries its number; then MSI-X Enable. */
static void set_up_msix(struct virtio_rig *g)
{
	unsigned cap = pci_rig_cap(&g->pci, g->slot, PCI_CAP_MSIX, 0);
	uint64_t table = pci_rig_bar(&g->pci, g->slot, VIRTIO_PCI_BAR_MSIX);

	for (unsigned i = 0; i <= g->v->queue_cnt; i++) {
		pci_rig_store(&g->pci, table + i * 16, 4, 0xfee00000);
		pci_rig_store(&g->pci, table + i * 16 + 4, 4, 0);
		pci_rig_store(&g->pci, table + i * 16 + 8, 4, i);
		pci_rig_store(&g->pci, table + i * 16 + 12, 4, 0);
	}
	pci_rig_write(&g->pci, g->slot, cap + 2, 2, 0x8000);
}

static void plug_pci(struct virtio_rig *g)
{
	struct virtio_pci_config c = { .vdev = g->v, .doorbells = &g->bells.host };
	struct error *e = NULL;

	if (virtio_pci_create(&c, &g->func, &e) < 0)
		assert_no_error(e);
	g->xport = virtio_pci_device(g->func);
	if (pci_bus_attach(g->pci.bus, virtio_pci_func(g->func), -1, &e) < 0)
		assert_no_error(e);
	g->slot = virtio_pci_func(g->func)->slot;
	pci_rig_reset(&g->pci);
	device_reset(g->xport);
	g->mem = pci_rig_bar(&g->pci, g->slot, VIRTIO_PCI_BAR_MEM);
	g->io = pci_rig_bar(&g->pci, g->slot, VIRTIO_PCI_BAR_IO);
	find_structures(g);
	pci_rig_enable(&g->pci, g->slot, 7); /* I/O, memory, bus master */
	if (g->kind == VRIG_PCI)
		set_up_msix(g);
}

void vrig_plug(struct virtio_rig *g, struct virtio_device *v)
{
	g->v = v;
	if (g->kind == VRIG_MMIO)
		plug_mmio(g);
	else
		plug_pci(g);
	device_reset(&v->dev);
}

void vrig_start(struct virtio_rig *g)
{
	struct error *e = NULL;

	if (g->v->dev.ops->start(&g->v->dev, &e) < 0 || loop_add(g->loop, &g->mark, &e) < 0 ||
	    loop_start_thread(g->loop, &e) < 0)
		assert_no_error(e);
	g->threaded = true;
}

void vrig_stop(struct virtio_rig *g)
{
	loop_stop(g->loop);
	g->threaded = false;
	loop_del(&g->mark);
	g->v->dev.ops->stop(&g->v->dev);
}

void vrig_unplug(struct virtio_rig *g)
{
	g->xport->ops->stop(g->xport);
	g->xport->ops->destroy(g->xport);
	assert_int_equal(fake_bells_cnt(&g->bells), 0);
}

void vrig_fini(struct virtio_rig *g)
{
	if (g->kind != VRIG_MMIO)
		pci_rig_fini(&g->pci);
	loop_destroy(g->loop);
	close(g->mark.fd);
	gm_destroy(g->gm);
}

/* --- registers -------------------------------------------------------------------------------- */

#define COMMON(name) offsetof(struct virtio_pci_common_cfg, name)

static const struct {
	uint16_t mmio;
	uint8_t pci, pci_size;
} regs[] = {
	[VRIG_DEVICE_FEATURES_SEL] = { VIRTIO_MMIO_DEVICE_FEATURES_SEL,
				       COMMON(device_feature_select), 4 },
	[VRIG_DEVICE_FEATURES] = { VIRTIO_MMIO_DEVICE_FEATURES, COMMON(device_feature), 4 },
	[VRIG_DRIVER_FEATURES_SEL] = { VIRTIO_MMIO_DRIVER_FEATURES_SEL,
				       COMMON(driver_feature_select), 4 },
	[VRIG_DRIVER_FEATURES] = { VIRTIO_MMIO_DRIVER_FEATURES, COMMON(driver_feature), 4 },
	[VRIG_STATUS] = { VIRTIO_MMIO_STATUS, COMMON(device_status), 1 },
	[VRIG_GENERATION] = { VIRTIO_MMIO_CONFIG_GENERATION, COMMON(config_generation), 1 },
	[VRIG_QUEUE_SEL] = { VIRTIO_MMIO_QUEUE_SEL, COMMON(queue_select), 2 },
	[VRIG_QUEUE_MAX] = { VIRTIO_MMIO_QUEUE_NUM_MAX, COMMON(queue_size), 2 },
	[VRIG_QUEUE_SIZE] = { VIRTIO_MMIO_QUEUE_NUM, COMMON(queue_size), 2 },
	[VRIG_QUEUE_ENABLE] = { VIRTIO_MMIO_QUEUE_READY, COMMON(queue_enable), 2 },
	[VRIG_QUEUE_RESET] = { VIRTIO_MMIO_QUEUE_RESET, COMMON(queue_reset), 2 },
	[VRIG_DESC_LO] = { VIRTIO_MMIO_QUEUE_DESC_LOW, COMMON(queue_desc_lo), 4 },
	[VRIG_DESC_HI] = { VIRTIO_MMIO_QUEUE_DESC_HIGH, COMMON(queue_desc_hi), 4 },
	[VRIG_DRIVER_LO] = { VIRTIO_MMIO_QUEUE_DRIVER_LOW, COMMON(queue_driver_lo), 4 },
	[VRIG_DRIVER_HI] = { VIRTIO_MMIO_QUEUE_DRIVER_HIGH, COMMON(queue_driver_hi), 4 },
	[VRIG_DEVICE_LO] = { VIRTIO_MMIO_QUEUE_DEVICE_LOW, COMMON(queue_device_lo), 4 },
	[VRIG_DEVICE_HI] = { VIRTIO_MMIO_QUEUE_DEVICE_HIGH, COMMON(queue_device_hi), 4 },
};
_Static_assert(ARRAY_LEN(regs) == VRIG_REGS, "a row each");

uint32_t vrig_read(struct virtio_rig *g, enum vrig_reg reg)
{
	if (g->kind == VRIG_MMIO)
		return (uint32_t)io_read(g->xport, VIRTIO_MMIO_CONTROL, regs[reg].mmio, 4);
	return (uint32_t)pci_rig_load(&g->pci, g->mem + g->common + regs[reg].pci,
				      regs[reg].pci_size);
}

void vrig_write(struct virtio_rig *g, enum vrig_reg reg, uint32_t val)
{
	if (g->kind == VRIG_MMIO)
		io_write(g->xport, VIRTIO_MMIO_CONTROL, regs[reg].mmio, 4, val);
	else
		pci_rig_store(&g->pci, g->mem + g->common + regs[reg].pci, regs[reg].pci_size, val);
}

uint64_t vrig_config(struct virtio_rig *g, unsigned off, unsigned size)
{
	if (g->kind == VRIG_MMIO)
		return io_read(g->xport, VIRTIO_MMIO_DEVICE, off, size);
	return pci_rig_load(&g->pci, g->mem + g->cfg + off, size);
}

void vrig_config_write(struct virtio_rig *g, unsigned off, unsigned size, uint64_t val)
{
	if (g->kind == VRIG_MMIO)
		io_write(g->xport, VIRTIO_MMIO_DEVICE, off, size, val);
	else
		pci_rig_store(&g->pci, g->mem + g->cfg + off, size, val);
}

/* --- a driver --------------------------------------------------------------------------------- */

uint64_t vrig_offered(struct virtio_rig *g)
{
	uint64_t lo;

	vrig_write(g, VRIG_DEVICE_FEATURES_SEL, 0);
	lo = vrig_read(g, VRIG_DEVICE_FEATURES);
	vrig_write(g, VRIG_DEVICE_FEATURES_SEL, 1);
	return lo | (uint64_t)vrig_read(g, VRIG_DEVICE_FEATURES) << 32;
}

uint8_t vrig_negotiate(struct virtio_rig *g, uint64_t features)
{
	vrig_reset(g);
	vrig_write(g, VRIG_STATUS, VIRTIO_STATUS_ACKNOWLEDGE);
	vrig_write(g, VRIG_STATUS, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	for (unsigned i = 0; i < 2; i++) {
		vrig_write(g, VRIG_DRIVER_FEATURES_SEL, i);
		vrig_write(g, VRIG_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	vrig_write(g, VRIG_STATUS,
		   VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
	return (uint8_t)vrig_read(g, VRIG_STATUS);
}

void vrig_set_queue(struct virtio_rig *g, unsigned n, const struct vring_addr *ring)
{
	vrig_write(g, VRIG_QUEUE_SEL, n);
	vrig_write(g, VRIG_QUEUE_SIZE, ring->size);
	vrig_write(g, VRIG_DESC_LO, (uint32_t)ring->desc);
	vrig_write(g, VRIG_DESC_HI, (uint32_t)(ring->desc >> 32));
	vrig_write(g, VRIG_DRIVER_LO, (uint32_t)ring->driver);
	vrig_write(g, VRIG_DRIVER_HI, (uint32_t)(ring->driver >> 32));
	vrig_write(g, VRIG_DEVICE_LO, (uint32_t)ring->device);
	vrig_write(g, VRIG_DEVICE_HI, (uint32_t)(ring->device >> 32));
	if (g->kind == VRIG_PCI)
		pci_rig_store(&g->pci, g->mem + g->common + COMMON(queue_msix_vector), 2, 1 + n);
	vrig_write(g, VRIG_QUEUE_ENABLE, 1);
}

void vrig_probe(struct virtio_rig *g, uint64_t features)
{
	assert_true(vrig_negotiate(g, features) & VIRTIO_STATUS_FEATURES_OK);
	if (g->kind == VRIG_PCI)
		pci_rig_store(&g->pci, g->mem + g->common + COMMON(config_msix_vector), 2, 0);
	for (unsigned i = 0; i < g->v->queue_cnt; i++) {
		vrig_write(g, VRIG_QUEUE_SEL, i);
		gd_init(&g->q[i], g->gm, GD_RINGS + i * 256 * KIB,
			(uint16_t)(vrig_read(g, VRIG_QUEUE_MAX) / 2), features);
		vrig_set_queue(g, i, &g->q[i].ring);
	}
	vrig_write(g, VRIG_STATUS, vrig_read(g, VRIG_STATUS) | VIRTIO_STATUS_DRIVER_OK);
}

void vrig_reset(struct virtio_rig *g)
{
	vrig_write(g, VRIG_STATUS, 0);
	assert_int_equal(vrig_read(g, VRIG_STATUS), 0);
}

/* --- data ------------------------------------------------------------------------------------- */

void vrig_notify(struct virtio_rig *g, unsigned n)
{
	unsigned off = VIRTIO_PCI_NOTIFY_STRIDE * n;

	if (g->kind == VRIG_MMIO) {
		gpa_t at = VRIG_MMIO_BASE + VIRTIO_MMIO_QUEUE_NOTIFY;

		if (fake_bells_write(&g->bells, false, at, 4, n))
			return;
		g->exits++;
		io_write(g->xport, VIRTIO_MMIO_CONTROL, VIRTIO_MMIO_QUEUE_NOTIFY, 4, n);
	} else if (g->notify_mem) {
		gpa_t at = g->mem + VIRTIO_PCI_NOTIFY + off;

		if (fake_bells_write(&g->bells, false, at, 2, n))
			return;
		g->exits++;
		pci_rig_store(&g->pci, at, 2, n);
	} else {
		if (fake_bells_write(&g->bells, true, g->io + off, 2, n))
			return;
		g->exits++;
		pci_rig_out(&g->pci, (uint16_t)(g->io + off), 2, n);
	}
}

void vrig_kick(struct virtio_rig *g, unsigned n)
{
	if (gd_kick(&g->q[n]))
		vrig_notify(g, n);
}

void vrig_next_used(struct virtio_rig *g, unsigned n, struct gd_used *u)
{
	assert_true(EVENTUALLY(5000, gd_get_used(&g->q[n], u)));
}

/*
 * What was signalled before comes before in the loop's list, among descriptors that are watched for
 * edges: posted work would overtake it.
 */
void vrig_settle(struct virtio_rig *g)
{
	unsigned before = g->marks;
	uint64_t one = 1;

	if (!g->threaded)
		return;
	assert_int_equal(write(g->mark.fd, &one, sizeof(one)), sizeof(one));
	assert_true(EVENTUALLY(5000, g->marks != before));
}

unsigned vrig_queue_irqs(struct virtio_rig *g, unsigned n)
{
	return g->kind == VRIG_PCI ? g->msi[1 + n] : g->wire.rises;
}

unsigned vrig_config_irqs(struct virtio_rig *g)
{
	return g->kind == VRIG_PCI ? g->msi[0] : g->wire.rises;
}

uint8_t vrig_take_isr(struct virtio_rig *g)
{
	uint8_t bits;

	if (g->kind != VRIG_MMIO)
		return (uint8_t)pci_rig_load(&g->pci, g->mem + g->isr, 1);
	bits = (uint8_t)io_read(g->xport, VIRTIO_MMIO_CONTROL, VIRTIO_MMIO_INTERRUPT_STATUS, 4);
	io_write(g->xport, VIRTIO_MMIO_CONTROL, VIRTIO_MMIO_INTERRUPT_ACK, 4, bits);
	return bits;
}

/* --- with a fake device ----------------------------------------------------------------------- */

struct fake_virtio *vrig_up(struct virtio_rig *g, enum vrig_kind kind)
{
	struct fake_virtio *f;

	vrig_init(g, kind);
	f = fake_virtio_create(g->gm, g->loop, true);
	vrig_plug(g, &f->v);
	vrig_start(g);
	return f;
}

void vrig_down(struct virtio_rig *g, struct fake_virtio *f)
{
	vrig_stop(g);
	assert_int_equal(f->wrong, 0);
	assert_int_equal(f->held_cnt, 0);
	vrig_unplug(g);
	fake_virtio_destroy(f);
	vrig_fini(g);
}

gpa_t vrig_add(struct virtio_rig *g, unsigned n, uint32_t val)
{
	return vrig_add_at(g, n, val, gd_alloc(&g->q[n], 8, 4));
}

gpa_t vrig_add_at(struct virtio_rig *g, unsigned n, uint32_t val, gpa_t at)
{
	struct gd_buf b[] = { { at, 4, false }, { at + 4, 4, GD_W } };

	assert_true(gm_write(g->gm, at, &val, 4));
	assert_true(gd_add(&g->q[n], b, 2, g) >= 0);
	return at + 4;
}

void vrig_expect(struct virtio_rig *g, unsigned n, gpa_t out, uint32_t val)
{
	struct gd_used u;
	uint32_t got;

	vrig_next_used(g, n, &u);
	assert_int_equal(u.len, 4);
	assert_true(gm_read(g->gm, out, &got, 4));
	assert_int_equal(got, val);
}
