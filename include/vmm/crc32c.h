/* SPDX-License-Identifier: MIT */
/* crc32c.h: the Castagnoli CRC (RFC 3720, appendix B.4),
 * for files the VMM writes and reads back. */
#ifndef VMM_CRC32C_H
#define VMM_CRC32C_H

#include "vmm/base.h"

/*
 * The CRC-32C of @len bytes at @buf, continuing from @crc: 0 to begin with, then the value returned
 * for the bytes before. Any thread.
 */
uint32_t crc32c(uint32_t crc, const void *buf, size_t len);

#endif
