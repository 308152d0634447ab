/* SPDX-License-Identifier: MIT */
/* guest_driver.c: a virtqueue as its driver sees it. */
#include "tests/lib/guest_driver.h"

#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/endian.h"

/* --- memory ------------------------------------------------------------------------------------
 */

struct guest_mem *gd_mem_create(void)
{
	struct ram_config c = { .size = GD_LOW_END + (GD_HIGH_END - GD_HIGH) };
	struct guest_mem *gm = NULL;
	struct error *e = NULL;

	if (gm_create(&c, &gm, &e) < 0 || gm_add_ram(gm, 0, 0, GD_SEAM, &e) < 0 ||
	    gm_add_ram(gm, GD_SEAM, GD_SEAM, GD_LOW_END - GD_SEAM, &e) < 0 ||
	    gm_add_ram(gm, GD_HIGH, GD_LOW_END, GD_HIGH_END - GD_HIGH, &e) < 0 ||
	    gm_add_rom(gm, GD_ROM, GD_ROM_LEN, "ROM", 3, &e) < 0)
		assert_no_error(e);
	return gm;
}

static void *at(const struct guest_driver *d, gpa_t gpa, uint64_t len)
{
	void *p = gm_ptr(d->gm, gpa, len, GM_RW);

	assert_non_null(p);
	return p;
}

static void put16(void *p, uint16_t v, int order)
{
	__atomic_store_n((uint16_t *)p, htole16(v), order);
}

static uint16_t get16(const void *p, int order)
{
	return le16toh(__atomic_load_n((const uint16_t *)p, order));
}

static void put32(void *p, uint32_t v, int order)
{
	__atomic_store_n((uint32_t *)p, htole32(v), order);
}

static uint32_t get32(const void *p, int order)
{
	return le32toh(__atomic_load_n((const uint32_t *)p, order));
}

static void put64(void *p, uint64_t v, int order)
{
	__atomic_store_n((uint64_t *)p, htole64(v), order);
}

static uint64_t get64(const void *p, int order)
{
	return le64toh(__atomic_load_n((const uint64_t *)p, order));
}

/* --- layout ------------------------------------------------------------------------------------
 */

static bool packed(const struct guest_driver *d)
{
	return d->features & VIRTIO_F_RING_PACKED;
}

static bool event_idx(const struct guest_driver *d)
{
	return d->features & VIRTIO_F_EVENT_IDX;
}

gpa_t gd_alloc(struct guest_driver *d, uint64_t len, uint64_t align)
{
	gpa_t p = align_up(d->next, align);

	d->next = p + len;
	assert_true(gm_iov(d->gm, p, len, GM_RW, (struct iovec[2]){ 0 }, 2) > 0);
	return p;
}

static gpa_t area(struct guest_driver *d, uint64_t len, uint64_t align, uint8_t **host)
{
	gpa_t p = gd_alloc(d, len, align);

	*host = at(d, p, len);
	memset(*host, 0, len);
	d->next += align; /* a gap, so that one past the end is nobody's */
	return p;
}

void gd_init(struct guest_driver *d, struct guest_mem *gm, gpa_t base, uint16_t size,
	     uint64_t features)
{
	uint64_t n = size;

	assert_in_range(size, 1, GD_SIZE_MAX);
	memset(d, 0, sizeof(*d));
	d->gm = gm;
	d->features = features;
	d->next = base;
	d->size = d->free_cnt = d->ring.size = size;
	d->avail_wrap = d->used_wrap = true;
	d->ring.desc = area(d, 16 * n, 16, &d->desc);
	if (packed(d)) {
		d->ring.driver = area(d, 4, 4, &d->driver);
		d->ring.device = area(d, 4, 4, &d->device);
	} else {
		d->ring.driver = area(d, 6 + 2 * n, 2, &d->driver);
		d->ring.device = area(d, 6 + 8 * n, 4, &d->device);
	}
	for (unsigned i = 0; i < size; i++)
		d->id[i].next = (uint16_t)(i + 1);
}

