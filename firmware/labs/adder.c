/* SPDX-License-Identifier: MIT */
/*
 * Lab 3: the device that the guest 03-device.S wants. Two ports: a write to the first adds, a write
 * to the second makes the sum 0; reads give its low and its high byte.
 */
#include "lab_device.h"

static uint32_t sum;

static uint32_t on_read(unsigned port, unsigned size)
{
	return port == 0 ? sum & 0xff : sum >> 8 & 0xff;
}

static void on_write(unsigned port, unsigned size, uint32_t value)
{
	sum = port == 0 ? sum + value : 0;
}

LAB_DEVICE("adder", 0x5d8, 2, on_read, on_write)
