/* SPDX-License-Identifier: MIT */
/* test_offload.c: headers that lie, checksums and segments done for a guest that cannot. */
#include <linux/virtio_net.h>
#include <string.h>

#include "net/netdev_internal.h"
#include "net/offload.h"
#include "tests/lib/fake.h"

static uint8_t p[NET_PACKET_MAX], out[NET_PACKET_MAX];

static void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void hdr(unsigned flags, unsigned gso, unsigned size, unsigned start, unsigned offset)
{
	memset(p, 0, NET_HDR_LEN);
	p[0] = (uint8_t)flags;
	p[1] = (uint8_t)gso;
	p[4] = (uint8_t)size;
	p[5] = (uint8_t)(size >> 8);
	p[6] = (uint8_t)start;
	p[7] = (uint8_t)(start >> 8);
	p[8] = (uint8_t)offset;
	p[9] = (uint8_t)(offset >> 8);
}

/* RFC 1071 over @len bytes, the slow way. */
static unsigned ones(const uint8_t *b, size_t len, unsigned acc)
{
	for (size_t i = 0; i < len; i++)
		acc += i % 2 ? b[i] : (unsigned)b[i] << 8;
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	return acc;
}

/* A TCP packet of @payload bytes to be cut into @mss; its length. */
static size_t tcp_packet(bool v4, bool vlan, unsigned options, size_t payload, unsigned mss)
{
	uint8_t *frame = p + NET_HDR_LEN;
	size_t ip = vlan ? 18 : 14, l4 = ip + (v4 ? 20 : 40), head = l4 + 20 + options;

	memset(frame, 0, head);
	if (vlan)
		put16(frame + 12, 0x8100);
	put16(frame + ip - 2, v4 ? 0x0800 : 0x86dd);
	frame[ip] = v4 ? 0x45 : 0x60;
	if (v4) {
		put16(frame + ip + 4, 0xfffe); /* the id wraps */
		frame[ip + 9] = 6;
		memcpy(frame + ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	} else {
		frame[ip + 6] = 6;
		memset(frame + ip + 8, 0xfd, 32);
	}
	memcpy(frame + l4 + 4, "\xff\xff\xff\x00", 4); /* so does the sequence */
	frame[l4 + 12] = (uint8_t)((20 + options) / 4 << 4);
	frame[l4 + 13] = 0x99; /* CWR, ACK, PSH, FIN */
	for (size_t i = 0; i < payload; i++)
		frame[head + i] = (uint8_t)(i * 13 + i / 256);
	hdr(VIRTIO_NET_HDR_F_NEEDS_CSUM,
	    (v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6) | VIRTIO_NET_HDR_GSO_ECN,
	    mss, (unsigned)l4, 16);
	return NET_HDR_LEN + head + payload;
}

static void check_segments(bool v4, bool vlan, unsigned options, size_t payload, unsigned mss)
{
	size_t len = tcp_packet(v4, vlan, options, payload, mss), n, at = 0;
	size_t ip = NET_HDR_LEN + (vlan ? 18 : 14), l4 = ip + (v4 ? 20 : 40);
	size_t head = l4 + 20 + options;
	struct segmenter s;
	unsigned i = 0;

	assert_true(offload_check(p, len));
	assert_int_equal(offload_needs(p), NET_F_GUEST_CSUM | NET_F_GUEST_ECN |
						   (v4 ? NET_F_GUEST_TSO4 : NET_F_GUEST_TSO6));
	segmenter_begin(&s, p, len);
	for (; (n = segmenter_next(&s, out)); i++, at += n - head) {
		uint32_t seq = 0xffffff00u + (uint32_t)at, got;
		bool last = at + (n - head) == payload;

		assert_true(last ? n - head <= mss : n - head == mss);
		assert_memory_equal(out + head, p + head + at, n - head);
		memcpy(&got, out + l4 + 4, 4);
		assert_int_equal(__builtin_bswap32(got), seq);
		assert_int_equal(out[l4 + 13], 0x10 | (i ? 0 : 0x80) | (last ? 0x09 : 0));
		assert_int_equal(out[0] | out[1], 0);
		if (v4) {
			assert_int_equal(ones(out + ip, 20, 0), 0xffff);
			assert_int_equal(out[ip + 2] << 8 | out[ip + 3], n - ip);
			assert_int_equal(out[ip + 4] << 8 | out[ip + 5], (0xfffe + i) & 0xffff);
		} else {
			assert_int_equal(out[ip + 4] << 8 | out[ip + 5], n - ip - 40);
		}
		assert_int_equal(ones(out + l4, n - l4,
				      ones(out + ip + (v4 ? 12 : 8), v4 ? 8 : 32, 0) + 6 +
					      (unsigned)(n - l4)),
				 0xffff);
		assert_true(offload_check(out, n));
	}
	assert_int_equal(at, payload);
	assert_int_equal(i, (payload + mss - 1) / mss);
}

static void segments(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 8; k++) {
		check_segments(k & 1, k & 2, k & 4 ? 12 : 0, 1, 1448);
		check_segments(k & 1, k & 2, k & 4 ? 40 : 0, 1448, 1448);
		check_segments(k & 1, k & 2, k & 4 ? 12 : 0, 65000, 1448);
		check_segments(k & 1, k & 2, k & 4 ? 12 : 0, 9999, 48);
	}
}

