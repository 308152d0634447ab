/* SPDX-License-Identifier: MIT */
/* power.h: the wires by which a chip ends or restarts the machine. */
#ifndef VMM_POWER_H
#define VMM_POWER_H

#include "vmm/base.h"

enum power_event {
	POWER_OFF,         /* ACPI S5 */
	POWER_RESET,       /* reset register, port 0x92, 8042 pulse, PIIX 0xcf9 */
	POWER_PANIC,       /* pvpanic: the guest says it has panicked */
	POWER_CRASHLOADED, /* pvpanic: a crash kernel takes over; not an end */
	POWER_DEBUG_EXIT,  /* debug-exit port: value is the process exit status */
};

struct power_sink {
	/*
	 * Requests the event; returns at once. The calling vCPU executes no further guest
	 * instruction. May be called with a device lock held, from any thread; the first terminal
	 * request wins.
	 */
	void (*request)(struct power_sink *s, enum power_event ev, unsigned value);
};

static inline void power_request(struct power_sink *s, enum power_event ev, unsigned value)
{
	s->request(s, ev, value);
}

#endif
