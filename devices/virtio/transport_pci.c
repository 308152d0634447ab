/* SPDX-License-Identifier: MIT */
/*
 * transport_pci.c: virtio over PCI (virtio 1.2, 4.1); the layout is in transport_pci.h.
 *
 *   common configuration (4.1.4.3)
 *   00 RW device_feature_select   14 RW device_status       1e R  queue_notify_off
 *   04 R  device_feature          15 R  config_generation   20 RW queue_desc
 *   08 RW driver_feature_select   16 RW queue_select        28 RW queue_driver
 *   0c RW driver_feature          18 RW queue_size          30 RW queue_device
 *   10 RW config_msix_vector      1a RW queue_msix_vector   38 R  queue_notify_data
 *   12 R  num_queues              1c RW queue_enable        3a RW queue_reset
 *
 * Locks. Registers are under the device lock. Callbacks of the PCI bus come with the bus's lock
 * held and take the device lock below it. Interrupts come from the loop and take neither: vectors
 * are atomic, ISR status has a lock of its own.
 */
#include "devices/virtio/transport_pci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/virtio/transport.h"
#include "vmm/error.h"
#include "vmm/pci.h"

#define PAGE_MASK 0xf000u

enum { REGION_MEM, REGION_IO, REGION_CNT };

struct virtio_pci {
	struct virtio_transport t; /* first */
	struct io_region region[REGION_CNT];
	struct pci_func func;
	struct virtio_bells mem_bells, io_bells;
	unsigned window; /* offset of the PCI_CFG capability */
	_Atomic uint16_t config_vector;

	/* copies that a snapshot holds */
	uint16_t config_vec, vec[VIRTIO_QUEUES_MAX];
};

static struct virtio_pci *to_pci(struct device *d)
{
	return container_of(d, struct virtio_pci, t.dev);
}

static struct virtio_pci *xport_pci(struct virtio_xport *x)
{
	return container_of(x, struct virtio_pci, t.xport);
}

static struct virtio_pci *func_pci(struct pci_func *f)
{
	return container_of(f, struct virtio_pci, func);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static void drive_intx(struct virtio_isr *i, bool level)
{
	pci_irq_intx(&container_of(i, struct virtio_pci, t.isr)->func, level);
}

/* Sends nothing for VIRTIO_MSI_NO_VECTOR, which is beyond any table. */
static void send_vector(struct virtio_pci *p, const _Atomic uint16_t *vector)
{
	pci_irq_msix(&p->func, atomic_load_explicit(vector, memory_order_relaxed));
}

/* 4.1.4.5.1: "If MSI-X capability is disabled, the device MUST set the Queue Interrupt bit in ISR
 * status before sending a virtqueue notification to the driver." */
static void pci_irq_queue(struct virtio_xport *x, unsigned q)
{
	struct virtio_pci *p = xport_pci(x);

	if (pci_irq_msix_enabled(&p->func))
		send_vector(p, &x->vdev->queue[q].vector);
	else
		virtio_isr_set(&p->t.isr, VIRTIO_ISR_QUEUE);
}

/* NO_VECTOR is beyond any table as well: then the loop interrupts, which sends nothing. Without
 * MSI-X it does so, too: interrupt status is not an eventfd's to set. */
static int pci_irq_queue_fd(struct virtio_xport *x, unsigned q)
{
	struct virtio_pci *p = xport_pci(x);

	if (!pci_irq_msix_enabled(&p->func))
		return -1;
	return pci_irq_msix_fd(&p->func, atomic_load(&x->vdev->queue[q].vector));
}

/* 4.1.4.5.1: the configuration bit is set with MSI-X, too. */
static void pci_irq_config(struct virtio_xport *x)
{
	struct virtio_pci *p = xport_pci(x);

	virtio_isr_set(&p->t.isr, VIRTIO_ISR_CONFIG);
	if (pci_irq_msix_enabled(&p->func))
		send_vector(p, &p->config_vector);
}

static void pci_doorbells(struct virtio_xport *x, bool on)
{
	virtio_bells_switch(&xport_pci(x)->io_bells, on);
	virtio_bells_switch(&xport_pci(x)->mem_bells, on);
}

static const struct virtio_xport_ops xport_ops = { .irq_queue = pci_irq_queue,
						   .irq_queue_fd = pci_irq_queue_fd,
						   .irq_config = pci_irq_config,
						   .doorbells = pci_doorbells };

/* --- common configuration --------------------------------------------------------------------- */

static void reset_registers(struct virtio_pci *p)
{
	struct virtio_device *v = p->t.xport.vdev;

	p->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned i = 0; i < v->queue_cnt; i++)
		v->queue[i].vector = VIRTIO_MSI_NO_VECTOR;
	virtio_transport_clear(&p->t);
}

