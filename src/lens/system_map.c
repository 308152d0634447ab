/* SPDX-License-Identifier: MIT */
/* system_map.c: symbols as text, a line each. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/symbols.h"

/* "ADDRESS TYPE NAME ...": false if it is not. */
static bool take_line(const char *p, size_t len, uint64_t *addr, char *type, const char **name,
		      size_t *name_len)
{
	size_t i = 0;

	*addr = 0;
	for (; i < len && isxdigit((unsigned char)p[i]); i++) {
		unsigned c = (unsigned char)p[i];

		if (i == 16)
			return false;
		*addr = *addr << 4 | (isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	if (!i || i + 3 >= len || p[i] != ' ' || !isalpha((unsigned char)p[i + 1]) ||
	    p[i + 2] != ' ')
		return false;
	*type = p[i + 1];
	*name = p + i + 3;
	*name_len = 0;
	while (i + 3 + *name_len < len && isgraph((unsigned char)(*name)[*name_len]))
		++*name_len;
	return *name_len > 0;
}

int symbols_from_map(const void *p, size_t len, struct symbols *ret, struct error **errp)
{
	const char *at = p, *end = at + len, *name;
	bool known = false;
	uint64_t addr = 0;
	size_t n;
	char type;
	int r = 0;

	*ret = (struct symbols){ 0 };
	for (unsigned line = 1; at < end && r == 0; line++) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t l = eol ? (size_t)(eol - at) : (size_t)(end - at);

		if (l && !take_line(at, l, &addr, &type, &name, &n))
			r = err_set(errp, EINVAL, "line %u is no \"ADDRESS TYPE NAME\"", line);
		else if (l)
			r = symbols_add(ret, addr, type, name, n, errp);
		known |= l && addr && addr != UINT64_MAX;
		at += l + 1;
	}
	/* Who may not see addresses sees zeros in /proc/kallsyms; Debian's System.map is one line.
	 */
	if (r == 0 && !known)
		r = err_set(errp, ENOENT, "all of its addresses are 0, or there are none");
	if (r < 0)
		symbols_free(ret);
	symbols_sort(ret);
	return r;
}
