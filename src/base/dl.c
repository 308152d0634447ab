/* SPDX-License-Identifier: MIT */
/* dl.c: libraries that are loaded when they are first wanted. */
#include "vmm/dl.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "vmm/error.h"

/* Weak: a program that is linked statically has none, and is not warned about it. */
extern __typeof__(dlopen) dlopen __attribute__((weak));
extern __typeof__(dlsym) dlsym __attribute__((weak));

int dl_load(const char *library, const struct dl_symbol *v, unsigned cnt, struct error **errp)
{
	void *h;

	if (!dlopen || !dlsym)
		return err_set(errp, ENOSYS,
			       "this program is linked statically: it cannot load '%s'", library);
	h = dlopen(library, RTLD_NOW | RTLD_LOCAL);
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
