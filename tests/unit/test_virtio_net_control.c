/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_net_control.c: what the driver asks of a network card by its control queue (virtio
 * 1.2, 5.1.6.5), and that it is done.
 */
#include <string.h>

#include "tests/lib/fake_netdev_link.h"
#include "tests/lib/net_guest.h"

#define GROUP     "\x33\x33\x00\x00\x00\x01"
#define GROUP_2   "\x01\x00\x5e\x00\x00\x02"
#define BROADCAST "\xff\xff\xff\xff\xff\xff"
#define OK        VIRTIO_NET_OK
#define ERR       VIRTIO_NET_ERR

static struct net_guest g;
static uint8_t frame[4096];

static void begin(uint64_t features)
{
	ng_begin(&g, &(struct ng_config){ .offloads = NG_OFFLOADS }, features);
	ng_post(&g, 0, 1530, 16);
}

static uint8_t set_mode(unsigned command, bool on)
{
	return ng_command(&g, VIRTIO_NET_CTRL_RX, (uint8_t)command, &(uint8_t){ on }, 1);
}

/* --- what comes in ---------------------------------------------------------------------------- */

/* A driver that cannot or does not say what it wants gets everything. */
static void everything_comes_in_at_first(void **state)
{
	(void)state;
	begin(VIRTIO_NET_F_MRG_RXBUF);
	ng_assert_admits(&g, NG_MAC, true);
	ng_assert_admits(&g, NG_OTHER, true);
	ng_assert_admits(&g, GROUP, true);
	ng_assert_admits(&g, BROADCAST, true);
	ng_end(&g);
}

/* 5.1.6.5.1 */
static void modes(void **state)
{
	static const struct {
		int mode; /* and not promiscuous; -1: nothing else */
		bool own, other, group, broadcast;
	} cases[] = {
		{ -1, true, false, false, true },
		{ VIRTIO_NET_CTRL_RX_ALLMULTI, true, false, true, true },
		{ VIRTIO_NET_CTRL_RX_ALLUNI, true, true, false, true },
		{ VIRTIO_NET_CTRL_RX_NOMULTI, true, false, false, true },
		{ VIRTIO_NET_CTRL_RX_NOUNI, false, false, false, true },
		{ VIRTIO_NET_CTRL_RX_NOBCAST, true, false, false, false },
		{ VIRTIO_NET_CTRL_RX_PROMISC, true, true, true, true },
	};

	(void)state;
	begin(NG_USUAL & ~VIRTIO_NET_F_CTRL_VLAN);
	assert_int_equal(set_mode(VIRTIO_NET_CTRL_RX_PROMISC, false), OK);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].mode >= 0)
			assert_int_equal(set_mode((unsigned)cases[i].mode, true), OK);
		ng_assert_admits(&g, NG_MAC, cases[i].own);
		ng_assert_admits(&g, NG_OTHER, cases[i].other);
		ng_assert_admits(&g, GROUP, cases[i].group);
		ng_assert_admits(&g, BROADCAST, cases[i].broadcast);
		if (cases[i].mode >= 0)
			assert_int_equal(set_mode((unsigned)cases[i].mode, false), OK);
	}
	assert_true(virtio_net_stats(g.n).rx_filtered >= 6);
	ng_end(&g);
}

/* Two tables: @uni and @multi are texts of six bytes for each address. */
static uint8_t set_tables(const char *uni, uint32_t uni_cnt, const char *multi, uint32_t multi_cnt)
{
	uint8_t b[2048];
	size_t n = 0;

	put_le32(b, uni_cnt);
	n += 4;
	memcpy(b + n, uni, 6 * uni_cnt);
	n += 6 * uni_cnt;
	put_le32(b + n, multi_cnt);
	n += 4;
	memcpy(b + n, multi, 6 * multi_cnt);
	n += 6 * multi_cnt;
	return ng_command(&g, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, b, n);
}

