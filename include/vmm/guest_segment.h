/* SPDX-License-Identifier: MIT */
/*
 * guest_segment.h: the host's half of guest_init.h before the boot: a cpio segment ("newc",
 * Documentation/driver-api/early-userspace/buffer-format.rst) with the init, what it shall do, and
 * perhaps a root, to be put behind the user's initramfs (boot_config.segment). Where both have a
 * file of the same name the kernel takes ours, as it comes last.
 *
 * Nothing but the init itself is outside of GUEST_INIT_DIR: to Linux, a directory in a later
 * segment replaces a symbolic link in an earlier one, which "lib" may be.
 */
#ifndef VMM_GUEST_SEGMENT_H
#define VMM_GUEST_SEGMENT_H

#include <sys/types.h>

#include "vmm/base.h"
#include "vmm/guest_init.h"

struct error;

/* Mounted in this order before the command runs; the guest makes the directories. NULL is "". */
struct guest_mount {
	const char *source; /* a virtiofs tag, /dev/vdb, ... */
	const char *target; /* absolute */
	const char *type, *options;
};

/* One more file in the guest, such as a kernel module. */
struct guest_file {
	const char *path; /* under GUEST_INIT_DIR, without .. */
	mode_t mode;      /* permissions */
	const char *from; /* a regular file on the host; NULL: @data */
	const void *data;
	size_t len;
};

/* Strings that are NULL are empty, lists that are NULL have none; but for argv. */
struct guest_segment_config {
	const char *init_path;   /* NULL: GUEST_INIT_PATH; else what rdinit= says, "/NAME" */
	const char *const *argv; /* the command, ends in NULL; found by PATH if it has no slash */
	const char *const *env;  /* all of its environment, ends in NULL */
	const char *cwd;         /* absolute; NULL: / */
	const char *hostname;    /* at most 64 bytes */
	enum guest_init_root root;
	const char *root_source, *root_type, *root_options;
	/* GUEST_ROOT_TREE: this directory, as it is now, is the root. Special files and what cannot
	 * be read are errors; what belongs to the effective user is root's in the guest. */
	const char *tree;
	const struct guest_mount *mounts;
	unsigned mount_cnt;
	const struct guest_file *files;
	unsigned file_cnt;
	const char *const *modules; /* their paths in the guest, in order; ends in NULL */
	uint32_t flags;             /* GUEST_INIT_F_* */
	uint32_t port_wait_ms, device_wait_ms, grace_ms; /* 0: 5 s, 10 s, 0.5 s */
};

/*
 * Builds the segment in a memory file: *fd, which the caller closes, of *len bytes. -EINVAL for a
 * configuration that cannot be, -E2BIG for one that is longer than GUEST_INIT_CONFIG_MAX, else what
 * the host says. The same configuration gives the same bytes. Any thread.
 */
int guest_segment_build(const struct guest_segment_config *c, int *fd, uint64_t *len,
			struct error **errp) __must_check;

/* The init, a static ELF program for x86-64 Linux of at most GUEST_INIT_IMAGE_MAX bytes. */
#define GUEST_INIT_IMAGE_MAX (64u * 1024)
const void *guest_init_image(size_t *len);

#endif