/* --- the raw ring ------------------------------------------------------------------------------
 */

static uint64_t rest_of(const struct guest_driver *d, struct gd_desc v)
{
	if (packed(d))
		return v.len | (uint64_t)v.next << 32 | (uint64_t)v.flags << 48;
	return v.len | (uint64_t)v.flags << 32 | (uint64_t)v.next << 48;
}

void gd_set_desc(struct guest_driver *d, gpa_t table, unsigned i, struct gd_desc v)
{
	uint8_t *p = at(d, table + 16 * i, 16);

	if ((uintptr_t)p & 7) { /* a table at an odd address: only before it is visible */
		put_le64(p, v.addr);
		put_le64(p + 8, rest_of(d, v));
		return;
	}
	put64(p, v.addr, __ATOMIC_RELAXED);
	put64(p + 8, rest_of(d, v), __ATOMIC_RELEASE);
}

struct gd_desc gd_get_desc(const struct guest_driver *d, gpa_t table, unsigned i)
{
	const uint8_t *p = at(d, table + 16 * i, 16);
	uint64_t rest = get64(p + 8, __ATOMIC_ACQUIRE);
	uint16_t mid = (uint16_t)(rest >> 32), top = (uint16_t)(rest >> 48);

	return (struct gd_desc){ .addr = get64(p, __ATOMIC_RELAXED),
				 .len = (uint32_t)rest,
				 .flags = packed(d) ? top : mid,
				 .next = packed(d) ? mid : top };
}

void gd_set_avail(struct guest_driver *d, unsigned slot, uint16_t head)
{
	put16(d->driver + 4 + 2 * (slot % d->size), head, __ATOMIC_RELAXED);
}

void gd_set_avail_idx(struct guest_driver *d, uint16_t idx)
{
	put16(d->driver + 2, idx, __ATOMIC_SEQ_CST);
}

uint16_t gd_used_idx(const struct guest_driver *d)
{
	return get16(d->device + 2, __ATOMIC_SEQ_CST);
}

void gd_set_used_event(struct guest_driver *d, uint16_t v)
{
	put16(d->driver + 4 + 2 * d->size, v, __ATOMIC_SEQ_CST);
}

uint16_t gd_avail_event(const struct guest_driver *d)
{
	return get16(d->device + 4 + 8 * d->size, __ATOMIC_SEQ_CST);
}

void gd_set_flags(struct guest_driver *d, uint32_t v)
{
	if (packed(d))
		put32(d->driver, v, __ATOMIC_SEQ_CST);
	else
		put16(d->driver, (uint16_t)v, __ATOMIC_SEQ_CST);
}

uint32_t gd_device_flags(const struct guest_driver *d)
{
	return packed(d) ? get32(d->device, __ATOMIC_SEQ_CST) : get16(d->device, __ATOMIC_SEQ_CST);
}

/* --- adding chains -----------------------------------------------------------------------------
 */

static uint16_t take_id(struct guest_driver *d)
{
	uint16_t i = d->free_head;

	assert_in_range(i, 0, d->size - 1);
	assert_false(d->id[i].busy);
	d->free_head = d->id[i].next;
	return i;
}

static void put_id(struct guest_driver *d, uint16_t i)
{
	d->id[i].busy = false;
	d->id[i].next = d->free_head;
	d->free_head = i;
}

/*
 * Descriptors @v[0..n) into consecutive slots; the first becomes visible last (2.8.21.1), and the
 * first of the first list only with gd_kick(): until then, the device sees none of what is behind.
 */
