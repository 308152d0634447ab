/* SPDX-License-Identifier: MIT */
/*
 * test_nets.c: from -n to frames on an interface: configuration, I/O threads, the tap and the
 * virtio network card as the machine puts them together. The bus and the driver are the test's, the
 * host's network a namespace of its own.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "machine/machine_internal.h"
#include "tests/lib/guest_driver.h"
#include "tests/lib/net_kit.h"
#include "virtio/net_wire.h"
#include "virtio/virtio.h"

#define CARDS 3
#define RX    0
#define TX    1

static struct {
	struct vm_config config;
	struct net_config net[CARDS];
	struct machine m;
	struct virtio_device *v[CARDS];
	struct virtio_xport xport[CARDS];
	unsigned cnt;
	_Atomic unsigned config_irqs;
	struct guest_driver d[3];
	int wire; /* the interface's other side */
} w;

static bool usable;

/* --- the bus ---------------------------------------------------------------------------------- */

static void irq_queue(struct virtio_xport *x, unsigned q)
{
	(void)x;
	(void)q;
}

static void irq_config(struct virtio_xport *x)
{
	(void)x;
	w.config_irqs++;
}

static void doorbells(struct virtio_xport *x, bool on)
{
	(void)x;
	(void)on;
}

static const struct virtio_xport_ops xport_ops = { .irq_queue = irq_queue,
						   .irq_config = irq_config,
						   .doorbells = doorbells };

/* In place of the machine's own: what a program defines itself is not taken from the library. */
int machine_add_virtio(struct machine *m, struct virtio_device *v, struct error **errp)
{
	struct virtio_xport *x = &w.xport[w.cnt];

	(void)errp;
	x->ops = &xport_ops;
	virtio_attach(v, x, 0);
	w.v[w.cnt++] = v;
	v->dev.next = m->devices;
	m->devices = &v->dev;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	static char name[] = "alpha";

	(void)state;
	memset(&w, 0, sizeof(w));
	w.wire = -1;
	w.config.name = name;
	w.config.nets.v = w.net;
	w.m.config = &w.config;
	w.m.gm = gd_mem_create();
	net_log_catch();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	/* As stop_devices() and machine_destroy() do. */
	for (struct device *d = w.m.devices; d; d = d->next)
		d->ops->stop(d);
	iothreads_stop(&w.m);
	for (struct device *d = w.m.devices, *next; d; d = next) {
		next = d->next;
		d->ops->stop(d);
		d->ops->destroy(d);
	}
	iothreads_destroy(&w.m);
	free(w.m.net);
	gm_destroy(w.m.gm);
	base_closep(&w.wire);
	net_log_release();
	return 0;
}

static void add(unsigned cnt)
{
	struct error *e = NULL;

	w.config.nets.cnt = cnt;
	if (machine_add_nets(&w.m, &w.config, &e) < 0)
		assert_no_error(e);
	assert_int_equal(w.m.net_cnt, cnt);
	assert_int_equal(w.cnt, cnt);
}

static void start(void)
{
	struct error *e = NULL;

	for (struct device *d = w.m.devices; d; d = d->next)
		if (d->ops->start(d, &e) < 0)
			assert_no_error(e);
	if (iothreads_start(&w.m, &e) < 0)
		assert_no_error(e);
}

/* A driver that takes all that is offered, in rings of the largest size; no pairs. */
static void begin_driver(struct virtio_device *v)
{
	uint64_t f = v->offered & ~(VIRTIO_F_RING_PACKED | VIRTIO_NET_F_MQ);
	uint8_t s = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	virtio_set_status(v, s);
	virtio_ack_word(v, 0, (uint32_t)f);
	virtio_ack_word(v, 1, (uint32_t)(f >> 32));
	virtio_set_status(v, s |= VIRTIO_STATUS_FEATURES_OK);
	assert_true(virtio_status(v) & VIRTIO_STATUS_FEATURES_OK);
	for (unsigned i = 0; i < ARRAY_LEN(w.d); i++) {
		gd_init(&w.d[i], w.m.gm, GD_RINGS + i * 2 * MIB, v->queue[i].max_size, f);
		v->queue[i].addr = w.d[i].ring;
		virtio_queue_enable(v, i);
	}
	virtio_set_status(v, s | VIRTIO_STATUS_DRIVER_OK);
}

