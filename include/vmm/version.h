/* SPDX-License-Identifier: MIT */
/* version.h: which trapeze this is: for people, and in files that outlive it. */
#ifndef VMM_VERSION_H
#define VMM_VERSION_H

#define TRAPEZE_VERSION "0.1.0"

#endif
