/* SPDX-License-Identifier: MIT */
/* fake_netdev.c: the host's end of a network, see fake_netdev.h. */
#include "tests/lib/fake_netdev.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "vmm/loop.h"

/* Not assert(): fuzzers and tests are built with and without it. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "fake_netdev.c:%d: not so: %s\n", __LINE__, #x);           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static struct fake_netdev *from_netdev(const struct netdev *n)
{
	struct fake_netdev *f = (struct fake_netdev *)(uintptr_t)n;

	MUST(!f->loop || !loop_is_running(f->loop) || loop_is_current(f->loop));
	return f;
}

struct fake_netdev *fake_netdev_new(uint64_t offloads, unsigned queues)
{
	struct fake_netdev *f = calloc(1, sizeof(*f));

	MUST(f);
	f->info = (struct net_info){ .backend = "fake", .offloads = offloads, .queues = queues };
	f->link = true;
	f->takes = UINT_MAX;
	return f;
}

void fake_netdev_clear(struct fake_netdev *f)
{
	while (f->out_cnt)
		free(f->out[--f->out_cnt].data);
	while (f->in_cnt)
		free(f->in[--f->in_cnt].data);
}

struct netdev *fake_netdev_close(struct netdev *n)
{
	struct fake_netdev *f = (struct fake_netdev *)(void *)n;

	if (!f)
		return NULL;
	MUST(!f->pairs);
	if (f->closed)
		*f->closed = true;
	fake_netdev_clear(f);
	free(f);
	return NULL;
}

void fake_netdev_set_events(struct netdev *n, const struct net_events *ev, void *opaque)
{
	struct fake_netdev *f = from_netdev(n);

	f->ev = ev;
	f->opaque = opaque;
}

struct net_info fake_netdev_info(const struct netdev *n)
{
	return ((const struct fake_netdev *)(const void *)n)->info;
}

bool fake_netdev_link(const struct netdev *n)
{
	return ((const struct fake_netdev *)(const void *)n)->link;
}

void fake_netdev_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	struct fake_netdev *f = from_netdev(n);

	MUST(pairs <= f->info.queues && !(offloads & ~f->info.offloads));
	f->pairs = pairs;
	f->offloads = offloads;
	f->runs++;
	memset(f->waits_in, 0, sizeof(f->waits_in));
}

/* Nothing is left to be flushed but of queue @q, when that goes on. */
static void check_flushed(const struct fake_netdev *f, unsigned q)
{
	for (unsigned i = 0; i < NET_QUEUES_MAX; i++)
		MUST(i == q || !f->gathered[i]);
}

static size_t total(const struct iovec *iov, unsigned cnt)
{
	size_t n = 0;

	for (unsigned i = 0; i < cnt; i++) {
		MUST(iov[i].iov_len);
		n += iov[i].iov_len;
	}
	return n;
}

int fake_netdev_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	struct fake_netdev *f = from_netdev(n);
	struct fake_packet p = { .q = q };

	MUST(q < f->info.queues && cnt >= 2 && iov[0].iov_len == NET_HDR_LEN);
	check_flushed(f, q);
	if (!f->takes) {
		f->waits_out[q] = true;
		return -EAGAIN;
	}
	if (f->takes != UINT_MAX)
		f->takes--;
	f->sends++;
	f->gathered[q] = true;
	p.len = total(iov, cnt);
	MUST(p.len <= NET_PACKET_MAX);
	if (!f->forget && f->out_cnt < FAKE_NETDEV_LOG) {
		uint8_t *at = p.data = malloc(p.len);

		MUST(at);
		for (unsigned i = 0; i < cnt; at += iov[i++].iov_len)
			memcpy(at, iov[i].iov_base, iov[i].iov_len);
		f->out[f->out_cnt++] = p;
	}
	if (f->on_send)
		f->on_send(f);
	return 0;
}

void fake_netdev_flush(struct netdev *n, unsigned q)
{
	struct fake_netdev *f = from_netdev(n);

	check_flushed(f, q);
	f->gathered[q] = false;
	f->flushes++;
}

/* The oldest packet of queue @q, taken out. */
static bool next_packet(struct fake_netdev *f, unsigned q, struct fake_packet *p)
{
	for (unsigned i = 0; i < f->in_cnt; i++) {
		if (f->in[i].q != q)
			continue;
		*p = f->in[i];
		memmove(&f->in[i], &f->in[i + 1], (--f->in_cnt - i) * sizeof(*p));
		return true;
	}
	return false;
}

/* Guest memory is where an evil driver and its device write at the same time. */
__attribute__((no_sanitize("thread"))) static void fill(const struct iovec *iov, unsigned cnt,
							const uint8_t *from, size_t len)
{
	for (unsigned i = 0; i < cnt && len; i++) {
		size_t part = min_u64(len, iov[i].iov_len);

		memcpy(iov[i].iov_base, from, part);
		from += part;
		len -= part;
	}
}

ssize_t fake_netdev_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	struct fake_netdev *f = from_netdev(n);
	struct fake_packet p;

	MUST(q < f->pairs && cnt && cnt <= 1024);
	check_flushed(f, UINT_MAX);
	f->recvs++;
	f->last_room = total(iov, cnt);
	f->last_cnt = cnt;
	MUST(f->last_room >= NET_HDR_LEN);
	if (!next_packet(f, q, &p)) {
		f->waits_in[q] = true;
		return -EAGAIN;
	}
	if (p.len > f->last_room)
		f->cut++;
	fill(iov, cnt, p.data, min_u64(p.len, f->last_room));
	free(p.data);
	return (ssize_t)p.len;
}

void fake_netdev_arrive(struct fake_netdev *f, unsigned q, const void *hdr, const void *frame,
			size_t len)
{
	static const uint8_t zero[NET_HDR_LEN];
	struct fake_packet p = { .q = q, .len = NET_HDR_LEN + len };

	if (f->in_cnt == FAKE_NETDEV_LOG)
		return;
	p.data = malloc(p.len);
	MUST(p.data);
	memcpy(p.data, hdr ? hdr : zero, NET_HDR_LEN);
	memcpy(p.data + NET_HDR_LEN, frame, len);
	f->in[f->in_cnt++] = p;
	if (f->waits_in[q] && q < f->pairs) {
		f->waits_in[q] = false;
		f->ev->readable(f->opaque, q);
	}
}

void fake_netdev_take(struct fake_netdev *f, unsigned n)
{
	f->takes = n;
	for (unsigned q = 0; q < NET_QUEUES_MAX; q++) {
		if (!f->waits_out[q])
			continue;
		f->waits_out[q] = false;
		f->ev->writable(f->opaque, q);
	}
}

void fake_netdev_set_link(struct fake_netdev *f, bool up)
{
	f->link = up;
	f->ev->link(f->opaque, up);
}

int fake_netdev_vhost_fd(const struct netdev *n, unsigned q)
{
	const struct fake_netdev *f = (const void *)n;

	return f->vhost_fd ? f->vhost_fd[q] : -1;
}
