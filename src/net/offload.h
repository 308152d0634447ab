/* SPDX-License-Identifier: MIT */
/*
 * offload.h: the virtio-net header (virtio 1.2, 5.1.6) of a packet that somebody else made: is it
 * true, and what of the work that it leaves to us is done here because the guest does not do it.
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include "net/netdev.h"

#define OFFLOAD_HEADERS 160u /* of a packet, from its beginning on: enough for offload_check() */

/* Which offloads packets may need that pass through here, as NET_F_*. */
#define OFFLOADS_KNOWN                                                                             \
	(NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_HOST_TSO4 | NET_F_GUEST_TSO4 | NET_F_HOST_TSO6 |    \
	 NET_F_GUEST_TSO6 | NET_F_HOST_ECN | NET_F_GUEST_ECN)

/*
 * @p: the packet's first bytes, OFFLOAD_HEADERS of them or all if there are fewer; @len: how long
 * it is, header included. False: the header says what cannot be.
 */
bool offload_check(const uint8_t *p, size_t len);
/* What a guest must have negotiated to get this packet, which was checked, as it is: NET_F_GUEST_*.
 */
uint64_t offload_needs(const uint8_t *p);
/* Computes the checksum that the header leaves to the receiver. @p is all of the packet, checked.
 */
void offload_finish_csum(uint8_t *p, size_t len);

/* A packet with TCP segmentation left to do, being taken apart. */
struct segmenter {
	const uint8_t *p;          /* checked; stays in place until the last segment */
	size_t len, headers, next; /* of .p */
	unsigned index;
};

void segmenter_begin(struct segmenter *s, const uint8_t *p, size_t len);
/* The next packet, complete with checksums and an empty header, to @to, of NET_PACKET_MAX bytes.
 * Its length; 0: that was all. */
size_t segmenter_next(struct segmenter *s, uint8_t *to);

#endif
