/* SPDX-License-Identifier: MIT */
/*
 * names_virtio.c: virtio 1.2, 4.1 (PCI), 4.2 (MMIO) and, of each type of device, its configuration.
 */
#include <string.h>

#include "lens/names.h"

/* Behind the selector of queues. */
enum { SEEN_QUEUE };

/* Where this program's PCI functions have what (BAR 0), and the MSI-X pending bits. */
#define PCI_ISR    0x1000u
#define PCI_CONFIG 0x2000u
#define PCI_NOTIFY 0x3000u
#define MSIX_PBA   0x800u

static const struct bits status[] = {
	{ 0x01, "ACKNOWLEDGE" },
	{ 0x02, "DRIVER" },
	{ 0x04, "DRIVER_OK" },
	{ 0x08, "FEATURES_OK" },
	{ 0x40, "NEEDS_RESET" },
	{ 0x80, "FAILED" },
	{ 0 },
};
static const struct bits isr[] = { { 0x1, "QUEUE" }, { 0x2, "CONFIG" }, { 0 } };

/* 4.1.4.3 */
static const struct reg common[] = {
	{ 0x00, 4, "device_feature_select", "device_feature_select", NULL, NULL },
	{ 0x04, 4, "device_feature", "device_feature", NULL, NULL },
	{ 0x08, 4, "driver_feature_select", "driver_feature_select", NULL, NULL },
	{ 0x0c, 4, "driver_feature", "driver_feature", NULL, NULL },
	{ 0x10, 2, "config_msix_vector", "config_msix_vector", NULL, NULL },
	{ 0x12, 2, "num_queues", "num_queues", NULL, NULL },
	{ 0x14, 1, "device_status", "device_status", status, status },
	{ 0x15, 1, "config_generation", "config_generation", NULL, NULL },
	{ 0x16, 2, "queue_select", "queue_select", NULL, NULL },
	{ 0x18, 2, "queue_size", "queue_size", NULL, NULL },
	{ 0x1a, 2, "queue_msix_vector", "queue_msix_vector", NULL, NULL },
	{ 0x1c, 2, "queue_enable", "queue_enable", NULL, NULL },
	{ 0x1e, 2, "queue_notify_off", "queue_notify_off", NULL, NULL },
	{ 0x20, 8, "queue_desc", "queue_desc", NULL, NULL },
	{ 0x28, 8, "queue_driver", "queue_driver", NULL, NULL },
	{ 0x30, 8, "queue_device", "queue_device", NULL, NULL },
	{ 0x38, 2, "queue_notify_data", "queue_notify_data", NULL, NULL },
	{ 0x3a, 2, "queue_reset", "queue_reset", NULL, NULL },
};
#define COMMON_QUEUE_SELECT 0x16u
#define COMMON_QUEUE        0x18u /* from here on it is of the queue selected */

/* 4.2.2 */
static const struct reg mmio[] = {
	{ 0x000, 4, "MagicValue", "MagicValue", NULL, NULL },
	{ 0x004, 4, "Version", "Version", NULL, NULL },
	{ 0x008, 4, "DeviceID", "DeviceID", NULL, NULL },
	{ 0x00c, 4, "VendorID", "VendorID", NULL, NULL },
	{ 0x010, 4, "DeviceFeatures", "DeviceFeatures", NULL, NULL },
	{ 0x014, 4, "DeviceFeaturesSel", "DeviceFeaturesSel", NULL, NULL },
	{ 0x020, 4, "DriverFeatures", "DriverFeatures", NULL, NULL },
	{ 0x024, 4, "DriverFeaturesSel", "DriverFeaturesSel", NULL, NULL },
	{ 0x030, 4, "QueueSel", "QueueSel", NULL, NULL },
	{ 0x034, 4, "QueueNumMax", "QueueNumMax", NULL, NULL },
	{ 0x038, 4, "QueueNum", "QueueNum", NULL, NULL },
	{ 0x044, 4, "QueueReady", "QueueReady", NULL, NULL },
	{ 0x050, 4, "QueueNotify", "QueueNotify", NULL, NULL },
	{ 0x060, 4, "InterruptStatus", "InterruptStatus", isr, isr },
	{ 0x064, 4, "InterruptACK", "InterruptACK", isr, isr },
	{ 0x070, 4, "Status", "Status", status, status },
	{ 0x080, 4, "QueueDescLow", "QueueDescLow", NULL, NULL },
	{ 0x084, 4, "QueueDescHigh", "QueueDescHigh", NULL, NULL },
	{ 0x090, 4, "QueueDriverLow", "QueueDriverLow", NULL, NULL },
	{ 0x094, 4, "QueueDriverHigh", "QueueDriverHigh", NULL, NULL },
	{ 0x0a0, 4, "QueueDeviceLow", "QueueDeviceLow", NULL, NULL },
	{ 0x0a4, 4, "QueueDeviceHigh", "QueueDeviceHigh", NULL, NULL },
	{ 0x0ac, 4, "SHMSel", "SHMSel", NULL, NULL },
	{ 0x0b0, 8, "SHMLen", "SHMLen", NULL, NULL },
	{ 0x0b8, 8, "SHMBase", "SHMBase", NULL, NULL },
	{ 0x0c0, 4, "QueueReset", "QueueReset", NULL, NULL },
	{ 0x0fc, 4, "ConfigGeneration", "ConfigGeneration", NULL, NULL },
};
#define MMIO_QUEUE_SEL    0x30u
#define MMIO_QUEUE_NOTIFY 0x50u

