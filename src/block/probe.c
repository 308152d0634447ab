/* SPDX-License-Identifier: MIT */
/*
 * probe.c: telling formats by their first bytes, as qemu-img does.
 *
 * The danger in it: the first bytes of a raw disk are the guest's to write. One that writes a qcow2
 * header there, with /etc/shadow for a backing file, would read that file after the next start. So
 * what was probed as raw stays raw: raw.c refuses writes that would make probe_head() say
 * otherwise.
 */
#include "block/probe.h"

#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/log.h"

/* Formats that are not read here, but that another program, or a later version, may take a file
 * for. */
static const struct {
	const char *name;
	unsigned off, len;
	const char *magic;
} foreign[] = {
	{ "qcow2", 0, 4, "QFI\xfb" }, /* qcow2.c knows more about the versions */
	{ "QED", 0, 4, "QED\0" },
	{ "VMDK", 0, 4, "KDMV" },
	{ "VMDK", 0, 4, "COWD" },
	{ "VMDK", 0, 21, "# Disk DescriptorFile" },
	{ "VHDX", 0, 8, "vhdxfile" },
	{ "VHD", 0, 8, "conectix" },
	{ "VDI", 64, 4, "\x7f\x10\xda\xbe" },
	{ "Parallels", 0, 16, "WithoutFreeSpace" },
	{ "Parallels", 0, 16, "WithouFreSpacExt" },
	{ "cloop", 0, 10, "#!/bin/sh\n" },
};

const struct blk_format_ops *const blk_formats[] = { &blk_qcow2, &blk_raw, NULL };

const char *probe_head(const uint8_t head[BLK_PROBE_LEN], const struct blk_format_ops **ret)
{
	*ret = NULL;
	for (size_t i = 0; blk_formats[i]; i++) {
		if (blk_formats[i]->probe && blk_formats[i]->probe(head)) {
			*ret = blk_formats[i];
			return blk_formats[i]->name;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		if (!memcmp(head + foreign[i].off, foreign[i].magic, foreign[i].len))
			return foreign[i].name;
	return NULL;
}

int probe_file(struct blk_file *f, const struct blk_format_ops **ret, struct error **errp)
{
	uint8_t head[BLK_PROBE_LEN];
	const char *name;
	int r = file_pread(f, head, sizeof(head), 0);

	if (r < 0)
		return err_errno(errp, -r, "cannot read the start of '%s'", f->path);
	name = probe_head(head, ret);
	if (name && !*ret) {
		r = err_set(errp, ENOTSUP, "'%s' looks like a %s image, which trapeze cannot read",
			    f->path, name);
		err_hint(errp, "convert it with qemu-img, or say format=raw if that is what it is");
		return r;
	}
	if (!name)
		*ret = &blk_raw;
	if (name || f->flags & FILE_READONLY)
		log_msg(LOG_WARN, "disk",
			"'%s': no format given, taken to be %s; format=%s says it", f->path,
			(*ret)->name, (*ret)->name);
	else
		log_msg(LOG_WARN, "disk",
			"'%s': no format given, taken to be raw; the guest may not make it look "
			"like another format (format=raw lets it)",
			f->path);
	return 0;
}
