/* SPDX-License-Identifier: MIT */
/*
 * disklog.c: a guest that keeps a log on a virtio disk and says what is safe. It writes records
 * (disklog.h) several at a time, waits for them, sends a FLUSH, waits for that, and then says
 * "ack N" on the debug console: record N and all before it must be there whatever happens next.
 *
 * Command line: seed=S start=N (the first record, 1) count=N (ends with PASS after so many; 0: goes
 * on), mmio=ADDRESS (a virtio-mmio disk there; otherwise the first one on PCI).
 *
 * One queue, split, polled, no interrupts (virtio 1.2: 2.7, 3.1, 4.1, 4.2, 5.2). It runs on any
 * machine with a Multiboot loader, debug console and debug-exit port.
 */
#include "firmware/tests/c/disklog.h"

#define DEBUGCON   0xe9
#define DEBUG_EXIT 0xf4
#define PASS       42
#define FAIL(n)    (uint8_t)(50 + (n))

enum failure { NO_DISK = 1, NO_FEATURES, NO_QUEUE, TOO_SMALL, BAD_STATUS, BAD_USED };

/* 2.7: descriptor flags */
#define DESC_NEXT  1
#define DESC_WRITE 2
#define QUEUE_SIZE 64

/* 2.1 */
#define S_ACKNOWLEDGE 1
#define S_DRIVER      2
#define S_DRIVER_OK   4
#define S_FEATURES_OK 8

/* 5.2.3, 6: feature bits in their words of 32 */
#define F0_FLUSH        (1u << 9)
#define F0_DISCARD      (1u << 13)
#define F0_WRITE_ZEROES (1u << 14)
#define F1_VERSION_1    1u

/* 5.2.6 */
#define T_OUT          1
#define T_FLUSH        4
#define T_DISCARD      11
#define T_WRITE_ZEROES 13
#define ZEROES_UNMAP   1

/* 4.1.4: vendor capabilities */
#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_DEVICE 4

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
struct avail {
	uint16_t flags, idx, ring[QUEUE_SIZE];
};
struct used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[QUEUE_SIZE];
};
struct request_header {
	uint32_t type, reserved;
	uint64_t sector;
};
struct range {
	uint64_t sector;
	uint32_t sectors, flags;
};

/* 4.1.4.3 */
struct common_cfg {
	uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
	uint16_t config_msix_vector, num_queues;
	uint8_t device_status, config_generation;
	uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
	uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};

static struct desc desc[QUEUE_SIZE] __attribute__((aligned(4096)));
static volatile struct avail avail __attribute__((aligned(4096)));
static volatile struct used used __attribute__((aligned(4096)));
static struct request_header header[BATCH_MAX];
static struct range range[BATCH_MAX];
static volatile uint8_t status[BATCH_MAX];
static uint32_t data[BATCH_MAX][RECORD_MAX * SECTOR_WORDS];
static volatile void *doorbell;
static int doorbell_is_register; /* MMIO: 32 bits */
static uint32_t features;
static uint64_t capacity;
static uint16_t used_seen;

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
/* x86 keeps stores in order, and a doorbell leaves the guest: only the compiler is to be held. */
static inline void barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

static void say(const char *s)
{
	for (; *s; s++)
		outb(DEBUGCON, (uint8_t)*s);
}

static void say_number(uint32_t n)
{
	char buf[11], *p = buf + sizeof(buf) - 1;

	*p = 0;
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	say(p);
}

static _Noreturn void end(uint8_t verdict)
{
	for (;;) {
		outb(DEBUG_EXIT, verdict);
		__asm__ volatile("cli; hlt");
	}
}

static _Noreturn void fail(enum failure f, const char *why)
{
	say(why);
	say("\n");
	end(FAIL(f));
}

/* Rep stos: on hosts that interpret ring 0, by far the fastest way to write memory. */
static void fill(uint32_t *p, uint32_t word, uint32_t n)
{
	__asm__ volatile("rep stosl" : "+D"(p), "+c"(n) : "a"(word) : "memory");
}

/* --- PCI: configuration mechanism 1 */

static uint32_t pci_read(uint32_t dev, uint32_t reg)
{
	outl(0xcf8, 0x80000000u | dev << 11 | (reg & 0xfc));
	return inl(0xcfc);
}
static void pci_write(uint32_t dev, uint32_t reg, uint32_t v)
{
	outl(0xcf8, 0x80000000u | dev << 11 | (reg & 0xfc));
	outl(0xcfc, v);
}

/* Where BAR @n is. One that nobody placed, or above 4 GiB, is put where PCs have room for it. */
static uint32_t pci_bar(uint32_t dev, uint32_t n)
{
	static uint32_t room = 0xe8000000;
	uint32_t reg = 0x10 + 4 * n, v = pci_read(dev, reg), size;
	int wide = (v & 6) == 4;

	if ((v & ~15u) && !(wide && pci_read(dev, reg + 4)))
		return v & ~15u;
	pci_write(dev, reg, 0xffffffff);
	size = ~(pci_read(dev, reg) & ~15u) + 1;
	room = (room + size - 1) & ~(size - 1);
	pci_write(dev, reg, room);
	if (wide)
		pci_write(dev, reg + 4, 0);
	v = room;
	room += size;
	return v;
}

