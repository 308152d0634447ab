/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_fs.c: the file system device (virtio 1.2, 5.11): requests in chains of any framing,
 * resets, and drivers that are good at being evil. What requests mean is in test_share.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/virtio/fs.h"
#include "fs/share.h"
#include "tests/lib/port.h"
#include "tests/lib/vdev_rig.h"
#include "virtio/fs_wire.h"
#include "vmm/log.h"

#define LEN 300000u /* of the file "data", byte i of which is i * 7 */

static char tree[64];

static const char *in_tree(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%.63s/%s", tree, name);
	return path;
}

static uint8_t *data(void)
{
	static uint8_t d[LEN];

	for (unsigned i = 0; i < LEN; i++)
		d[i] = (uint8_t)(i * 7);
	return d;
}

static struct virtio_device *make(struct vdev_rig *r, const char *tag)
{
	struct share_params s = { .path = tree, .writable = true, .descriptors = 200 };
	struct virtio_fs_params p = {
		.id = "share0", .gm = r->gm, .loop = r->loop, .tag = tag, .packed = true
	};
	struct error *e = NULL;
	struct virtio_fs *fs;

	assert_int_equal(share_open(&s, &p.share, &e), 0);
	assert_no_error(e);
	assert_int_equal(virtio_fs_create(&p, &fs, &e), 0);
	assert_no_error(e);
	return virtio_fs_device(fs);
}

