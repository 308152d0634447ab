/* SPDX-License-Identifier: MIT */
/* What devices answer: `dev`, `map`, `irq`, `virtq`, on a machine of real chips and a fake disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/chip/i8259.h"
#include "devices/chip/ioapic.h"
#include "kvm/vm_internal.h"
#include "machine/inspect.h"
#include "machine/machine_internal.h"
#include "tests/lib/fake_virtio.h"
#include "tests/lib/guest_driver.h"

static struct vm_config config;
static struct machine m;
static struct vm vm;
static struct loop *loop;
static struct fake_clock fclock;
static struct fake_irq isa[16];
static struct fake_virtio *fake;
static struct inspect in;
static struct error *e;

static void intr(void *cpu, bool level)
{
	(void)cpu;
	(void)level;
}

static void route(struct msi_sink *s, unsigned pin, const struct msi_msg *msg, bool masked)
{
	(void)s;
	(void)pin;
	(void)msg;
	(void)masked;
}

/* Every message is taken, so that level-triggered ones wait for their end. */
static int send(struct msi_sink *s, const struct msi_msg *msg)
{
	(void)s;
	(void)msg;
	return 1;
}

static const struct cpu_intr_ops cpu_ops = { .intr = intr };
static const struct msi_sink_ops sink_ops = { .route = route, .send = send };
static struct msi_sink sink = { .ops = &sink_ops };

static void destroy_fake(struct device *d)
{
	fake_virtio_destroy(container_of(d, struct fake_virtio, v.dev));
}

static void add_chips(void)
{
	struct i8259_config p = { .id = "pic0", .cpu = { .ops = &cpu_ops } };
	struct ioapic_config a = { .id = "ioapic0", .sink = &sink, .clock = &fclock.clock };

	assert_int_equal(i8259_create(&p, &m.pic, &e), 0);
	machine_add_device(&m, i8259_device(m.pic));
	assert_int_equal(machine_map_pio(&m, i8259_device(m.pic), I8259_MASTER, 0x20, &e), 0);
	assert_int_equal(machine_map_pio(&m, i8259_device(m.pic), I8259_SLAVE, 0xa0, &e), 0);
	assert_int_equal(ioapic_create(&a, &m.ioapic, &e), 0);
	machine_add_device(&m, ioapic_device(m.ioapic));
	assert_int_equal(machine_map_mmio(&m, ioapic_device(m.ioapic), 0, 0xfec00000, &e), 0);
}

static void add_virtio(void)
{
	static struct device_ops ops;

	fake = fake_virtio_create(m.gm, loop, true);
	ops = *fake->v.dev.ops;
	ops.destroy = destroy_fake;
	fake->v.dev.ops = &ops;
	strcpy(fake->v.dev.id, "disk0");
	assert_int_equal(machine_add_virtio(&m, &fake->v, &e), 0);
}

static int setup(void **state)
{
	(void)state;
	config = (struct vm_config){ .mem.size = GIB };
	config.board.irqchip = IRQCHIP_USER;
	config.board.acpi = true;
	config.board.transport = VIRTIO_TRANSPORT_MMIO;
	config.cpu.count = 1;
	m = (struct machine){ .config = &config, .vm = &vm, .address_bits = 46 };
	vm = (struct vm){ .mode = IRQCHIP_USER };
	m.gm = gd_mem_create();
	loop = loop_create("test", &e);
	fake_clock_init(&fclock);
	for (unsigned i = 0; i < ARRAY_LEN(isa); i++) {
		fake_irq_init(&isa[i]);
		m.irq[i] = &isa[i].line;
	}
	m.epoch = epoch_create(1, &e);
	m.pio = bus_create("port", 0x10000, m.epoch, &e);
	m.mmio = bus_create("memory", 0, m.epoch, &e);
	add_chips();
	add_virtio();
	assert_no_error(e);
	in = (struct inspect){ .machine = &m };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (struct device *d = m.devices, *next; d; d = next) {
		next = d->next;
		if (d->ops->stop)
			d->ops->stop(d);
		d->ops->destroy(d);
	}
	interrupts_destroy(&m);
	free(m.virtio);
	bus_destroy(m.mmio);
	bus_destroy(m.pio);
	epoch_destroy(m.epoch);
	loop_destroy(loop);
	gm_destroy(m.gm);
	return 0;
}

