/* SPDX-License-Identifier: MIT */
/*
 * Lab 11: a driver that lies. Its chain has no end: descriptor 0 leads to 1, and 1 back to 0. A
 * device that simply followed it would follow it for ever. Loops are forbidden
 * (virtio 1.2, 2.7.5.2), so a driver must not build this; and a VMM must survive one that does.
 */
#include "firmware/labs/virtio.h"

int main(void)
{
	interrupts_init();
	virtio_init();
	for (uint16_t i = 0; i < 2; i++) {
		desc[i].addr = (uint32_t)buffers;
		desc[i].len = 8;
		desc[i].flags = DESC_WRITE | DESC_NEXT;
		desc[i].next = (uint16_t)!i;
	}
	avail->ring[0] = 0;
	__asm__ volatile("" : : : "memory");
	avail->idx = 1;

	reg_write(QUEUE_NOTIFY, 0);
	wait_for_interrupt(); /* 2.1.2: the device tells its driver that it is in trouble */
	reg_write(INTERRUPT_ACK, reg_read(INTERRUPT_STATUS));
	say(reg_read(STATUS) & S_NEEDS_RESET ? "refused" : "taken");
	say(used->idx ? ", used\n" : ", nothing used\n");

	/* 2.1.2: after a reset all is well again. */
	avail->idx = used->idx = 0;
	virtio_init();
	desc[1].flags = DESC_WRITE;
	avail->idx = 1;
	reg_write(QUEUE_NOTIFY, 0);
	wait_for_interrupt();
	reg_write(INTERRUPT_ACK, reg_read(INTERRUPT_STATUS));
	say(used->idx ? "sound again\n" : "still broken\n");
	power_off();
	return 0;
}
