/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_pmem.c: what a flush of persistent memory promises (virtio 1.2, 5.19). The memory
 * itself is in test_filemap.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "devices/virtio/pmem.h"
#include "tests/lib/port.h"
#include "tests/lib/vdev_rig.h"
#include "virtio/pmem_wire.h"
#include "vmm/log.h"

#define START UINT64_C(0x200000000)
#define SIZE  UINT64_C(0x40000000)

/* --- the host's disk -------------------------------------------------------------------------- */

struct disk {
	_Atomic unsigned syncs;
	_Atomic int failure; /* what the next syncs return */
	_Atomic bool slow;   /* each waits for go */
	sem_t entered, go;
};

static int disk_sync(void *opaque)
{
	struct disk *d = opaque;

	d->syncs++;
	if (d->slow) {
		sem_post(&d->entered);
		sem_wait(&d->go);
	}
	return d->failure;
}

static struct virtio_device *make(struct vdev_rig *r, struct disk *d)
{
	struct virtio_pmem_params p = { .id = "pmem0",
					.gm = r->gm,
					.loop = r->loop,
					.packed = true,
					.start = START,
					.size = SIZE,
					.sync = disk_sync,
					.opaque = d };
	struct virtio_pmem *pmem;
	struct error *e = NULL;

	assert_int_equal(virtio_pmem_create(&p, &pmem, &e), 0);
	assert_no_error(e);
	return virtio_pmem_device(pmem);
}

static void begin(struct vdev_rig *r, struct disk *d, uint64_t features)
{
	memset(d, 0, sizeof(*d));
	sem_init(&d->entered, 0, 0);
	sem_init(&d->go, 0, 0);
	vr_init(r);
	vr_begin(r, make(r, d), features);
}

/* --- requests --------------------------------------------------------------------------------- */

#define NONE 0x5a5a5a5au

static gpa_t ask(struct vdev_rig *r, uint32_t type)
{
	struct virtio_pmem_req req = { .type = le32_make(type) };
	le32 none = le32_make(NONE);
	gpa_t a = vr_put(r, 0, &req, sizeof(req)), b = vr_put(r, 0, &none, sizeof(none));

	assert_true(
		gd_add(&r->q[0],
		       (struct gd_buf[]){ { a, sizeof(req), false }, { b, sizeof(none), GD_W } }, 2,
		       NULL) >= 0);
	return b;
}

static uint32_t answer(struct vdev_rig *r, gpa_t at)
{
	struct virtio_pmem_resp resp;

	vr_get(r, at, &resp, sizeof(resp));
	return le32_get(resp.ret);
}

static unsigned used(struct vdev_rig *r)
{
	struct gd_used u;
	unsigned n = 0;

	while (gd_get_used(&r->q[0], &u))
		n++;
	return n;
}

/* --- tests ------------------------------------------------------------------------------------ */

/* 5.19.4: "start" and "size" of the memory. */
static void says_where_it_is(void **state)
{
	struct vdev_rig r;
	struct disk d;

	(void)state;
	begin(&r, &d, 0);
	assert_int_equal(virtio_read_config(r.v, 0, 8), START);
	assert_int_equal(virtio_read_config(r.v, 8, 8), SIZE);
	assert_int_equal(virtio_read_config(r.v, 16, 4), 0);
	virtio_write_config(r.v, 0, 8, 0); /* read-only */
	assert_int_equal(virtio_read_config(r.v, 0, 8), START);
	vr_end(&r);
}

/* 5.19.7: "The device MUST return "0" on success". */
static void flushes(void **state)
{
	(void)state;
	for (unsigned k = 0; k < vr_ring_feature_cnt; k++) {
		struct vdev_rig r;
		struct disk d;
		gpa_t at;

		begin(&r, &d, vr_ring_features[k]);
		for (unsigned i = 1; i <= 3; i++) {
			at = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
			vr_kick(&r, 0);
			assert_int_equal(used(&r), 1);
			assert_int_equal(answer(&r, at), VIRTIO_PMEM_RET_OK);
			assert_int_equal(d.syncs, i);
		}
		vr_end(&r);
	}
}

