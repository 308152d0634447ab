/* SPDX-License-Identifier: MIT */
/* tap_words.h: why a tap could not be had, and what to do about it. */
#ifndef NET_TAP_WORDS_H
#define NET_TAP_WORDS_H

#include "net/tap.h"

/* open(2) of @device failed with @err. Returns -@err. */
int tap_words_device(const char *name, const char *device, int err, struct error **errp);
/* TUNSETIFF failed with @err, for one that existed before unless i->created. Returns -@err. */
int tap_words_claim(const struct tap_iface *i, int err, struct error **errp);

#endif
