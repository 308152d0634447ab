/* SPDX-License-Identifier: MIT */
/* mac_table.c: 256 sets of four. */
#include "net/mac_table.h"

static uint64_t key_of(const uint8_t mac[6])
{
	uint64_t k = 0;

	for (unsigned i = 0; i < 6; i++)
		k = k << 8 | mac[i];
	return k;
}

static unsigned set_of(uint64_t key)
{
	return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

void mac_table_learn(struct mac_table *t, const uint8_t mac[6], unsigned port, uint32_t now_s)
{
	uint64_t key = key_of(mac);
	struct mac_entry *set = t->set[set_of(key)], *e = &set[0];

	if ((mac[0] & 1) || !key)
		return;
	for (unsigned i = 0; i < MAC_WAYS; i++) {
		if (set[i].mac == key) {
			e = &set[i];
			break;
		}
		if (!set[i].mac || (e->mac && set[i].seen_s < e->seen_s))
			e = &set[i];
	}
	*e = (struct mac_entry){ key, now_s, port };
}

int mac_table_find(const struct mac_table *t, const uint8_t mac[6], uint32_t now_s)
{
	uint64_t key = key_of(mac);
	const struct mac_entry *set = t->set[set_of(key)];

	for (unsigned i = 0; i < MAC_WAYS; i++)
		if (set[i].mac == key && key)
			return now_s - set[i].seen_s < MAC_AGE_S ? (int)set[i].port : -1;
	return -1;
}

void mac_table_forget(struct mac_table *t, unsigned port)
{
	for (unsigned i = 0; i < MAC_SETS * MAC_WAYS; i++) {
		struct mac_entry *e = &t->set[i / MAC_WAYS][i % MAC_WAYS];

		if (e->mac && e->port == port)
			*e = (struct mac_entry){ 0 };
	}
}
