/* SPDX-License-Identifier: MIT */
/*
 * checklog: is everything that the guest disklog was told is safe really on the disk?
 *
 *   checklog IMAGE SEED ACKED     IMAGE: what the guest's disk reads, as a plain file
 *
 * Each slot must hold the newest record that was acknowledged. Records after that may have been on
 * their way, all or part of them, sector by sector; nothing else may be there. Prints what is
 * missing and ends with 1; "N records" and 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/tests/c/disklog.h"

static uint32_t seed;

/* Does sector @i read as record @n has it? */
static bool holds(uint32_t n, uint32_t i, const uint32_t *words)
{
	enum record_kind kind = disklog_kind(seed, n);

	if (kind == RECORD_DISCARD)
		return true;
	for (uint32_t w = 0; w < SECTOR_WORDS; w++) {
		if (words[w] != (kind == RECORD_ZEROES ? 0 : disklog_word(seed, n, i, w)))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	uint32_t slots, acked, slot_words[SLOT_SECTORS * SECTOR_WORDS], first, bad = 0;
	struct stat st;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: checklog IMAGE SEED ACKED\n");
		return 2;
	}
	seed = (uint32_t)strtoul(argv[2], NULL, 0);
	acked = (uint32_t)strtoul(argv[3], NULL, 0);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		fprintf(stderr, "checklog: '%s': %s\n", argv[1], strerror(errno));
		return 2;
	}
	slots = disklog_slots((uint64_t)st.st_size / SECTOR);
	if (slots < 4 * BATCH_MAX) {
		fprintf(stderr, "checklog: '%s' is too small for a log\n", argv[1]);
		return 1;
	}
	/* What is older than a round was overwritten. */
	first = acked > slots ? acked - slots + 1 : 1;
	for (uint32_t n = first; n <= acked; n++) {
		uint32_t slot = disklog_slot(n, slots), next = n + slots;
		bool on_its_way = next <= acked + BATCH_MAX;

		if (pread(fd, slot_words, sizeof(slot_words),
			  (off_t)slot * SLOT_SECTORS * SECTOR) != (ssize_t)sizeof(slot_words)) {
			fprintf(stderr, "checklog: '%s': cannot read slot %u\n", argv[1], slot);
			return 1;
		}
		for (uint32_t i = 0; i < disklog_sectors(seed, n); i++) {
			const uint32_t *words = &slot_words[i * SECTOR_WORDS];

			if (holds(n, i, words))
				continue;
			if (on_its_way && i < disklog_sectors(seed, next) && holds(next, i, words))
				continue;
			if (bad++ < 10)
				fprintf(stderr,
					"record %u: sector %u of slot %u is %08x %08x %08x %08x\n",
					n, i, slot, words[0], words[1], words[2], words[3]);
		}
	}
	close(fd);
	if (bad) {
		fprintf(stderr, "checklog: %u sectors are not what was acknowledged (up to %u)\n",
			bad, acked);
		return 1;
	}
	printf("%u records\n", acked - first + 1);
	return 0;
}
