/* SPDX-License-Identifier: MIT */
/*
 * replay: what a loss of power may have left of an image, from the log that iolog.so kept.
 *
 *   replay [--no-barriers] [--at EVENT] LOG BASE OUT SEED
 *
 * BASE is the image as it was when the log began. A moment is chosen by SEED (or --at), and OUT is
 * made: all writes that a finished sync promised (they had ended when it began), and of those on
 * their way after that any: whole, not at all, or sector by sector. Prints "events N at EVENT acked
 * A promised P chance C": A is the last record that a guest disklog acknowledged before that
 * moment.
 *
 * --no-barriers: syncs promise nothing. A test that then still finds all is well tests nothing.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/durability/iolog.h"

#define SECTOR 512u

struct entry {
	struct iolog_event e;
	const uint8_t *data;
	size_t end;   /* index of its end; SIZE_MAX: none */
	bool durable; /* its end was a promise */
};

static struct entry *entries;
static size_t entry_cnt;
static uint64_t rng;

/* xorshift64*: the same everywhere. */
static uint32_t chance(uint32_t n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (uint32_t)((rng * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static void read_log(const char *path)
{
	struct stat st;
	size_t cap = 0, at = 0, size;
	const uint8_t *p;
	uint32_t top = 0;
	size_t *begin_of;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		err(2, "'%s'", path);
	size = (size_t)st.st_size;
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		err(2, "'%s'", path);
	close(fd);
	while (size - at >= sizeof(struct iolog_event)) {
		struct entry *n;

		if (entry_cnt == cap) {
			cap = cap ? 2 * cap : 1024;
			entries = reallocarray(entries, cap, sizeof(*entries));
			if (!entries)
				err(2, "memory");
		}
		n = &entries[entry_cnt];
		*n = (struct entry){ .end = SIZE_MAX };
		memcpy(&n->e, p + at, sizeof(n->e));
		at += sizeof(n->e);
		if (n->e.data_len > size - at)
			break; /* the program was killed over it: as if it had not begun */
		n->data = p + at;
		at += n->e.data_len;
		if (n->e.id > top)
			top = n->e.id;
		entry_cnt++;
	}
	begin_of = calloc((size_t)top + 1, sizeof(*begin_of));
	if (!begin_of)
		err(2, "memory");
	for (size_t i = 0; i < entry_cnt; i++) {
		struct entry *n = &entries[i];

		if (n->e.type != IOLOG_END && n->e.type != IOLOG_END_SYNC) {
			begin_of[n->e.id] = i;
			continue;
		}
		entries[begin_of[n->e.id]].end = i;
		entries[begin_of[n->e.id]].durable = n->e.type == IOLOG_END_SYNC;
	}
	free(begin_of);
}

static void put(int fd, const uint8_t *data, uint64_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, (off_t)off);

		if (n <= 0)
			err(2, "writing the image");
		data += n;
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
}

static void zero(int fd, uint64_t len, uint64_t off)
{
	static const uint8_t zeroes[65536];

	while (len) {
		uint64_t n = len < sizeof(zeroes) ? len : sizeof(zeroes);

		put(fd, zeroes, n, off);
		off += n;
		len -= n;
	}
}

/* A range of what a write or a zeroing changes. */
static void apply_part(int fd, const struct entry *n, uint64_t from, uint64_t len)
{
	if (n->e.type == IOLOG_WRITE)
		put(fd, n->data + from, len, n->e.off + from);
	else
		zero(fd, len, n->e.off + from);
}

static void apply(int fd, const struct entry *n, bool promised, unsigned mood)
{
	uint64_t len = n->e.type == IOLOG_WRITE ? n->e.data_len : n->e.len;

	if (!promised && (mood == 0 || (mood != 1 && chance(2))))
		return;
	if (n->e.type == IOLOG_PUNCH) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			err(2, "the image");
		if (n->e.off >= (uint64_t)st.st_size)
			return;
		if (len > (uint64_t)st.st_size - n->e.off)
			len = (uint64_t)st.st_size - n->e.off;
	}
	if (n->e.type == IOLOG_TRUNCATE) {
		if (ftruncate(fd, (off_t)n->e.len) < 0)
			err(2, "truncating the image");
	} else if (promised || mood != 3) {
		apply_part(fd, n, 0, len);
	} else {
		for (uint64_t at = 0; at < len; at += SECTOR) {
			uint64_t part = len - at < SECTOR ? len - at : SECTOR;

			if (chance(2))
				apply_part(fd, n, at, part);
		}
	}
}

/* The last whole "ack N" line of what went to the console before @at. */
static unsigned long acked(size_t at)
{
	char line[32];
	size_t len = 0;
	unsigned long last = 0, n;

	for (size_t i = 0; i < at; i++) {
		if (entries[i].e.type != IOLOG_CONSOLE)
			continue;
		for (uint64_t k = 0; k < entries[i].e.data_len; k++) {
			char c = (char)entries[i].data[k];

			if (c != '\n') {
				if (len < sizeof(line) - 1)
					line[len++] = c;
				continue;
			}
			line[len] = 0;
			len = 0;
			if (sscanf(line, "ack %lu", &n) == 1)
				last = n;
		}
	}
	return last;
}

static int copy_base(const char *base, const char *out)
{
	uint8_t buf[65536];
	uint64_t off = 0;
	ssize_t n;
	int from = open(base, O_RDONLY | O_CLOEXEC);
	int to = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		err(2, "'%s'", base);
	if (to < 0 || ftruncate(to, st.st_size) < 0)
		err(2, "'%s'", out);
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		/* Holes stay holes: most of a disk is. */
		if (buf[0] || memcmp(buf, buf + 1, (size_t)n - 1) != 0)
			put(to, buf, (uint64_t)n, off);
		off += (uint64_t)n;
	}
	close(from);
	return to;
}