static int add_packed(struct guest_driver *d, const struct gd_desc *v, unsigned n, void *token)
{
	uint16_t id = take_id(d), first = d->avail;
	struct gd_desc head = { 0 };

	for (unsigned i = 0; i < n; i++) {
		struct gd_desc x = v[i];

		x.next = id;
		x.flags |= (uint16_t)(d->avail_wrap ? GD_F_AVAIL : GD_F_USED);
		if (i)
			gd_set_desc(d, d->ring.desc, d->avail, x);
		else
			head = x;
		if (++d->avail == d->size) {
			d->avail = 0;
			d->avail_wrap = !d->avail_wrap;
		}
	}
	d->id[id].token = token;
	d->id[id].slots = (uint16_t)n;
	d->id[id].busy = true;
	d->free_cnt = (uint16_t)(d->free_cnt - n);
	d->fresh = (uint16_t)(d->fresh + n);
	if (d->held_cnt++) {
		gd_set_desc(d, d->ring.desc, first, head);
	} else {
		d->held = head;
		d->held_slot = first;
	}
	return id;
}

/* Descriptors @v[0..n) into free entries, and their head into the available ring (2.7.13.1). */
static int add_split(struct guest_driver *d, const struct gd_desc *v, unsigned n, void *token)
{
	uint16_t head = d->free_head, i = head;

	for (unsigned k = 0; k < n; k++) {
		struct gd_desc x = v[k];

		i = take_id(d);
		d->id[i].busy = true;
		x.next = d->id[i].next; /* the entry that is taken next */
		gd_set_desc(d, d->ring.desc, i, x);
	}
	d->id[head].token = token;
	d->id[head].slots = (uint16_t)n;
	d->free_cnt = (uint16_t)(d->free_cnt - n);
	gd_set_avail(d, d->avail++, head);
	d->fresh++;
	return head;
}

static int add(struct guest_driver *d, const struct gd_desc *v, unsigned n, void *token)
{
	assert_in_range(n, 1, d->size);
	if (n > d->free_cnt)
		return -1;
	return packed(d) ? add_packed(d, v, n, token) : add_split(d, v, n, token);
}

int gd_add(struct guest_driver *d, const struct gd_buf *b, unsigned n, void *token)
{
	struct gd_desc v[GD_SIZE_MAX];

	assert_in_range(n, 1, GD_SIZE_MAX);
	for (unsigned i = 0; i < n; i++)
		v[i] = (struct gd_desc){
			.addr = b[i].addr,
			.len = b[i].len,
			.flags = (uint16_t)((b[i].write ? GD_F_WRITE : 0) |
					    (i + 1 < n ? GD_F_NEXT : 0)),
		};
	return add(d, v, n, token);
}

int gd_add_indirect(struct guest_driver *d, const struct gd_buf *b, unsigned n, void *token)
{
	uint16_t id = d->free_head;
	struct gd_desc v;

	assert_true(d->features & VIRTIO_F_INDIRECT_DESC);
	assert_in_range(n, 1, GD_TABLE_MAX);
	if (!d->free_cnt)
		return -1;
	if (!d->id[id].table)
		d->id[id].table = gd_alloc(d, 16 * GD_TABLE_MAX, 16);
	for (unsigned i = 0; i < n; i++) {
		v = (struct gd_desc){ .addr = b[i].addr, .len = b[i].len };
		v.flags = b[i].write ? GD_F_WRITE : 0;
		if (!packed(d) && i + 1 < n) {
			v.flags |= GD_F_NEXT;
			v.next = (uint16_t)(i + 1);
		}
		gd_set_desc(d, d->id[id].table, i, v);
	}
	v = (struct gd_desc){ .addr = d->id[id].table, .len = 16 * n, .flags = GD_F_INDIRECT };
	return add(d, &v, 1, token);
}

/* --- notifications -----------------------------------------------------------------------------
 */

static bool passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static bool kick_packed(struct guest_driver *d, uint16_t fresh)
{
	uint32_t event;
	uint16_t off;

	/* The descriptors are visible; a full barrier before we ask (2.8.21.3). */
	event = __atomic_fetch_add((uint32_t *)(void *)d->device, 0, __ATOMIC_SEQ_CST);
	event = le32toh(event);
	if ((event >> 16 & 3) != 2 || !event_idx(d))
		return (event >> 16 & 3) != 1;
	off = event & 0x7fff;
	if ((event >> 15 & 1) != d->avail_wrap)
		off = (uint16_t)(off - d->size);
	return passed(off, d->avail, (uint16_t)(d->avail - fresh));
}