static void kick(unsigned q)
{
	if (gd_kick(&w.d[q]))
		virtio_ring(w.v[0], q);
}

/* The next used chain of queue @q, for which there are two seconds. */
static struct gd_used wait_used(unsigned q)
{
	struct gd_used u;

	for (unsigned i = 0; i < 2000; i++) {
		if (gd_get_used(&w.d[q], &u))
			return u;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	fail_msg("nothing came back in queue %u", q);
	return u;
}

/* --- frames ----------------------------------------------------------------------------------- */

#define LEN 100u

static void make_frame(uint8_t *frame, unsigned seed)
{
	memset(frame, (int)seed, LEN);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\2\0\0\0\0\1", 6);
	frame[12] = KIT_ETHERTYPE >> 8;
	frame[13] = KIT_ETHERTYPE & 0xff;
}

static void send_frame(unsigned seed)
{
	uint8_t packet[NET_HDR_LEN + LEN] = { 0 };
	gpa_t at = gd_alloc(&w.d[TX], sizeof(packet), 16);

	make_frame(packet + NET_HDR_LEN, seed);
	assert_true(gm_write(w.m.gm, at, packet, sizeof(packet)));
	assert_true(gd_add(&w.d[TX], &(struct gd_buf){ at, sizeof(packet), false }, 1, NULL) >= 0);
	kick(TX);
	wait_used(TX);
}

static void post(unsigned n)
{
	while (n--) {
		gpa_t at = gd_alloc(&w.d[RX], 2048, 16);

		assert_true(gd_add(&w.d[RX], &(struct gd_buf){ at, 2048, GD_W }, 1,
				   (void *)(uintptr_t)at) >= 0);
	}
	kick(RX);
}

/* The next frame of the kind that the test sends: the seed of its contents. */
static unsigned next_frame(void)
{
	uint8_t got[2048], want[LEN];
	struct gd_used u;

	do {
		u = wait_used(RX);
		assert_true(u.len <= sizeof(got));
		assert_true(gm_read(w.m.gm, (gpa_t)(uintptr_t)u.token, got, u.len));
		post(1);
	} while (got[NET_HDR_LEN + 12] != KIT_ETHERTYPE >> 8);
	assert_int_equal(u.len, NET_HDR_LEN + LEN);
	assert_int_equal(get_le16(got + 10), 1);
	make_frame(want, got[NET_HDR_LEN + LEN - 1]);
	assert_memory_equal(got + NET_HDR_LEN, want, LEN);
	return want[LEN - 1];
}

static void onto_wire(unsigned seed)
{
	uint8_t frame[LEN];

	make_frame(frame, seed);
	assert_int_equal(send(w.wire, frame, LEN, 0), LEN);
}

static void from_wire(unsigned seed)
{
	uint8_t got[2048], want[LEN];
	struct pollfd p = { .fd = w.wire, .events = POLLIN };

	make_frame(want, seed);
	assert_int_equal(poll(&p, 1, 2000), 1);
	assert_int_equal(recv(w.wire, got, sizeof(got), 0), LEN);
	assert_memory_equal(got, want, LEN);
}

/* One card on a tap that is up, and a driver that has posted @buffers. */
static void begin(unsigned queues, unsigned buffers)
{
	static char name[] = "nets0";

	w.net[0] = (struct net_config){ .kind = NET_TAP, .name = name, .queues = queues };
	add(1);
	net_iface_flags(name, IFF_UP, 0);
	w.wire = net_packet_socket(name);
	start();
	begin_driver(w.v[0]);
	post(buffers);
}

#define NEED_TAP()                                                                                 \
	do {                                                                                       \
		if (!usable)                                                                       \
			skip();                                                                    \
	} while (0)

static void both_ways(void **state)
{
	(void)state;
	NEED_TAP();
	begin(1, 64);
	for (unsigned i = 0; i < 300; i++) {
		send_frame(i & 0xff);
		from_wire(i & 0xff);
		onto_wire(i & 0xff);
		assert_int_equal(next_frame(), i & 0xff);
	}
	assert_string_equal(net_log_taken(), "");
}

/* Row 49, with a tap's own queue: 200 frames wait in it, and all come once there are buffers. */
static void row49_tap_backlog(void **state)
{
	(void)state;
	NEED_TAP();
	begin(1, 0);
	for (unsigned i = 0; i < 200; i++)
		onto_wire(i);
	post(8);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(next_frame(), i);
}

/* Several pairs are opened for a driver that wants one: nothing comes by the others. */
static void one_pair_of_several(void **state)
{
	(void)state;
	NEED_TAP();
	begin(4, 32);
	assert_int_equal(w.v[0]->queue_cnt, 9);
	for (unsigned i = 0; i < 50; i++) {
		onto_wire(i);
		assert_int_equal(next_frame(), i);
	}
}

/* --- addresses -------------------------------------------------------------------------------- */

static uint64_t mac_of(unsigned i)
{
	return virtio_read_config(w.v[i], 0, 8) & UINT64_C(0xffffffffffff);
}

/* The same for the same name and card, another for another; unicast, and nobody's by birth. */
static void addresses(void **state)
{
	static char beta[] = "beta";
	uint64_t first[CARDS];

	(void)state;
	NEED_TAP();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < CARDS; i++)
			w.net[i] = (struct net_config){ .kind = NET_TAP };
		w.net[2].has_mac = true;
		memcpy(w.net[2].mac, "\x52\x54\x00\x12\x34\x56", 6);
		if (round == 2)
			w.config.name = beta;
		add(CARDS);
		assert_int_equal(mac_of(2), 0x563412005452);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(mac_of(i) & 3, 2);
			if (!round)
				first[i] = mac_of(i);
			if (round == 1)
				assert_int_equal(mac_of(i), first[i]);
			if (round == 2)
				assert_int_not_equal(mac_of(i), first[i]);
		}
		assert_int_not_equal(mac_of(0), mac_of(1));
		tear_down(NULL);
		set_up(NULL);
	}
}

