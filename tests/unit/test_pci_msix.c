/* SPDX-License-Identifier: MIT */
/* devices/pci/msix.c: message-signalled interrupts. Sections are of PCI 3.0. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/lib/pci_rig.h"

#define SLOT 1u

struct bench {
	struct pci_rig g;
	struct device dev;
	struct pci_func func;
	unsigned vectors;
	uint64_t table, pba;
	unsigned cap;
};

static const struct device_ops dev_ops = { .name = "toy" };
static const struct pci_ident ident = { .vendor = 0x1af4, .device = 0x1041, .intx = true };

static void bench_init(struct bench *b, unsigned vectors, bool msi)
{
	struct error *e = NULL;

	memset(b, 0, sizeof(*b));
	pci_rig_init(&b->g, msi);
	device_init(&b->dev, &dev_ops, "toy0", NULL, 0);
	pci_func_init(&b->func, &b->dev, NULL, &ident);
	assert_int_equal(pci_func_add_msix(&b->func, 1, vectors, &e), 0);
	assert_int_equal(pci_bus_attach(b->g.bus, &b->func, -1, &e), 0);
	assert_no_error(e);
	assert_int_equal(b->func.slot, SLOT);
	b->vectors = vectors;
	b->cap = pci_rig_cap(&b->g, SLOT, PCI_CAP_MSIX, 0);
	if (!b->cap)
		return;
	pci_rig_enable(&b->g, SLOT, 6);
	b->table = pci_rig_bar(&b->g, SLOT, 1);
	b->pba = b->table + (pci_rig_read(&b->g, SLOT, b->cap + 8, 4) & ~7u);
}

static void bench_fini(struct bench *b)
{
	pci_bus_detach(&b->func);
	pci_func_fini(&b->func);
	mutex_destroy(&b->dev.lock);
	pci_rig_fini(&b->g);
}

static struct bench *make(unsigned vectors)
{
	struct bench *b = calloc(1, sizeof(*b));

	bench_init(b, vectors, true);
	return b;
}

static void destroy(struct bench *b)
{
	bench_fini(b);
	free(b);
}

/* Message Control: 0x8000 enable, 0x4000 function mask. */
static void control(struct bench *b, unsigned val)
{
	pci_rig_write(&b->g, SLOT, b->cap + 2, 2, val);
}

static void program(struct bench *b, unsigned vector, uint32_t addr, uint32_t data)
{
	pci_rig_store(&b->g, b->table + vector * 16, 4, addr);
	pci_rig_store(&b->g, b->table + vector * 16 + 4, 4, 0);
	pci_rig_store(&b->g, b->table + vector * 16 + 8, 4, data);
}

static void mask(struct bench *b, unsigned vector, bool on)
{
	pci_rig_store(&b->g, b->table + vector * 16 + 12, 4, on);
}

static bool pending(struct bench *b, unsigned vector)
{
	return pci_rig_load(&b->g, b->pba + vector / 64 * 8, 8) >> (vector % 64) & 1;
}

/* 6.8.2.3: "System software reads this field to determine the MSI-X Table Size N, which is encoded
 * as N-1"; figure 6-11. */
static void capability(void **state)
{
	static const unsigned sizes[] = { 1, 2, 33, 64, 65, 128, 129, PCI_MSIX_MAX };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct bench *b = make(sizes[i]);
		uint32_t table = pci_rig_read(&b->g, SLOT, b->cap + 4, 4);
		uint32_t pba = pci_rig_read(&b->g, SLOT, b->cap + 8, 4);
		uint64_t len;

		assert_int_equal(pci_rig_read(&b->g, SLOT, b->cap + 2, 2), sizes[i] - 1);
		assert_int_equal(table, 1); /* offset 0 of BAR 1 */
		assert_int_equal(pba & 7, 1);
		assert_true((pba & ~7u) >= sizes[i] * 16); /* behind the table */
		control(b, 0xffff);
		assert_int_equal(pci_rig_read(&b->g, SLOT, b->cap + 2, 2), 0xc000 | (sizes[i] - 1));
		pci_rig_write(&b->g, SLOT, 4, 2, 0);
		pci_rig_write(&b->g, SLOT, 0x14, 4, UINT32_MAX);
		len = ~pci_rig_read(&b->g, SLOT, 0x14, 4) + 1;
		assert_true((pba & ~7u) + (sizes[i] + 63) / 64 * 8 <= len);
		destroy(b);
	}
}