bool gd_kick(struct guest_driver *d)
{
	uint16_t fresh = d->fresh;

	if (!fresh)
		return false;
	d->fresh = 0;
	if (packed(d)) {
		d->held_cnt = 0;
		gd_set_desc(d, d->ring.desc, d->held_slot, d->held);
		return kick_packed(d, fresh);
	}
	gd_set_avail_idx(d, d->avail); /* seq_cst: before the look at the event (2.7.13.4) */
	if (!event_idx(d))
		return !(get16(d->device, __ATOMIC_SEQ_CST) & 1);
	return passed(gd_avail_event(d), d->avail, (uint16_t)(d->avail - fresh));
}

void gd_irqs_off(struct guest_driver *d)
{
	if (packed(d))
		gd_set_flags(d, 1u << 16);
	else if (!event_idx(d))
		gd_set_flags(d, 1);
}

static bool used_ready(const struct guest_driver *d)
{
	if (packed(d)) {
		unsigned f = gd_get_desc(d, d->ring.desc, d->used).flags;

		return !!(f & GD_F_USED) == d->used_wrap && !!(f & GD_F_AVAIL) == d->used_wrap;
	}
	return gd_used_idx(d) != d->used;
}

void gd_irqs_after(struct guest_driver *d, uint16_t n)
{
	uint32_t off = (uint32_t)d->used + n, wrap = d->used_wrap;

	assert_true(event_idx(d));
	if (!packed(d)) {
		gd_set_used_event(d, (uint16_t)off);
		return;
	}
	assert_true(n < d->size);
	if (off >= d->size) {
		off -= d->size;
		wrap = !wrap;
	}
	gd_set_flags(d, 2u << 16 | wrap << 15 | off);
}

bool gd_irqs_on(struct guest_driver *d)
{
	if (event_idx(d))
		gd_irqs_after(d, 0);
	else
		gd_set_flags(d, 0);
	return used_ready(d);
}

/* --- used chains -------------------------------------------------------------------------------
 */

/* The entries of a chain go back in its order: their links are still those it was built with. */
static void free_split(struct guest_driver *d, uint16_t head)
{
	unsigned n = d->id[head].slots;
	uint16_t i = head;

	for (unsigned k = 0; k < n; k++) {
		uint16_t next = d->id[i].next;

		put_id(d, i);
		i = next;
	}
	d->free_cnt = (uint16_t)(d->free_cnt + n);
}

bool gd_get_used(struct guest_driver *d, struct gd_used *u)
{
	uint32_t id, len;

	if (!used_ready(d))
		return false;
	if (packed(d)) {
		struct gd_desc x = gd_get_desc(d, d->ring.desc, d->used);

		id = x.next;
		len = x.flags & GD_F_WRITE ? x.len : 0;
	} else {
		const uint8_t *e = d->device + 4 + 8 * (d->used % d->size);

		id = get32(e, __ATOMIC_RELAXED);
		len = get32(e + 4, __ATOMIC_RELAXED);
	}
	assert_in_range(id, 0, d->size - 1);
	assert_true(d->id[id].busy && d->id[id].slots);
	*u = (struct gd_used){ .id = (uint16_t)id, .len = len, .token = d->id[id].token };
	if (packed(d)) {
		uint16_t n = d->id[id].slots;

		d->free_cnt = (uint16_t)(d->free_cnt + n);
		d->used = (uint16_t)(d->used + n);
		if (d->used >= d->size) {
			d->used = (uint16_t)(d->used - d->size);
			d->used_wrap = !d->used_wrap;
		}
		put_id(d, u->id);
	} else {
		free_split(d, u->id);
		d->used++;
	}
	d->id[id].slots = 0;
	return true;
}

/* --- malice ------------------------------------------------------------------------------------
 */

static uint64_t take(uint64_t *r, unsigned n)
{
	uint64_t v = *r % n;

	*r /= n;
	return v;
}