/* 5.2.4, 5.1.4, 5.3.4, 5.10.4, 5.11.4, 5.19.4 */
static const struct {
	const char *type;
	uint8_t off, len;
	const char *name;
} config[] = {
	{ "virtio-blk", 0, 8, "capacity" },
	{ "virtio-blk", 8, 4, "size_max" },
	{ "virtio-blk", 12, 4, "seg_max" },
	{ "virtio-blk", 16, 4, "geometry" },
	{ "virtio-blk", 20, 4, "blk_size" },
	{ "virtio-blk", 24, 8, "topology" },
	{ "virtio-blk", 32, 1, "writeback" },
	{ "virtio-blk", 34, 2, "num_queues" },
	{ "virtio-blk", 36, 4, "max_discard_sectors" },
	{ "virtio-blk", 40, 4, "max_discard_seg" },
	{ "virtio-blk", 44, 4, "discard_sector_alignment" },
	{ "virtio-blk", 48, 4, "max_write_zeroes_sectors" },
	{ "virtio-blk", 52, 4, "max_write_zeroes_seg" },
	{ "virtio-blk", 56, 1, "write_zeroes_may_unmap" },
	{ "virtio-net", 0, 6, "mac" },
	{ "virtio-net", 6, 2, "status" },
	{ "virtio-net", 8, 2, "max_virtqueue_pairs" },
	{ "virtio-net", 10, 2, "mtu" },
	{ "virtio-net", 12, 4, "speed" },
	{ "virtio-net", 16, 1, "duplex" },
	{ "virtio-console", 0, 2, "cols" },
	{ "virtio-console", 2, 2, "rows" },
	{ "virtio-console", 4, 4, "max_nr_ports" },
	{ "virtio-console", 8, 4, "emerg_wr" },
	{ "virtio-vsock", 0, 8, "guest_cid" },
	{ "virtio-fs", 0, 36, "tag" },
	{ "virtio-fs", 36, 4, "num_request_queues" },
	{ "virtio-pmem", 0, 8, "start" },
	{ "virtio-pmem", 8, 8, "size" },
};

static size_t id_len(const struct trace_device *t)
{
	const char *end = strrchr(t->id, '-');

	if (end && (!strcmp(end, "-pci") || !strcmp(end, "-mmio")))
		return (size_t)(end - t->id);
	return strlen(t->id);
}

void name_virtio(const struct trace_device *t, struct str *ret)
{
	str_add(ret, "%.*s", (int)id_len(t), t->id);
}

/* "virtio-blk"; "" if it is not known what the transport carries. */
static const char *type_behind(const struct access *a)
{
	const struct trace_machine *m = a->lens->machine;
	size_t len = id_len(a->dev);

	for (unsigned i = 0; m && i < m->device_cnt; i++)
		if (strlen(m->device[i].id) == len && !memcmp(m->device[i].id, a->dev->id, len))
			return m->device[i].type;
	return "";
}