static void get_queue(struct virtio_pci *p, struct virtio_pci_common_cfg *c)
{
	struct virtio_queue *q = virtio_selected(&p->t);

	if (!q)
		return; /* 4.1.4.3.1: a queue_size of 0 says that there is none */
	c->queue_size = le16_make(q->addr.size);
	c->queue_msix_vector = le16_make(q->vector);
	c->queue_enable = le16_make(q->enabled);
	c->queue_notify_off = le16_make(q->index);
	c->queue_desc_lo = le32_make((uint32_t)q->addr.desc);
	c->queue_desc_hi = le32_make((uint32_t)(q->addr.desc >> 32));
	c->queue_driver_lo = le32_make((uint32_t)q->addr.driver);
	c->queue_driver_hi = le32_make((uint32_t)(q->addr.driver >> 32));
	c->queue_device_lo = le32_make((uint32_t)q->addr.device);
	c->queue_device_hi = le32_make((uint32_t)(q->addr.device >> 32));
}

/* queue_reset always reads 0: a reset has finished when the driver can look. */
static uint64_t common_read(struct virtio_pci *p, uint32_t off, unsigned size)
{
	const uint32_t generation = offsetof(struct virtio_pci_common_cfg, config_generation);
	struct virtio_device *v = p->t.xport.vdev;
	struct virtio_pci_common_cfg c = {
		.device_feature_select = le32_make(p->t.device_features_sel),
		.device_feature = le32_make(virtio_offered_word(v, p->t.device_features_sel)),
		.driver_feature_select = le32_make(p->t.driver_features_sel),
		.driver_feature = le32_make(virtio_acked_word(v, p->t.driver_features_sel)),
		.config_msix_vector = le16_make(p->config_vector),
		.num_queues = le16_make((uint16_t)v->queue_cnt),
		.device_status = virtio_status(v),
		.queue_select = le16_make((uint16_t)p->t.queue_sel),
	};
	uint8_t b[8] = { 0 };

	if (off >= sizeof(c) || size > sizeof(c) - off)
		return 0;
	/* The device is only asked for its configuration when that matters. */
	if (off <= generation && generation < off + size)
		c.config_generation = (uint8_t)virtio_config_generation(v);
	get_queue(p, &c);
	memcpy(b, (const uint8_t *)&c + off, size);
	return get_le64(b);
}

static void write_device_feature_select(struct virtio_pci *p, uint32_t val)
{
	p->t.device_features_sel = val;
}

static void write_driver_feature_select(struct virtio_pci *p, uint32_t val)
{
	p->t.driver_features_sel = val;
}

static void write_driver_feature(struct virtio_pci *p, uint32_t val)
{
	virtio_ack_word(p->t.xport.vdev, p->t.driver_features_sel, val);
}

/* 4.1.5.1.2.1: "the device MUST return NO_VECTOR" where it cannot map an event to the vector. */
static uint16_t valid_vector(const struct virtio_pci *p, uint32_t val)
{
	bool valid = p->func.msix.cap && val < p->func.msix.vectors;

	return valid ? (uint16_t)val : VIRTIO_MSI_NO_VECTOR;
}

static void write_config_msix_vector(struct virtio_pci *p, uint32_t val)
{
	p->config_vector = valid_vector(p, val);
}

static void write_device_status(struct virtio_pci *p, uint32_t val)
{
	virtio_set_status(p->t.xport.vdev, (uint8_t)val);
	if (!val)
		reset_registers(p);
}

static void write_queue_select(struct virtio_pci *p, uint32_t val)
{
	p->t.queue_sel = (uint16_t)val;
}

static void write_queue_msix_vector(struct virtio_pci *p, uint32_t val)
{
	struct virtio_queue *q = virtio_selected(&p->t);

	if (!q)
		return;
	q->vector = valid_vector(p, val);
	virtio_irq_changed(q->owner, q->index);
}