static void contains(const char *line, const char *part)
{
	struct str out = { 0 };

	assert_int_equal(inspect_line(&in, line, &out, &e), 0);
	assert_no_error(e);
	str_add(&out, "%s", "");
	if (!strstr(out.s, part))
		fail_msg("'%s': '%s' is not in:\n%s", line, part, out.s);
	str_free(&out);
}

static void refuses(const char *line, const char *part)
{
	struct str out = { 0 };

	assert_true(inspect_line(&in, line, &out, &e) < 0);
	assert_error(take_ptr(e), part);
	str_free(&out);
}

/* --- dev and map ------------------------------------------------------------------------------ */

static void devices_are_listed_and_shown(void **state)
{
	(void)state;
	contains("dev", "pic0             i8259\n  ioapic0          ioapic\n  disk0");
	contains("dev pic0", "i8259 master: ports 0x20 to 0x21");
	contains("dev pic0", "i8259 elcr: nowhere at present");
	contains("dev pic0", "master.imr=0");
	contains("dev pic0", "master.poll=no");
	contains("dev ioapic0", "eois[24]:  [0-23]=0\n");
	contains("dev ioapic0", "redtbl[24]:  [0-23]=0x10000\n");
	contains("dev disk0", "saved.status=0");
	refuses("dev pic", "did you mean 'pic0'?");
	refuses("dev nothing-like-it", "no device is called");
	refuses("dev pic0 1", "it is: dev [NAME]");
}

static void both_buses_are_mapped(void **state)
{
	(void)state;
	contains("map", "  0020-0021  pic0           i8259 master\n"
			"  00a0-00a1  pic0           i8259 slave\n");
	contains("map", "00fec00000-00fec00fff  ioapic0");
	contains("map", "0000000000-00007fffff  -              RAM\n");
	contains("map", "read-only memory");
}

/* --- irq -------------------------------------------------------------------------------------- */

static void init_pic(uint8_t imr)
{
	struct device *d = i8259_device(m.pic);
	static const uint8_t master[] = { 0x20, 0x04, 0x01 }, slave[] = { 0x28, 0x02, 0x01 };

	io_write(d, I8259_MASTER, 0, 1, 0x11);
	io_write(d, I8259_SLAVE, 0, 1, 0x11);
	for (unsigned i = 0; i < 3; i++) {
		io_write(d, I8259_MASTER, 1, 1, master[i]);
		io_write(d, I8259_SLAVE, 1, 1, slave[i]);
	}
	io_write(d, I8259_MASTER, 1, 1, imr);
}

static void the_8259_tells_who_waits(void **state)
{
	(void)state;
	contains("irq", "8259 master  IRR 00  ISR 00  IMR 00  level 00  vectors 00 to 07  "
			"highest IR0  (not initialised)\n");
	init_pic(0x10);
	irq_set(i8259_line(m.pic, 4), true);
	irq_set(i8259_line(m.pic, 0), true);
	contains("irq", "8259 master  IRR 11  ISR 00  IMR 10  level 00  vectors 20 to 27  "
			"highest IR0\n"
			"  IR0, irq 0: requested\n"
			"  IR4, irq 4: requested, but masked\n");
	assert_int_equal(i8259_ack(m.pic), 0x20);
	contains("irq", "  IR0, irq 0: in service\n");
	irq_set(i8259_line(m.pic, 0), false);
	irq_set(i8259_line(m.pic, 0), true);
	contains("irq", "  IR0, irq 0: requested, and in service\n");
	irq_set(i8259_line(m.pic, 8), true);
	contains("irq", "  IR0, irq 8: requested\n");
	contains("irq", "no local APICs");
}

