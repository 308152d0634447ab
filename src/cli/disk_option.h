/* SPDX-License-Identifier: MIT */
/* disk_option.h: -d PATH[,KEY=VALUE]..., a kind of value of its own. */
#ifndef CLI_DISK_OPTION_H
#define CLI_DISK_OPTION_H

#include "vmm/options.h"

extern const struct opt_type opt_disks;    /* struct disk_list */
extern const struct opt_word disk_words[]; /* its keys, for people; each begins with a comma */

void disk_list_free(struct disk_list *l); /* accepts a zeroed one; leaves it zeroed */

#endif
