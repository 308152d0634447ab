/* SPDX-License-Identifier: MIT */
/* virtio_env.c: the virtio core by itself, see virtio_env.h. */
#include "tests/lib/virtio_env.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/log.h"

int ve_setup(void **state)
{
	struct virtio_env *e = calloc(1, sizeof(*e));
	struct error *err = NULL;

	log_set_level(LOG_ERR);
	e->gm = gd_mem_create();
	e->loop = loop_create("test", &err);
	assert_no_error(err);
	e->f = fake_virtio_create(e->gm, e->loop, true);
	e->v = &e->f->v;
	fake_xport_init(&e->x);
	virtio_attach(e->v, &e->x.xport, 0);
	device_reset(&e->v->dev);
	assert_int_equal(virtio_dev_start(&e->v->dev, &err), 0);
	*state = e;
	return 0;
}

int ve_teardown(void **state)
{
	struct virtio_env *e = *state;

	virtio_dev_stop(&e->v->dev);
	assert_int_equal(e->f->wrong, 0);
	assert_int_equal(e->f->held_cnt, 0);
	assert_false(e->x.bells);
	fake_virtio_destroy(e->f);
	loop_destroy(e->loop);
	gm_destroy(e->gm);
	free(e);
	return 0;
}

unsigned ve_deliver(struct virtio_env *e)
{
	unsigned n = 0;
	uint64_t cnt;

	for (unsigned i = 0; i < e->v->queue_cnt; i++) {
		struct ev_fd *k = &e->v->queue[i].kick;

		if (read(k->fd, &cnt, sizeof(cnt)) == sizeof(cnt)) {
			k->cb(k, EV_IN);
			n++;
		}
	}
	return n;
}

void ve_ack(struct virtio_env *e, uint64_t features)
{
	virtio_ack_word(e->v, 0, (uint32_t)features);
	virtio_ack_word(e->v, 1, (uint32_t)(features >> 32));
}

void ve_negotiate(struct virtio_env *e, uint64_t features)
{
	virtio_set_status(e->v, 0);
	virtio_set_status(e->v, VIRTIO_STATUS_ACKNOWLEDGE);
	virtio_set_status(e->v, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	ve_ack(e, features);
	virtio_set_status(e->v, VE_NEGOTIATED);
}

void ve_set_queue(struct virtio_env *e, unsigned n, uint64_t features)
{
	gd_init(&e->q[n], e->gm, GD_RINGS + n * 256 * KIB, FAKE_VIRTIO_SIZE, features);
	e->v->queue[n].addr = e->q[n].ring;
	virtio_queue_enable(e->v, n);
}

void ve_bring_up(struct virtio_env *e, uint64_t features)
{
	ve_negotiate(e, features);
	for (unsigned i = 0; i + 1 < FAKE_VIRTIO_QUEUES; i++)
		ve_set_queue(e, i, features);
	virtio_set_status(e->v, VE_RUNNING);
	assert_int_equal(virtio_status(e->v), VE_RUNNING);
	ve_deliver(e);
}

gpa_t ve_add_ping(struct virtio_env *e, unsigned n, void *token)
{
	struct guest_driver *d = &e->q[n];
	gpa_t in = gd_alloc(d, 4, 4), out = gd_alloc(d, 4, 4);

	assert_true(gm_write(e->gm, in, "ping", 4));
	assert_true(gd_add(d, (struct gd_buf[]){ { in, 4, false }, { out, 4, GD_W } }, 2, token) >=
		    0);
	return out;
}

void ve_assert_pong(struct virtio_env *e, unsigned n, gpa_t out, void *token)
{
	struct gd_used u;
	char buf[4];

	assert_true(gd_get_used(&e->q[n], &u));
	assert_ptr_equal(u.token, token);
	assert_int_equal(u.len, 4);
	assert_true(gm_read(e->gm, out, buf, 4));
	assert_memory_equal(buf, "ping", 4);
}

void ve_assert_works(struct virtio_env *e, unsigned n)
{
	unsigned irqs = e->x.irqs[n];
	gpa_t out = ve_add_ping(e, n, e);

	gd_irqs_on(&e->q[n]);
	gd_kick(&e->q[n]);
	virtio_ring(e->v, n);
	ve_deliver(e);
	ve_assert_pong(e, n, out, e);
	assert_int_equal(e->x.irqs[n], irqs + 1);
}
