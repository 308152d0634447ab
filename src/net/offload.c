/* SPDX-License-Identifier: MIT */
/* offload.c: virtio-net headers, checked and worked off. TCP: RFC 9293; IP: RFC 791, RFC 8200. */
#include "net/offload.h"

#include <endian.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "net/netdev_internal.h"

#define ETH_LEN      14u
#define VLAN_LEN     4u
#define IP4_LEN      20u
#define IP6_LEN      40u
#define TCP_LEN      20u
#define PROTO_TCP    6u
#define MSS_MIN      48u /* nobody has a smaller one; each byte of a packet could be one of many */
#define TCP_FIN_PSH  0x09u
#define TCP_CWR      0x80u
#define TCP_CSUM_OFF 16u

static unsigned le16_at(const uint8_t *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

static unsigned be16_at(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put_be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static uint32_t be32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static unsigned gso_of(const uint8_t *p)
{
	return p[1] & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
}

#define GSO_SIZE(p)    le16_at((p) + 4)
#define CSUM_START(p)  le16_at((p) + 6)
#define CSUM_OFFSET(p) le16_at((p) + 8)

/* Where the IP header is in the frame, behind one VLAN tag at most. */
static size_t ip_offset(const uint8_t *frame)
{
	unsigned type = be16_at(frame + 12);

	return type == 0x8100 || type == 0x88a8 ? ETH_LEN + VLAN_LEN : ETH_LEN;
}

/* One that is to be segmented: headers all there, and where the checksum says that they are. */
static bool check_tcp(const uint8_t *p, size_t len)
{
	const uint8_t *frame = p + NET_HDR_LEN;
	size_t flen = len - NET_HDR_LEN, ip = ip_offset(frame), l4 = CSUM_START(p), tcp_len;
	size_t seen = min_u64(flen, OFFLOAD_HEADERS - NET_HDR_LEN);
	bool v4 = gso_of(p) == VIRTIO_NET_HDR_GSO_TCPV4;

	if (!(p[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM) || CSUM_OFFSET(p) != TCP_CSUM_OFF ||
	    GSO_SIZE(p) < MSS_MIN || l4 + TCP_LEN > seen)
		return false;
	if (be16_at(frame + ip - 2) != (v4 ? 0x0800u : 0x86ddu))
		return false;
	if (v4 && (l4 < ip + IP4_LEN || frame[ip] != (0x40 | (l4 - ip) / 4) || (l4 - ip) % 4 ||
		   frame[ip + 9] != PROTO_TCP))
		return false;
	/* Extension headers may be in between. */
	if (!v4 && (l4 < ip + IP6_LEN || frame[ip] >> 4 != 6))
		return false;
	tcp_len = (size_t)(frame[l4 + 12] >> 4) * 4;
	return tcp_len >= TCP_LEN && l4 + tcp_len <= seen && l4 + tcp_len < flen;
}

bool offload_check(const uint8_t *p, size_t len)
{
	size_t flen = len - NET_HDR_LEN;

	if (len < NET_HDR_LEN + ETH_LEN + VLAN_LEN)
		return len >= NET_HDR_LEN + ETH_LEN && !p[0] && !p[1];
	if (p[0] & ~(VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
		return false;
	if ((p[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	    (CSUM_START(p) < ETH_LEN || (size_t)CSUM_START(p) + CSUM_OFFSET(p) + 2 > flen))
		return false;
	switch (gso_of(p)) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return p[1] == 0;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return check_tcp(p, len);
	default:
		return false;
	}
}

uint64_t offload_needs(const uint8_t *p)
{
	uint64_t f = p[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM ? NET_F_GUEST_CSUM : 0;

	if (gso_of(p) == VIRTIO_NET_HDR_GSO_TCPV4)
		f |= NET_F_GUEST_TSO4;
	if (gso_of(p) == VIRTIO_NET_HDR_GSO_TCPV6)
		f |= NET_F_GUEST_TSO6;
	if (p[1] & VIRTIO_NET_HDR_GSO_ECN)
		f |= NET_F_GUEST_ECN;
	return f;
}

/* --- checksums (RFC 1071) --------------------------------------------------------------------- */

static uint64_t sum(const uint8_t *p, size_t len, uint64_t acc)
{
	uint32_t w;

	for (; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		acc += be32toh(w);
	}
	if (len >= 2) {
		acc += (uint64_t)be16_at(p) << 16;
		p += 2;
		len -= 2;
		if (len)
			acc += (uint64_t)p[0] << 8;
	} else if (len) {
		acc += (uint64_t)p[0] << 24;
	}
	return acc;
}

/* Never 0, which for UDP means that there is none; TCP does not tell the two apart. */
static unsigned fold(uint64_t acc)
{
	while (acc >> 16)
		acc = (acc & 0xffff) + (acc >> 16);
	acc = ~acc & 0xffff;
	return acc ? (unsigned)acc : 0xffff;
}

void offload_finish_csum(uint8_t *p, size_t len)
{
	uint8_t *frame = p + NET_HDR_LEN;
	size_t start = CSUM_START(p), at = start + CSUM_OFFSET(p);

	if (!(p[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	/* The field holds the sum over what is in front of it and not in the packet. */
	put_be16(frame + at, fold(sum(frame + start, len - NET_HDR_LEN - start, 0)));
	memset(p, 0, NET_HDR_LEN);
}

/* --- segments --------------------------------------------------------------------------------- */

void segmenter_begin(struct segmenter *s, const uint8_t *p, size_t len)
{
	size_t l4 = NET_HDR_LEN + CSUM_START(p);

	*s = (struct segmenter){ .p = p,
				 .len = len,
				 .headers = l4 + (size_t)(p[l4 + 12] >> 4) * 4 };
	s->next = s->headers;
}

/* The pseudo header's part: addresses, protocol, length. */
static uint64_t pseudo_sum(const uint8_t *ip, bool v4, size_t tcp_len)
{
	return sum(v4 ? ip + 12 : ip + 8, v4 ? 8 : 32, PROTO_TCP + tcp_len);
}

size_t segmenter_next(struct segmenter *s, uint8_t *to)
{
	const uint8_t *p = s->p;
	size_t l4 = NET_HDR_LEN + CSUM_START(p), ip = NET_HDR_LEN + ip_offset(p + NET_HDR_LEN);
	size_t n = min_u64(GSO_SIZE(p), s->len - s->next), len = s->headers + n;
	bool v4 = gso_of(p) == VIRTIO_NET_HDR_GSO_TCPV4, first = s->next == s->headers;
	uint8_t *tcp = to + l4;

	if (!n)
		return 0;
	memcpy(to, p, s->headers);
	memcpy(to + s->headers, p + s->next, n);
	memset(to, 0, NET_HDR_LEN);
	if (v4) {
		put_be16(to + ip + 2, (unsigned)(len - ip));
		put_be16(to + ip + 4, be16_at(p + ip + 4) + s->index);
		put_be16(to + ip + 10, 0);
		put_be16(to + ip + 10, fold(sum(to + ip, l4 - ip, 0)));
	} else {
		put_be16(to + ip + 4, (unsigned)(len - ip - IP6_LEN));
	}
	put_be32(tcp + 4, be32_at(p + l4 + 4) + (uint32_t)(s->next - s->headers));
	if (!first)
		tcp[13] &= (uint8_t)~TCP_CWR;
	s->next += n;
	s->index++;
	if (s->next < s->len)
		tcp[13] &= (uint8_t)~TCP_FIN_PSH;
	put_be16(tcp + TCP_CSUM_OFF, 0);
	put_be16(tcp + TCP_CSUM_OFF, fold(sum(tcp, len - l4, pseudo_sum(to + ip, v4, len - l4))));
	return len;
}