/* No answer before the disk's; and what was asked for meanwhile is not served by the sync that had
 * begun before, but all of it by the next one. */
static void waits_and_shares(void **state)
{
	struct vdev_rig r;
	struct disk d;
	gpa_t first, late[5];

	(void)state;
	begin(&r, &d, VIRTIO_F_EVENT_IDX);
	d.slow = true;
	first = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
	gd_kick(&r.q[0]);
	virtio_ring(r.v, 0);
	sem_wait(&d.entered);
	for (unsigned i = 0; i < 5; i++)
		late[i] = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
	gd_kick(&r.q[0]);
	virtio_ring(r.v, 0);
	usleep(10000);
	assert_int_equal(used(&r), 0);
	sem_post(&d.go);
	sem_wait(&d.entered); /* the next one */
	assert_int_equal(used(&r), 1);
	assert_int_equal(answer(&r, first), VIRTIO_PMEM_RET_OK);
	assert_int_equal(answer(&r, late[0]), NONE);
	sem_post(&d.go);
	vr_settle(&r);
	assert_int_equal(used(&r), 5);
	assert_int_equal(answer(&r, late[4]), VIRTIO_PMEM_RET_OK);
	assert_int_equal(d.syncs, 2);
	vr_end(&r);
}

/* 5.19.7: "-1" on failure. Row 43, "fdatasync fails once then succeeds": the error latches. */
static void test_row43_failed_sync_latches(void **state)
{
	char text[256] = { 0 };
	struct vdev_rig r;
	struct disk d;
	gpa_t at;
	int log = memfd_create("log", MFD_CLOEXEC);

	(void)state;
	begin(&r, &d, 0);
	log_set_fd(log);
	d.failure = -EIO;
	at = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
	vr_kick(&r, 0);
	assert_int_equal(answer(&r, at), UINT32_MAX);
	d.failure = 0;
	for (unsigned i = 0; i < 3; i++) {
		at = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
		vr_kick(&r, 0);
		assert_int_equal(answer(&r, at), UINT32_MAX);
		virtio_set_status(r.v, 0); /* no reset of the driver's opens the file anew */
		vr_drive(&r, 0);
	}
	assert_int_equal(d.syncs, 1);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	assert_non_null(strstr(text, "pmem0: what the guest wrote could not be made durable: "
				     "Input/output error"));
	assert_null(strstr(strchr(text, '\n') + 1, "durable")); /* said once */
	vr_end(&r);
	log_set_fd(open("/dev/null", O_WRONLY));
	close(log);
}

/* Row 29, requests that are none: an answer where there is room for one, no sync, and health. */
static void test_row29_malformed_requests(void **state)
{
	struct vdev_rig r;
	struct disk d;
	le32 flush = le32_make(VIRTIO_PMEM_REQ_TYPE_FLUSH), none = le32_make(NONE);
	gpa_t req, resp, at;
	struct gd_used u;

	(void)state;
	begin(&r, &d, 0);
	req = vr_put(&r, 0, &flush, 4);
	resp = vr_put(&r, 0, &none, 4);

	at = ask(&r, 1); /* unknown type */
	vr_kick(&r, 0);
	assert_int_equal(used(&r), 1);
	assert_int_equal(answer(&r, at), VIRTIO_PMEM_RET_FAILED);

	/* too short for a type */
	assert_true(gd_add(&r.q[0], (struct gd_buf[]){ { req, 3, false }, { resp, 4, GD_W } }, 2,
			   NULL) >= 0);
	vr_kick(&r, 0);
	assert_int_equal(used(&r), 1);
	assert_int_equal(answer(&r, resp), VIRTIO_PMEM_RET_FAILED);

	/* no request at all */
	assert_true(gd_add(&r.q[0], &(struct gd_buf){ resp, 4, GD_W }, 1, NULL) >= 0);
	vr_kick(&r, 0);
	assert_int_equal(used(&r), 1);
	assert_int_equal(d.syncs, 0);

	/* No room for the answer: row 29's "never write past buffer". The sync is due all the same.
	 */
	assert_true(gm_write(r.gm, resp, &none, 4));
	assert_true(gd_add(&r.q[0], (struct gd_buf[]){ { req, 4, false }, { resp, 3, GD_W } }, 2,
			   NULL) >= 0);
	vr_kick(&r, 0);
	assert_true(gd_get_used(&r.q[0], &u));
	assert_int_equal(u.len, 0);
	assert_int_equal(answer(&r, resp), NONE);

	at = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
	vr_kick(&r, 0);
	assert_int_equal(answer(&r, at), VIRTIO_PMEM_RET_OK);
	assert_int_equal(r.v->dev.guest_errors, 4);
	vr_end(&r);
}

