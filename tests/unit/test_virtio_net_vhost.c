/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_net_vhost.c: a network card whose queues a kernel serves, which is fake: when it is
 * at work and when the card is.
 */
#include <fcntl.h>
#include <string.h>

#include "tests/lib/fake_netdev_link.h"
#include "tests/lib/fake_vhost.h"
#include "tests/lib/net_guest.h"
#include "tests/lib/port.h"

#define LEN 100u

static struct net_guest g;
static struct fake_vhost k;
static int tap[1];
static uint8_t frame[LEN];

static int up(void **state)
{
	struct ng_config c = { .kernel = &k.kernel, .vhost_fd = tap, .offloads = NG_OFFLOADS };

	(void)state;
	tap[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fake_vhost_init(&k, false);
	k.sink = true;
	ng_frame(frame, LEN, NG_OTHER, 1);
	ng_begin(&g, &c,
		 VIRTIO_F_VERSION_1 | (NG_USUAL & ~VIRTIO_NET_F_CTRL_VLAN) |
			 VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | VIRTIO_NET_F_GUEST_CSUM);
	return 0;
}

static int down(void **state)
{
	(void)state;
	ng_end(&g);
	assert_int_equal(k.wrong, 0);
	fake_vhost_fini(&k);
	close(tap[0]);
	return 0;
}

static void assert_kernel_sends(void)
{
	unsigned sends = g.net->sends;

	assert_int_equal(fake_vhost_served(&k), 2);
	ng_send(&g, 0, NULL, frame, LEN);
	assert_int_equal(ng_sent(&g, 0), 0);
	assert_int_equal(fake_vhost_run(&k), 1);
	assert_int_equal(ng_sent(&g, 0), 1);
	assert_int_equal(g.net->sends, sends);
}

/* The card is not asked for frames; commands are its own. */
static void test_kernel_serves(void **state)
{
	uint64_t none = 0;
	unsigned runs = g.net->runs;

	(void)state;
	assert_int_equal(fake_vhost_ring(&k, 0).backend, tap[0]);
	assert_int_equal(k.acked & VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_MRG_RXBUF);
	assert_int_equal(g.net->offloads, VIRTIO_NET_F_GUEST_CSUM);
	assert_kernel_sends();
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
				    VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &none, sizeof(none)),
			 VIRTIO_NET_OK);
	assert_true(g.net->runs > runs);
	assert_int_equal(g.net->offloads, 0);
	ng_post(&g, 0, 2048, 4);
	ng_arrive(&g, 0, NULL, frame, LEN);
	ng_expect_none(&g, 0); /* whatever a tap says, it is the kernel's to read */
	assert_int_equal(g.net->recvs, 0);
	assert_kernel_sends();
}

static void test_offered(void **state)
{
	uint64_t offered = virtio_net_device(g.n)->offered;

	(void)state;
	assert_false(offered & (VIRTIO_F_RING_PACKED | VIRTIO_NET_F_CTRL_VLAN));
	assert_true(offered & VIRTIO_NET_F_MRG_RXBUF);
	assert_true(offered & VIRTIO_NET_F_CTRL_RX);
}

static void link_up(void *arg)
{
	fake_netdev_set_link(g.net, arg);
}

/* While the link is down the card drops what is sent. */
static void test_row50_link(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_kernel_sends();
		if (i % 2)
			virtio_net_set_link(g.n, false);
		else
			vr_on_loop(&g.r, link_up, NULL);
		vr_settle(&g.r);
		assert_int_equal(fake_vhost_served(&k), 0);
		ng_send(&g, 0, NULL, frame, LEN);
		assert_int_equal(ng_sent(&g, 0), 1);
		assert_int_equal(virtio_net_stats(g.n).tx_down, i + 1);
		ng_post(&g, 0, 2048, 1);
		if (i % 2)
			virtio_net_set_link(g.n, true);
		else
			vr_on_loop(&g.r, link_up, &g);
		vr_settle(&g.r);
	}
	assert_kernel_sends();
	assert_int_equal(g.net->sends, 0);
}

/* What the kernel has taken and forgotten the card sends, and goes on for a second. */
static void test_row50_given_up(void **state)
{
	(void)state;
	assert_kernel_sends();
	ng_add(&g, 0, NULL, frame, LEN);
	ng_add(&g, 0, NULL, frame, LEN);
	vr_kick(&g.r, 1);
	assert_int_equal(fake_vhost_lose(&k, 1), 2);
	vr_settle(&g.r);
	vr_settle(&g.r);
	assert_int_equal(ng_sent(&g, 0), 2);
	assert_int_equal(g.net->sends, 2);
	ng_assert_out(&g, 1, frame, LEN);
	ng_send(&g, 0, NULL, frame, LEN);
	assert_int_equal(g.net->sends, 3);
	assert_int_equal(ng_sent(&g, 0), 1);
	assert_true(EVENTUALLY(5000, fake_vhost_served(&k) == 2));
	assert_kernel_sends();
}

/* The driver's life after life, and a pause. */
static void test_resets(void **state)
{
	struct virtio_device *v = virtio_net_device(g.n);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_kernel_sends();
		virtio_dev_stop(&v->dev);
		assert_int_equal(fake_vhost_served(&k), 0);
		assert_int_equal(virtio_dev_start(&v->dev, NULL), 0);
		assert_kernel_sends();
		virtio_set_status(v, 0);
		assert_int_equal(fake_vhost_served(&k), 0);
		vr_drive(&g.r, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC);
		vr_settle(&g.r);
	}
	assert_kernel_sends();
}

/* --- what is refused -------------------------------------------------------------------------- */

static void refused(const struct virtio_net_params *like, const int *fd, const char *text)
{
	struct virtio_net_params p = *like;
	struct fake_netdev *net = fake_netdev_new(0, 1);
	struct error *e = NULL;
	struct vdev_rig r;
	struct virtio_net *n;

	vr_init(&r);
	net->vhost_fd = fd;
	net->info.backend = "a switch";
	p.id = "net0";
	p.gm = r.gm;
	p.loop = r.loop;
	p.net = fake_netdev(net);
	p.vhost = true;
	p.kernel = &k.kernel;
	assert_true(virtio_net_create(&p, &n, &e) < 0);
	assert_error(e, text);
	netdev_close(p.net);
	loop_destroy(r.loop);
	gm_destroy(r.gm);
}

static void test_refused(void **state)
{
	const struct virtio_net_params plain = { .bw = 0 }, bw = { .bw = 1 }, pps = { .pps = 1 };

	(void)state;
	fake_vhost_init(&k, false);
	tap[0] = 1;
	refused(&bw, tap, "'net0': with vhost the kernel moves the frames, and keeps no limit");
	refused(&pps, tap, "keeps no limit");
	refused(&plain, NULL, "'net0': vhost needs a tap, and this is a switch");
	k.open_err = -2; /* ENOENT */
	refused(&plain, tap, "cannot open '/dev/vhost-net' for 'net0': No such file or directory");
	fake_vhost_fini(&k);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, up, down)
	const struct CMUnitTest tests[] = {
		CASE(test_kernel_serves),  CASE(test_offered), CASE(test_row50_link),
		CASE(test_row50_given_up), CASE(test_resets),  cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