static void too_many_vectors(void **state)
{
	struct bench *b = make(1);
	struct pci_func f;
	struct error *e = NULL;

	(void)state;
	pci_func_init(&f, &b->dev, NULL, &ident);
	assert_int_equal(pci_func_add_msix(&f, 1, PCI_MSIX_MAX + 1, &e), -ERANGE);
	assert_error(e, "'toy0' asks for 257 interrupt vectors");
	e = NULL;
	assert_int_equal(pci_func_add_msix(&f, 1, 0, &e), -ERANGE);
	assert_error(e, "0 interrupt vectors");
	pci_func_fini(&f);
	destroy(b);
}

/* A machine without local APICs: no capability, no BAR, and INTx is what there is. */
static void without_apics_there_is_none(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, 4, false);
	assert_int_equal(b.cap, 0);
	assert_int_equal(pci_rig_read(&b.g, SLOT, 6, 2), 0);
	pci_rig_write(&b.g, SLOT, 0x14, 4, UINT32_MAX);
	assert_int_equal(pci_rig_read(&b.g, SLOT, 0x14, 4), 0);
	assert_false(pci_irq_msix_enabled(&b.func));
	pci_irq_msix(&b.func, 0);
	assert_int_equal(pci_irq_msix_fd(&b.func, 0), -1);
	pci_irq_intx(&b.func, true);
	assert_true(b.g.intx[SLOT].level);
	bench_fini(&b);
}

/* 6.8.2.9: Mask Bit "state after reset is 1 (entry is masked)"; the rest of the table is written
 * and read as it is, but for reserved bits. */
static void table_registers(void **state)
{
	struct bench *b = make(3);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pci_rig_load(&b->g, b->table + i * 16 + 12, 4), 1);
	for (unsigned i = 0; i < 0x1000; i += 4)
		pci_rig_store(&b->g, b->table + i, 4, UINT32_MAX);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pci_rig_load(&b->g, b->table + i * 16, 4), 0xfffffffc);
		assert_int_equal(pci_rig_load(&b->g, b->table + i * 16 + 4, 4), UINT32_MAX);
		assert_int_equal(pci_rig_load(&b->g, b->table + i * 16 + 8, 4), UINT32_MAX);
		assert_int_equal(pci_rig_load(&b->g, b->table + i * 16 + 12, 4), 1);
	}
	for (unsigned i = 48; i < 0x1000; i += 4)
		assert_int_equal(pci_rig_load(&b->g, b->table + i, 4), 0);
	/* QWORDs, too; a byte is read, but not written. */
	pci_rig_store(&b->g, b->table + 16, 8, 0x11223344fee01000);
	assert_int_equal(pci_rig_load(&b->g, b->table + 16, 8), 0x11223344fee01000);
	pci_rig_store(&b->g, b->table + 17, 1, 0x55);
	assert_int_equal(pci_rig_load(&b->g, b->table + 17, 1), 0x10);
	destroy(b);
}

/* 6.8.3.4: "While a vector is masked, the function is prohibited from sending the associated
 * message, and the function must set the associated Pending bit whenever the function would
 * otherwise send the message. When software unmasks a vector whose associated Pending bit is set,
 * the function must schedule sending the associated message, and clear the Pending bit". */
static void masked_messages_wait(void **state)
{
	struct bench *b = make(70);

	(void)state;
	control(b, 0x8000);
	program(b, 66, 0xfee02000, 0x4051);
	pci_irq_msix(&b->func, 66);
	pci_irq_msix(&b->func, 66);
	assert_int_equal(b->g.msi.sent_cnt, 0);
	assert_true(pending(b, 66));
	assert_false(pending(b, 2));
	mask(b, 66, false);
	assert_int_equal(b->g.msi.sent_cnt, 1); /* one, however often it was raised */
	assert_int_equal(b->g.msi.sent[0].addr, 0xfee02000);
	assert_int_equal(b->g.msi.sent[0].data, 0x4051);
	assert_false(pending(b, 66));
	pci_irq_msix(&b->func, 66);
	assert_int_equal(b->g.msi.sent_cnt, 2);
	/* The pending bits are read-only. */
	pci_rig_store(&b->g, b->pba, 8, UINT64_MAX);
	for (unsigned i = 0; i < 70; i++)
		assert_false(pending(b, i));
	/* "Function Mask: if 1, all of the vectors are masked, regardless of their per-vector Mask
	 * bit states." */
	control(b, 0xc000);
	pci_irq_msix(&b->func, 66);
	pci_irq_msix(&b->func, 67);
	assert_int_equal(b->g.msi.sent_cnt, 2);
	assert_true(pending(b, 66));
	assert_true(pending(b, 67));
	control(b, 0x8000);
	assert_int_equal(b->g.msi.sent_cnt, 3);
	assert_true(pending(b, 67)); /* masked by itself */
	destroy(b);
}

