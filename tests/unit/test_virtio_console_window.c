/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_console_window.c: the terminal of a console changes its size while a driver comes and
 * goes. ThreadSanitizer watches; and once the driver runs, it is told.
 */
#include <pthread.h>
#include <string.h>

#include "devices/virtio/console.h"
#include "tests/lib/vdev_rig.h"
#include "virtio/console_wire.h"
#include "vmm/chardev.h"

struct terminal {
	struct chardev chr;
	struct chardev_window window; /* loop */
};

static void term_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	(void)c;
	(void)buf;
	(void)len;
}

static void term_room_changed(struct chardev *c)
{
	(void)c;
}

static bool term_window(struct chardev *c, struct chardev_window *ret)
{
	*ret = container_of(c, struct terminal, chr)->window;
	return true;
}

static const struct chardev_ops term_ops = { .write = term_write,
					     .room_changed = term_room_changed,
					     .window = term_window };

struct env {
	struct vdev_rig r;
	struct terminal term;
	_Atomic bool stop;
};

/* On the loop. */
static void resize(void *arg)
{
	struct terminal *t = arg;

	t->window.cols = (uint16_t)(80 + (t->window.cols + 1) % 80);
	t->chr.client->changed(t->chr.client_dev);
}

static void *keep_resizing(void *arg)
{
	struct env *e = arg;

	while (!e->stop)
		vr_on_loop(&e->r, resize, &e->term);
	return NULL;
}

static void driver_comes_and_goes(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct virtio_console_params p = { .id = "console0" };
	struct virtio_console *c;
	struct error *err = NULL;
	pthread_t user;
	unsigned before;

	(void)state;
	e->term = (struct terminal){ { .ops = &term_ops }, { 80, 25 } };
	vr_init(&e->r);
	p.gm = e->r.gm;
	p.loop = e->r.loop;
	p.console = &e->term.chr;
	assert_int_equal(virtio_console_create(&p, &c, &err), 0);
	assert_no_error(err);
	vr_begin(&e->r, virtio_console_device(c), VIRTIO_CONSOLE_F_SIZE);
	assert_int_equal(pthread_create(&user, NULL, keep_resizing, e), 0);
	for (unsigned i = 0; i < 200; i++) {
		virtio_set_status(e->r.v, 0);
		vr_drive(&e->r, i % 2 ? VIRTIO_CONSOLE_F_SIZE : 0);
	}
	e->stop = true;
	pthread_join(user, NULL);
	before = e->r.xport.config_irqs;
	vr_on_loop(&e->r, resize, &e->term);
	assert_int_equal(e->r.xport.config_irqs, before + 1);
	/* One that has not negotiated it is not told. */
	virtio_set_status(e->r.v, 0);
	vr_drive(&e->r, 0);
	vr_on_loop(&e->r, resize, &e->term);
	assert_int_equal(e->r.xport.config_irqs, before + 1);
	vr_end(&e->r);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(driver_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
