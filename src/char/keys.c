/* SPDX-License-Identifier: MIT */
/* keys.c: the escape key of the console. The letters are those of QEMU and kvmtool. */
#include "char/keys.h"

const char keys_help[] = "Ctrl-A x        leave: end the guest at once\r\n"
			 "Ctrl-A h        this help\r\n"
			 "Ctrl-A b        send a break (with Linux: then a SysRq key)\r\n"
			 "Ctrl-A Ctrl-A   send Ctrl-A\r\n";

enum key_action keys_feed(struct keys *k, uint8_t c)
{
	if (!k->escaped) {
		k->escaped = c == KEYS_ESCAPE;
		return k->escaped ? KEY_NONE : KEY_SEND;
	}
	k->escaped = false;
	switch (c) {
	case KEYS_ESCAPE:
		return KEY_SEND;
	case 'x':
		return KEY_QUIT;
	case 'h':
	case '?':
		return KEY_HELP;
	case 'b':
		return KEY_BREAK;
	default:
		return KEY_OTHER;
	}
}