/* 6.2.2, Bus Master: messages are memory writes. What is raised meanwhile is kept. */
static void no_message_without_bus_mastering(void **state)
{
	struct bench *b = make(2);

	(void)state;
	control(b, 0x8000);
	program(b, 0, 0xfee00000, 0x31);
	mask(b, 0, false);
	pci_rig_write(&b->g, SLOT, 4, 2, 2);
	assert_true(pci_irq_msix_enabled(&b->func));
	pci_irq_msix(&b->func, 0);
	assert_int_equal(b->g.msi.sent_cnt, 0);
	assert_true(pending(b, 0));
	pci_rig_write(&b->g, SLOT, 4, 2, 6);
	assert_int_equal(b->g.msi.sent_cnt, 1);
	destroy(b);
}

/* A vector that does not exist, as a guest may have told a device to use; and MSI-X that is off. */
static void nonsense_is_ignored(void **state)
{
	struct bench *b = make(2);

	(void)state;
	mask(b, 0, false);
	pci_irq_msix(&b->func, 0);
	assert_false(pending(b, 0));
	control(b, 0x8000);
	pci_irq_msix(&b->func, 2);
	pci_irq_msix(&b->func, 0xffff); /* VIRTIO_MSI_NO_VECTOR */
	pci_irq_msix(&b->func, UINT32_MAX);
	assert_int_equal(b->g.msi.sent_cnt, 0);
	assert_int_equal(pci_irq_msix_fd(&b->func, 2), -1);
	assert_int_equal(pci_irq_msix_fd(&b->func, 0xffff), -1);
	destroy(b);
}

/* 6.8.3.3: "While enabled for MSI or MSI-X operation, a function is prohibited from using its INTx#
 * pin". */
static void msix_silences_intx(void **state)
{
	struct bench *b = make(2);

	(void)state;
	pci_irq_intx(&b->func, true);
	assert_true(b->g.intx[SLOT].level);
	control(b, 0x8000);
	assert_false(b->g.intx[SLOT].level);
	control(b, 0);
	assert_true(b->g.intx[SLOT].level);
	destroy(b);
}

static void reset_masks_and_forgets(void **state)
{
	struct bench *b = make(2);

	(void)state;
	control(b, 0x8000);
	program(b, 1, 0xfee02000, 0x51);
	pci_irq_msix(&b->func, 1);
	pci_rig_reset(&b->g);
	assert_false(pci_irq_msix_enabled(&b->func));
	pci_rig_enable(&b->g, SLOT, 6);
	control(b, 0x8000);
	assert_int_equal(pci_rig_load(&b->g, b->table + 16, 8), 0);
	assert_int_equal(pci_rig_load(&b->g, b->table + 24, 8), UINT64_C(1) << 32);
	assert_false(pending(b, 1));
	mask(b, 1, false);
	assert_int_equal(b->g.msi.sent_cnt, 0);
	destroy(b);
}

/* --- descriptors ------------------------------------------------------------------------------ */

static void descriptors_follow_the_table(void **state)
{
	struct bench *b = make(4);
	struct fake_msi_pin *pin = b->g.msi.pin;
	int fd = pci_irq_msix_fd(&b->func, 2);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pci_irq_msix_fd(&b->func, 2), fd); /* made once */
	assert_true(pin[0].used && pin[0].masked);
	program(b, 2, 0xfee01000, 0x4033);
	mask(b, 2, false);
	assert_true(pin[0].masked); /* MSI-X is off */
	control(b, 0x8000);
	assert_false(pin[0].masked);
	assert_int_equal(pin[0].msg.addr, 0xfee01000);
	assert_int_equal(pin[0].msg.data, 0x4033);
	mask(b, 2, true);
	assert_true(pin[0].masked);
	/* What is signalled meanwhile is the sink's to keep, and shows as pending. */
	assert_false(pending(b, 2));
	pin[0].signalled = true;
	assert_true(pending(b, 2));
	assert_false(pending(b, 1));
	mask(b, 2, false);
	assert_false(pending(b, 2));
	pci_rig_reset(&b->g);
	assert_true(pin[0].used && pin[0].masked);
	pci_bus_detach(&b->func);
	assert_false(pin[0].used);
	destroy(b);
}

