/* SPDX-License-Identifier: MIT */
/* share_option.h: --share DIR[,tag=TAG][,rw]. */
#ifndef CLI_SHARE_OPTION_H
#define CLI_SHARE_OPTION_H

#include "vmm/options.h"

extern const struct opt_type opt_shares;    /* struct share_list */
extern const struct opt_word share_words[]; /* its keys, for people; each begins with a comma */

/* Accepts a zeroed one, and leaves it so. */
void share_list_free(struct share_list *l);

/* Of two shares with the same tag the guest would find one: -EINVAL, and @errp names them. */
int share_list_check(const struct share_list *l, struct error **errp) __must_check;

#endif
