/* SPDX-License-Identifier: MIT */
/* debug_option.h: --gdb. */
#ifndef CLI_DEBUG_OPTION_H
#define CLI_DEBUG_OPTION_H

#include "vmm/options.h"

extern const struct opt_type opt_gdb; /* struct debug_config */
extern const struct opt_word gdb_words[];

#endif