/* A driver programs all vectors with the function masked, and unmasks it: one change of routes. */
static void routes_change_in_one_batch(void **state)
{
	struct bench *b = make(32);
	unsigned batches;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		assert_true(pci_irq_msix_fd(&b->func, i) >= 0);
	control(b, 0xc000);
	for (unsigned i = 0; i < 32; i++) {
		program(b, i, 0xfee00000, 0x4000 + i);
		mask(b, i, false);
		assert_true(b->g.msi.pin[i].masked);
	}
	batches = b->g.msi.batches;
	control(b, 0x8000);
	assert_int_equal(b->g.msi.batches, batches + 1);
	assert_int_equal(b->g.msi.open_batches, 0);
	for (unsigned i = 0; i < 32; i++) {
		assert_false(b->g.msi.pin[i].masked);
		assert_int_equal(b->g.msi.pin[i].msg.data, 0x4000 + i);
	}
	destroy(b);
}

static void descriptors_run_out(void **state)
{
	struct bench *b = make(FAKE_MSI_PINS + 1);

	(void)state;
	for (unsigned i = 0; i < FAKE_MSI_PINS; i++)
		assert_true(pci_irq_msix_fd(&b->func, i) >= 0);
	assert_int_equal(pci_irq_msix_fd(&b->func, FAKE_MSI_PINS), -1);
	control(b, 0x8000);
	program(b, FAKE_MSI_PINS, 0xfee00000, 0x77);
	mask(b, FAKE_MSI_PINS, false);
	pci_irq_msix(&b->func, FAKE_MSI_PINS); /* works all the same */
	assert_int_equal(b->g.msi.sent_cnt, 1);
	destroy(b);
}

/* A device raises from its own thread while the guest masks and unmasks: at the end every interrupt
 * has been sent, or is pending. */
struct raiser {
	struct bench *b;
	unsigned cnt;
};

static void *raise_many(void *arg)
{
	struct raiser *r = arg;

	for (unsigned i = 0; i < r->cnt; i++)
		pci_irq_msix(&r->b->func, i % 2);
	return NULL;
}

static void no_message_is_lost_in_a_race(void **state)
{
	struct bench *b = make(2);
	struct raiser r = { .b = b, .cnt = 20000 };
	pthread_t t;
	unsigned before;

	(void)state;
	control(b, 0x8000);
	program(b, 0, 0xfee00000, 0x41);
	program(b, 1, 0xfee00000, 0x42);
	assert_int_equal(pthread_create(&t, NULL, raise_many, &r), 0);
	for (unsigned i = 0; i < 2000; i++) {
		mask(b, i % 2, i & 2);
		control(b, i & 4 ? 0xc000 : 0x8000);
	}
	pthread_join(t, NULL);
	control(b, 0x8000);
	mask(b, 0, false);
	mask(b, 1, false);
	assert_false(pending(b, 0) || pending(b, 1));
	before = b->g.msi.sent_cnt;
	assert_true(before > 0 && before <= r.cnt);
	pci_irq_msix(&b->func, 0);
	assert_int_equal(b->g.msi.sent_cnt, before + 1);
	destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capability),
		cmocka_unit_test(too_many_vectors),
		cmocka_unit_test(without_apics_there_is_none),
		cmocka_unit_test(table_registers),
		cmocka_unit_test(masked_messages_wait),
		cmocka_unit_test(no_message_without_bus_mastering),
		cmocka_unit_test(nonsense_is_ignored),
		cmocka_unit_test(msix_silences_intx),
		cmocka_unit_test(reset_masks_and_forgets),
		cmocka_unit_test(descriptors_follow_the_table),
		cmocka_unit_test(routes_change_in_one_batch),
		cmocka_unit_test(descriptors_run_out),
		cmocka_unit_test(no_message_is_lost_in_a_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
