/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_threads.c: two vCPUs and the loop at one device. What one vCPU does to the registers
 * must neither lose what the other asked for nor disturb the loop; ThreadSanitizer watches.
 *
 * The first vCPU is this thread and goes through the bus. The second goes to the regions, as the
 * bus of the rig has room for one reader only; the locks are the same.
 */
#include <string.h>

#include "devices/virtio/transport_mmio.h"
#include "devices/virtio/transport_pci.h"
#include "tests/lib/poke.h"
#include "tests/lib/port.h"
#include "tests/lib/virtio_rig.h"

#define PLAIN   (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX)
#define COMMAND 0x04u

struct env {
	struct virtio_rig g;
	struct fake_virtio *f;
	pthread_t other;
	_Atomic bool stop;
	_Atomic unsigned turns; /* of the second vCPU */
	_Atomic unsigned seen;  /* interrupts it has taken */
};

static int setup(void **state)
{
	enum vrig_kind *kind = *state;
	struct env *e = calloc(1, sizeof(*e));

	e->f = vrig_up(&e->g, *kind);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	vrig_down(&e->g, e->f);
	free(e);
	return 0;
}

static void begin(struct env *e, void *(*fn)(void *))
{
	assert_int_equal(pthread_create(&e->other, NULL, fn, e), 0);
}

static void end(struct env *e)
{
	e->stop = true;
	pthread_join(e->other, NULL);
	assert_true(e->turns > 0);
}

static gpa_t add(struct env *e, unsigned n, uint32_t val)
{
	/* The places of earlier requests, which are done: a guest has only so much memory. */
	return vrig_add_at(&e->g, n, val, GD_LOW_END - MIB + n * 64 * KIB + val % 1024 * 8);
}

static void complete(struct env *e, unsigned n, uint32_t val)
{
	gpa_t out = add(e, n, val);

	vrig_kick(&e->g, n);
	vrig_expect(&e->g, n, out, val);
}

/* --- the second vCPU's accesses --------------------------------------------------------------- */

static void notify_long_way(struct env *e, unsigned n)
{
	if (e->g.kind == VRIG_MMIO)
		io_write(e->g.xport, VIRTIO_MMIO_CONTROL, VIRTIO_MMIO_QUEUE_NOTIFY, 4, n);
	else
		io_write(e->g.xport, 1, n * VIRTIO_PCI_NOTIFY_STRIDE, 2, n);
}

static void ecam_write(struct env *e, unsigned off, unsigned size, uint32_t val)
{
	struct io_region *r = &pci_bus_device(e->g.pci.bus)->regions[PCI_HOST_ECAM];

	region_call_write(r, e->g.slot << 15 | off, size, val);
}

static void common_write(struct env *e, unsigned off, unsigned size, uint32_t val)
{
	io_write(e->g.xport, 0, VIRTIO_PCI_COMMON + off, size, val);
}

/* --- robustness row 21: resets race kicks ----------------------------------------------------- */

static void *kick_all(void *arg)
{
	struct env *e = arg;

	for (; !e->stop; e->turns++)
		for (unsigned n = 0; n <= FAKE_VIRTIO_QUEUES; n++)
			notify_long_way(e, n);
	return NULL;
}

static void test_row21_reset_races_kicks(void **state)
{
	struct env *e = *state;

	begin(e, kick_all);
	for (unsigned i = 0; i < 200; i++) {
		vrig_probe(&e->g, PLAIN | (i % 2 ? VIRTIO_F_RING_PACKED : 0));
		e->f->hold = i % 3 == 0; /* then the reset finds them in flight */
		for (uint32_t k = 0; k < 8; k++) {
			if (e->f->hold) {
				add(e, k % 3, k);
				vrig_kick(&e->g, k % 3);
			} else {
				complete(e, k % 3, k);
			}
		}
		vrig_reset(&e->g);
		assert_int_equal(fake_bells_cnt(&e->g.bells), 0);
		e->f->hold = false;
	}
	end(e);
}

/* One queue is reset and set up anew under the other vCPU's kicks. */
static void test_ring_reset_races_kicks(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, PLAIN | VIRTIO_F_RING_RESET);
	begin(e, kick_all);
	for (uint32_t i = 0; i < 150; i++) {
		complete(e, 0, i);
		complete(e, 1, i);
		vrig_write(&e->g, VRIG_QUEUE_SEL, 1);
		vrig_write(&e->g, VRIG_QUEUE_RESET, 1);
		assert_int_equal(vrig_read(&e->g, VRIG_QUEUE_ENABLE), 0);
		gd_init(&e->g.q[1], e->g.gm, GD_RINGS + 3 * MIB, 8, PLAIN);
		vrig_set_queue(&e->g, 1, &e->g.q[1].ring);
	}
	end(e);
	assert_int_equal(vrig_read(&e->g, VRIG_STATUS), 0xf);
}

/* The ring changes under the device, which breaks now and then; and is reset. */
static void *be_evil(void *arg)
{
	struct env *e = arg;
	struct storm s = { 0xe711 };

	for (; !e->stop; e->turns++) {
		gd_evil(&e->g.q[1], (uint64_t)storm_next(&s) << 32 | storm_next(&s));
		notify_long_way(e, 1);
	}
	return NULL;
}

static void test_evil_ring(void **state)
{
	struct env *e = *state;

	for (unsigned i = 0; i < 40; i++) {
		vrig_probe(&e->g, PLAIN);
		e->stop = false;
		begin(e, be_evil);
		assert_true(EVENTUALLY(
			200, (vrig_read(&e->g, VRIG_STATUS) & VIRTIO_STATUS_NEEDS_RESET) || i % 2));
		vrig_reset(&e->g);
		end(e);
	}
	vrig_probe(&e->g, PLAIN);
	complete(e, 1, 1);
}

