/* SPDX-License-Identifier: MIT */
/*
 * transport_mmio.c: virtio over MMIO, version 2 (virtio 1.2, 4.2.2).
 *
 *   000 R  MagicValue       030 W  QueueSel        070 RW Status            0b0 R  SHMLenLow/High
 *   004 R  Version          034 R  QueueNumMax     080 W  QueueDescLow      0b8 R  SHMBaseLow/High
 *   008 R  DeviceID         038 W  QueueNum        084 W  QueueDescHigh     0c0 RW QueueReset
 *   00c R  VendorID         044 RW QueueReady      090 W  QueueDriverLow    0fc R  ConfigGeneration
 *   010 R  DeviceFeatures   050 W  QueueNotify     094 W  QueueDriverHigh   100 RW Config
 *   014 W  ...Sel           060 R  InterruptStatus 0a0 W  QueueDeviceLow
 *   020 W  DriverFeatures   064 W  InterruptACK    0a4 W  QueueDeviceHigh
 *   024 W  ...Sel                                  0ac W  SHMSel
 *
 * 4.2.2.2: "The driver MUST only use 32 bit wide and aligned reads and writes to access the control
 * registers": other widths are the bus's to deal with. Registers that are not there read 0.
 */
#include "devices/virtio/transport_mmio.h"

#include <errno.h>

#include "devices/virtio/transport.h"
#include "vmm/error.h"
#include "vmm/irq.h"

struct virtio_mmio {
	struct virtio_transport t; /* first */
	struct io_region region[VIRTIO_MMIO_REGIONS];
	struct irq_line *irq;
	struct virtio_bells bells;
};

static struct virtio_mmio *to_mmio(struct device *d)
{
	return container_of(d, struct virtio_mmio, t.dev);
}

static struct virtio_mmio *xport_mmio(struct virtio_xport *x)
{
	return container_of(x, struct virtio_mmio, t.xport);
}

/* --- towards the guest ------------------------------------------------------------------------ */

static void drive_irq(struct virtio_isr *i, bool level)
{
	irq_set(container_of(i, struct virtio_mmio, t.isr)->irq, level);
}

static void mmio_irq_queue(struct virtio_xport *x, unsigned q)
{
	(void)q;
	virtio_isr_set(&xport_mmio(x)->t.isr, VIRTIO_ISR_QUEUE);
}

static void mmio_irq_config(struct virtio_xport *x)
{
	virtio_isr_set(&xport_mmio(x)->t.isr, VIRTIO_ISR_CONFIG);
}

static void mmio_doorbells(struct virtio_xport *x, bool on)
{
	virtio_bells_switch(&xport_mmio(x)->bells, on);
}

static const struct virtio_xport_ops mmio_xport_ops = { .irq_queue = mmio_irq_queue,
							.irq_config = mmio_irq_config,
							.doorbells = mmio_doorbells };

/* --- registers -------------------------------------------------------------------------------- */

static uint64_t read_queue_register(struct virtio_mmio *m, uint32_t off)
{
	const struct virtio_queue *q = virtio_selected(&m->t);

	if (!q)
		return 0;
	if (off == VIRTIO_MMIO_QUEUE_NUM_MAX)
		return q->max_size;
	return off == VIRTIO_MMIO_QUEUE_READY && q->enabled;
}

static uint64_t control_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct virtio_mmio *m = to_mmio(r->dev);
	struct virtio_device *v = m->t.xport.vdev;

	(void)size;
	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return VIRTIO_MMIO_MAGIC;
	case VIRTIO_MMIO_VERSION_REG:
		return VIRTIO_MMIO_VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return v->ops->device_type;
	case VIRTIO_MMIO_VENDOR_ID:
		return VIRTIO_VENDOR_ID;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return virtio_offered_word(v, m->t.device_features_sel);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return virtio_isr_get(&m->t.isr);
	case VIRTIO_MMIO_STATUS:
		return virtio_status(v);
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return virtio_config_generation(v);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX; /* 4.2.2: no such region: a length of ~0 */
	default:                   /* QueueReset has always finished when the driver can look */
		return read_queue_register(m, off);
	}
}

/* What makes up a queue: ignored for one that is not there or is no longer open. */
static void write_queue_register(struct virtio_mmio *m, uint32_t off, uint32_t val)
{
	struct virtio_queue *q = virtio_selected_open(&m->t);

	if (!q)
		return;
	switch (off) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* 0 is a size that no ring can have, as is what does not fit. */
		q->addr.size = val <= UINT16_MAX ? (uint16_t)val : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		virtio_set_low(&q->addr.desc, val);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		virtio_set_high(&q->addr.desc, val);
		break;
	case VIRTIO_MMIO_QUEUE_DRIVER_LOW:
		virtio_set_low(&q->addr.driver, val);
		break;
	case VIRTIO_MMIO_QUEUE_DRIVER_HIGH:
		virtio_set_high(&q->addr.driver, val);
		break;
	case VIRTIO_MMIO_QUEUE_DEVICE_LOW:
		virtio_set_low(&q->addr.device, val);
		break;
	case VIRTIO_MMIO_QUEUE_DEVICE_HIGH:
		virtio_set_high(&q->addr.device, val);
		break;
	default:
		break;
	}
}

