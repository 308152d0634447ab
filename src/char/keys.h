/* SPDX-License-Identifier: MIT */
/* keys.h: the escape key of the console. Ctrl-A and one more key speak to the VMM,
 * not the guest. */
#ifndef CHAR_KEYS_H
#define CHAR_KEYS_H

#include "vmm/base.h"

#define KEYS_ESCAPE 0x01 /* Ctrl-A */

enum key_action {
	KEY_SEND,  /* for the guest, as it is */
	KEY_NONE,  /* the escape key itself: the next one decides */
	KEY_QUIT,  /* x */
	KEY_HELP,  /* h, ? */
	KEY_BREAK, /* b */
	KEY_OTHER, /* for somebody else to know */
};

struct keys {
	bool escaped; /* the last byte was Ctrl-A */
};

/* Takes the next byte of input and says what it is for. */
enum key_action keys_feed(struct keys *k, uint8_t c);

/* What Ctrl-A h prints, lines ending in CR LF, without the caller's own keys. */
extern const char keys_help[];

#endif
