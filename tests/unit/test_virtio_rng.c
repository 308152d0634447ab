/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_rng.c: the entropy device fills what it is given (virtio 1.2, 5.4), never more than a
 * bounded part of it at a time, and never waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "devices/virtio/rng.h"
#include "tests/lib/port.h"
#include "tests/lib/vdev_rig.h"
#include "vmm/log.h"

static struct virtio_device *make(struct vdev_rig *r, bool packed, ssize_t (*fill)(void *, size_t))
{
	struct virtio_rng_params p = {
		.id = "rng0", .gm = r->gm, .loop = r->loop, .packed = packed, .fill = fill
	};
	struct virtio_rng *rng;
	struct error *e = NULL;

	assert_int_equal(virtio_rng_create(&p, &rng, &e), 0);
	assert_no_error(e);
	return virtio_rng_device(rng);
}

/* Counts up, so that what is where can be told. */
static _Atomic unsigned calls, next_byte;
static _Atomic size_t longest;
static _Atomic int failure;   /* what the next calls return, if not 0 */
static _Atomic unsigned less; /* each call gives so much less than asked for */

/* Guest memory is where an evil driver and its device write at the same time. */
__attribute__((no_sanitize("thread"))) static ssize_t count_up(void *buf, size_t len)
{
	uint8_t *p = buf;

	calls++;
	if (len > longest)
		longest = len;
	if (failure)
		return failure;
	len -= min_u64(less, len - 1);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)next_byte++;
	return (ssize_t)len;
}

static void begin(struct vdev_rig *r, uint64_t features)
{
	calls = next_byte = less = 0;
	longest = 0;
	failure = 0;
	vr_init(r);
	vr_begin(r, make(r, true, count_up), features);
}

static gpa_t ask(struct vdev_rig *r, uint32_t len)
{
	gpa_t at = vr_put(r, 0, NULL, len);

	assert_true(gd_add(&r->q[0], &(struct gd_buf){ at, len, GD_W }, 1, NULL) >= 0);
	return at;
}

static uint32_t used_len(struct vdev_rig *r)
{
	struct gd_used u;

	assert_true(gd_get_used(&r->q[0], &u));
	return u.len;
}

/* "The driver places a buffer in the queue ... the device fills it." */
static void fills_buffers(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		struct vdev_rig r;
		uint8_t buf[100];
		gpa_t a, b;

		begin(&r, vr_ring_features[k]);
		a = ask(&r, 100);
		b = ask(&r, 1);
		vr_kick(&r, 0);
		assert_int_equal(used_len(&r), 100);
		assert_int_equal(used_len(&r), 1);
		vr_get(&r, a, buf, 100);
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(buf[i], i);
		vr_get(&r, b, buf, 1);
		assert_int_equal(buf[0], 100);
		assert_true(r.xport.irqs[0]);
		assert_int_equal(vq_outstanding(r.v->queue[0].vq), 0);
		vr_end(&r);
	}
}

/* The host's own bytes: none of 64 buffers is like another, or left as it was. */
static void host_is_random(void **state)
{
	struct vdev_rig r;
	uint8_t seen[64][16], zero[16] = { 0 };

	(void)state;
	vr_init(&r);
	vr_begin(&r, make(&r, false, NULL), 0);
	for (unsigned i = 0; i < 64; i++) {
		gpa_t at = ask(&r, 16);

		vr_kick(&r, 0);
		assert_int_equal(used_len(&r), 16);
		vr_get(&r, at, seen[i], 16);
		assert_memory_not_equal(seen[i], zero, 16);
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(seen[i], seen[k], 16);
	}
	vr_end(&r);
}

/* A buffer in several pieces, across the seam of two regions of memory. */
static void scattered_buffer(void **state)
{
	struct gd_buf b[] = { { GD_SEAM - 10, 20, GD_W }, { 0x2000, 5, GD_W } };
	struct vdev_rig r;
	uint8_t buf[25];

	(void)state;
	begin(&r, 0);
	assert_true(gd_add(&r.q[0], b, 2, NULL) >= 0);
	vr_kick(&r, 0);
	assert_int_equal(used_len(&r), 25);
	vr_get(&r, GD_SEAM - 10, buf, 20);
	vr_get(&r, 0x2000, buf + 20, 5);
	for (unsigned i = 0; i < 25; i++)
		assert_int_equal(buf[i], i);
	vr_end(&r);
}

/* Row 18: "huge length makes VMM allocate: rng 64 KiB cap". 5.4.6.2: "it MAY use less than the
 * entire buffer length". */
