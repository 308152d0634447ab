/* SPDX-License-Identifier: MIT */
/* sniff.c: says what a file is that is no kernel, and what its owner may have meant. */
#include <errno.h>
#include <string.h>

#include "boot/impl.h"
#include "vmm/endian.h"
#include "vmm/error.h"

static const char hint_swap[] = "did you swap -k and -i?";
static const char hint_unpack[] = "if there is a kernel in it, unpack it first";
static const char hint_disk[] = "a disk is not a kernel; give the kernel in it with -k";
static const char hint_flat[] =
	"if it is a flat binary, say how it starts: --protocol real, flat32 or flat64";

struct mark {
	unsigned off;
	uint8_t len;
	const char *magic;
	const char *what;
	const char *hint;
};

/* The first that fits counts. */
static const struct mark marks[] = {
	{ 0, 6, "070701", "a cpio archive, that is an initramfs", hint_swap },
	{ 0, 6, "070702", "a cpio archive, that is an initramfs", hint_swap },
	{ 0, 6, "070707", "a cpio archive", hint_swap },
	{ 0, 2, "\x1f\x8b", "a gzip file", hint_unpack },
	{ 0, 6,
	  "\xfd"
	  "7zXZ",
	  "an xz file", hint_unpack },
	{ 0, 4, "\x28\xb5\x2f\xfd", "a zstd file", hint_unpack },
	{ 0, 4, "\x02\x21\x4c\x18", "an LZ4 file", hint_unpack },
	{ 0, 4, "\x04\x22\x4d\x18", "an LZ4 file", hint_unpack },
	{ 0, 3, "BZh", "a bzip2 file", hint_unpack },
	{ 0, 3, "\x5d\0\0", "an LZMA file", hint_unpack },
	{ 0, 4, "\x89LZO", "an LZO file", hint_unpack },
	{ 0, 4, "QFI\xfb", "a qcow2 disk image", hint_disk },
	{ 0, 4, "KDMV", "a VMDK disk image", hint_disk },
	{ 0, 8, "conectix", "a VHD disk image", hint_disk },
	{ 0, 8, "vhdxfile", "a VHDX disk image", hint_disk },
	{ 0, 4, "hsqs", "a squashfs file system", hint_disk },
	{ 0x438, 2, "\x53\xef", "an ext2, ext3 or ext4 file system", hint_disk },
	{ 0x200, 8, "EFI PART", "a disk image with a GPT", hint_disk },
	{ 0, 4, "PK\3\4", "a zip archive", hint_unpack },
	{ 0, 8, "!<arch>\n", "an ar archive or Debian package", hint_unpack },
	{ 0, 4, "\xed\xab\xee\xdb", "an RPM package", hint_unpack },
	{ 257, 5, "ustar", "a tar archive", hint_unpack },
	{ 0x38, 4, "ARM\x64", "a Linux Image for arm64", NULL },
	{ 0x38, 4, "RSC\x05", "a Linux Image for RISC-V", NULL },
	{ 0, 4, "\x27\x05\x19\x56", "a U-Boot image", NULL },
	{ 0, 4, "\xd0\x0d\xfe\xed", "a device tree", NULL },
	{ 0, 2, "#!", "a script", NULL },
};

static const struct {
	uint16_t machine;
	const char *name;
} pe_machines[] = {
	/* PE/COFF specification, "Machine Types" */
	{ 0x014c, "i386" }, { 0x8664, "x86-64" }, { 0xaa64, "arm64" },
	{ 0x01c4, "ARM" },  { 0x5064, "RISC-V" }, { 0x6264, "LoongArch" },
};

static const char *pe_machine(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_LEN(pe_machines); i++)
		if (pe_machines[i].machine == machine)
			return pe_machines[i].name;
	return "an unknown machine";
}

/* "MZ", and at the offset in 0x3c "PE\0\0" and the machine. */
static int refuse_pe(const uint8_t *p, size_t len, struct error **errp)
{
	uint32_t at = len >= 0x40 ? get_le32(p + 0x3c) : UINT32_MAX;
	int r;

	if (at > len || len - at < 6 || memcmp(p + at, "PE\0\0", 4) != 0)
		return err_set(errp, ENOEXEC, "is a DOS executable, not a kernel");
	r = err_set(errp, ENOEXEC, "is a PE executable for %s, not a bzImage",
		    pe_machine(get_le16(p + at + 4)));
	err_hint(errp, "EFI programs, systemd-boot's unified kernel images among them, need an EFI "
		       "firmware");
	return r;
}

static bool is_text(const uint8_t *p, size_t len)
{
	len = min_u64(len, 512);
	for (size_t i = 0; i < len; i++)
		if ((p[i] < 0x20 && !strchr("\t\n\r\f", p[i])) || !p[i] || p[i] == 0x7f)
			return false;
	return len > 0;
}

static bool is_iso(const struct image *img)
{
	uint8_t id[5]; /* ECMA-119, 8.1: volume descriptor at sector 16, identifier at byte 1 */

	return image_read(img, 0x8001, id, sizeof(id), NULL) == 0 && memcmp(id, "CD001", 5) == 0;
}

static int refuse(struct error **errp, const char *what, const char *hint)
{
	int r = err_set(errp, ENOEXEC, "is %s, not a kernel", what);

	if (hint)
		err_hint(errp, "%s", hint);
	return r;
}

int sniff_refuse(const struct image *img, const uint8_t *p, size_t len, struct error **errp)
{
	if (len >= 2 && memcmp(p, "MZ", 2) == 0 &&
	    (len < 0x3c || memcmp(p + 0x38, "ARM\x64", 4) != 0))
		return refuse_pe(p, len, errp);
	if (is_iso(img))
		return refuse(errp, "an ISO 9660 image", hint_disk);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		const struct mark *m = &marks[i];

		if (len >= m->off + m->len && memcmp(p + m->off, m->magic, m->len) == 0)
			return refuse(errp, m->what, m->hint);
	}
	if (elf_magic(p, len))
		return refuse(errp, "an ELF file for x86 without a Linux, PVH or multiboot entry",
			      NULL);
	if (len >= 512 && get_le16(p + 510) == 0xaa55)
		return refuse(errp, "a boot sector or a disk image with one", hint_flat);
	if (is_text(p, len))
		return refuse(errp, "text", NULL);
	return refuse(errp, "data of an unknown kind", hint_flat);
}
