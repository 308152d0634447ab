/* SPDX-License-Identifier: MIT */
/*
 * Lab 8: what a trap costs. The guest writes to devices 200 times in each of three ways. Port 0x80
 * says which one begins; what lies between two such marks is the cost.
 */
#include "firmware/labs/virtio.h"

#define COUNT    200u
#define POST     0x80
#define SCRATCH  0x3ff /* COM1's scratch register: keeps a byte, does nothing */
#define NO_QUEUE 7u    /* the device has one queue, 0 */

int main(void)
{
	virtio_init();

	/* 1: a port. KVM decodes nothing: the CPU itself says which port and register it was. */
	out8(POST, 1);
	for (unsigned i = 0; i < COUNT; i++)
		out8(SCRATCH, 0x55);

	/* 2: memory that is none. The instruction must be found, decoded, emulated. */
	out8(POST, 2);
	for (unsigned i = 0; i < COUNT; i++)
		reg_write(QUEUE_NOTIFY, NO_QUEUE);

	/* 3: the same register, and a value that KVM knows: it signals an eventfd and goes on. */
	out8(POST, 3);
	for (unsigned i = 0; i < COUNT; i++)
		reg_write(QUEUE_NOTIFY, 0);

	/* 4: nothing to trap. */
	out8(POST, 4);
	for (unsigned i = 0; i < COUNT; i++)
		avail->flags = 0;
	out8(POST, 5);
	power_off();
	return 0;
}
