/* SPDX-License-Identifier: MIT */
/*
 * mac_table.h: behind which port of a switch a station is, as its frames have shown (IEEE 802.1Q,
 * 8.7). Of fixed size: who makes up addresses pushes out others, whose frames are then flooded
 * until they speak again.
 */
#ifndef NET_MAC_TABLE_H
#define NET_MAC_TABLE_H

#include "vmm/base.h"

#define MAC_SETS  256u
#define MAC_WAYS  4u
#define MAC_AGE_S 300u

struct mac_entry {
	uint64_t mac; /* 0: free */
	uint32_t seen_s;
	uint32_t port;
};

/* Zeroed is empty. */
struct mac_table {
	struct mac_entry set[MAC_SETS][MAC_WAYS];
};

/* @now_s never goes back. A group address is nobody's and not learnt. */
void mac_table_learn(struct mac_table *t, const uint8_t mac[6], unsigned port, uint32_t now_s);
/* -1: not known, or not heard of for MAC_AGE_S. */
int mac_table_find(const struct mac_table *t, const uint8_t mac[6], uint32_t now_s);
/* Nobody is behind @port any more. */
void mac_table_forget(struct mac_table *t, unsigned port);

#endif
