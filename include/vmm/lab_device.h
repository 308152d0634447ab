/* SPDX-License-Identifier: MIT */
/*
 * lab_device.h: a port device that is a program of its own (docs/labs/03-device.md). This file is
 * all such a program needs:
 *
 *	#include "lab_device.h"
 *
 *	static uint32_t on_read(unsigned port, unsigned size) { ... }
 *	static void on_write(unsigned port, unsigned size, uint32_t value) { ... }
 *
 *	LAB_DEVICE("adder", 0x5d8, 2, on_read, on_write)
 *
 * The VMM (src/machine/lab_device.c) starts the program with a socket as its descriptor 3. Each
 * access by the guest is a message there, and the vCPU waits for the answer; so a device that
 * crashes, hangs or talks nonsense is a dead program, and not a dead VMM.
 */
#ifndef VMM_LAB_DEVICE_H
#define VMM_LAB_DEVICE_H

#include <stdint.h>

#define LAB_DEVICE_FD    3
#define LAB_DEVICE_MAGIC 0x4442414cu /* "LABD" */

/* The program's first message: what it is. */
struct lab_hello {
	uint32_t magic;
	uint16_t port, ports; /* the first, and how many */
	char name[16];        /* ends in NUL */
};

/* The VMM's messages, and with the same seq the answers to them. */
struct lab_access {
	uint32_t seq;
	uint8_t write, size; /* bytes: 1, 2 or 4 */
	uint16_t port;       /* counted from the device's first */
	uint32_t value;      /* written, or the answer to a read */
};

_Static_assert(sizeof(struct lab_hello) == 24 && sizeof(struct lab_access) == 12, "no holes");

#ifndef LAB_DEVICE_WIRE_ONLY

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* @port counts from the device's first, @size is in bytes: 1, 2 or 4. */
typedef uint32_t lab_read(unsigned port, unsigned size);
typedef void lab_write(unsigned port, unsigned size, uint32_t value);

/* Answers the VMM until it goes. What is printed is for the person in front of it. */
static inline int lab_device_main(const char *name, uint16_t port, uint16_t ports, lab_read *rd,
				  lab_write *wr)
{
	struct lab_hello h = { .magic = LAB_DEVICE_MAGIC, .port = port, .ports = ports };
	struct lab_access a;

	strncpy(h.name, name, sizeof(h.name) - 1);
	if (write(LAB_DEVICE_FD, &h, sizeof(h)) != sizeof(h)) {
		fputs("this is a device: trapeze lab 3 FILE.c, or trapeze run --lab-device FILE\n",
		      stderr);
		return 1;
	}
	dup2(STDERR_FILENO, STDOUT_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (read(LAB_DEVICE_FD, &a, sizeof(a)) == sizeof(a)) {
		if (a.write)
			wr(a.port, a.size, a.value);
		else
			a.value = rd(a.port, a.size);
		if (write(LAB_DEVICE_FD, &a, sizeof(a)) != sizeof(a))
			break;
	}
	return 0;
}

/* Needs no semicolon. */
#define LAB_DEVICE(name, port, ports, rd, wr)                                                      \
	int main(void)                                                                             \
	{                                                                                          \
		return lab_device_main(name, port, ports, rd, wr);                                 \
	}

#endif
#endif