static void write_queue_enable(struct virtio_pci *p, uint32_t val)
{
	if (val == 1)
		virtio_queue_enable(p->t.xport.vdev, p->t.queue_sel);
}

static void write_queue_reset(struct virtio_pci *p, uint32_t val)
{
	if (val == 1)
		virtio_queue_reset(p->t.xport.vdev, p->t.queue_sel);
}

static void write_queue_size(struct virtio_pci *p, uint32_t val)
{
	struct virtio_queue *q = virtio_selected_open(&p->t);

	if (q)
		q->addr.size = (uint16_t)val;
}

/* What is at @off of the common configuration, if it can be written with @size bytes. */
static const struct common_reg {
	uint8_t off, size;
	void (*write)(struct virtio_pci *p, uint32_t val);
} common_regs[] = {
#define REG(name, size)                                                                            \
	{                                                                                          \
		offsetof(struct virtio_pci_common_cfg, name), size, write_##name                   \
	}
	REG(device_feature_select, 4),
	REG(driver_feature_select, 4),
	REG(driver_feature, 4),
	REG(config_msix_vector, 2),
	REG(device_status, 1),
	REG(queue_select, 2),
	REG(queue_size, 2),
	REG(queue_msix_vector, 2),
	REG(queue_enable, 2),
	REG(queue_reset, 2),
#undef REG
};

/* The halves of an address, where it is in the registers and in a queue. */
static const struct address_reg {
	uint8_t off;
	size_t field;
} address_regs[] = {
	{ offsetof(struct virtio_pci_common_cfg, queue_desc_lo),
	  offsetof(struct vring_addr, desc) },
	{ offsetof(struct virtio_pci_common_cfg, queue_driver_lo),
	  offsetof(struct vring_addr, driver) },
	{ offsetof(struct virtio_pci_common_cfg, queue_device_lo),
	  offsetof(struct vring_addr, device) },
};

static void write_address(struct virtio_pci *p, uint32_t off, uint32_t val)
{
	struct virtio_queue *q = virtio_selected_open(&p->t);

	for (unsigned i = 0; q && i < ARRAY_LEN(address_regs); i++) {
		const struct address_reg *r = &address_regs[i];
		gpa_t *a = (gpa_t *)(void *)((char *)&q->addr + r->field);

		if (off == r->off)
			virtio_set_low(a, val);
		else if (off == r->off + 4u)
			virtio_set_high(a, val);
	}
}

/* 4.1.3.1: "The driver MUST access each field using the natural access method": what is not one
 * whole field is ignored. */
static void common_write(struct virtio_pci *p, uint32_t off, unsigned size, uint32_t val)
{
	for (unsigned i = 0; i < ARRAY_LEN(common_regs); i++)
		if (common_regs[i].off == off && common_regs[i].size == size)
			common_regs[i].write(p, val);
	if (size == 4)
		write_address(p, off, val);
}

/* --- BARs ------------------------------------------------------------------------------------- */

static void notify(struct virtio_bells *b, uint32_t off)
{
	if (off % VIRTIO_PCI_NOTIFY_STRIDE == 0)
		virtio_bells_ring(b, off / VIRTIO_PCI_NOTIFY_STRIDE);
}

static uint64_t mem_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct virtio_pci *p = to_pci(r->dev);
	uint32_t in_page = off & ~PAGE_MASK;

	switch (off & PAGE_MASK) {
	case VIRTIO_PCI_COMMON:
		return common_read(p, in_page, size);
	case VIRTIO_PCI_ISR:
		/* 4.1.4.5.1: "The device MUST reset ISR status to 0 on driver read." */
		return in_page ? 0 : virtio_isr_clear(&p->t.isr, UINT8_MAX);
	case VIRTIO_PCI_DEVICE:
		return virtio_read_config(p->t.xport.vdev, in_page, size);
	default:
		return 0;
	}
}

static void mem_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct virtio_pci *p = to_pci(r->dev);
	uint32_t in_page = off & ~PAGE_MASK;

	switch (off & PAGE_MASK) {
	case VIRTIO_PCI_COMMON:
		common_write(p, in_page, size, (uint32_t)val);
		break;
	case VIRTIO_PCI_DEVICE:
		virtio_write_config(p->t.xport.vdev, in_page, size, val);
		break;
	case VIRTIO_PCI_NOTIFY:
		notify(&p->mem_bells, in_page);
		break;
	default:
		break;
	}
}

