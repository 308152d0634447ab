/* SPDX-License-Identifier: MIT */
/* trace_kit.h: a small machine, and records of it, for tests of the lens. */
#ifndef TESTS_TRACE_KIT_H
#define TESTS_TRACE_KIT_H

#include "vmm/trace_file.h"

/* Two CPUs, "serial0" (index KIT_SERIAL), "pit" and so on: as a real machine has them. */
enum {
	KIT_SERIAL,
	KIT_PIT,
	KIT_PIC,
	KIT_PCI,
	KIT_DISK,
	KIT_DEVICES,
};
extern const struct trace_machine kit_machine;

/* An exit of one byte to or from @port, of region 0 of @dev, or of nobody (TRACE_NO_DEV). */
struct trace_rec kit_pio(uint64_t t, uint16_t dev, uint64_t port, bool write, uint64_t value);
struct trace_rec kit_event(uint64_t t, uint16_t dev, enum trace_event e, uint64_t a, uint64_t b);

/* A recording of two vCPUs and a disk's thread with something of everything, in memory; the caller
 * frees. A test fails if that does not work. */
void *kit_trace(size_t *len);

#endif
