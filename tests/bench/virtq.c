/* SPDX-License-Identifier: MIT */
/*
 * virtq: what one request costs the virtqueue, in instructions and nanoseconds.
 *
 *   make build/libtest.a build/libtrapeze.a
 *   gcc -O2 -D_GNU_SOURCE -Iinclude -Isrc -I. -o build/bench/virtq tests/bench/virtq.c \
 *       build/libtest.a build/libtrapeze.a -lcmocka && build/bench/virtq
 *
 * A request is vq_pop(), what virtio-blk does to a chain (header pulled, status split off, a window
 * on the data, status pushed), vq_complete(), and its share of a batch's vq_flush() and
 * vq_kicks_on(). Instructions are counted by stepping through one batch, so they are exact and the
 * same in each run; time is that of many batches.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/lib/guest_driver.h"
#include "tests/lib/step.h"
#include "vmm/device.h"
#include "vmm/error.h"

#define RING   256u
#define ROUNDS 20000u

static struct guest_mem *gm;
static struct virtq *vq;
static struct guest_driver d;
static struct vq_chain chain[RING];
static unsigned batch;
static bool blk;

static void look(void *arg)
{
	struct vq_chain *c = chain;

	(void)arg;
	vq_kicks_off(vq);
	while (vq_pop(vq, c) == VQ_OK)
		c++;
	(void)!vq_kicks_on(vq);
}

static void use(struct vq_chain *c)
{
	struct vq_cursor tail;
	const struct iovec *iov;
	unsigned char hdr[16], status = 0;
	unsigned cnt;

	if (vq_pull(c, hdr, sizeof(hdr)) && vq_split_tail(c, 1, &tail)) {
		vq_commit(c, vq_window(c, &c->w, SIZE_MAX, &iov, &cnt));
		(void)!vq_push_tail(c, &tail, &status, 1);
	}
}

static void bytes(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < batch && blk; i++)
		use(&chain[i]);
}

static void complete(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < batch; i++)
		vq_complete(&chain[i]);
	(void)!vq_flush(vq);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void offer(const struct gd_buf *b, unsigned n, bool indirect)
{
	for (unsigned i = 0; i < batch; i++)
		if ((indirect ? gd_add_indirect : gd_add)(&d, b, n, NULL) < 0)
			fprintf(stderr, "the ring is full\n");
	gd_kick(&d);
}

static void collect(void)
{
	struct gd_used u;

	while (gd_get_used(&d, &u))
		;
	gd_irqs_on(&d);
}

static void measure(const char *name, uint64_t features, unsigned nbuf, bool indirect, unsigned n)
{
	struct gd_buf b[3];
	uint64_t pop, work, done, t = 0, start;

	gd_init(&d, gm, GD_RINGS, RING, features);
	if (virtq_enable(vq, &d.ring, features) < 0)
		return;
	batch = n;
	blk = nbuf == 3;
	b[0] = (struct gd_buf){ gd_alloc(&d, 16, 16), 16, !blk };
	b[1] = (struct gd_buf){ gd_alloc(&d, 4096, 4096), 4096, true };
	b[2] = (struct gd_buf){ gd_alloc(&d, 1, 1), 1, true };
	for (unsigned i = 0; i < ROUNDS; i++) {
		offer(b, nbuf, indirect);
		start = now();
		look(NULL);
		bytes(NULL);
		complete(NULL);
		t += now() - start;
		collect();
	}
	offer(b, nbuf, indirect);
	pop = step_run(look, NULL, NULL, NULL);
	work = blk ? step_run(bytes, NULL, NULL, NULL) : 0;
	done = step_run(complete, NULL, NULL, NULL);
	collect();
	printf("%-34s %5u %8.1f %8.1f %8.1f %8.1f %8.1f\n", name, n, (double)pop / n,
	       (double)work / n, (double)done / n, (double)(pop + work + done) / n,
	       (double)t / ROUNDS / n);
}

int main(void)
{
	static const struct device_ops ops = { .name = "bench" };
	const uint64_t ei = VIRTIO_F_EVENT_IDX, in = VIRTIO_F_INDIRECT_DESC,
		       pk = VIRTIO_F_RING_PACKED;
	struct virtq_config c = { .max_size = RING };
	struct device dev = { 0 };

	device_init(&dev, &ops, "bench0", NULL, 0);
	gm = c.gm = gd_mem_create();
	c.dev = &dev;
	if (virtq_create(&c, &vq, NULL) < 0)
		return 1;
	printf("%-34s %5s %8s %8s %8s %8s %8s\n", "instructions per request", "batch", "pop",
	       "bytes", "used", "sum", "ns");
	for (unsigned n = 1; n <= 32; n *= 32) {
		measure("split, 1 descriptor", ei | in, 1, false, n);
		measure("split, blk, direct", ei | in, 3, false, n);
		measure("split, blk, indirect", ei | in, 3, true, n);
		measure("packed, 1 descriptor", ei | in | pk, 1, false, n);
		measure("packed, blk, direct", ei | in | pk, 3, false, n);
		measure("packed, blk, indirect", ei | in | pk, 3, true, n);
	}
	virtq_destroy(vq);
	gm_destroy(gm);
	return 0;
}