/* The type and the answer in single bytes: framing means nothing (2.7.4). */
static void any_framing(void **state)
{
	struct gd_buf b[8];
	struct vdev_rig r;
	struct disk d;
	gpa_t at = 0x5000;

	(void)state;
	begin(&r, &d, 0);
	for (unsigned i = 0; i < 8; i++)
		b[i] = (struct gd_buf){ at + i, 1, i >= 4 };
	assert_true(gm_write(r.gm, at, "\0\0\0\0\x5a\x5a\x5a\x5a", 8));
	assert_true(gd_add(&r.q[0], b, 8, NULL) >= 0);
	vr_kick(&r, 0);
	assert_int_equal(answer(&r, at + 4), VIRTIO_PMEM_RET_OK);
	assert_int_equal(d.syncs, 1);
	vr_end(&r);
}

static void *let_go(void *arg)
{
	struct disk *d = arg;

	sem_wait(&d->entered);
	usleep(20000);
	d->slow = false;
	sem_post(&d->go);
	return NULL;
}

/* Row 21, "reset while I/O in flight": it waits for the disk, and the driver's memory is not
 * touched after it. */
static void test_row21_reset_waits_for_the_sync(void **state)
{
	struct vdev_rig r;
	struct disk d;
	pthread_t t;
	gpa_t at;

	(void)state;
	begin(&r, &d, 0);
	d.slow = true;
	at = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
	pthread_create(&t, NULL, let_go, &d);
	gd_kick(&r.q[0]);
	virtio_ring(r.v, 0);
	while (!d.syncs)
		usleep(100);
	virtio_set_status(r.v, 0);
	assert_false(d.slow); /* it has waited */
	assert_int_equal(virtio_status(r.v), 0);
	assert_int_equal(answer(&r, at), VIRTIO_PMEM_RET_OK); /* delivered before */
	pthread_join(t, NULL);
	vr_drive(&r, VIRTIO_F_RING_PACKED);
	at = ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
	vr_kick(&r, 0);
	assert_int_equal(answer(&r, at), VIRTIO_PMEM_RET_OK);
	vr_end(&r);
}

static void survives_a_snapshot(void **state)
{
	struct virtio_device *fresh;
	struct vdev_rig r;
	struct disk d;

	(void)state;
	begin(&r, &d, 0);
	ask(&r, VIRTIO_PMEM_REQ_TYPE_FLUSH);
	vr_kick(&r, 0);
	vr_stop_loop(&r);
	r.v->dev.ops->stop(&r.v->dev);
	fresh = make(&r, &d);
	virtio_attach(fresh, &r.xport.xport, 0);
	assert_snapshot_round_trip(&r.v->dev, &fresh->dev);
	fresh->dev.ops->destroy(&fresh->dev);
	vr_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_where_it_is),
		cmocka_unit_test(flushes),
		cmocka_unit_test(waits_and_shares),
		cmocka_unit_test(test_row43_failed_sync_latches),
		cmocka_unit_test(test_row29_malformed_requests),
		cmocka_unit_test(any_framing),
		cmocka_unit_test(test_row21_reset_waits_for_the_sync),
		cmocka_unit_test(survives_a_snapshot),
	};

	log_set_fd(open("/dev/null", O_WRONLY));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