static void write_status(struct virtio_mmio *m, uint32_t val)
{
	virtio_set_status(m->t.xport.vdev, (uint8_t)val);
	if (!(uint8_t)val)
		virtio_transport_clear(&m->t);
}

static void control_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val64)
{
	struct virtio_mmio *m = to_mmio(r->dev);
	struct virtio_device *v = m->t.xport.vdev;
	uint32_t val = (uint32_t)val64;

	(void)size;
	switch (off) {
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		virtio_bells_ring(&m->bells, val);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		virtio_isr_clear(&m->t.isr, (uint8_t)val);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(m, val);
		break;
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		m->t.device_features_sel = val;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		m->t.driver_features_sel = val;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		virtio_ack_word(v, m->t.driver_features_sel, val);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		m->t.queue_sel = val;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (val & 1)
			virtio_queue_enable(v, m->t.queue_sel);
		else
			virtio_queue_disable(v, m->t.queue_sel);
		break;
	case VIRTIO_MMIO_QUEUE_RESET:
		if (val & 1)
			virtio_queue_reset(v, m->t.queue_sel);
		break;
	default:
		write_queue_register(m, off, val);
		break;
	}
}

static uint64_t config_read(struct io_region *r, uint32_t off, unsigned size)
{
	return virtio_read_config(to_mmio(r->dev)->t.xport.vdev, off, size);
}

static void config_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	virtio_write_config(to_mmio(r->dev)->t.xport.vdev, off, size, val);
}

static const struct region_ops control_ops = { 4, 4, control_read, control_write };
static const struct region_ops config_ops = { 1, 4, config_read, config_write };

/* --- life ------------------------------------------------------------------------------------- */

static void mmio_reset(struct device *d)
{
	write_status(to_mmio(d), 0);
}

static void mmio_destroy(struct device *d)
{
	if (!d)
		return;
	virtio_transport_fini(&to_mmio(d)->t);
	device_free(d);
}

static void pre_save(void *s)
{
	struct virtio_mmio *m = s;

	virtio_transport_pre_save(&m->t);
}

static int post_load(void *s, unsigned version, struct error **errp)
{
	struct virtio_mmio *m = s;

	(void)version;
	return virtio_transport_post_load(&m->t, errp);
}

static const struct snap_field fields[] = { VIRTIO_TRANSPORT_SNAP(struct virtio_mmio, t) };
static const struct snap_desc state = { .version = 1,
					.min_version = 1,
					.f = fields,
					.n = ARRAY_LEN(fields),
					.pre_save = pre_save,
					.post_load = post_load };

static const struct device_ops mmio_ops = { .name = "virtio-mmio",
					    .reset = mmio_reset,
					    .stop = virtio_transport_stop,
					    .destroy = mmio_destroy,
					    .state = &state };

int virtio_mmio_create(const struct virtio_mmio_config *c, struct virtio_mmio **ret,
		       struct error **errp)
{
	struct virtio_mmio *m = calloc(1, sizeof(*m));

	if (!m)
		return err_set(errp, ENOMEM, "cannot allocate the registers of '%s'",
			       c->vdev->dev.id);
	m->region[VIRTIO_MMIO_CONTROL] = (struct io_region){ .ops = &control_ops,
							     .name = "virtio registers",
							     .len = VIRTIO_MMIO_CONFIG };
	m->region[VIRTIO_MMIO_DEVICE] =
		(struct io_region){ .ops = &config_ops,
				    .name = "virtio configuration",
				    .len = VIRTIO_MMIO_LEN - VIRTIO_MMIO_CONFIG };
	virtio_transport_init(&m->t, &mmio_ops, c->vdev, "mmio", m->region, VIRTIO_MMIO_REGIONS,
			      drive_irq);
	m->irq = c->irq;
	m->bells = (struct virtio_bells){
		.vdev = c->vdev,
		.host = c->doorbells,
		.first = { .addr = c->base + VIRTIO_MMIO_QUEUE_NOTIFY, .size = 4, .match = true },
		.mapped = true,
	};
	m->t.xport.ops = &mmio_xport_ops;
	virtio_attach(c->vdev, &m->t.xport, 0);
	*ret = m;
	return 0;
}

struct device *virtio_mmio_device(struct virtio_mmio *m)
{
	return &m->t.dev;
}