/* 5.1.6.5.2 */
static void tables_of_addresses(void **state)
{
	static char many[NET_QUEUES_MAX * 64];

	(void)state;
	begin(NG_USUAL & ~VIRTIO_NET_F_CTRL_VLAN);
	assert_int_equal(set_mode(VIRTIO_NET_CTRL_RX_PROMISC, false), OK);
	assert_int_equal(set_tables(NG_OTHER, 1, GROUP GROUP_2, 2), OK);
	ng_assert_admits(&g, NG_MAC, true);
	ng_assert_admits(&g, NG_OTHER, true);
	ng_assert_admits(&g, GROUP, true);
	ng_assert_admits(&g, GROUP_2, true);
	ng_assert_admits(&g, "\x01\x00\x5e\x00\x00\x03", false);
	ng_assert_admits(&g, "\x52\x54\x00\x00\x00\x01", false);
	assert_int_equal(set_tables("", 0, GROUP, 1), OK);
	ng_assert_admits(&g, NG_OTHER, false);
	ng_assert_admits(&g, GROUP_2, false);
	/* More than there is room for: all of the kind. */
	assert_int_equal(set_tables("", 0, many, 100), OK);
	ng_assert_admits(&g, GROUP_2, true);
	ng_assert_admits(&g, NG_OTHER, false);
	assert_int_equal(set_tables(many, 100, "", 0), OK);
	ng_assert_admits(&g, GROUP_2, false);
	ng_assert_admits(&g, NG_OTHER, true);
	ng_end(&g);
}

/* The address itself, in the configuration and for the filter; 5.1.6.5.2. */
static void another_address(void **state)
{
	(void)state;
	begin(NG_USUAL & ~VIRTIO_NET_F_CTRL_VLAN);
	assert_int_equal(set_mode(VIRTIO_NET_CTRL_RX_PROMISC, false), OK);
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_MAC, 1, NG_OTHER, 6), OK);
	assert_int_equal(NG_CONFIG(&g, mac), 0x214365005452);
	ng_assert_admits(&g, NG_OTHER, true);
	ng_assert_admits(&g, NG_MAC, false);
	/* A group's, and none. */
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_MAC, 1, GROUP, 6), ERR);
	assert_int_equal(ng_command(&g, VIRTIO_NET_CTRL_MAC, 1, "\0\0\0\0\0", 6), ERR);
	assert_int_equal(NG_CONFIG(&g, mac), 0x214365005452);
	/* The next driver finds the card as it was. */
	virtio_set_status(g.r.v, 0);
	vr_drive(&g.r, NG_USUAL);
	assert_int_equal(NG_CONFIG(&g, mac), 0x563412005452);
	ng_end(&g);
}

static void arrives_tagged(unsigned tci, bool yes)
{
	ng_frame(frame, 64, NG_MAC, 0);
	memcpy(frame + 12, "\x81\x00", 2);
	frame[14] = (uint8_t)(tci >> 8);
	frame[15] = (uint8_t)tci;
	ng_arrive(&g, 0, NULL, frame, 64);
	if (!yes) {
		ng_expect_none(&g, 0);
		return;
	}
	ng_expect(&g, 0, frame, 64, 1);
	ng_post(&g, 0, 1530, 1);
}

static uint8_t vlan(uint8_t command, uint16_t vid)
{
	uint8_t b[2];

	put_le16(b, vid);
	return ng_command(&g, VIRTIO_NET_CTRL_VLAN, command, b, 2);
}

