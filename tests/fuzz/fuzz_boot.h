/* SPDX-License-Identifier: MIT */
/*
 * fuzz_boot.h: what the fuzzers of loaders share: a board with 64 MiB of RAM and the input as a
 * file. A fuzzer calls fuzz_boot() for each input; whatever the input is, the loader must say yes
 * or no.
 */
#ifndef TESTS_FUZZ_BOOT_H
#define TESTS_FUZZ_BOOT_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/board.h"
#include "vmm/boot.h"
#include "vmm/error.h"

#define FUZZ_RAM (64 * MIB)

static struct guest_mem *fuzz_gm;
static struct board fuzz_board;

static inline void fuzz_init(void)
{
	struct ram_config rc = { .size = FUZZ_RAM };

	if (fuzz_gm)
		return;
	fuzz_board.ranges[0] = (struct board_range){ 0, 0x9fc00, BOARD_RAM };
	fuzz_board.ranges[1] = (struct board_range){ 0xe0000, 0x20000, BOARD_ACPI };
	fuzz_board.ranges[2] = (struct board_range){ MIB, FUZZ_RAM - MIB, BOARD_RAM };
	fuzz_board.range_cnt = 3;
	if (gm_create(&rc, &fuzz_gm, NULL) < 0 || gm_add_ram(fuzz_gm, 0, 0, FUZZ_RAM, NULL) < 0)
		abort();
}

/* The input as a file that can be opened by @path. */
static inline int fuzz_file(const uint8_t *data, size_t len, char path[32])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

/* A successful load must leave the CPU in RAM. */
static inline void fuzz_check(const struct cpu_entry *e)
{
	uint64_t rip = e->mode == CPU_REAL ? e->cs * 16u + e->rip : e->rip;

	if (!gm_ptr(fuzz_gm, rip, 1, GM_READ))
		abort();
}

static inline void fuzz_boot(const uint8_t *data, size_t len, enum boot_protocol protocol,
			     bool unpack)
{
	struct boot_env env = { .board = &fuzz_board, .scratch = 0x10000, .scratch_len = 0x80000 };
	struct boot_config c = { .cmdline = "quiet", .protocol = protocol, .unpack = unpack };
	struct cpu_entry entry;
	struct error *e = NULL;
	struct boot *b = NULL;
	char path[32];
	int fd;

	fuzz_init();
	fd = fuzz_file(data, len, path);
	c.kernel = path;
	if (boot_open(&c, &b, &e) == 0 && boot_load(b, fuzz_gm, &env, &entry, &e) == 0)
		fuzz_check(&entry);
	if (b && !boot_info(b).kind)
		abort();
	error_free(e);
	boot_close(b);
	close(fd);
}

#endif