static void begin(struct vdev_rig *r, uint64_t features)
{
	FILE *f;

	snprintf(tree, sizeof(tree), "/tmp/virtio-fs-test-XXXXXX");
	assert_non_null(mkdtemp(tree));
	f = fopen(in_tree("data"), "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data(), 1, LEN, f), LEN);
	fclose(f);
	vr_init(r);
	vr_begin(r, make(r, "a tag"), features);
}

static void end(struct vdev_rig *r)
{
	vr_end(r);
	unlink(in_tree("data"));
	unlink(in_tree("new"));
	assert_int_equal(rmdir(tree), 0);
}

/* --- requests --------------------------------------------------------------------------------- */

struct asked {
	gpa_t out;
	uint32_t out_len;
};

/* Adds a request whose parts are buffers of their own, cut in pieces of @cut bytes. */
static struct asked add(struct vdev_rig *r, unsigned q, uint32_t op, uint64_t nodeid,
			const void *arg, uint32_t len, uint32_t room, uint32_t cut)
{
	struct fuse_in_header h = {
		.len = (uint32_t)sizeof(h) + len, .opcode = op, .unique = 77, .nodeid = nodeid
	};
	struct asked a = { .out_len = room };
	struct gd_buf b[16];
	unsigned n = 0;
	gpa_t in = vr_put(r, q, NULL, h.len);

	assert_true(gm_write(r->gm, in, &h, sizeof(h)));
	assert_true(!len || gm_write(r->gm, in + sizeof(h), arg, len));
	a.out = vr_put(r, q, NULL, room ? room : 1);
	for (uint32_t at = 0; at < h.len; at += b[n++].len)
		b[n] = (struct gd_buf){ in + at, (uint32_t)min_u64(cut, h.len - at), false };
	for (uint32_t at = 0; at < room; at += b[n++].len)
		b[n] = (struct gd_buf){ a.out + at,
					(uint32_t)(n >= 14 ? room - at : min_u64(cut, room - at)),
					GD_W };
	assert_true(gd_add(&r->q[q], b, n, NULL) >= 0);
	return a;
}

/* The answer's error; @to, if given, is what is behind its header. */
static int answer(struct vdev_rig *r, unsigned q, struct asked a, void *to, size_t len)
{
	struct fuse_out_header h;
	struct gd_used u;

	vr_kick(r, q);
	assert_true(EVENTUALLY(5000, gd_get_used(&r->q[q], &u)));
	vr_get(r, a.out, &h, sizeof(h));
	assert_int_equal(h.len, u.len);
	assert_int_equal(h.unique, 77);
	if (!h.error && to) {
		assert_true(u.len >= sizeof(h) + len);
		vr_get(r, a.out + sizeof(h), to, len);
	}
	return h.error;
}

static int ask(struct vdev_rig *r, uint32_t op, uint64_t nodeid, const void *arg, uint32_t len,
	       void *to, uint32_t to_len, uint32_t cut)
{
	struct asked a = add(r, VIRTIO_FS_QUEUE_REQUEST, op, nodeid, arg, len,
			     (uint32_t)sizeof(struct fuse_out_header) + to_len, cut);

	return answer(r, VIRTIO_FS_QUEUE_REQUEST, a, to, to_len);
}

/* Mounts, and opens the file. */
static uint64_t open_data(struct vdev_rig *r, uint64_t *fh, uint32_t cut)
{
	struct fuse_init_in init = { .major = 7, .minor = 36 };
	struct fuse_init_out init_out;
	struct fuse_entry_out e;
	struct fuse_open_in open = { .flags = O_RDWR };
	struct fuse_open_out o;

	assert_int_equal(
		ask(r, FUSE_INIT, 0, &init, sizeof(init), &init_out, sizeof(init_out), cut), 0);
	assert_int_equal(init_out.major, 7);
	assert_int_equal(ask(r, FUSE_LOOKUP, FUSE_ROOT_ID, "data", 5, &e, sizeof(e), cut), 0);
	assert_int_equal(e.attr.size, LEN);
	assert_int_equal(ask(r, FUSE_OPEN, e.nodeid, &open, sizeof(open), &o, sizeof(o), cut), 0);
	*fh = o.fh;
	return e.nodeid;
}

/* --- tests ------------------------------------------------------------------------------------ */

/* 5.11.4: tag and num_request_queues. */
static void configuration(void **state)
{
	char tag[VIRTIO_FS_TAG_LEN] = "a tag", seen[VIRTIO_FS_TAG_LEN];
	struct vdev_rig r;

	(void)state;
	begin(&r, 0);
	for (unsigned i = 0; i < sizeof(seen); i++)
		seen[i] = (char)virtio_read_config(r.v, i, 1);
	assert_memory_equal(seen, tag, sizeof(tag));
	assert_int_equal(virtio_read_config(r.v, 36, 4), 1);
	assert_int_equal(virtio_read_config(r.v, 40, 4), 0);
	virtio_write_config(r.v, 0, 1, 'x');
	assert_int_equal(virtio_read_config(r.v, 0, 1), 'a');
	assert_int_equal(r.v->queue_cnt, 2);
	end(&r);
}

static void reads(void **state)
{
	static const uint32_t cuts[] = { UINT32_MAX, 64, 41, 30 };

	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt * ARRAY_LEN(cuts); k++) {
		struct fuse_read_in in = { .offset = 1000, .size = LEN };
		static uint8_t back[LEN];
		uint32_t cut = cuts[k / vr_ring_feature_cnt];
		struct vdev_rig r;
		uint64_t id;

		begin(&r, vr_ring_features[k % vr_ring_feature_cnt]);
		id = open_data(&r, &in.fh, cut);
		assert_int_equal(ask(&r, FUSE_READ, id, &in, sizeof(in), back, LEN - 1000, cut), 0);
		assert_memory_equal(back, data() + 1000, LEN - 1000);
		assert_true(r.xport.irqs[VIRTIO_FS_QUEUE_REQUEST]);
		assert_int_equal(vq_outstanding(r.v->queue[1].vq), 0);
		end(&r);
	}
}