/* 5.1.6.5.3 */
static void vlans(void **state)
{
	(void)state;
	begin(NG_USUAL);
	assert_int_equal(set_mode(VIRTIO_NET_CTRL_RX_PROMISC, false), OK);
	arrives_tagged(5, false);
	assert_int_equal(vlan(VIRTIO_NET_CTRL_VLAN_ADD, 5), OK);
	assert_int_equal(vlan(VIRTIO_NET_CTRL_VLAN_ADD, 4095), OK);
	assert_int_equal(vlan(VIRTIO_NET_CTRL_VLAN_ADD, 4096), ERR);
	arrives_tagged(5, true);
	arrives_tagged(0xe005, true); /* of some priority */
	arrives_tagged(4095, true);
	arrives_tagged(6, false);
	ng_assert_admits(&g, NG_MAC, true); /* untagged */
	assert_int_equal(vlan(VIRTIO_NET_CTRL_VLAN_DEL, 5), OK);
	arrives_tagged(5, false);
	ng_end(&g);
	/* A driver that has no filter for tags gets them all. */
	begin(NG_USUAL & ~VIRTIO_NET_F_CTRL_VLAN);
	assert_int_equal(set_mode(VIRTIO_NET_CTRL_RX_PROMISC, false), OK);
	arrives_tagged(5, true);
	ng_end(&g);
}

/* --- pairs, offloads -------------------------------------------------------------------------- */

static uint8_t set_pairs(uint16_t pairs)
{
	uint8_t b[2];

	put_le16(b, pairs);
	return ng_command(&g, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, b, 2);
}

/* 5.1.6.5.5 */
static void pairs_of_queues(void **state)
{
	(void)state;
	ng_begin(&g, &(struct ng_config){ .pairs = 4 }, NG_USUAL | VIRTIO_NET_F_MQ);
	assert_int_equal(g.net->pairs, 1);
	for (unsigned i = 0; i < 4; i++)
		ng_post(&g, i, 1530, 4);
	assert_int_equal(set_pairs(0), ERR);
	assert_int_equal(set_pairs(5), ERR);
	assert_int_equal(g.net->pairs, 1);
	assert_int_equal(set_pairs(4), OK);
	assert_int_equal(g.net->pairs, 4);
	for (unsigned i = 0; i < 4; i++) {
		ng_frame(frame, 60, NG_MAC, i);
		ng_arrive(&g, i, NULL, frame, 60);
		ng_expect(&g, i, frame, 60, 1);
		ng_send(&g, i, NULL, frame, 60);
		assert_int_equal(ng_sent(&g, i), 1);
		assert_int_equal(g.net->out[i].q, i);
	}
	assert_int_equal(set_pairs(2), OK);
	assert_int_equal(g.net->pairs, 2);
	/* Chains of queues that are not in use any more are the driver's. */
	assert_int_equal(vq_outstanding(g.r.v->queue[4].vq), 0);
	assert_int_equal(vq_outstanding(g.r.v->queue[6].vq), 0);
	ng_end(&g);
}

/* 5.1.2: without F_MQ the control queue is queue 2, whatever the card has. */
static void control_queue_of_a_driver_that_knows_no_pairs(void **state)
{
	(void)state;
	ng_begin(&g, &(struct ng_config){ .pairs = 4 }, NG_USUAL);
	assert_int_equal(set_mode(VIRTIO_NET_CTRL_RX_PROMISC, false), OK);
	assert_int_equal(set_pairs(2), ERR);
	ng_end(&g);
}

static uint8_t set_offloads(uint64_t offloads)
{
	uint8_t b[8];

	put_le64(b, offloads);
	return ng_command(&g, VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, b,
			  8);
}