static void test_row18_huge_request_is_capped(void **state)
{
	struct gd_buf b = { GD_HIGH, 7u << 20, GD_W };
	struct vdev_rig r;
	uint8_t behind;

	(void)state;
	begin(&r, 0);
	assert_true(gd_add(&r.q[0], &b, 1, NULL) >= 0);
	vr_kick(&r, 0);
	assert_int_equal(used_len(&r), VIRTIO_RNG_REQUEST_MAX);
	assert_true(longest <= VIRTIO_RNG_REQUEST_MAX);
	vr_get(&r, GD_HIGH + VIRTIO_RNG_REQUEST_MAX, &behind, 1);
	assert_int_equal(behind, 0);
	vr_end(&r);
}

struct turns {
	struct vdev_rig *r;
	struct ev_work work;
	unsigned max_calls, turns;
	_Atomic unsigned last;
};

/* Runs each time the loop comes by; how much was done since the last time? */
static void take_turn(struct ev_work *w)
{
	struct turns *t = container_of(w, struct turns, work);
	unsigned now = calls;

	t->max_calls = (unsigned)max_u64(t->max_calls, now - t->last);
	t->last = now;
	if (t->turns++ < 1000)
		loop_post(t->r->loop, w);
}

/* Row 48, "slow disk starves other devices", for an entropy device: a guest that asks for all at
 * once gets it piece by piece, and others on the loop have their turn in between. */
static void test_row48_greedy_guest_lets_others_run(void **state)
{
	struct gd_used u;
	struct vdev_rig r;
	struct turns t = { .r = &r, .work.cb = take_turn };
	unsigned n = 0;

	(void)state;
	begin(&r, 0);
	loop_post(r.loop, &t.work);
	for (unsigned i = 0; i < r.q[0].size; i++)
		assert_true(gd_add(&r.q[0], &(struct gd_buf){ GD_HIGH, 1u << 20, GD_W }, 1, NULL) >=
			    0);
	gd_kick(&r.q[0]);
	virtio_ring(r.v, 0);
	assert_true(EVENTUALLY(5000, (vr_settle(&r), gd_get_used(&r.q[0], &u)) && ++n == 8));
	assert_int_equal(calls, 8);
	assert_true(EVENTUALLY(5000, (vr_settle(&r), t.turns > 1000)));
	assert_true(t.max_calls <= VIRTIO_RNG_TURN_MAX / VIRTIO_RNG_REQUEST_MAX);
	vr_end(&r);
}

/* Row 10: "zero-length descriptor": the head comes back with length 0. */
static void test_row10_nothing_to_fill(void **state)
{
	struct gd_buf only_readable = { 0x3000, 64, false };
	struct vdev_rig r;

	(void)state;
	begin(&r, 0);
	assert_true(gd_add(&r.q[0], &only_readable, 1, NULL) >= 0);
	assert_true(gd_add(&r.q[0], &(struct gd_buf){ 0x4000, 0, GD_W }, 1, NULL) >= 0);
	ask(&r, 4);
	vr_kick(&r, 0);
	assert_int_equal(used_len(&r), 0);
	assert_int_equal(used_len(&r), 0);
	assert_int_equal(used_len(&r), 4);
	assert_int_equal(calls, 1);
	vr_end(&r);
}

/* The host gives less than asked for: so does the device, and goes on with the next. */
static void short_fill(void **state)
{
	struct vdev_rig r;

	(void)state;
	begin(&r, 0);
	less = 30;
	ask(&r, 100);
	ask(&r, 100);
	vr_kick(&r, 0);
	assert_int_equal(used_len(&r), 70);
	assert_int_equal(used_len(&r), 70);
	vr_end(&r);
}

/* "The device MUST place one or more random bytes into the buffer": a host that has none yet keeps
 * the guest waiting, not the loop, and forgets nobody. */
static void waits_for_entropy_without_blocking(void **state)
{
	struct vdev_rig r;
	struct gd_used u;

	(void)state;
	begin(&r, VIRTIO_F_EVENT_IDX);
	failure = -EAGAIN;
	ask(&r, 100);
	vr_kick(&r, 0);
	assert_true(EVENTUALLY(2000, calls > 2)); /* it asks again by itself */
	assert_false(gd_get_used(&r.q[0], &u));
	failure = 0;
	assert_true(EVENTUALLY(2000, gd_get_used(&r.q[0], &u)));
	assert_int_equal(u.len, 100);
	vr_end(&r);
}

