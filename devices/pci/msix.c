/* SPDX-License-Identifier: MIT */
/*
 * msix.c: message-signalled interrupts with a table in memory (PCI 3.0, 6.8.2).
 *
 *   capability  02 Message Control: 15 enable, 14 function mask, 10:0 table size - 1
 *               04 table offset and BAR; 08 pending bits' offset and BAR
 *   table       16 bytes a vector: message address, upper address, data, vector control (bit 0:
 *               mask)
 *   pending     a bit a vector, read-only
 *
 * Our region holds the table at 0 and the pending bits behind it at the next 2 KiB.
 *
 * A vector may have a pin of the message sink, whose descriptor a kernel-side user signals. Such a
 * pin is kept masked for as long as the vector is; the sink keeps what is signalled meanwhile.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/pci/pci_internal.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/trace.h"

#define CAP_LEN          12u
#define CAP_CONTROL      2u
#define CAP_TABLE        4u
#define CAP_PBA          8u
#define CONTROL_ENABLE   0x8000u
#define CONTROL_FUNCMASK 0x4000u

enum { ENTRY_ADDR, ENTRY_ADDR_HI, ENTRY_DATA, ENTRY_CONTROL, ENTRY_WORDS };
#define ENTRY_LEN  (ENTRY_WORDS * 4u)
#define ENTRY_MASK 0x1u

/* 6.8.2.7 to .9: address bits 1:0 are 0; only the mask bit of vector control means something. */
static const uint32_t entry_rw[ENTRY_WORDS] = {
	[ENTRY_ADDR] = ~UINT32_C(3),
	[ENTRY_ADDR_HI] = UINT32_MAX,
	[ENTRY_DATA] = UINT32_MAX,
	[ENTRY_CONTROL] = ENTRY_MASK,
};

static struct pci_func *to_func(struct io_region *r)
{
	return container_of(r, struct pci_func, msix.region);
}

static unsigned pba_offset(const struct pci_msix *m)
{
	return (unsigned)align_up(m->vectors * ENTRY_LEN, 2 * KIB);
}

/* --- one vector ------------------------------------------------------------------------------- */

static struct msi_msg message(const struct pci_msix *m, unsigned vector)
{
	const uint32_t *e = m->table[vector];

	return (struct msi_msg){ .addr = (uint64_t)e[ENTRY_ADDR_HI] << 32 | e[ENTRY_ADDR],
				 .data = e[ENTRY_DATA] };
}

static bool is_masked(const struct pci_msix *m, unsigned vector)
{
	return !m->open || (m->table[vector][ENTRY_CONTROL] & ENTRY_MASK);
}

static bool is_pending(const struct pci_msix *m, unsigned vector)
{
	return m->pending[vector / 64] & BIT64(vector % 64);
}

static void send_locked(struct pci_func *f, unsigned vector) REQUIRES(f->msix.lock)
{
	struct msi_sink *sink = pci_bus_msi(f->bus);
	struct msi_msg msg = message(&f->msix, vector);

	trace_event(TRACE_E_MSI, f->dev->number, msg.addr, msg.data);
	sink->ops->send(sink, &msg);
}

/* After its entry or the function's mask changed: what waited is sent, and the sink is told. */
static void sync_locked(struct pci_func *f, unsigned vector) REQUIRES(f->msix.lock)
{
	struct pci_msix *m = &f->msix;
	bool masked = is_masked(m, vector);

	if (!masked && is_pending(m, vector)) {
		m->pending[vector / 64] &= ~BIT64(vector % 64);
		send_locked(f, vector);
	}
	if (m->pin[vector]) {
		struct msi_sink *sink = pci_bus_msi(f->bus);
		struct msi_msg msg = message(m, vector);

		sink->ops->route(sink, m->pin[vector] - 1u, &msg, masked);
	}
}

/* As one change of the sink's routes, which are dear. */
static void sync_all_locked(struct pci_func *f) REQUIRES(f->msix.lock)
{
	struct msi_sink *sink = pci_bus_msi(f->bus);

	if (sink->ops->batch)
		sink->ops->batch(sink, true);
	for (unsigned i = 0; i < f->msix.vectors; i++)
		sync_locked(f, i);
	if (sink->ops->batch)
		sink->ops->batch(sink, false);
}

/* --- table and pending bits ------------------------------------------------------------------- */

