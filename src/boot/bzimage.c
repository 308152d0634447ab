/* SPDX-License-Identifier: MIT */
/*
 * bzimage.c: reading the setup header of a bzImage. Field offsets and the protocol version each
 * came with are those of Documentation/arch/x86/boot.rst.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/bits.h"
#include "vmm/endian.h"
#include "vmm/error.h"

enum {
	H_SETUP_SECTS = 0x1f1,
	H_SYSSIZE = 0x1f4,
	H_BOOT_FLAG = 0x1fe,
	H_JUMP_LEN = 0x201,
	H_HEADER = 0x202,
	H_VERSION = 0x206,
	H_KERNEL_VERSION = 0x20e,
	H_LOADFLAGS = 0x211,
	H_CODE32_START = 0x214,
	H_INITRD_ADDR_MAX = 0x22c,
	H_KERNEL_ALIGNMENT = 0x230, /* 2.05 */
	H_RELOCATABLE = 0x234,      /* 2.05 */
	H_XLOADFLAGS = 0x236,       /* 2.12 */
	H_CMDLINE_SIZE = 0x238,     /* 2.06 */
	H_PAYLOAD_OFFSET = 0x248,   /* 2.08 */
	H_PAYLOAD_LENGTH = 0x24c,   /* 2.08 */
	H_PREF_ADDRESS = 0x258,     /* 2.10 */
	H_INIT_SIZE = 0x260,        /* 2.10 */
};

#define LOADED_HIGH                BIT(0)
#define XLF_KERNEL_64              BIT(0)
#define XLF_CAN_BE_LOADED_ABOVE_4G BIT(1)

#define SECTOR 512u
/* Build tools have rounded syssize up by less than this beyond the end of the file. */
#define SYSSIZE_SLACK 4096u

bool bzimage_magic(const uint8_t *p, size_t len)
{
	return len >= H_HEADER + 4 && get_le16(p + H_BOOT_FLAG) == 0xaa55 &&
	       memcmp(p + H_HEADER, "HdrS", 4) == 0;
}

/* The header, as long as it says it is; what is absent from a short one reads as zero. */
static void copy_header(const uint8_t *p, size_t len, uint8_t h[BZ_HEAD], struct bzimage *ret)
{
	size_t end = min_u64((size_t)H_HEADER + p[H_JUMP_LEN], BZ_HEAD);

	end = min_u64(end, len);
	memset(h, 0, BZ_HEAD);
	memcpy(h, p, end);
	ret->header_len = (unsigned)(end - BZ_HEADER_OFF);
	memcpy(ret->header, p + BZ_HEADER_OFF, ret->header_len);
}

static int parse_version(const uint8_t *h, struct bzimage *bz, struct error **errp)
{
	bz->version = get_le16(h + H_VERSION);
	if (bz->version < 0x206)
		return err_set(errp, ENOTSUP,
			       "setup header: version is %u.%02u, boot protocol 2.06 (Linux "
			       "2.6.22) is the oldest supported",
			       bz->version >> 8, bz->version & 0xff);
	if (!(h[H_LOADFLAGS] & LOADED_HIGH))
		return err_set(errp, ENOTSUP,
			       "setup header: loadflags has no LOADED_HIGH, this is a zImage; "
			       "only bzImages are supported");
	return 0;
}

static int parse_extent(const uint8_t *h, uint64_t file_size, struct bzimage *bz,
			struct error **errp)
{
	unsigned sects = h[H_SETUP_SECTS] ? h[H_SETUP_SECTS] : 4; /* boot.rst: 0 means 4 */
	uint64_t syssize = (uint64_t)get_le32(h + H_SYSSIZE) * 16;
	unsigned str = get_le16(h + H_KERNEL_VERSION);

