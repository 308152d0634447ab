/* SPDX-License-Identifier: MIT */
/*
 * snap_format.h: the bytes of saved device state. All numbers are little-endian, nothing is padded
 * or aligned.
 *
 *	file    = header, section...             sections in any order, each id once
 *	header  = magic[8], format:16, arch:16, section count:32, file length:64,
 *	          CRC-32C of the 24 bytes before:32
 *	section = CRC-32C of the rest of the section:32, section length:32 (the CRC included),
 *	          version:16, field count:16, id length:8, id, field...
 *	field   = type:8, name length:8, element count:32, name, elements
 *
 * Ids and names are 1 to 255 printable ASCII characters without blanks, no NUL at the end.
 */
#ifndef CORE_SNAP_FORMAT_H
#define CORE_SNAP_FORMAT_H

#include "vmm/base.h"

#define SNAP_MAGIC       "TRAPEZE\x1a" /* 0x1a: a text tool stops here */
#define SNAP_MAGIC_LEN   8u
#define SNAP_FORMAT      1u
#define SNAP_ARCH_X86_64 62u /* as ELF e_machine */

enum {
	SNAP_HDR_FORMAT = 8,
	SNAP_HDR_ARCH = 10,
	SNAP_HDR_SECTIONS = 12,
	SNAP_HDR_LEN = 16,
	SNAP_HDR_CRC = 24,
	SNAP_HDR_SIZE = 28,
};

enum {
	SNAP_SEC_CRC = 0,
	SNAP_SEC_LEN = 4,
	SNAP_SEC_VERSION = 8,
	SNAP_SEC_FIELDS = 10,
	SNAP_SEC_ID_LEN = 12,
	SNAP_SEC_SIZE = 13, /* the id follows */
};

enum {
	SNAP_FLD_TYPE = 0,
	SNAP_FLD_NAME_LEN = 1,
	SNAP_FLD_COUNT = 2,
	SNAP_FLD_SIZE = 6, /* the name follows */
};

/* More than any machine has; keeps the index of a hostile file small. */
#define SNAP_MAX_SECTIONS 65536u

#endif