/* --- vectors change under completions --------------------------------------------------------- */

static void *reprogram(void *arg)
{
	static const uint16_t vectors[] = { 1, VIRTIO_MSI_NO_VECTOR, 0, 2 };
	struct env *e = arg;
	struct io_region *table = &virtio_pci_func(e->g.func)->msix.region;
	unsigned cap = virtio_pci_func(e->g.func)->msix.cap;

	for (; !e->stop; e->turns++) {
		common_write(e, offsetof(struct virtio_pci_common_cfg, queue_select), 2, 0);
		common_write(e, offsetof(struct virtio_pci_common_cfg, queue_msix_vector), 2,
			     vectors[e->turns % 4]);
		region_call_write(table, 16 + 12, 4, e->turns / 4 % 2); /* mask entry 1 */
		region_call_write(table, 16 + 8, 4, 1 + e->turns / 8 % 2);
		ecam_write(e, cap + 2, 2, e->turns % 16 ? 0x8000 : e->turns % 32 ? 0xc000 : 0);
	}
	/* As it was; what is pending now comes. */
	common_write(e, offsetof(struct virtio_pci_common_cfg, queue_msix_vector), 2, 1);
	region_call_write(table, 16 + 12, 4, 0);
	region_call_write(table, 16 + 8, 4, 1);
	ecam_write(e, cap + 2, 2, 0x8000);
	return NULL;
}

static void test_vectors_race_completions(void **state)
{
	struct env *e = *state;
	unsigned before;

	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	begin(e, reprogram);
	for (uint32_t i = 0; i < 600; i++) {
		complete(e, 0, i);
		if (i % 64 == 0)
			virtio_config_changed(&e->f->v);
	}
	end(e);
	vrig_settle(&e->g);
	vrig_take_isr(&e->g);
	before = e->g.msi[1];
	complete(e, 0, 1);
	assert_true(EVENTUALLY(5000, e->g.msi[1] == before + 1));
}

/* --- interrupt status ------------------------------------------------------------------------- */

/* The handler of a level-triggered interrupt: as long as the wire is high, look why. */
static void *handle(void *arg)
{
	struct env *e = arg;

	for (; !e->stop; e->turns++) {
		uint64_t bits;

		if (!e->g.wire.level)
			continue;
		if (e->g.kind == VRIG_MMIO) {
			bits = io_read(e->g.xport, VIRTIO_MMIO_CONTROL,
				       VIRTIO_MMIO_INTERRUPT_STATUS, 4);
			io_write(e->g.xport, VIRTIO_MMIO_CONTROL, VIRTIO_MMIO_INTERRUPT_ACK, 4,
				 bits);
		} else {
			bits = io_read(e->g.xport, 0, VIRTIO_PCI_ISR, 1);
		}
		if (bits & VIRTIO_ISR_QUEUE)
			e->seen++;
	}
	return NULL;
}

/* No completion goes unheard, however it falls between reading and clearing. */
static void test_no_interrupt_is_lost(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	begin(e, handle);
	for (uint32_t i = 0; i < 500; i++) {
		unsigned before = e->seen;

		complete(e, 0, i);
		assert_true(EVENTUALLY(5000, e->seen != before));
		if (i % 16 == 0)
			virtio_config_changed(&e->f->v);
	}
	assert_true(EVENTUALLY(5000, !e->g.wire.level));
	end(e);
}

/* --- COMMAND changes under kicks -------------------------------------------------------------- */

static void *toggle_command(void *arg)
{
	static const uint32_t commands[] = { 7, 3, 6, 7, 2 };
	struct env *e = arg;

	for (; !e->stop; e->turns++) {
		ecam_write(e, COMMAND, 2, commands[e->turns % ARRAY_LEN(commands)]);
		if (e->turns % 64 == 0)
			usleep(200);
	}
	ecam_write(e, COMMAND, 2, 7);
	return NULL;
}

/* Bus mastering and the ports' BAR come and go; requests wait, and none is lost. */
static void test_bus_master_races_kicks(void **state)
{
	struct env *e = *state;

	e->g.notify_mem = true;
	vrig_probe(&e->g, PLAIN);
	begin(e, toggle_command);
	for (uint32_t i = 0; i < 400; i++)
		complete(e, i % 3, i);
	for (unsigned i = 0; i < 50; i++) {
		vrig_probe(&e->g, PLAIN);
		complete(e, 0, i);
	}
	end(e);
	e->g.notify_mem = false;
	complete(e, 0, 1);
}

int main(void)
{
	static enum vrig_kind mmio = VRIG_MMIO, pci = VRIG_PCI, intx = VRIG_INTX;
#define T(name, kind)                                                                              \
	{                                                                                          \
#name " (" #kind ")", name, setup, teardown, &kind                                 \
	}
	const struct CMUnitTest tests[] = {
		T(test_row21_reset_races_kicks, mmio),
		T(test_row21_reset_races_kicks, pci),
		T(test_row21_reset_races_kicks, intx),
		T(test_ring_reset_races_kicks, mmio),
		T(test_ring_reset_races_kicks, pci),
		T(test_evil_ring, mmio),
		T(test_evil_ring, pci),
		T(test_vectors_race_completions, pci),
		T(test_no_interrupt_is_lost, mmio),
		T(test_no_interrupt_is_lost, intx),
		T(test_bus_master_races_kicks, pci),
		T(test_bus_master_races_kicks, intx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
