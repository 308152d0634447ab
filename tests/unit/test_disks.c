/* SPDX-License-Identifier: MIT */
/*
 * test_disks.c: from -d to requests that reach a file: configuration, I/O threads, the block layer
 * and the virtio block device as the machine puts them together. The bus is the test's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "machine/machine_internal.h"
#include "tests/lib/fake.h"
#include "tests/lib/guest_driver.h"
#include "virtio/blk_wire.h"
#include "virtio/virtio.h"

#define SIZE  (4 * MIB)
#define DISKS 3

static struct {
	struct vm_config config;
	struct disk_config disk[DISKS];
	char path[DISKS][40];
	struct machine m;
	struct virtio_device *v[DISKS];
	struct virtio_xport xport[DISKS];
	unsigned cnt;
	_Atomic unsigned config_irqs;
	struct guest_driver d;
} w;

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
	(void)state;
	memset(&w, 0, sizeof(w));
	w.config.cpu.count = 2;
	w.config.disks.v = w.disk;
	w.m.config = &w.config;
	w.m.gm = gd_mem_create();
	for (unsigned i = 0; i < DISKS; i++) {
		int fd;

		strcpy(w.path[i], "/tmp/trapeze-test-disks-XXXXXX");
		fd = mkstemp(w.path[i]);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, SIZE), 0);
		close(fd);
		w.disk[i].blk.path = w.path[i];
		w.disk[i].blk.format = BLK_FORMAT_RAW;
		w.disk[i].queue_size = 128;
	}
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
	free(w.m.disk);
	gm_destroy(w.m.gm);
	for (unsigned i = 0; i < DISKS; i++)
		unlink(w.path[i]);
	return 0;
}

static void add(unsigned cnt)
{
	struct error *e = NULL;

	w.config.disks.cnt = cnt;
	if (machine_add_disks(&w.m, &w.config, &e) < 0)
		assert_no_error(e);
	assert_int_equal(w.m.disk_cnt, cnt);
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

static void begin_driver(struct virtio_device *v)
{
	uint64_t f = v->offered & ~VIRTIO_F_RING_PACKED;
	uint8_t s = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	virtio_set_status(v, s);
	virtio_ack_word(v, 0, (uint32_t)f);
	virtio_ack_word(v, 1, (uint32_t)(f >> 32));
	virtio_set_status(v, s |= VIRTIO_STATUS_FEATURES_OK);
	gd_init(&w.d, w.m.gm, GD_RINGS, v->queue[0].max_size, f);
	v->queue[0].addr = w.d.ring;
	virtio_queue_enable(v, 0);
	virtio_set_status(v, s | VIRTIO_STATUS_DRIVER_OK);
}

static gpa_t post(struct virtio_device *v, uint32_t type, uint64_t sector, gpa_t data, uint32_t len)
{
	struct virtio_blk_req_hdr h = { le32_make(type), le32_make(0), le64_make(sector) };
	gpa_t hdr = gd_alloc(&w.d, 16, 16), status = gd_alloc(&w.d, 1, 1);
	uint8_t none = 0xee;

	assert_true(gm_write(w.m.gm, hdr, &h, sizeof(h)));
	assert_true(gm_write(w.m.gm, status, &none, 1));
	assert_true(gd_add(&w.d,
			   (struct gd_buf[]){ { hdr, 16, false },
					      { data, len, type == VIRTIO_BLK_T_IN },
					      { status, 1, GD_W } },
			   3, &w) >= 0);
	if (gd_kick(&w.d))
		virtio_ring(v, 0);
	return status;
}

static void wait_used(unsigned n)
{
	struct gd_used u;
	time_t until = time(NULL) + 20;

	while (n) {
		if (gd_get_used(&w.d, &u))
			n--;
		else
			sched_yield();
		assert_true(time(NULL) < until);
	}
}

static uint8_t request(struct virtio_device *v, uint32_t type, uint64_t sector, gpa_t data,
		       uint32_t len)
{
	gpa_t at = post(v, type, sector, data, len);
	uint8_t status;

	wait_used(1);
	assert_true(gm_read(w.m.gm, at, &status, 1));
	return status;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void requests_reach_the_file(void)
{
	uint8_t out[4096], in[4096], file[4096];
	gpa_t data;
	int fd;

	add(1);
	start();
	begin_driver(w.v[0]);
	data = gd_alloc(&w.d, 4096, 4096);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 3);
	assert_true(gm_write(w.m.gm, data, out, sizeof(out)));
	assert_int_equal(request(w.v[0], VIRTIO_BLK_T_OUT, 8, data, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(request(w.v[0], VIRTIO_BLK_T_FLUSH, 0, data, 0), VIRTIO_BLK_S_OK);
	fd = open(w.path[0], O_RDONLY);
	assert_int_equal(pread(fd, file, sizeof(file), 4096), sizeof(file));
	close(fd);
	assert_memory_equal(file, out, sizeof(out));
	memset(in, 0, sizeof(in));
	assert_true(gm_write(w.m.gm, data, in, sizeof(in)));
	assert_int_equal(request(w.v[0], VIRTIO_BLK_T_IN, 8, data, 4096), VIRTIO_BLK_S_OK);
	assert_true(gm_read(w.m.gm, data, in, sizeof(in)));
	assert_memory_equal(in, out, sizeof(out));
	assert_int_equal(request(w.v[0], VIRTIO_BLK_T_IN, SIZE / 512, data, 4096),
			 VIRTIO_BLK_S_IOERR);
	/* Left in flight: stopping waits for them, on whichever thread they are. */
	for (unsigned i = 0; i < 16; i++)
		post(w.v[0], VIRTIO_BLK_T_OUT, 100 + i * 8, data, 4096);
}