	bz->kernel_off = (sects + 1) * SECTOR;
	if (bz->kernel_off >= file_size)
		return err_set(errp, ENOEXEC,
			       "setup header: setup_sects is %u, but the file ends before the "
			       "kernel at %#" PRIx64 "; it is truncated",
			       sects, bz->kernel_off);
	bz->kernel_len = file_size - bz->kernel_off;
	if (!syssize)
		return err_set(errp, ENOEXEC, "setup header: syssize is 0");
	if (syssize > bz->kernel_len + SYSSIZE_SLACK)
		return err_set(errp, ENOEXEC,
			       "setup header: syssize says %" PRIu64 " bytes, the file has %" PRIu64
			       "; it is truncated",
			       syssize, bz->kernel_len);
	/* What follows (a signature) is not for the kernel. */
	bz->kernel_len = min_u64(bz->kernel_len, syssize);
	if (str && str + SECTOR < bz->kernel_off)
		bz->version_str = (uint16_t)(str + SECTOR);
	return 0;
}

static int parse_payload(const uint8_t *h, struct bzimage *bz, struct error **errp)
{
	uint64_t off = get_le32(h + H_PAYLOAD_OFFSET), len = get_le32(h + H_PAYLOAD_LENGTH);

	if (bz->version < 0x208 || !len)
		return 0;
	if (off > bz->kernel_len || len > bz->kernel_len - off)
		return err_set(errp, ENOEXEC,
			       "setup header: payload_offset %#" PRIx64
			       " + payload_length %#" PRIx64
			       " reaches past the end of the kernel (%#" PRIx64 ")",
			       off, len, bz->kernel_len);
	bz->payload_off = bz->kernel_off + off;
	bz->payload_len = len;
	return 0;
}

static int parse_placement(const uint8_t *h, struct bzimage *bz, struct error **errp)
{
	bool relocatable = h[H_RELOCATABLE];

	bz->load_addr =
		bz->version >= 0x20a ? get_le64(h + H_PREF_ADDRESS) : get_le32(h + H_CODE32_START);
	bz->init_size = bz->version >= 0x20a ? get_le32(h + H_INIT_SIZE) : 0;
	bz->align = relocatable ? get_le32(h + H_KERNEL_ALIGNMENT) : 0;
	if (bz->load_addr < MIB || bz->load_addr >= 4 * GIB)
		return err_set(errp, ENOEXEC,
			       "setup header: %s %#" PRIx64 " is not between 1 MiB and 4 GiB",
			       bz->version >= 0x20a ? "pref_address" : "code32_start",
			       bz->load_addr);
	if (relocatable && !is_pow2(bz->align))
		return err_set(errp, ENOEXEC,
			       "setup header: kernel_alignment %#" PRIx64 " is not a power of two",
			       bz->align);
	if (bz->version >= 0x20a && bz->init_size < bz->kernel_len)
		return err_set(errp, ENOEXEC,
			       "setup header: init_size %" PRIu64
			       " is less than the kernel's %" PRIu64 " bytes",
			       bz->init_size, bz->kernel_len);
	bz->init_size = max_u64(bz->init_size, bz->kernel_len);
	return 0;
}

int bzimage_parse(const uint8_t *p, size_t len, uint64_t file_size, struct bzimage *ret,
		  struct error **errp)
{
	struct bzimage bz = { 0 };
	uint8_t h[BZ_HEAD];
	uint16_t xlf;
	int r;

	if (!bzimage_magic(p, len))
		return err_set(errp, ENOEXEC, "is no bzImage: no \"HdrS\" at offset 0x202");
	copy_header(p, len, h, &bz);
	r = parse_version(h, &bz, errp);
	if (r == 0)
		r = parse_extent(h, file_size, &bz, errp);
	if (r == 0)
		r = parse_payload(h, &bz, errp);
	if (r == 0)
		r = parse_placement(h, &bz, errp);
	if (r < 0)
		return r;
	xlf = bz.version >= 0x20c ? get_le16(h + H_XLOADFLAGS) : 0;
	bz.entry64 = xlf & XLF_KERNEL_64;
	bz.above_4g = xlf & XLF_CAN_BE_LOADED_ABOVE_4G;
	bz.initrd_end = (uint64_t)get_le32(h + H_INITRD_ADDR_MAX) + 1;
	bz.cmdline_max = get_le32(h + H_CMDLINE_SIZE);
	*ret = bz;
	return 0;
}