static void ioapic_write(unsigned reg, uint32_t v)
{
	struct device *d = ioapic_device(m.ioapic);

	io_write(d, 0, 0, 4, reg);
	io_write(d, 0, 0x10, 4, v);
}

static void the_ioapic_tells_who_waits(void **state)
{
	(void)state;
	contains("irq", "IOAPIC id 0, inputs 000000\n  24 pins are masked and quiet\n");
	ioapic_write(0x10 + 2 * 9 + 1, 0x02000000);
	ioapic_write(0x10 + 2 * 9, 0x8031); /* level, fixed, vector 31 */
	ioapic_write(0x10 + 2 * 4, 0x0034);
	irq_set(ioapic_line(m.ioapic, 9), true);
	contains("irq", "  pin 4  vector 34 fixed  to physical 00  edge  active high\n"
			"  pin 9  vector 31 fixed  to physical 02  level active high  asserted  "
			"remote IRR: waits for its EOI\n"
			"  22 pins are masked and quiet\n");
}

/* --- virtq ------------------------------------------------------------------------------------ */

static void queues_are_listed(void **state)
{
	(void)state;
	contains("virtq", "disk0");
	contains("virtq disk0", "status 0: no driver");
	contains("virtq disk0", "  0: 16 of at most 16 entries, not enabled");
	contains("virtq disk0 2", "queue 2: split, 16 entries, not enabled");
	refuses("virtq pic0", "no virtio device");
	refuses("virtq disk0 3", "has no queue 3, only 3");
	refuses("virtq nobody", "no device");
}

/* The rings by themselves, as the drawing sees them. */
struct ring {
	struct guest_driver d;
	struct virtq *vq;
	struct device dev;
	struct ring_view v;
};

static void ring_up(struct ring *r, uint64_t features)
{
	static const struct device_ops ops = { .name = "ring" };
	struct virtq_config c = { .gm = m.gm, .dev = &r->dev, .max_size = 16 };

	*r = (struct ring){ 0 };
	device_init(&r->dev, &ops, "ring0", NULL, 0);
	gd_init(&r->d, m.gm, GD_RINGS, 8, features);
	assert_int_equal(virtq_create(&c, &r->vq, &e), 0);
	assert_int_equal(virtq_enable(r->vq, &r->d.ring, features), 0);
	r->v = (struct ring_view){
		.gm = m.gm, .addr = r->d.ring, .features = features, .mapped = true
	};
}

static void ring_down(struct ring *r)
{
	virtq_destroy(r->vq);
	mutex_destroy(&r->dev.lock);
}

/* Draws it; the text is @part of, and short. */
static void draws(struct ring *r, const char *part)
{
	struct str out = { 0 };

	r->v.pos = virtq_position(r->vq);
	r->v.outstanding = vq_outstanding(r->vq);
	inspect_draw_ring(&r->v, &out);
	str_add(&out, "%s", "");
	if (!strstr(out.s, part))
		fail_msg("'%s' is not in:\n%s", part, out.s);
	assert_true(out.len < 32768);
	str_free(&out);
}

static void add_chains(struct ring *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		gpa_t hdr = gd_alloc(&r->d, 16, 16), data = gd_alloc(&r->d, 512, 512);

		gd_add(&r->d, (struct gd_buf[]){ { hdr, 16, false }, { data, 512, GD_W } }, 2,
		       NULL);
	}
	gd_kick(&r->d);
}