static void checksum(void **state)
{
	(void)state;
	for (unsigned len = 60; len < 200; len++) {
		for (unsigned i = 0; i < len; i++)
			p[NET_HDR_LEN + i] = (uint8_t)(i * len);
		hdr(VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, 34, 6);
		assert_true(offload_check(p, NET_HDR_LEN + len));
		offload_finish_csum(p, NET_HDR_LEN + len);
		assert_int_equal(p[0], 0);
		assert_int_not_equal(p[NET_HDR_LEN + 40] | p[NET_HDR_LEN + 41], 0);
	}
}

static void test_row25_headers_that_lie(void **state)
{
	size_t len = tcp_packet(true, false, 0, 3000, 1448);

	(void)state;
	assert_true(offload_check(p, len));
	for (size_t cut = 0; cut < NET_HDR_LEN + 54 + 1; cut++)
		assert_false(offload_check(p, cut));
	hdr(1, 1, 0, 34, 16);
	assert_false(offload_check(p, len)); /* segments of nothing */
	hdr(1, 1, 47, 34, 16);
	assert_false(offload_check(p, len));
	hdr(0, 1, 1448, 34, 16);
	assert_false(offload_check(p, len)); /* no checksum */
	hdr(1, 4, 1448, 34, 16);
	assert_false(offload_check(p, len)); /* another protocol */
	hdr(1, 1, 1448, 35, 16);
	assert_false(offload_check(p, len)); /* not where IP ends */
	hdr(1, 1, 1448, 0xffff, 16);
	assert_false(offload_check(p, len));
	hdr(1, 3, 1448, 34, 6);
	assert_false(offload_check(p, len)); /* not offered */
	hdr(1, 5, 1448, 34, 6);
	assert_false(offload_check(p, len));
	hdr(1, 0, 0, 0xffff, 0xffff);
	assert_false(offload_check(p, len));
	hdr(1, 0, 0, (unsigned)(len - NET_HDR_LEN) - 17, 16);
	assert_false(offload_check(p, len));
	hdr(1, 0, 0, (unsigned)(len - NET_HDR_LEN) - 18, 16);
	assert_true(offload_check(p, len));
	hdr(1, 0, 0, 13, 2);
	assert_false(offload_check(p, len)); /* inside the addresses */
	hdr(0, 0x80, 0, 0, 0);
	assert_false(offload_check(p, len));
	hdr(4, 0, 0, 0, 0);
	assert_false(offload_check(p, len));
	for (unsigned doff = 0; doff < 16; doff++) {
		len = tcp_packet(true, false, 0, 3, 1448);
		p[NET_HDR_LEN + 34 + 12] = (uint8_t)(doff << 4);
		assert_int_equal(offload_check(p, len), doff == 5);
	}
}

/* Whatever passes the check can be worked off, within the buffers. */
static void test_row25_whatever_passes_is_safe(void **state)
{
	unsigned passed = 0;

	(void)state;
	srandom(1);
	for (unsigned i = 0; i < 200000; i++) {
		size_t len = tcp_packet(i & 1, i & 2, i & 4 ? 12 : 0, (size_t)random() % 300,
					(unsigned)random() % 200);
		struct segmenter s;
		unsigned cnt = 0;

		for (unsigned k = 0; k < (unsigned)random() % 4; k++)
			p[random() % 80] = (uint8_t)random();
		len -= (size_t)random() % 3 ? 0 : min_u64((uint64_t)random() % 100, len);
		if (!offload_check(p, len))
			continue;
		passed++;
		if (offload_needs(p) & (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6)) {
			segmenter_begin(&s, p, len);
			while (segmenter_next(&s, out))
				assert_true(++cnt < 20);
		} else {
			offload_finish_csum(p, len);
		}
	}
	assert_true(passed > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments),
		cmocka_unit_test(checksum),
		cmocka_unit_test(test_row25_headers_that_lie),
		cmocka_unit_test(test_row25_whatever_passes_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
