/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtq.c: a virtqueue between a driver and a device that both do what the input says
 * (libFuzzer).
 *
 * The first two bytes choose the format, the features and the size of the ring; each further op
 * is one step of one of the two: the driver adds chains, kicks, looks, or turns evil; the device
 * pops, reads, writes, completes, gives back, flushes, is reset or restored in the middle of it.
 * As long as the driver is honest, every chain must arrive as it was sent and come back with the
 * length that was written, and nothing may break. From its first evil act on, what is popped must
 * still lie in RAM and add up, and the counts must be right.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/virtq_rig.h"
#include "vmm/log.h"

#define HELD_MAX 64
#define BUF_BASE (GD_HIGH + 0x10000)

struct held {
	struct vq_chain c;
	struct vq_cursor tail;
	unsigned life; /* of the queue */
	uint64_t seq;  /* as popped */
	bool used;     /* some of its bytes were moved */
};

/* What the driver sent with the chain of each ID. */
struct sent {
	uint64_t r_len, w_len;
	uint32_t written;
};

static struct guest_mem *gm;
static struct device dev;
static struct virtq *vq;
static struct guest_driver d;
static struct held pool[HELD_MAX], *held[HELD_MAX]; /* a permutation; the first are held */
static unsigned held_cnt, life;
static unsigned mine; /* of @held, those of this life */
static struct sent sent[GD_SIZE_MAX];
static bool tainted;
static unsigned completed;         /* and not flushed */
static unsigned added, visible;    /* chains before the kick; and from there to the pop */
static bool wants_kick, wants_irq; /* who sleeps, and relies on being woken */
static uint64_t seq;

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			__builtin_trap();                                                          \
	} while (0)

static void on_broken(void *opaque, unsigned index)
{
	(void)opaque;
	CHECK(index == RIG_INDEX && tainted);
}

static void restart(struct input *in)
{
	uint64_t r = take(in, 2), features = VIRTIO_F_VERSION_1;
	uint16_t size = (uint16_t)(1 + (r >> 3) % 64);

	if (r & 1)
		features |= VIRTIO_F_RING_PACKED;
	else
		size = (uint16_t)(1 << (r >> 3) % 7);
	if (r & 2)
		features |= VIRTIO_F_EVENT_IDX;
	if (r & 4)
		features |= VIRTIO_F_INDIRECT_DESC;
	gd_init(&d, gm, GD_RINGS, size, features);
	CHECK(virtq_enable(vq, &d.ring, features) == 0);
	tainted = wants_kick = wants_irq = false;
	added = visible = completed = 0;
	life++;
	mine = 0;
}

/* --- the driver --------------------------------------------------------------------------------
 */

static void add(struct input *in)
{
	unsigned n = 1 + (unsigned)(take(in, 1) % 5);
	bool indirect = (d.features & VIRTIO_F_INDIRECT_DESC) && take(in, 1) & 1;
	struct sent s = { 0 };
	struct gd_buf b[5];
	int id;

	for (unsigned i = 0; i < n; i++) {
		uint64_t v = take(in, 2);

		b[i].addr = v & 0x8000 ? GD_SEAM - 16 + (v & 31) : BUF_BASE + 64 * (v & 0xff);
		b[i].len = (uint32_t)(v >> 8 & 63);
		b[i].write = v & 0x4000 || (i && b[i - 1].write);
		if (b[i].write)
			s.w_len += b[i].len;
		else
			s.r_len += b[i].len;
	}
	if (!indirect && n > d.size)
		return;
	id = indirect ? gd_add_indirect(&d, b, n, NULL) : gd_add(&d, b, n, NULL);
	if (id < 0)
		return;
	sent[id] = s;
	added++;
}

static void kick(void)
{
	bool kicked = gd_kick(&d);

	CHECK(tainted || kicked || !wants_kick || !added);
	if (added)
		wants_kick = false;
	visible += added;
	added = 0;
}

static void look(void)
{
	struct gd_used u;

	if (tainted) /* the used ring may be spoilt, too */
		return;
	while (gd_get_used(&d, &u))
		CHECK(u.len == sent[u.id].written);
}

static void events(struct input *in)
{
	unsigned v = (unsigned)take(in, 1);

	wants_irq = false;
	if (v & 1)
		gd_irqs_off(&d);
	else if (v & 2 && d.features & VIRTIO_F_EVENT_IDX)
		gd_irqs_after(&d, (uint16_t)(v % d.size));
	else
		wants_irq = !gd_irqs_on(&d);
}

