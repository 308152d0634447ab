/* SPDX-License-Identifier: MIT */
/*
 * disklog.h: what the guest disklog.c writes, for it and for the one who checks it afterwards
 * (tests/durability/checklog.c).
 *
 * A log of numbered records, each in a slot of its own, all over the disk; the log goes round, so
 * that a slot is written again and again. Everything about record n follows from n and a seed:
 * where it is, how long, what is in it. A record that is written twice therefore is the same twice.
 */
#ifndef FIRMWARE_TESTS_C_DISKLOG_H
#define FIRMWARE_TESTS_C_DISKLOG_H

#include <stdint.h>

#define SECTOR         512u
#define SECTOR_WORDS   (SECTOR / 4)
#define SLOT_SECTORS   24u /* no divisor of a cluster: some records lie across two */
#define RECORD_MAX     SLOT_SECTORS
#define BATCH_MAX      8u /* records that share a flush */
#define DISKLOG_MAGIC  0x474f4c44u
#define DISKLOG_STRIDE 1543u /* prime */

enum record_kind {
	RECORD_DATA,
	RECORD_ZEROES,  /* the sectors read as zeroes from now on */
	RECORD_DISCARD, /* what they read is anybody's guess */
};

static inline uint32_t disklog_hash(uint32_t a, uint32_t b)
{
	uint32_t h = a * 2654435761u ^ (b + 0x9e3779b9u) * 2246822519u;

	h ^= h >> 15;
	h *= 2246822519u;
	h ^= h >> 13;
	return h;
}

/* Slots of a disk; never a multiple of the stride, so that all are used. */
static inline uint32_t disklog_slots(uint64_t disk_sectors)
{
	uint32_t n =
		(uint32_t)(disk_sectors > 0x7fffffff ? 0x7fffffff : disk_sectors) / SLOT_SECTORS;

	return n && n % DISKLOG_STRIDE == 0 ? n - 1 : n;
}

/* The slot of a record; two records share one only if they are a whole round apart. */
static inline uint32_t disklog_slot(uint32_t n, uint32_t slots)
{
	return (uint32_t)((n % slots) * DISKLOG_STRIDE % slots);
}

static inline enum record_kind disklog_kind(uint32_t seed, uint32_t n)
{
	switch (disklog_hash(seed, n) >> 28) {
	case 0:
		return RECORD_ZEROES;
	case 1:
		return RECORD_DISCARD;
	default:
		return RECORD_DATA;
	}
}

static inline uint32_t disklog_sectors(uint32_t seed, uint32_t n)
{
	uint32_t h = disklog_hash(seed ^ 0x5bd1e995u, n);

	return h & 7 ? 1 + (h >> 8) % 4 : 1 + (h >> 8) % RECORD_MAX;
}

/* Word @w of sector @i of a record that holds data. */
static inline uint32_t disklog_word(uint32_t seed, uint32_t n, uint32_t i, uint32_t w)
{
	switch (w) {
	case 0:
		return DISKLOG_MAGIC;
	case 1:
		return n;
	case 2:
		return seed;
	case 3:
		return i;
	default:
		return disklog_hash(seed + i, n);
	}
}

#endif