static void start_pci(void)
{
	volatile struct common_cfg *c = 0;
	volatile uint32_t *dev_cfg = 0;
	uint32_t dev, cap, notify = 0, multiplier = 0;

	for (dev = 0; dev < 32; dev++) {
		uint32_t id = pci_read(dev, 0);

		if (id == 0x10421af4 || id == 0x10011af4)
			break;
	}
	if (dev == 32)
		fail(NO_DISK, "no virtio disk on PCI");
	for (cap = pci_read(dev, 0x34) & 0xfc; cap; cap = pci_read(dev, cap) >> 8 & 0xfc) {
		uint32_t head = pci_read(dev, cap), at;

		if ((head & 0xff) != 9)
			continue;
		switch (head >> 24) {
		case CAP_COMMON:
		case CAP_NOTIFY:
		case CAP_DEVICE:
			if (pci_read(dev, 0x10 + 4 * (pci_read(dev, cap + 4) & 7)) & 1)
				break; /* a doorbell that is a port; there is another */
			at = pci_bar(dev, pci_read(dev, cap + 4) & 7) + pci_read(dev, cap + 8);
			if (head >> 24 == CAP_COMMON)
				c = (void *)at;
			else if (head >> 24 == CAP_DEVICE)
				dev_cfg = (void *)at;
			else
				notify = at, multiplier = pci_read(dev, cap + 16);
			break;
		default:
			break;
		}
	}
	if (!c || !dev_cfg || !notify)
		fail(NO_DISK, "the disk lacks a capability");
	pci_write(dev, 4, pci_read(dev, 4) | 6); /* memory space, bus master */

	c->device_status = 0;
	while (c->device_status)
		;
	c->device_status = S_ACKNOWLEDGE;
	c->device_status = S_ACKNOWLEDGE | S_DRIVER;
	c->device_feature_select = 0;
	features = c->device_feature & (F0_FLUSH | F0_DISCARD | F0_WRITE_ZEROES);
	c->driver_feature_select = 0;
	c->driver_feature = features;
	c->driver_feature_select = 1;
	c->driver_feature = F1_VERSION_1;
	c->device_status = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK;
	if (!(c->device_status & S_FEATURES_OK))
		fail(NO_FEATURES, "the disk refuses the features");
	c->queue_select = 0;
	if (c->queue_size < QUEUE_SIZE)
		fail(NO_QUEUE, "the disk's queue is too short");
	c->queue_size = QUEUE_SIZE;
	c->queue_desc[0] = (uint32_t)desc;
	c->queue_desc[1] = 0;
	c->queue_driver[0] = (uint32_t)&avail;
	c->queue_driver[1] = 0;
	c->queue_device[0] = (uint32_t)&used;
	c->queue_device[1] = 0;
	doorbell = (void *)(notify + c->queue_notify_off * multiplier);
	c->queue_enable = 1;
	c->device_status = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK;
	capacity = dev_cfg[0] | (uint64_t)dev_cfg[1] << 32;
}

/* --- MMIO, 4.2.2 */

#define MMIO(base, off) (*(volatile uint32_t *)((base) + (off)))

static void start_mmio(uint32_t m)
{
	if (MMIO(m, 0) != 0x74726976 || MMIO(m, 4) != 2 || MMIO(m, 8) != 2)
		fail(NO_DISK, "no virtio disk at that address");
	MMIO(m, 0x70) = 0;
	MMIO(m, 0x70) = S_ACKNOWLEDGE;
	MMIO(m, 0x70) = S_ACKNOWLEDGE | S_DRIVER;
	MMIO(m, 0x14) = 0;
	features = MMIO(m, 0x10) & (F0_FLUSH | F0_DISCARD | F0_WRITE_ZEROES);
	MMIO(m, 0x24) = 0;
	MMIO(m, 0x20) = features;
	MMIO(m, 0x24) = 1;
	MMIO(m, 0x20) = F1_VERSION_1;
	MMIO(m, 0x70) = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK;
	if (!(MMIO(m, 0x70) & S_FEATURES_OK))
		fail(NO_FEATURES, "the disk refuses the features");
	MMIO(m, 0x30) = 0;
	if (MMIO(m, 0x34) < QUEUE_SIZE)
		fail(NO_QUEUE, "the disk's queue is too short");
	MMIO(m, 0x38) = QUEUE_SIZE;
	MMIO(m, 0x80) = (uint32_t)desc;
	MMIO(m, 0x84) = 0;
	MMIO(m, 0x90) = (uint32_t)&avail;
	MMIO(m, 0x94) = 0;
	MMIO(m, 0xa0) = (uint32_t)&used;
	MMIO(m, 0xa4) = 0;
	MMIO(m, 0x44) = 1;
	MMIO(m, 0x70) = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK;
	doorbell = &MMIO(m, 0x50);
	doorbell_is_register = 1;
	capacity = MMIO(m, 0x100) | (uint64_t)MMIO(m, 0x104) << 32;
}

/* --- requests. Request @i of a batch has descriptors 3i to 3i + 2. */