static uint64_t io_read(struct io_region *r, uint32_t off, unsigned size)
{
	(void)r;
	(void)off;
	(void)size;
	return 0;
}

static void io_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	(void)size;
	(void)val; /* 4.1.5.2: the queue's index, which the address says as well */
	notify(&to_pci(r->dev)->io_bells, off);
}

static const struct region_ops mem_ops = { 1, 4, mem_read, mem_write };
static const struct region_ops io_ops = { 1, 4, io_read, io_write };

static void bar_changed(struct pci_func *f, unsigned bar, bool mapped, uint64_t addr)
{
	struct virtio_pci *p = func_pci(f);

	device_lock(&p->t.dev);
	if (bar == VIRTIO_PCI_BAR_IO)
		virtio_bells_move(&p->io_bells, mapped, addr);
	else if (bar == VIRTIO_PCI_BAR_MEM)
		virtio_bells_move(&p->mem_bells, mapped, addr + VIRTIO_PCI_NOTIFY);
	device_unlock(&p->t.dev);
}

static void bus_master(struct pci_func *f, bool on)
{
	struct virtio_pci *p = func_pci(f);

	device_lock(&p->t.dev);
	virtio_allow_dma(p->t.xport.vdev, on);
	device_unlock(&p->t.dev);
}

static void msix_switched(struct pci_func *f)
{
	struct virtio_pci *p = func_pci(f);

	device_lock(&p->t.dev);
	virtio_irq_changed(p->t.xport.vdev, VIRTIO_ALL_QUEUES);
	device_unlock(&p->t.dev);
}

/* --- the window in configuration space (4.1.4.9) ---------------------------------------------- */

/*
 * Where the window points: a register of ours, whole and aligned as the bus would have it; NULL:
 * nowhere, then an access has no effect and reads 0.
 */
static struct io_region *window_target(struct virtio_pci *p, uint32_t *off, unsigned *size)
{
	struct virtio_pci_cfg_cap c;
	struct io_region *r;

	memcpy(&c, p->func.cfg + p->window, sizeof(c));
	*off = le32_get(c.cap.offset);
	*size = le32_get(c.cap.length);
	r = c.cap.bar == VIRTIO_PCI_BAR_MEM  ? &p->region[REGION_MEM]
	    : c.cap.bar == VIRTIO_PCI_BAR_IO ? &p->region[REGION_IO]
					     : NULL;
	if (!r || (*size != 1 && *size != 2 && *size != 4) || *off % *size ||
	    (uint64_t)*off + *size > r->len)
		return NULL;
	return r;
}

/* Does an access touch pci_cfg_data? */
static bool is_data(const struct virtio_pci *p, unsigned off, unsigned size)
{
	unsigned data = p->window + (unsigned)offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

	return off < data + 4 && data < off + size;
}

static uint8_t *window_data(struct virtio_pci *p)
{
	return p->func.cfg + p->window + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
}

static void window_read(struct pci_func *f, unsigned off, unsigned size)
{
	struct virtio_pci *p = func_pci(f);
	struct io_region *r;
	uint32_t at;
	unsigned len;

	if (!is_data(p, off, size))
		return;
	r = window_target(p, &at, &len);
	put_le32(window_data(p), r ? (uint32_t)region_call_read(r, at, len) : 0);
}

static void window_written(struct pci_func *f, unsigned off, unsigned size)
{
	struct virtio_pci *p = func_pci(f);
	struct io_region *r;
	uint32_t at;
	unsigned len;

	if (!is_data(p, off, size))
		return;
	r = window_target(p, &at, &len);
	if (r)
		region_call_write(r, at, len, get_le32(window_data(p)) & size_mask(len));
}

static const struct pci_func_ops func_ops = { .cap_read = window_read,
					      .cap_written = window_written,
					      .bar_changed = bar_changed,
					      .bus_master = bus_master,
					      .msix_switched = msix_switched };

/* --- description ------------------------------------------------------------------------------ */

/* PCI Code and ID Assignment: what a driver for the whole class would make of it. */
static uint32_t class_of(uint16_t device_type)
{
	static const struct {
		uint16_t type;
		uint32_t class_code;
	} classes[] = {
		{ VIRTIO_ID_NET, 0x020000 },     /* Ethernet controller */
		{ VIRTIO_ID_BLOCK, 0x018000 },   /* mass storage, other */
		{ VIRTIO_ID_CONSOLE, 0x078000 }, /* communication, other */
		{ VIRTIO_ID_VSOCK, 0x078000 },   { VIRTIO_ID_PMEM, 0x058000 }, /* memory, other */
	};

	for (unsigned i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i].type == device_type)
			return classes[i].class_code;
	return 0x00ff00; /* unclassified */
}