/* A few bytes anywhere in the ring or in a table. */
static void poke(struct input *in)
{
	uint64_t at = take(in, 2), v = take(in, 4);
	gpa_t base = d.ring.desc;

	if (at & 0x8000 && d.id[0].table)
		base = d.id[(at >> 8 & 0x7f) % d.size].table;
	if (!base)
		return;
	tainted = true;
	CHECK(gm_write(gm, base + (at & 0xff), &v, 1 + (at >> 4) % 4));
}

/* --- the device --------------------------------------------------------------------------------
 */

static void check_cursor(const struct vq_cursor *cur)
{
	const struct gm_region *r;
	uint64_t sum = 0;
	unsigned cnt;

	r = gm_regions(gm, &cnt);
	for (unsigned i = 0; i < cur->n; i++) {
		const struct iovec *v = &cur->iov[i];
		bool found = false;

		for (unsigned k = 0; k < cnt; k++) {
			uint8_t *p = v->iov_base;

			found |= !r[k].readonly && p >= r[k].hva && p < r[k].hva + r[k].len &&
				 v->iov_len <= r[k].len - (size_t)(p - r[k].hva);
		}
		CHECK(found && v->iov_len);
		sum += v->iov_len;
	}
	CHECK(sum == cur->left);
}

static void pop(void)
{
	struct held *h;

	if (held_cnt == HELD_MAX)
		return;
	h = held[held_cnt];
	switch (vq_pop(vq, &h->c)) {
	case VQ_EMPTY:
		CHECK(tainted || !visible);
		return;
	case VQ_BROKEN:
		CHECK(tainted && virtq_is_broken(vq));
		return;
	case VQ_OK:
		break;
	}
	CHECK(h->c.iov == h->c.r.iov && h->c.w.iov == h->c.iov + h->c.r.n);
	CHECK(h->c.r.n + h->c.w.n <= VQ_MAX_SEGS && h->c.r.left + h->c.w.left <= UINT32_MAX);
	check_cursor(&h->c.r);
	check_cursor(&h->c.w);
	if (!tainted) {
		CHECK(h->c.r.left == sent[h->c.id].r_len);
		CHECK(h->c.w.left == sent[h->c.id].w_len);
	}
	h->life = life;
	h->seq = ++seq;
	h->used = false;
	h->tail = (struct vq_cursor){ 0 };
	held_cnt++;
	mine++;
	visible--;
	wants_kick = false;
	CHECK(mine <= d.size && vq_outstanding(vq) == mine);
}

static void use(struct input *in)
{
	uint64_t v = take(in, 2);
	struct held *h = held_cnt ? held[(v >> 12) % held_cnt] : NULL;
	const struct iovec *iov;
	uint8_t buf[256] = { 0 };
	size_t n = v >> 4 & 0x7f, got;
	unsigned cnt;

	/* The chains of a former life point into memory that lives on; nobody uses them, though. */
	if (!h || h->life != life)
		return;
	h->used = true;
	switch (v & 7) {
	case 0:
		got = h->c.r.left;
		CHECK(vq_pull(&h->c, buf, n) == (n <= got));
		break;
	case 1:
		got = h->c.w.left;
		CHECK(vq_push(&h->c, buf, n) == (n <= got));
		CHECK(h->c.w.left == (n <= got ? got - n : got));
		break;
	case 2:
		if (!h->tail.iov)
			(void)!vq_split_tail(&h->c, n % 20, &h->tail);
		break;
	case 3:
		got = h->tail.left;
		CHECK(vq_push_tail(&h->c, &h->tail, buf, n) == (n <= got));
		break;
	default:
		got = vq_window(&h->c, v & 1 ? &h->c.w : &h->c.r, n, &iov, &cnt);
		CHECK(got <= n);
		for (unsigned i = 0; i < cnt; i++) {
			got -= iov[i].iov_len;
			if (v & 1)
				memset(iov[i].iov_base, 0x5a, iov[i].iov_len);
		}
		CHECK(got == 0);
		if (v & 1)
			vq_commit(&h->c, v & 2 ? n : SIZE_MAX);
	}
}