static void by_io_uring(void **state)
{
	(void)state;
	w.disk[0].blk.engine = BLK_ENGINE_URING;
	requests_reach_the_file();
}

static void by_threads(void **state)
{
	(void)state;
	w.disk[0].blk.engine = BLK_ENGINE_THREADS;
	requests_reach_the_file();
}

static void past_the_page_cache(void **state)
{
	(void)state;
	w.disk[0].blk.cache = BLK_CACHE_NONE;
	w.disk[0].blk.engine = BLK_ENGINE_AIO;
	requests_reach_the_file();
}

/* A reset from a vCPU's thread, with requests on their way on the disk's. */
static void reset_while_busy(void **state)
{
	(void)state;
	add(1);
	start();
	for (unsigned round = 0; round < 20; round++) {
		gpa_t data;

		begin_driver(w.v[0]);
		data = gd_alloc(&w.d, 64 * KIB, 4096);
		for (unsigned i = 0; i < 32; i++)
			post(w.v[0], i & 1 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, i * 100, data,
			     64 * KIB);
		virtio_set_status(w.v[0], 0);
		assert_int_equal(virtio_status(w.v[0]), 0);
	}
}

static void threads_and_queues(void **state)
{
	(void)state;
	w.disk[0].iothread = (char[]){ "io" };
	w.disk[2].iothread = (char[]){ "io" };
	w.disk[2].queues = 7;
	w.disk[2].queue_size = 16;
	w.disk[1].queues = 1;
	add(3);
	assert_ptr_equal(w.v[0]->loop, w.v[2]->loop);
	assert_ptr_not_equal(w.v[0]->loop, w.v[1]->loop);
	assert_int_equal(w.v[0]->queue_cnt, 2); /* one per CPU */
	assert_int_equal(w.v[1]->queue_cnt, 1);
	assert_int_equal(w.v[2]->queue_cnt, 7);
	assert_int_equal(w.v[2]->queue[6].max_size, 16);
	assert_string_equal(w.v[0]->dev.id, "disk0");
	assert_string_equal(w.v[2]->dev.id, "disk2");
	start();
}

static void at_most_four_queues_unasked(void **state)
{
	(void)state;
	w.config.cpu.count = 100;
	add(1);
	assert_int_equal(w.v[0]->queue_cnt, 4);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void sees_that_an_image_has_grown(void **state)
{
	uint8_t status;
	gpa_t data;

	(void)state;
	add(2);
	start();
	begin_driver(w.v[0]);
	data = gd_alloc(&w.d, 4096, 4096);
	assert_int_equal(truncate(w.path[0], 2 * SIZE), 0);
	machine_look_at_disks(&w.m);
	loop_run_sync(w.v[0]->loop, nothing, NULL);
	assert_int_equal(w.config_irqs, 1); /* of the one that grew */
	assert_int_equal(virtio_read_config(w.v[0], 0, 8), 2 * SIZE / 512);
	assert_int_equal(virtio_read_config(w.v[1], 0, 8), SIZE / 512);
	status = request(w.v[0], VIRTIO_BLK_T_OUT, SIZE / 512, data, 4096);
	assert_int_equal(status, VIRTIO_BLK_S_OK);
}

static void errors_name_the_disk(void **state)
{
	struct error *e = NULL;

	(void)state;
	w.disk[1].blk.path = (char[]){ "/nonexistent/disk.img" };
	w.config.disks.cnt = 2;
	assert_true(machine_add_disks(&w.m, &w.config, &e) < 0);
	assert_non_null(strstr(error_msg(e), "disk1"));
	assert_error(e, "/nonexistent/disk.img");
	/* What was built before is torn down as ever. */
	assert_int_equal(w.m.disk_cnt, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(by_io_uring),
		T(by_threads),
		T(past_the_page_cache),
		T(reset_while_busy),
		T(threads_and_queues),
		T(at_most_four_queues_unasked),
		T(sees_that_an_image_has_grown),
		T(errors_name_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