static void a_split_ring_is_drawn(void **state)
{
	struct vq_chain c UNINITIALIZED;
	struct ring r;

	(void)state;
	ring_up(&r, VIRTIO_F_VERSION_1);
	draws(&r, "nothing was ever put on it");
	add_chains(&r, 3);
	assert_int_equal(vq_pop(r.vq, &c), VQ_OK);
	assert_true(vq_push(&c, "x", 1));
	vq_complete(&c);
	vq_flush(r.vq);
	assert_int_equal(vq_pop(r.vq, &c), VQ_OK);
	draws(&r, "the device takes index 2 next, uses index 1 next, and has 1");
	draws(&r, "       0    0  head 0     done           id 0, 1 bytes written\n"
		  "       1    1  head 2     at the device\n"
		  "       2    2  head 4     waits        \n");
	draws(&r, "  chain at index 1, at the device:\n    [  2] read ");
	draws(&r, "    16 bytes -> 3\n    [  3] write ");
	ring_down(&r);
}

static void a_packed_ring_is_drawn(void **state)
{
	struct vq_chain c UNINITIALIZED;
	struct ring r;

	(void)state;
	ring_up(&r, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED);
	add_chains(&r, 2);
	assert_int_equal(vq_pop(r.vq, &c), VQ_OK);
	draws(&r, "the device takes slot 2 next (wrap 1), uses slot 0 next (wrap 1), and has 1");
	draws(&r, "available, lap 1, goes on  <- used next");
	draws(&r, "  <- taken next");
	ring_down(&r);
}

static void hostile_rings_are_drawn_short(void **state)
{
	struct ring r;
	struct gd_desc d;

	(void)state;
	ring_up(&r, VIRTIO_F_VERSION_1);
	add_chains(&r, 1);
	/* A loop. */
	d = gd_get_desc(&r.d, r.d.ring.desc, 1);
	d.flags |= GD_F_NEXT;
	d.next = 0;
	gd_set_desc(&r.d, r.d.ring.desc, 1, d);
	draws(&r, "-> [0] again: a loop");
	/* Out of the ring; nowhere in memory; a table of an odd length, a table that loops. */
	d.next = 9;
	gd_set_desc(&r.d, r.d.ring.desc, 1, d);
	draws(&r, "-> [9], which the ring does not have");
	d = (struct gd_desc){ .addr = UINT64_MAX - 4, .len = 100, .flags = 0 };
	gd_set_desc(&r.d, r.d.ring.desc, 1, d);
	draws(&r, "(not in memory)");
	d = (struct gd_desc){ .addr = r.d.ring.desc, .len = 17, .flags = GD_F_INDIRECT };
	gd_set_desc(&r.d, r.d.ring.desc, 0, d);
	draws(&r, "no multiple of 16");
	d.len = UINT32_MAX & ~15u;
	gd_set_desc(&r.d, r.d.ring.desc, 0, d);
	draws(&r, "table");
	/* More than there is room for; an index that is none of the ring's. */
	gd_set_avail_idx(&r.d, 0x8001);
	draws(&r, "32769 chains wait: more than the ring has");
	gd_set_avail(&r.d, 0, 0xffff);
	draws(&r, "-> [65535], which the ring does not have");
	for (unsigned i = 0; i < 4000; i++) {
		gd_evil(&r.d, i * UINT64_C(0x9e3779b97f4a7c15));
		draws(&r, "available");
	}
	r.v.addr.device = r.v.addr.driver = GD_LOW_END - 4;
	draws(&r, "not all in memory");
	r.v.addr.size = 0;
	draws(&r, "its size is 0");
	ring_down(&r);

	ring_up(&r, VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC);
	for (unsigned i = 0; i < 4000; i++) {
		gd_evil(&r.d, i * UINT64_C(0x9e3779b97f4a7c15));
		draws(&r, "descriptors at");
	}
	r.v.addr.desc = GD_LOW_END - 16;
	r.v.addr.size = 0xffff;
	draws(&r, "the ring is not in memory");
	ring_down(&r);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(devices_are_listed_and_shown),
		T(both_buses_are_mapped),
		T(the_8259_tells_who_waits),
		T(the_ioapic_tells_who_waits),
		T(queues_are_listed),
		T(a_split_ring_is_drawn),
		T(a_packed_ring_is_drawn),
		T(hostile_rings_are_drawn_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