static void name_config(const struct access *a, uint32_t off, struct str *ret)
{
	const char *type = type_behind(a);

	str_add(ret, "config ");
	for (unsigned i = 0; i < ARRAY_LEN(config); i++) {
		if (strcmp(config[i].type, type) != 0 || off - config[i].off >= config[i].len)
			continue;
		str_add(ret, "%s", config[i].name);
		if (off != config[i].off)
			str_add(ret, "+%u", off - config[i].off);
		return;
	}
	str_add(ret, "%#x", off);
}

static void name_msix(const struct access *a, struct str *ret)
{
	static const char *const word[] = { "address", "address high", "data", "control" };

	if (a->off >= MSIX_PBA)
		str_add(ret, "MSI-X pending bits");
	else
		str_add(ret, "MSI-X table[%u] %s", a->off / 16, word[a->off / 4 % 4]);
}

static const struct bits *name_common(const struct access *a, const struct seen *s, struct str *ret)
{
	const struct bits *b = name_reg(a, NULL, common, ARRAY_LEN(common), ret);

	if (a->off >= COMMON_QUEUE && a->lens->seen)
		str_add(ret, " of queue %u", s->word[SEEN_QUEUE]);
	return b;
}

static const struct bits *name_pci(const struct access *a, const struct seen *s, struct str *ret)
{
	name_virtio(a->dev, ret);
	str_add(ret, " ");
	if (in_region(a, "MSI-X table"))
		name_msix(a, ret);
	else if (in_region(a, "virtio notifications"))
		str_add(ret, "queue_notify %u", a->off / 4);
	else if (!in_region(a, "virtio registers"))
		str_add(ret, "%s+%#x", a->region->name, a->off);
	else if (a->off >= PCI_NOTIFY)
		str_add(ret, "queue_notify %u", (a->off - PCI_NOTIFY) / 4);
	else if (a->off >= PCI_CONFIG)
		name_config(a, a->off - PCI_CONFIG, ret);
	else if (a->off < PCI_ISR)
		return name_common(a, s, ret);
	else {
		str_add(ret, "ISR");
		return isr;
	}
	return NULL;
}

static void see_pci(const struct access *a, struct seen *s)
{
	if (a->write && a->off == COMMON_QUEUE_SELECT && in_region(a, "virtio registers"))
		s->word[SEEN_QUEUE] = a->value & 0xffff;
}

static bool is_of_queue(uint32_t off)
{
	return (off > MMIO_QUEUE_SEL && off < MMIO_QUEUE_NOTIFY) || (off >= 0x80 && off < 0xac) ||
	       off == 0xc0;
}

static const struct bits *name_mmio(const struct access *a, const struct seen *s, struct str *ret)
{
	const struct bits *b;

	name_virtio(a->dev, ret);
	str_add(ret, " ");
	if (in_region(a, "virtio configuration")) {
		name_config(a, a->off, ret);
		return NULL;
	}
	b = name_reg(a, NULL, mmio, ARRAY_LEN(mmio), ret);
	if (a->off == MMIO_QUEUE_NOTIFY && a->write)
		str_add(ret, " %u", (unsigned)(a->value & 0xffff));
	else if (is_of_queue(a->off) && a->lens->seen)
		str_add(ret, " of queue %u", s->word[SEEN_QUEUE]);
	return b;
}

static void see_mmio(const struct access *a, struct seen *s)
{
	if (a->write && a->off == MMIO_QUEUE_SEL && in_region(a, "virtio registers"))
		s->word[SEEN_QUEUE] = (uint32_t)a->value;
}

static const struct state state[] = {
	{ "t.device_features_sel", "device_feature_select", NULL },
	{ "t.driver_features_sel", "driver_feature_select", NULL },
	{ "t.queue_sel", "queue_select", NULL },
	{ "t.isr_bits", "ISR", isr },
	{ "config_vec", "config_msix_vector", NULL },
	{ "vec", "queue_msix_vector", NULL },
	{ "func.mapped", "BARs mapped", NULL },
	{ "func.intx_level", "INTx", NULL },
	{ 0 },
};

const struct chip chip_virtio_pci = { "virtio-pci", name_pci, see_pci, state, NULL };
const struct chip chip_virtio_mmio = { "virtio-mmio", name_mmio, see_mmio, state, NULL };