/* 6.8.2.10: "a message is pending"; for a vector with a descriptor the sink knows, too. */
static uint32_t read_pending_locked(struct pci_func *f, unsigned word) REQUIRES(f->msix.lock)
{
	struct pci_msix *m = &f->msix;
	uint32_t v = (uint32_t)(m->pending[word / 2] >> (word % 2 * 32));

	for (unsigned i = 0; i < 32; i++) {
		unsigned vector = word * 32 + i;
		struct msi_sink *sink = pci_bus_msi(f->bus);

		if (vector < m->vectors && m->pin[vector] &&
		    sink->ops->pin_pending(sink, m->pin[vector] - 1u))
			v |= BIT(i);
	}
	return v;
}

static uint64_t msix_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct pci_func *f = to_func(r);
	struct pci_msix *m = &f->msix;
	unsigned pba = pba_offset(m);
	uint32_t v = 0;

	(void)size;
	mutex_lock(&f->msix.lock);
	if (off < m->vectors * ENTRY_LEN)
		v = m->table[off / ENTRY_LEN][off / 4 % ENTRY_WORDS];
	else if (off >= pba && (off - pba) * 8 < align_up(m->vectors, 64))
		v = read_pending_locked(f, (off - pba) / 4);
	mutex_unlock(&f->msix.lock);
	return v;
}

static void msix_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct pci_func *f = to_func(r);
	struct pci_msix *m = &f->msix;
	unsigned vector = off / ENTRY_LEN, word = off / 4 % ENTRY_WORDS;

	(void)size;
	if (vector >= m->vectors)
		return;
	mutex_lock(&f->msix.lock);
	m->table[vector][word] = (uint32_t)val & entry_rw[word];
	sync_locked(f, vector);
	mutex_unlock(&f->msix.lock);
}

/* 6.8.2: "For all accesses to MSI-X Table and MSI-X PBA fields, software must use aligned full
 * DWORD or aligned full QWORD transactions". */
static const struct region_ops msix_ops = { 4, 4, msix_read, msix_write };

/* --- the capability --------------------------------------------------------------------------- */

int pci_func_add_msix(struct pci_func *f, unsigned bar, unsigned vectors, struct error **errp)
{
	struct pci_msix *m = &f->msix;

	if (!vectors || vectors > PCI_MSIX_MAX)
		return err_set(errp, ERANGE,
			       "'%s' asks for %u interrupt vectors; a PCI function has 1 to %u",
			       f->dev->id, vectors, PCI_MSIX_MAX);
	m->vectors = (uint16_t)vectors;
	m->bar = (uint8_t)bar;
	m->region = (struct io_region){
		.ops = &msix_ops,
		.dev = f->dev,
		.name = "MSI-X table",
		.len = 4 * KIB,
		.index = f->dev->region_cnt, /* behind the device's own */
	};
	while (m->region.len < pba_offset(m) + align_up(vectors, 64) / 8)
		m->region.len *= 2;
	return 0;
}

void pci_msix_attach(struct pci_func *f)
{
	struct pci_msix *m = &f->msix;
	uint8_t *cap;

	pci_func_add_bar(f, m->bar, PCI_BAR_MEM32, &m->region);
	m->cap = pci_func_append_cap(f, PCI_CAP_MSIX, CAP_LEN);
	cap = f->init + m->cap;
	put_le16(cap + CAP_CONTROL, (uint16_t)(m->vectors - 1));
	put_le32(cap + CAP_TABLE, m->bar);
	put_le32(cap + CAP_PBA, pba_offset(m) | m->bar);
	put_le16(f->wmask + m->cap + CAP_CONTROL, CONTROL_ENABLE | CONTROL_FUNCMASK);
}

void pci_msix_update(struct pci_func *f)
{
	struct pci_msix *m = &f->msix;
	unsigned control;
	bool enable, open, was;

	if (!m->cap)
		return;
	control = get_le16(f->cfg + m->cap + CAP_CONTROL);
	enable = control & CONTROL_ENABLE;
	was = atomic_exchange(&m->enabled, enable);
	/* A message is a memory write: none without COMMAND.BME (6.2.2). What would be lost then is
	 * kept as if masked. */
	open = (control & (CONTROL_ENABLE | CONTROL_FUNCMASK)) == CONTROL_ENABLE &&
	       (pci_func_command(f) & PCI_COMMAND_BME);
	mutex_lock(&f->msix.lock);
	if (open != m->open) {
		m->open = open;
		sync_all_locked(f);
	}
	mutex_unlock(&f->msix.lock);
	pci_bus_update_intx(f); /* 6.8.3.3: with MSI-X enabled "prohibited from using its INTx#" */
	if (enable != was && f->ops && f->ops->msix_switched)
		f->ops->msix_switched(f);
}

static void free_pins_locked(struct pci_func *f) REQUIRES(f->msix.lock)
{
	struct msi_sink *sink = pci_bus_msi(f->bus);

	for (unsigned i = 0; i < f->msix.vectors; i++) {
		if (f->msix.pin[i])
			sink->ops->pin_free(sink, f->msix.pin[i] - 1u);
		f->msix.pin[i] = 0;
	}
}