int main(int argc, char **argv)
{
	bool barriers = true;
	size_t at = SIZE_MAX, cut = 0, promised_cnt = 0, chance_cnt = 0;
	unsigned mood;
	int fd;

	for (; argc > 1 && !strncmp(argv[1], "--", 2); argc--, argv++) {
		if (!strcmp(argv[1], "--no-barriers")) {
			barriers = false;
		} else if (!strcmp(argv[1], "--at") && argc > 2) {
			at = strtoul(argv[2], NULL, 0);
			argc--, argv++;
		} else {
			errx(2, "no option '%s'", argv[1]);
		}
	}
	if (argc != 5)
		errx(2, "usage: replay [--no-barriers] [--at EVENT] LOG BASE OUT SEED");
	rng = (strtoull(argv[4], NULL, 0) + 1) * 0x9e3779b97f4a7c15ull;
	read_log(argv[1]);
	for (int i = 0; i < 8; i++)
		chance(2);
	if (at > entry_cnt)
		at = chance((uint32_t)entry_cnt + 1);
	/* 0: nothing that was not promised; 1: all of it; 2: any of it; 3: any sectors of it */
	mood = chance(8);
	mood = mood < 2 ? mood : 2 + mood % 2;
	for (size_t i = 0; barriers && i < at; i++) {
		if (entries[i].e.type == IOLOG_SYNC && entries[i].end < at)
			cut = i;
	}
	fd = copy_base(argv[2], argv[3]);
	for (size_t i = 0; i < at; i++) {
		const struct entry *n = &entries[i];
		bool promised = n->end < cut || (barriers && n->durable && n->end < at);

		if (n->e.type != IOLOG_WRITE && n->e.type != IOLOG_ZERO &&
		    n->e.type != IOLOG_TRUNCATE)
			continue;
		if (promised)
			promised_cnt++;
		else
			chance_cnt++;
		apply(fd, n, promised, mood);
	}
	close(fd);
	printf("events %zu at %zu acked %lu promised %zu chance %zu\n", entry_cnt, at, acked(at),
	       promised_cnt, chance_cnt);
	return 0;
}
