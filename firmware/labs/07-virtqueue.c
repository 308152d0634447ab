/* SPDX-License-Identifier: MIT */
/*
 * Lab 7: a virtqueue, step by step. The device is the entropy device (virtio 1.2, 5.4): it takes
 * buffers and fills them. The guest draws the driver's ring after it has put something there, and
 * the device's after it was told that there is something.
 */
#include "firmware/labs/virtio.h"

#define BUFFER 8u

/* The driver's ring. */
static void draw_avail(void)
{
	say("avail.idx ");
	say_number(avail->idx);
	say(" [");
	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		say(i ? " " : "");
		say_number(avail->ring[i]);
	}
	say("]\n");
}

/* The device's: which chain, and how many bytes. */
static void draw_used(void)
{
	say("    used.idx ");
	say_number(used->idx);
	say(" [");
	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		say(i ? " " : "");
		say_number(used->ring[i].id);
		say(":");
		say_number(used->ring[i].len);
	}
	say("]\n");
}

/* Makes the chain that begins at descriptor @head available: ring entry first, then the index. */
static void offer(uint16_t head)
{
	avail->ring[avail->idx % QUEUE_SIZE] = head;
	__asm__ volatile("" : : : "memory"); /* x86 keeps stores in order; so must the compiler */
	avail->idx++;
}

static void notify_and_wait(void)
{
	reg_write(QUEUE_NOTIFY, 0);
	wait_for_interrupt();
	reg_write(INTERRUPT_ACK, reg_read(INTERRUPT_STATUS));
}

int main(void)
{
	interrupts_init();
	virtio_init();
	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		desc[i].addr = (uint32_t)(buffers + i * BUFFER);
		desc[i].len = BUFFER;
		desc[i].flags = DESC_WRITE;
	}
	draw_avail();
	draw_used();

	/* A chain of one buffer: descriptor 2. */
	offer(2);
	draw_avail();
	notify_and_wait();
	draw_used();

	/* Two buffers as one chain: descriptor 0, then 1. The device fills both. */
	desc[0].flags = DESC_WRITE | DESC_NEXT;
	desc[0].next = 1;
	offer(0);
	draw_avail();
	notify_and_wait();
	draw_used();
	power_off();
	return 0;
}
