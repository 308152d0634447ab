/* SPDX-License-Identifier: MIT */
/* net_option.h: -n KIND[,KEY[=VALUE]]..., a kind of value of its own. */
#ifndef CLI_NET_OPTION_H
#define CLI_NET_OPTION_H

#include "vmm/options.h"

extern const struct opt_type opt_nets;    /* struct net_list */
extern const struct opt_word net_words[]; /* its kinds and then its keys, for people */

const char *net_kind_name(enum net_kind kind); /* "tap" */
void net_list_free(struct net_list *l);        /* accepts a zeroed one; leaves it zeroed */

#endif
