/* SPDX-License-Identifier: MIT */
/*
 * gdb_packet.h: packets of gdb's remote protocol (Debugging with GDB, appendix E, "Overview"): what
 * is between '$' and '#', and two digits of a sum. What comes in is cut into packets byte by byte;
 * what a packet says is not looked at here.
 */
#ifndef LENS_GDB_PACKET_H
#define LENS_GDB_PACKET_H

#include "vmm/str.h"

#define GDB_PACKET_MAX 16384u /* bytes of payload, either way */

enum gdb_event {
	GDB_NOTHING, /* more bytes are needed, or these were none of a packet's */
	GDB_PACKET,  /* payload[0 .. len) is one */
	GDB_BAD,     /* its sum is wrong, or it is too long: it is to be sent again */
	GDB_ACK,
	GDB_NAK,
	GDB_BREAK, /* Ctrl-C, between packets */
};

struct gdb_rx {
	enum { GDB_RX_IDLE, GDB_RX_BODY, GDB_RX_ESCAPED, GDB_RX_SUM1, GDB_RX_SUM2 } state;
	uint8_t sum, digit;
	bool too_long, sum_bad;
	size_t len;
	char payload[GDB_PACKET_MAX + 1]; /* ends in NUL behind len, whatever else is in it */
};

/* Takes one byte. Zeroed is a fresh one. */
enum gdb_event gdb_rx_byte(struct gdb_rx *r, uint8_t c);

/* Adds @len bytes as a packet to @out. */
void gdb_frame(struct str *out, const char *payload, size_t len);

/* --- digits ----------------------------------------------------------------------------------- */

/* 0..15, or -1. */
int gdb_digit(char c);
/* Reads at most 16 digits at *p, which is then behind them. False: there is none, or too many. */
bool gdb_number(const char **p, uint64_t *ret);
/* @len bytes from 2 * @len digits at @p. False: one of them is none. */
bool gdb_unhex(const char *p, uint8_t *to, size_t len);
void gdb_hex(struct str *out, const void *p, size_t len);

#endif
