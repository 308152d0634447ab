/* SPDX-License-Identifier: MIT */
/*
 * Lab 7: a virtqueue, step by step. The device is the entropy device (virtio 1.2, 5.4): it takes
 * buffers and fills them. After each step the rings are drawn: what the driver has put in them,
 * what the device has.
 */
#include "firmware/labs/virtio.h"

#define BUFFER 8u

static uint8_t buffer[QUEUE_SIZE][BUFFER];

static void draw(const char *what)
{
	say(what);
	say(": avail.idx ");
	say_number(avail.idx);
	say(" [");
	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		say(i ? " " : "");
		say_number(avail.ring[i]);
	}
	say("], used.idx ");
	say_number(used.idx);
	say(" [");
	for (unsigned i = 0; i < QUEUE_SIZE; i++) {
		say(i ? " " : "");
		say_number(used.ring[i].id);
		say(":");
		say_number(used.ring[i].len);
	}
	say("]\n");
}

/* Makes the chain that begins at descriptor @head available: ring entry first, then the index. */
static void offer(uint16_t head)
{
	avail.ring[avail.idx % QUEUE_SIZE] = head;
	__asm__ volatile("" : : : "memory"); /* x86 keeps stores in order; so must the compiler */
	avail.idx++;
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
		desc[i].addr = (uint32_t)buffer[i];
		desc[i].len = BUFFER;
		desc[i].flags = DESC_WRITE;
	}
	draw("empty  ");

	/* A chain of one buffer: descriptor 2. */
	offer(2);
	draw("offered");
	notify_and_wait();
	draw("used   ");

	/* Two buffers as one chain: descriptor 0, then 1. The device fills both. */
	desc[0].flags = DESC_WRITE | DESC_NEXT;
	desc[0].next = 1;
	offer(0);
	draw("offered");
	notify_and_wait();
	draw("used   ");
	power_off();
	return 0;
}