/* The requests that have no answer come back with nothing written, on the queue for them. */
static void forgets(void **state)
{
	struct fuse_forget_in in = { .nlookup = 1 };
	struct fuse_getattr_in ga = { 0 };
	struct fuse_attr_out out;
	struct vdev_rig r;
	struct gd_used u;
	uint64_t id, fh;

	(void)state;
	begin(&r, VIRTIO_F_EVENT_IDX);
	id = open_data(&r, &fh, UINT32_MAX);
	assert_int_equal(ask(&r, FUSE_GETATTR, id, &ga, sizeof(ga), &out, sizeof(out), 64), 0);
	add(&r, VIRTIO_FS_QUEUE_HIPRIO, FUSE_FORGET, id, &in, sizeof(in), 0, 64);
	vr_kick(&r, VIRTIO_FS_QUEUE_HIPRIO);
	assert_true(EVENTUALLY(5000, gd_get_used(&r.q[VIRTIO_FS_QUEUE_HIPRIO], &u)));
	assert_int_equal(u.len, 0);
	assert_int_equal(ask(&r, FUSE_GETATTR, id, &ga, sizeof(ga), &out, sizeof(out), 64),
			 -ESTALE);
	end(&r);
}

/* Row 10: chains of nothing, half a header, no room for an answer: they come back, and the device
 * goes on. */
static void test_row10_no_requests(void **state)
{
	struct vdev_rig r;
	struct gd_used u;
	uint64_t fh;

	(void)state;
	for (unsigned q = 0; q < 2; q++) {
		struct fuse_in_header h = { .len = sizeof(h), .opcode = FUSE_STATFS, .nodeid = 1 };
		gpa_t at;

		begin(&r, 0);
		at = vr_put(&r, q, &h, sizeof(h));
		const struct gd_buf b[][2] = {
			{ { at, 0, false }, { at, 0, GD_W } },
			{ { at, 39, false }, { at + 64, 100, GD_W } },
			{ { at, 40, false }, { at + 64, 15, GD_W } },
			{ { at, 40, false }, { at + 64, 0, GD_W } },
			{ { at, 0, false }, { at + 64, 100, GD_W } },
		};
		for (unsigned i = 0; i < ARRAY_LEN(b); i++) {
			assert_true(gd_add(&r.q[q], b[i], 2, NULL) >= 0);
			vr_kick(&r, q);
			assert_true(gd_get_used(&r.q[q], &u));
			assert_int_equal(u.len, 0);
		}
		assert_false(virtio_status(r.v) & VIRTIO_STATUS_NEEDS_RESET);
		open_data(&r, &fh, 64);
		end(&r);
	}
}

/* Row 21: reset with requests in flight: all are over when it returns; what was known is not known
 * any more; and the device works again. */
static void test_row21_reset_while_busy(void **state)
{
	struct vdev_rig r;

	(void)state;
	begin(&r, 0);
	for (unsigned round = 0; round < 20; round++) {
		struct fuse_read_in in = { .size = LEN };
		struct fuse_attr_out out;
		struct fuse_getattr_in ga = { 0 };
		uint64_t id;

		id = open_data(&r, &in.fh, 64);
		for (unsigned i = 0; i < 6; i++)
			add(&r, VIRTIO_FS_QUEUE_REQUEST, FUSE_READ, id, &in, sizeof(in), 200000,
			    UINT32_MAX);
		gd_kick(&r.q[VIRTIO_FS_QUEUE_REQUEST]);
		virtio_ring(r.v, VIRTIO_FS_QUEUE_REQUEST);
		virtio_set_status(r.v, 0);
		assert_int_equal(vq_outstanding(r.v->queue[1].vq), 0);
		vr_drive(&r, vr_ring_features[round % vr_ring_feature_cnt]);
		assert_int_equal(ask(&r, FUSE_GETATTR, id, &ga, sizeof(ga), &out, sizeof(out), 64),
				 -ESTALE);
	}
	end(&r);
}

struct turns {
	struct vdev_rig *r;
	struct ev_work work;
	_Atomic unsigned n;
};

static void take_turn(struct ev_work *w)
{
	struct turns *t = container_of(w, struct turns, work);

	if (t->n++ < 100000)
		loop_post(t->r->loop, w);
}