static gpa_t evil_addr(uint64_t r)
{
	static const gpa_t border[] = { 0,          GD_SEAM,          GD_LOW_END, GD_ROM,
					GD_HIGH,    GD_HIGH_END,      0xfee00000, 0xc0000000,
					UINT64_MAX, UINT64_C(1) << 63 };
	gpa_t a = border[take(&r, ARRAY_LEN(border))];

	return a + take(&r, 64) - 32;
}

static uint32_t evil_len(uint64_t r)
{
	static const uint32_t some[] = {
		0, 1, 15, 16, 17, 32, 512, 4096, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff
	};

	return some[take(&r, ARRAY_LEN(some))];
}

static void evil_desc(struct guest_driver *d, uint64_t r)
{
	unsigned i = (unsigned)take(&r, d->size);
	gpa_t table = d->ring.desc;
	struct gd_desc v;

	if (take(&r, 4) == 0 && d->id[i].table) {
		table = d->id[i].table;
		i = (unsigned)take(&r, 4);
	}
	v = gd_get_desc(d, table, i);
	switch (take(&r, 6)) {
	case 0:
		v.addr = evil_addr(r);
		break;
	case 1:
		v.len = evil_len(r);
		break;
	case 2:
		v.flags ^= (uint16_t)(1u << take(&r, 16));
		break;
	case 3:
		v.flags ^= (uint16_t)(1u << take(&r, 3));
		break;
	case 4:
		v.next = (uint16_t)take(&r, d->size + 2u);
		break;
	case 5: /* points at the ring itself */
		v.addr = d->ring.desc;
		v.len = 16u * (uint32_t)take(&r, d->size + 2u);
		v.flags = GD_F_INDIRECT;
		break;
	}
	gd_set_desc(d, table, i, v);
}

static void evil_index(struct guest_driver *d, uint64_t r)
{
	static const uint16_t jump[] = { 0xffff, 1, 2, 0x7fff, 0x8000 };

	switch (take(&r, 4)) {
	case 0:
		gd_set_avail(d, (unsigned)r, (uint16_t)(r >> 16));
		break;
	case 1:
		gd_set_avail(d, (unsigned)r, (uint16_t)((r >> 16) % (d->size + 1u)));
		break;
	case 2:
		gd_set_avail_idx(d, (uint16_t)(d->avail + jump[take(&r, ARRAY_LEN(jump))]));
		break;
	case 3:
		gd_set_avail_idx(d, (uint16_t)r);
		break;
	}
}

static void evil_event(struct guest_driver *d, uint64_t r)
{
	if (take(&r, 2) || packed(d))
		gd_set_flags(d, (uint32_t)r);
	else
		gd_set_used_event(d, (uint16_t)r);
}

/* What the device has written is the driver's to spoil, too. */
static void evil_used(struct guest_driver *d, uint64_t r)
{
	unsigned words = packed(d) ? 2 : 2u + 4u * d->size;

	put16(d->device + 2 * take(&r, words), (uint16_t)r, __ATOMIC_RELAXED);
}

/* Offers what is in flight a second time, as if it had come back: some slots, or all. */
static void evil_again(struct guest_driver *d, uint64_t r)
{
	if (!packed(d)) {
		gd_set_avail_idx(d, (uint16_t)(d->avail + take(&r, d->size + 1u)));
		return;
	}
	for (unsigned i = 0; i < d->size; i++) {
		struct gd_desc v = gd_get_desc(d, d->ring.desc, i);

		v.flags ^= GD_F_AVAIL | GD_F_USED;
		if (r >> (i % 64) & 1)
			gd_set_desc(d, d->ring.desc, i, v);
	}
}

void gd_evil(struct guest_driver *d, uint64_t r)
{
	uint64_t act = take(&r, 9);

	if (act < 2)
		evil_event(d, r);
	else if (act == 2)
		evil_used(d, r);
	else if (act == 8)
		evil_again(d, r);
	else if (act < 5 && !packed(d))
		evil_index(d, r);
	else
		evil_desc(d, r);
}