/* 5.1.6.5.6 */
static void offloads(void **state)
{
	const uint64_t all = VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;

	(void)state;
	begin(NG_USUAL | all | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
	assert_int_equal(g.net->offloads, all);
	assert_int_equal(set_offloads(VIRTIO_NET_F_GUEST_CSUM), OK);
	assert_int_equal(g.net->offloads, VIRTIO_NET_F_GUEST_CSUM);
	assert_int_equal(set_offloads(VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO6), ERR);
	assert_int_equal(set_offloads(VIRTIO_NET_F_CSUM), ERR);
	assert_int_equal(g.net->offloads, VIRTIO_NET_F_GUEST_CSUM);
	assert_int_equal(set_offloads(all), OK);
	assert_int_equal(g.net->offloads, all);
	ng_end(&g);
}

/* --- what is no command ----------------------------------------------------------------------- */

/* "Wrong lengths": each command with less, and with more, than its data. */
static void lengths(void **state)
{
	static const struct {
		uint8_t class, command;
		size_t len;
	} cases[] = { { VIRTIO_NET_CTRL_RX, 0, 1 },   { VIRTIO_NET_CTRL_RX, 5, 1 },
		      { VIRTIO_NET_CTRL_MAC, 1, 6 },  { VIRTIO_NET_CTRL_VLAN, 0, 2 },
		      { VIRTIO_NET_CTRL_VLAN, 1, 2 }, { VIRTIO_NET_CTRL_ANNOUNCE, 0, 0 },
		      { VIRTIO_NET_CTRL_MAC, 0, 8 },  { VIRTIO_NET_CTRL_GUEST_OFFLOADS, 0, 8 } };
	static const uint8_t data[64];

	(void)state;
	begin(NG_USUAL | VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | VIRTIO_NET_F_GUEST_CSUM);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t len = 0; len < sizeof(data); len++) {
			bool zero_mac = cases[i].class == VIRTIO_NET_CTRL_MAC && cases[i].command;

			assert_int_equal(
				ng_command(&g, cases[i].class, cases[i].command, data, len),
				len == cases[i].len && !zero_mac ? OK : ERR);
		}
	}
	ng_end(&g);
}

/* All classes and numbers there can be, and those that were not negotiated. */
static void commands_that_there_are_not(void **state)
{
	(void)state;
	begin(VIRTIO_NET_F_CTRL_VQ);
	for (unsigned class = 0; class < 8; class ++)
		for (unsigned command = 0; command < 8; command++)
			assert_int_equal(
				ng_command(&g, (uint8_t) class, (uint8_t)command, "\0\0", 1), ERR);
	assert_int_equal(ng_command(&g, 0xff, 0xff, NULL, 0), ERR);
	ng_end(&g);
}

/* Row 10: no header, no byte for the answer, nothing at all; tables that end too early. */
static void test_row10_commands_that_lack_something(void **state)
{
	struct gd_used u;
	struct gd_buf b[2];
	uint8_t t[64] = { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET };

	(void)state;
	ng_quiet();
	begin(NG_USUAL);
	for (uint32_t len = 0; len < 4; len++) {
		b[0] = (struct gd_buf){ vr_put(&g.r, 2, "\0\0\0", len), len, false };
		assert_true(gd_add(&g.r.q[2], b, 1, NULL) >= 0);
		vr_kick(&g.r, 2);
		assert_true(gd_get_used(&g.r.q[2], &u));
		assert_int_equal(u.len, 0);
	}
	/* Counts that overflow, or are of more addresses than follow. */
	for (unsigned i = 0; i < 6; i++) {
		static const uint32_t cnt[] = { 1, 2, 10, 0x2aaaaaab, 0x80000000, 0xffffffff };

		put_le32(t + 2, cnt[i]);
		assert_int_equal(ng_command(&g, t[0], t[1], t + 2, 4), ERR);
		assert_int_equal(ng_command(&g, t[0], t[1], t + 2, 9), ERR);
		put_le32(t + 2, 0);
		put_le32(t + 6, cnt[i]);
		assert_int_equal(ng_command(&g, t[0], t[1], t + 2, 8), ERR);
		assert_int_equal(ng_command(&g, t[0], t[1], t + 2, 12), ERR);
	}
	assert_int_equal(set_mode(VIRTIO_NET_CTRL_RX_ALLMULTI, true), OK);
	ng_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_in_at_first),
		cmocka_unit_test(modes),
		cmocka_unit_test(tables_of_addresses),
		cmocka_unit_test(another_address),
		cmocka_unit_test(vlans),
		cmocka_unit_test(pairs_of_queues),
		cmocka_unit_test(control_queue_of_a_driver_that_knows_no_pairs),
		cmocka_unit_test(offloads),
		cmocka_unit_test(lengths),
		cmocka_unit_test(commands_that_there_are_not),
		cmocka_unit_test(test_row10_commands_that_lack_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
