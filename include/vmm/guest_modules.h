/* SPDX-License-Identifier: MIT */
/*
 * guest_modules.h: which files of a directory such as /lib/modules/RELEASE a guest needs, and in
 * which order they are loaded: modules.dep (depmod(8)) says it.
 */
#ifndef VMM_GUEST_MODULES_H
#define VMM_GUEST_MODULES_H

#include "vmm/guest_segment.h"

struct guest_modules {
	struct guest_file *file; /* whose strings are owned, as all here */
	unsigned cnt;
	const char *
		*path; /* in the guest, in the order of loading; ends in NULL. file[]'s strings */
};

/*
 * What @wanted (cnt names; '-' and '_' are one) need of @dir, each file once. Names that
 * modules.dep does not have are built in, or nothing that can be helped: they are passed over.
 * @ret is added to, and the caller guest_modules_free()s it, after an error as well. -ENOENT: there
 * is no modules.dep. Any thread.
 */
int guest_modules_find(const char *dir, const char *const *wanted, unsigned cnt,
		       struct guest_modules *ret, struct error **errp) __must_check;
/* Does the kernel that @dir belongs to have module @name, as a file or built in? Any thread. */
bool guest_modules_has(const char *dir, const char *name);
void guest_modules_free(struct guest_modules *m); /* accepts a zeroed one */

#endif