/* Appends what follows the ID and the pointer to the next capability, which are the bus's. */
static unsigned add_cap(struct virtio_pci *p, void *cap, const void *writable, unsigned len,
			bool live)
{
	((struct virtio_pci_cap *)cap)->cap_len = (uint8_t)len;
	return pci_func_add_cap(&p->func, PCI_CAP_VENDOR, (const uint8_t *)cap + 2,
				writable ? (const uint8_t *)writable + 2 : NULL, len, live);
}

static void add_place(struct virtio_pci *p, uint8_t type, uint32_t offset, uint32_t length)
{
	struct virtio_pci_cap c = { .cfg_type = type,
				    .bar = VIRTIO_PCI_BAR_MEM,
				    .offset = le32_make(offset),
				    .length = le32_make(length) };

	add_cap(p, &c, NULL, sizeof(c), false);
}

static void add_notify(struct virtio_pci *p, uint8_t bar, uint32_t offset, uint32_t length)
{
	struct virtio_pci_notify_cap c = {
		.cap = { .cfg_type = VIRTIO_PCI_CAP_NOTIFY_CFG,
			 .bar = bar,
			 .offset = le32_make(offset),
			 .length = le32_make(length) },
		.notify_off_multiplier = le32_make(VIRTIO_PCI_NOTIFY_STRIDE),
	};

	add_cap(p, &c, NULL, sizeof(c), false);
}

static void add_window(struct virtio_pci *p)
{
	struct virtio_pci_cfg_cap c = { .cap.cfg_type = VIRTIO_PCI_CAP_PCI_CFG };
	struct virtio_pci_cfg_cap writable = {
		.cap = { .bar = UINT8_MAX, .offset = { UINT32_MAX }, .length = { UINT32_MAX } },
		.pci_cfg_data = { 0xff, 0xff, 0xff, 0xff }
	};

	p->window = add_cap(p, &c, &writable, sizeof(c), true);
}

static int describe(struct virtio_pci *p, struct error **errp)
{
	const struct virtio_device *v = p->t.xport.vdev;
	struct pci_ident id = {
		.vendor = VIRTIO_PCI_VENDOR,
		.device = (uint16_t)(VIRTIO_PCI_DEVICE_BASE + v->ops->device_type),
		.subsys_vendor = VIRTIO_PCI_VENDOR,
		.subsys = (uint16_t)(VIRTIO_PCI_DEVICE_BASE + v->ops->device_type),
		.class_code = class_of(v->ops->device_type),
		.revision = 1, /* 4.1.2.1: non-transitional */
		.intx = true,
	};
	uint32_t bells = v->queue_cnt * VIRTIO_PCI_NOTIFY_STRIDE;

	pci_func_init(&p->func, &p->t.dev, &func_ops, &id);
	pci_func_add_bar(&p->func, VIRTIO_PCI_BAR_MEM, PCI_BAR_MEM32, &p->region[REGION_MEM]);
	pci_func_add_bar(&p->func, VIRTIO_PCI_BAR_IO, PCI_BAR_IO, &p->region[REGION_IO]);
	add_place(p, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_COMMON,
		  sizeof(struct virtio_pci_common_cfg));
	add_place(p, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_ISR, 1);
	if (v->config_len)
		add_place(p, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_PCI_DEVICE, v->config_len);
	add_notify(p, VIRTIO_PCI_BAR_IO, 0, bells);
	add_notify(p, VIRTIO_PCI_BAR_MEM, VIRTIO_PCI_NOTIFY, bells);
	add_window(p);
	return pci_func_add_msix(&p->func, VIRTIO_PCI_BAR_MSIX, v->queue_cnt + 1, errp);
}

/* --- life ------------------------------------------------------------------------------------- */

/* The function is reset by its bus. */
static void pci_reset(struct device *d)
{
	write_device_status(to_pci(d), 0);
}