/* 6.8.2.9: after reset every vector is masked. Descriptors stay: whoever uses one has it. */
void pci_msix_reset(struct pci_func *f)
{
	struct pci_msix *m = &f->msix;

	if (!m->cap)
		return;
	atomic_store(&m->enabled, false);
	mutex_lock(&f->msix.lock);
	m->open = false;
	memset(m->pending, 0, sizeof(m->pending));
	memset(m->table, 0, sizeof(m->table));
	for (unsigned i = 0; i < m->vectors; i++)
		m->table[i][ENTRY_CONTROL] = ENTRY_MASK;
	sync_all_locked(f);
	mutex_unlock(&f->msix.lock);
}

void pci_msix_detach(struct pci_func *f)
{
	if (!f->msix.cap)
		return;
	mutex_lock(&f->msix.lock);
	free_pins_locked(f);
	mutex_unlock(&f->msix.lock);
}

/* --- snapshots -------------------------------------------------------------------------------- */

/* What a descriptor holds goes into the pending bits; it stays there, too, as the guest runs on. */
void pci_msix_pre_save(struct pci_func *f)
{
	struct pci_msix *m = &f->msix;

	if (!m->cap)
		return;
	mutex_lock(&f->msix.lock);
	for (unsigned word = 0; word * 32 < m->vectors; word++)
		m->pending[word / 2] |= (uint64_t)read_pending_locked(f, word) << (word % 2 * 32);
	mutex_unlock(&f->msix.lock);
}

static bool table_is_sane(const struct pci_msix *m)
{
	for (unsigned i = 0; i < PCI_MSIX_MAX; i++) {
		if (i >= m->vectors && is_pending(m, i))
			return false;
		for (unsigned word = 0; word < ENTRY_WORDS; word++)
			if (m->table[i][word] & ~(i < m->vectors ? entry_rw[word] : 0))
				return false;
	}
	return true;
}

int pci_msix_post_load(struct pci_func *f, struct error **errp)
{
	struct pci_msix *m = &f->msix;

	if (!m->cap) /* whatever the snapshot says of a table that is not there */
		return 0;
	if (!table_is_sane(m))
		return err_set(errp, EINVAL, "'%s': its MSI-X table holds what no guest can write",
			       f->dev->id);
	mutex_lock(&f->msix.lock);
	sync_all_locked(f);
	mutex_unlock(&f->msix.lock);
	pci_msix_update(f);
	return 0;
}

/* --- interrupts ------------------------------------------------------------------------------- */

bool pci_irq_msix_enabled(const struct pci_func *f)
{
	return atomic_load_explicit(&f->msix.enabled, memory_order_acquire);
}

void pci_irq_msix(struct pci_func *f, unsigned vector)
{
	struct pci_msix *m = &f->msix;

	if (unlikely(vector >= m->vectors) || !pci_irq_msix_enabled(f))
		return;
	mutex_lock(&f->msix.lock);
	/* Sent with the lock held: once the guest has masked a vector no message of it follows. */
	if (likely(!is_masked(m, vector)))
		send_locked(f, vector);
	else
		m->pending[vector / 64] |= BIT64(vector % 64);
	mutex_unlock(&f->msix.lock);
}

static int make_pin_locked(struct pci_func *f, unsigned vector) REQUIRES(f->msix.lock)
{
	struct msi_sink *sink = pci_bus_msi(f->bus);
	int pin;

	if (!sink->ops->pin_alloc || !sink->ops->trigger_fd)
		return -ENOTSUP;
	pin = sink->ops->pin_alloc(sink);
	if (pin < 0)
		return pin;
	if (pin >= UINT16_MAX || sink->ops->trigger_fd(sink, (unsigned)pin) < 0) {
		sink->ops->pin_free(sink, (unsigned)pin);
		return -ENOSPC;
	}
	f->msix.pin[vector] = (uint16_t)(pin + 1);
	sync_locked(f, vector);
	return 0;
}

int pci_irq_msix_fd(struct pci_func *f, unsigned vector)
{
	struct pci_msix *m = &f->msix;
	int fd = -1;

	if (!m->cap || vector >= m->vectors)
		return -1;
	mutex_lock(&f->msix.lock);
	if (m->pin[vector] || make_pin_locked(f, vector) >= 0) {
		struct msi_sink *sink = pci_bus_msi(f->bus);

		fd = sink->ops->trigger_fd(sink, m->pin[vector] - 1u);
	}
	mutex_unlock(&f->msix.lock);
	return fd;
}