/* Row 94, a page of guest memory that is gone: getrandom(2) says EFAULT. The chain comes back. */
static void test_row94_lost_memory(void **state)
{
	struct vdev_rig r;

	(void)state;
	begin(&r, 0);
	failure = -EFAULT;
	ask(&r, 100);
	vr_kick(&r, 0);
	assert_int_equal(used_len(&r), 0);
	vr_end(&r);
}

/* Row 21: "reset while I/O in flight": while it waits for entropy; and again; and it works then. */
static void test_row21_reset_while_waiting(void **state)
{
	struct vdev_rig r;
	unsigned before;

	(void)state;
	begin(&r, 0);
	failure = -EAGAIN;
	ask(&r, 100);
	vr_kick(&r, 0);
	virtio_set_status(r.v, 0);
	virtio_set_status(r.v, 0);
	before = calls;
	failure = 0;
	usleep(120000); /* more than it would have waited */
	assert_int_equal(calls, before);
	vr_drive(&r, VIRTIO_F_RING_PACKED);
	ask(&r, 10);
	vr_kick(&r, 0);
	assert_int_equal(used_len(&r), 10);
	vr_end(&r);
}

/* Row 3: "head or next index >= queue size": needs reset, and nothing is written. */
static void test_row03_head_out_of_range(void **state)
{
	struct vdev_rig r;

	(void)state;
	begin(&r, 0);
	gd_set_avail(&r.q[0], 0, r.q[0].size);
	gd_set_avail_idx(&r.q[0], 1);
	virtio_ring(r.v, 0);
	vr_settle(&r);
	assert_true(virtio_status(r.v) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(calls, 0);
	vr_end(&r);
}

/* A guest that was in the middle of its ring goes on there. */
static void survives_a_snapshot(void **state)
{
	struct virtio_device *fresh;
	struct vdev_rig r;

	(void)state;
	begin(&r, VIRTIO_F_RING_PACKED);
	for (unsigned i = 0; i < 21; i++) {
		ask(&r, 10);
		vr_kick(&r, 0);
		assert_int_equal(used_len(&r), 10);
	}
	vr_stop_loop(&r);
	r.v->dev.ops->stop(&r.v->dev);
	fresh = make(&r, true, count_up);
	virtio_attach(fresh, &r.xport.xport, 0);
	assert_snapshot_round_trip(&r.v->dev, &fresh->dev);
	r.v->dev.ops->destroy(&r.v->dev);
	r.v = fresh;
	assert_int_equal(fresh->dev.ops->start(&fresh->dev, NULL), 0);
	assert_int_equal(loop_start_thread(r.loop, NULL), 0);
	r.threaded = true;
	ask(&r, 10);
	vr_kick(&r, 0);
	assert_int_equal(used_len(&r), 10);
	vr_end(&r);
}

/* Of a ring whose driver is evil: it may break, and nothing else. */
static void evil_ring(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct vdev_rig r;

		begin(&r, vr_ring_features[round % vr_ring_feature_cnt]);
		for (unsigned i = 0; i < 40; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			vr_settle(
				&r); /* a ring that is filled with noise is another test's matter */
			if (x % 3 && r.q[0].free_cnt)
				ask(&r, (uint32_t)(x >> 40) % 300);
			else
				gd_evil(&r.q[0], x >> 8);
			gd_kick(&r.q[0]);
			virtio_ring(r.v, 0);
		}
		vr_settle(&r);
		virtio_set_status(r.v, 0);
		assert_int_equal(vq_outstanding(r.v->queue[0].vq), 0);
		vr_end(&r);
	}
}

int main(void)
{
	int quiet = open("/dev/null", O_WRONLY);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_buffers),
		cmocka_unit_test(host_is_random),
		cmocka_unit_test(scattered_buffer),
		cmocka_unit_test(test_row18_huge_request_is_capped),
		cmocka_unit_test(test_row48_greedy_guest_lets_others_run),
		cmocka_unit_test(test_row10_nothing_to_fill),
		cmocka_unit_test(short_fill),
		cmocka_unit_test(waits_for_entropy_without_blocking),
		cmocka_unit_test(test_row94_lost_memory),
		cmocka_unit_test(test_row21_reset_while_waiting),
		cmocka_unit_test(test_row03_head_out_of_range),
		cmocka_unit_test(survives_a_snapshot),
		cmocka_unit_test(evil_ring),
	};

	log_set_fd(quiet); /* what evil rings have to say */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