/* Row 48: a queue that is never empty: others on the loop have their turn. */
static void test_row48_never_empty(void **state)
{
	struct vdev_rig r;
	struct turns t = { .r = &r, .work.cb = take_turn };
	struct gd_used u;
	unsigned done = 0;

	(void)state;
	begin(&r, VIRTIO_F_INDIRECT_DESC);
	loop_post(r.loop, &t.work);
	for (unsigned i = 0; i < 400; i++) {
		while (r.q[1].free_cnt >= 2)
			add(&r, VIRTIO_FS_QUEUE_REQUEST, FUSE_STATFS, FUSE_ROOT_ID, NULL, 0, 96,
			    UINT32_MAX);
		gd_kick(&r.q[1]);
		virtio_ring(r.v, 1);
		while (gd_get_used(&r.q[1], &u))
			done++;
	}
	vr_settle(&r);
	while (gd_get_used(&r.q[1], &u))
		done++;
	assert_true(done >= 8 && t.n > 1);
	t.n = 100000;
	end(&r);
}

/* What was known before a snapshot is stale after it, and the root is not. */
static void survives_a_snapshot(void **state)
{
	struct fuse_getattr_in ga = { 0 };
	struct fuse_attr_out out;
	struct virtio_device *fresh;
	struct vdev_rig r;
	uint64_t id, fh;

	(void)state;
	begin(&r, VIRTIO_F_RING_PACKED);
	id = open_data(&r, &fh, UINT32_MAX);
	vr_stop_loop(&r);
	r.v->dev.ops->stop(&r.v->dev);
	fresh = make(&r, "a tag");
	virtio_attach(fresh, &r.xport.xport, 0);
	assert_snapshot_round_trip(&r.v->dev, &fresh->dev);
	r.v->dev.ops->destroy(&r.v->dev);
	r.v = fresh;
	assert_int_equal(fresh->dev.ops->start(&fresh->dev, NULL), 0);
	assert_int_equal(loop_start_thread(r.loop, NULL), 0);
	r.threaded = true;
	assert_int_equal(ask(&r, FUSE_GETATTR, id, &ga, sizeof(ga), &out, sizeof(out), 64),
			 -ESTALE);
	assert_int_equal(
		ask(&r, FUSE_GETATTR, FUSE_ROOT_ID, &ga, sizeof(ga), &out, sizeof(out), 64), 0);
	end(&r);
}

/* Of a ring whose driver is evil: it may break, and nothing else. */
static void evil_ring(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		struct vdev_rig r;

		begin(&r, vr_ring_features[round % vr_ring_feature_cnt]);
		for (unsigned i = 0; i < 40; i++) {
			unsigned q = (unsigned)(x >> 60) & 1;

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			vr_settle(&r); /* who changes requests is another test's matter */
			if (x % 3 && r.q[q].free_cnt >= 4)
				add(&r, q, (uint32_t)(x >> 8) % 56, FUSE_ROOT_ID, &x, sizeof(x),
				    (uint32_t)(x >> 40) % 300, 200);
			else
				gd_evil(&r.q[q], x >> 8);
			gd_kick(&r.q[q]);
			virtio_ring(r.v, q);
		}
		vr_settle(&r);
		virtio_set_status(r.v, 0);
		assert_int_equal(vq_outstanding(r.v->queue[0].vq), 0);
		assert_int_equal(vq_outstanding(r.v->queue[1].vq), 0);
		end(&r);
	}
}

int main(void)
{
	int quiet = open("/dev/null", O_WRONLY);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		cmocka_unit_test(reads),
		cmocka_unit_test(forgets),
		cmocka_unit_test(test_row10_no_requests),
		cmocka_unit_test(test_row21_reset_while_busy),
		cmocka_unit_test(test_row48_never_empty),
		cmocka_unit_test(survives_a_snapshot),
		cmocka_unit_test(evil_ring),
	};

	log_set_fd(quiet); /* what evil rings have to say */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
