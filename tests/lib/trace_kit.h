/* SPDX-License-Identifier: MIT */
/* trace_kit.h: a small machine, and records of it, for tests of the lens. */
#ifndef TESTS_TRACE_KIT_H
#define TESTS_TRACE_KIT_H

#include "vmm/trace_file.h"

/* Two CPUs, and devices as a real machine has them. */
enum {
	KIT_SERIAL,
	KIT_COM2,
	KIT_PIT,
	KIT_PIC,
	KIT_IOAPIC,
	KIT_RTC,
	KIT_KBD,
	KIT_PM,
	KIT_DEBUGCON,
	KIT_PCI,
	KIT_BLK,
	KIT_DISK, /* its PCI function */
	KIT_NIC,
	KIT_NET,     /* its registers, virtio-mmio */
	KIT_STUDENT, /* of a type that nobody knows */
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