/* The rest stays in the order in which it was popped. */
static void forget(unsigned i)
{
	struct held *h = held[i];

	if (h->life == life)
		mine--;
	held_cnt--;
	memmove(&held[i], &held[i + 1], (held_cnt - i) * sizeof(held[0]));
	held[held_cnt] = h;
}

static void complete(struct input *in)
{
	unsigned i = (unsigned)take(in, 1);
	struct held *h;

	if (!held_cnt)
		return;
	i %= held_cnt;
	h = held[i];
	if (h->life == life && !tainted) {
		CHECK(h->c.written <= sent[h->c.id].w_len);
		sent[h->c.id].written = h->c.written;
	}
	completed += h->life == life && !virtq_is_broken(vq);
	vq_complete(&h->c);
	forget(i);
	CHECK(vq_outstanding(vq) == mine);
}

static void give_back(void)
{
	struct held *h = held_cnt ? held[held_cnt - 1] : NULL;

	if (!h || h->used || h->life != life || h->seq != seq)
		return;
	vq_unpop(&h->c);
	forget(held_cnt - 1);
	seq--;
	visible++;
	CHECK(vq_outstanding(vq) == mine);
}

static void flush(void)
{
	unsigned before = vq_outstanding(vq);
	bool told = vq_flush(vq);

	CHECK(vq_outstanding(vq) == before);
	if (completed && !tainted) {
		CHECK(told || !wants_irq);
		wants_irq = false;
	}
	CHECK(!told || completed);
	completed = 0;
}

static void save_and_restore(struct input *in)
{
	struct virtq_position p;
	uint64_t v = take(in, 4);
	bool broken = virtq_is_broken(vq);

	if (mine) {
		p = virtq_position(vq);
		CHECK(virtq_set_position(vq, &p) < 0);
		return;
	}
	flush();
	p = virtq_position(vq);
	virtq_disable(vq);
	CHECK(virtq_enable(vq, &d.ring, d.features) == 0);
	life++;
	wants_kick = false;
	if (v & 1) { /* a position nobody was at */
		struct virtq_position lie = { (uint16_t)(v >> 16), (uint16_t)(v >> 8), v & 2,
					      v & 4 };

		if (virtq_set_position(vq, &lie) == 0) {
			tainted = true;
			return;
		}
	}
	if (!broken)
		CHECK(virtq_set_position(vq, &p) == 0);
	else
		tainted = true;
}

static void disable(void)
{
	virtq_disable(vq);
	life++;
	mine = completed = 0;
	tainted = true;
}

static void step(struct input *in)
{
	switch (take(in, 1) % 24) {
	case 0 ... 3:
		add(in);
		break;
	case 4:
	case 5:
		kick();
		break;
	case 6 ... 8:
		pop();
		break;
	case 9 ... 11:
		use(in);
		break;
	case 12:
	case 13:
		complete(in);
		break;
	case 14:
		give_back();
		break;
	case 15:
		flush();
		break;
	case 16:
		look();
		break;
	case 17:
		events(in);
		break;
	case 18:
		vq_kicks_off(vq);
		wants_kick = false;
		break;
	case 19:
		wants_kick = !vq_kicks_on(vq);
		CHECK(tainted || wants_kick == !visible);
		break;
	case 20:
		tainted = true;
		gd_evil(&d, take(in, 8));
		break;
	case 21:
		poke(in);
		break;
	case 22:
		if (take(in, 1) & 1)
			restart(in);
		else
			disable();
		break;
	case 23:
		save_and_restore(in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *buf, size_t len)
{
	static const struct device_ops ops = { .name = "fuzz" };
	struct virtq_config c = {
		.dev = &dev, .index = RIG_INDEX, .max_size = 64, .broken = on_broken
	};
	struct input in = { buf, len };

	if (!gm) {
		setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion of the driver's */
		log_set_level(LOG_ERR);
		gm = gd_mem_create();
		device_init(&dev, &ops, "fuzz0", NULL, 0);
	}
	c.gm = gm;
	CHECK(virtq_create(&c, &vq, NULL) == 0);
	for (held_cnt = HELD_MAX; held_cnt; held_cnt--)
		held[held_cnt - 1] = &pool[held_cnt - 1];
	restart(&in);
	while (in.left)
		step(&in);
	while (held_cnt)
		complete(&in);
	CHECK(vq_outstanding(vq) == 0);
	vq = virtq_destroy(vq);
	return 0;
}
