/* SPDX-License-Identifier: MIT */
/* dl.c: libraries that are loaded when they are first wanted. */
#include "vmm/dl.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "vmm/error.h"

/*
 * A program that is linked statically has no dlopen() that works without the C library it was
 * linked with, and the linker warns about each that names it. So it is looked up: weak, as there is
 * no dlsym() in there either.
 */
#pragma weak dlsym

int dl_load(const char *library, const struct dl_symbol *v, unsigned cnt, struct error **errp)
{
	__typeof__(dlopen) *open_library = NULL;
	void *h;

	if (dlsym) {
		h = dlsym(RTLD_DEFAULT, "dlopen");
		memcpy(&open_library, &h, sizeof(h));
	}
	if (!dlsym || !open_library)
		return err_set(errp, ENOSYS,
			       "this program is linked statically: it cannot load '%s'", library);
	h = open_library(library, RTLD_NOW | RTLD_LOCAL);
	if (!h)
		return err_set(errp, ENOENT, "'%s' is not installed", library);
	for (unsigned i = 0; i < cnt; i++) {
		void *p = dlsym(h, v[i].name);

		if (!p)
			return err_set(errp, ENOSYS, "'%s' has no '%s'", library, v[i].name);
		memcpy(v[i].to, &p, sizeof(p));
	}
	return 0;
}