static void add(uint32_t i, uint32_t type, uint64_t sector, void *buf, uint32_t len)
{
	struct desc *d = &desc[3 * i];
	uint16_t idx = avail.idx;

	header[i] = (struct request_header){ .type = type, .sector = sector };
	status[i] = 0xff;
	d[0] = (struct desc){ (uint32_t)&header[i], sizeof(header[i]), DESC_NEXT,
			      (uint16_t)(3 * i + (buf ? 1 : 2)) };
	d[1] = (struct desc){ (uint32_t)buf, len, DESC_NEXT, (uint16_t)(3 * i + 2) };
	d[2] = (struct desc){ (uint32_t)&status[i], 1, DESC_WRITE, 0 };
	avail.ring[idx % QUEUE_SIZE] = (uint16_t)(3 * i);
	barrier();
	avail.idx = (uint16_t)(idx + 1);
	barrier();
}

/* Kicks, and waits until all @n requests of the batch came back well. */
static void finish(uint32_t n)
{
	uint32_t seen = 0;

	if (doorbell_is_register)
		*(volatile uint32_t *)doorbell = 0;
	else
		*(volatile uint16_t *)doorbell = 0;
	while ((uint16_t)(used.idx - used_seen) < n)
		__asm__ volatile("pause");
	barrier();
	for (uint32_t i = 0; i < n; i++, used_seen++) {
		uint32_t id = used.ring[used_seen % QUEUE_SIZE].id;

		if (id % 3 || id / 3 >= n || seen & 1u << id)
			fail(BAD_USED, "a request came back that was not sent");
		seen |= 1u << id;
		if (status[id / 3])
			fail(BAD_STATUS, "a request failed");
	}
}

static void add_record(uint32_t i, uint32_t seed, uint32_t n, uint32_t slots)
{
	uint64_t sector = (uint64_t)disklog_slot(n, slots) * SLOT_SECTORS;
	uint32_t sectors = disklog_sectors(seed, n);
	enum record_kind kind = disklog_kind(seed, n);

	range[i] = (struct range){ .sector = sector, .sectors = sectors };
	if (kind == RECORD_DISCARD && features & F0_DISCARD) {
		add(i, T_DISCARD, 0, &range[i], sizeof(range[i]));
		return;
	}
	if (kind == RECORD_ZEROES && features & F0_WRITE_ZEROES) {
		range[i].flags = ZEROES_UNMAP;
		add(i, T_WRITE_ZEROES, 0, &range[i], sizeof(range[i]));
		return;
	}
	for (uint32_t s = 0; s < sectors; s++) {
		uint32_t *p = &data[i][s * SECTOR_WORDS];

		if (kind != RECORD_DATA) {
			fill(p, 0, SECTOR_WORDS);
			continue;
		}
		fill(p, disklog_word(seed, n, s, 4), SECTOR_WORDS);
		for (uint32_t w = 0; w < 4; w++)
			p[w] = disklog_word(seed, n, s, w);
	}
	add(i, T_OUT, sector, data[i], sectors * SECTOR);
}

static uint32_t option(const char *line, const char *name, uint32_t otherwise)
{
	for (const char *p = line; *p; p++) {
		const char *a = p, *b = name;
		uint32_t v = 0;

		if (p != line && p[-1] != ' ')
			continue;
		while (*b && *a == *b)
			a++, b++;
		if (*b || *a++ != '=')
			continue;
		if (a[0] == '0' && a[1] == 'x') {
			for (a += 2; *a && *a != ' '; a++)
				v = v * 16 +
				    (uint32_t)((*a | 32) >= 'a' ? (*a | 32) - 'a' + 10 : *a - '0');
			return v;
		}
		for (; *a >= '0' && *a <= '9'; a++)
			v = v * 10 + (uint32_t)(*a - '0');
		return v;
	}
	return otherwise;
}

/* @info: Multiboot 3.3; the command line is there if bit 2 of the flags says so. */
_Noreturn void main(const uint32_t *info)
{
	const char *line = info[0] & 4 ? (const char *)info[4] : "";
	uint32_t seed = option(line, "seed", 1), n = option(line, "start", 1);
	uint32_t left = option(line, "count", 0), mmio = option(line, "mmio", 0), slots;
	int forever = !left;

	if (mmio)
		start_mmio(mmio);
	else
		start_pci();
	slots = disklog_slots(capacity);
	if (slots < 4 * BATCH_MAX)
		fail(TOO_SMALL, "the disk is too small");
	say("log of ");
	say_number(slots);
	say(" slots\n");
	while (forever || left) {
		uint32_t batch = 1 + disklog_hash(seed, ~n) % BATCH_MAX;

		if (!forever && batch > left)
			batch = left;
		for (uint32_t i = 0; i < batch; i++)
			add_record(i, seed, n + i, slots);
		finish(batch);
		if (features & F0_FLUSH) {
			add(0, T_FLUSH, 0, 0, 0);
			finish(1);
		}
		n += batch;
		left -= forever ? 0 : batch;
		say("ack ");
		say_number(n - 1);
		say("\n");
	}
	end(PASS);
}