/* Two VMs without a name may run at once on one network, so no address is another's. */
static void addresses_without_a_name(void **state)
{
	static char empty[] = "";
	uint64_t seen[8];

	(void)state;
	NEED_TAP();
	for (unsigned round = 0; round < ARRAY_LEN(seen); round += 2) {
		for (unsigned i = 0; i < 2; i++)
			w.net[i] = (struct net_config){ .kind = NET_TAP };
		w.config.name = round & 2 ? empty : NULL;
		add(2);
		for (unsigned i = round; i < round + 2; i++) {
			seen[i] = mac_of(i - round);
			assert_int_equal(seen[i] & 3, 2);
			for (unsigned k = 0; k < i; k++)
				assert_int_not_equal(seen[i], seen[k]);
		}
		tear_down(NULL);
		set_up(NULL);
	}
}

/* What is wrong with a network is said before anything runs, with the card's name. */
static void refusals(void **state)
{
	struct error *e = NULL;
	static char name[] = "longer-than-interfaces-are";

	(void)state;
	w.net[0] = (struct net_config){ .kind = NET_TAP, .name = name };
	w.config.nets.cnt = 1;
	assert_true(machine_add_nets(&w.m, &w.config, &e) < 0);
	assert_error(e, "net0");
	assert_int_equal(w.cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(row49_tap_backlog, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_pair_of_several, set_up, tear_down),
		cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(addresses_without_a_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
	};

	usable = net_own_namespace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