static void pci_destroy(struct device *d)
{
	struct virtio_pci *p;

	if (!d)
		return;
	p = to_pci(d);
	pci_bus_detach(&p->func);
	pci_func_fini(&p->func);
	virtio_transport_fini(&p->t);
	device_free(d);
}

static void pre_save(void *s)
{
	struct virtio_pci *p = s;
	struct virtio_device *v = p->t.xport.vdev;

	pci_func_pre_save(&p->func);
	virtio_transport_pre_save(&p->t);
	p->config_vec = p->config_vector;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		p->vec[i] = i < v->queue_cnt ? v->queue[i].vector : 0;
}

static bool vector_ok(const struct virtio_pci *p, uint16_t vector)
{
	return valid_vector(p, vector) == vector;
}

static int post_load(void *s, unsigned version, struct error **errp)
{
	struct virtio_pci *p = s;
	struct virtio_device *v = p->t.xport.vdev;
	bool ok = vector_ok(p, p->config_vec) && p->t.queue_sel <= UINT16_MAX;
	int r;

	(void)version;
	for (unsigned i = 0; i < v->queue_cnt; i++)
		ok = ok && vector_ok(p, p->vec[i]);
	if (!ok)
		return err_set(
			errp, EINVAL,
			"the saved state of '%s' has interrupts or a queue that it does not have",
			p->t.dev.id);
	p->config_vector = p->config_vec;
	for (unsigned i = 0; i < v->queue_cnt; i++)
		v->queue[i].vector = p->vec[i];
	r = pci_func_post_load(&p->func, errp);
	return r < 0 ? r : virtio_transport_post_load(&p->t, errp);
}

static const struct snap_field fields[] = {
	PCI_FUNC_SNAP(struct virtio_pci, func, 1),
	VIRTIO_TRANSPORT_SNAP(struct virtio_pci, t),
	SNAP(struct virtio_pci, config_vec, 1),
	SNAP_ARR(struct virtio_pci, vec, 1),
};
static const struct snap_desc state = { .version = 1,
					.min_version = 1,
					.f = fields,
					.n = ARRAY_LEN(fields),
					.pre_save = pre_save,
					.post_load = post_load };

static const struct device_ops pci_ops = { .name = "virtio-pci",
					   .reset = pci_reset,
					   .stop = virtio_transport_stop,
					   .destroy = pci_destroy,
					   .state = &state };

static uint64_t io_bar_len(const struct virtio_device *v)
{
	uint64_t len = VIRTIO_PCI_NOTIFY_STRIDE;

	while (len < (uint64_t)v->queue_cnt * VIRTIO_PCI_NOTIFY_STRIDE)
		len *= 2;
	return len;
}
_Static_assert(VIRTIO_QUEUES_MAX *VIRTIO_PCI_NOTIFY_STRIDE <= 256, "the largest I/O BAR");

int virtio_pci_create(const struct virtio_pci_config *c, struct virtio_pci **ret,
		      struct error **errp)
{
	struct virtio_pci *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(errp, ENOMEM, "cannot allocate the PCI function of '%s'",
			       c->vdev->dev.id);
	p->region[REGION_MEM] = (struct io_region){ .ops = &mem_ops,
						    .name = "virtio registers",
						    .len = VIRTIO_PCI_MEM_LEN };
	p->region[REGION_IO] = (struct io_region){ .ops = &io_ops,
						   .name = "virtio notifications",
						   .len = io_bar_len(c->vdev) };
	virtio_transport_init(&p->t, &pci_ops, c->vdev, "pci", p->region, REGION_CNT, drive_intx);
	p->mem_bells = (struct virtio_bells){ .vdev = c->vdev,
					      .host = c->doorbells,
					      .stride = VIRTIO_PCI_NOTIFY_STRIDE };
	p->io_bells = p->mem_bells;
	p->io_bells.first.pio = true;
	p->config_vector = VIRTIO_MSI_NO_VECTOR;
	p->t.xport.ops = &xport_ops;
	r = describe(p, errp);
	if (r < 0) {
		pci_destroy(&p->t.dev);
		return r;
	}
	virtio_attach(c->vdev, &p->t.xport, 0);
	virtio_allow_dma(c->vdev, false); /* until COMMAND.BME is set */
	*ret = p;
	return 0;
}

struct device *virtio_pci_device(struct virtio_pci *p)
{
	return &p->t.dev;
}

struct pci_func *virtio_pci_func(struct virtio_pci *p)
{
	return &p->func;
}
