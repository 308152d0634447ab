/* SPDX-License-Identifier: MIT */
/* json.c: JSON files, read whole and checked whole. */
#include "vmm/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/str.h"

const char *json_kind(const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a number";
	case JSON_REAL:
		return "a fractional number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "unknown";
}

int json_parse(const char *text, size_t len, const char *what, json_t **ret, struct error **errp)
{
	json_error_t je;
	json_t *j;

	if (!len)
		return err_set(errp, EINVAL, "'%s' is empty: JSON wants at least {}", what);
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
	if (!j)
		return err_set(errp, EINVAL, "'%s', line %d, column %d: %s", what, je.line,
			       je.column, je.text);
	*ret = j;
	return 0;
}

int json_read(const char *path, json_t **ret, struct error **errp)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(str_free) struct str text = { 0 };
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return err_errno(errp, errno, "cannot open '%s'", path);
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errp, errno, "cannot read '%s'", path);
		str_add_bytes(&text, buf, (size_t)n);
		if (text.failed)
			return err_errno(errp, ENOMEM, "cannot read '%s'", path);
		if (text.len > JSON_MAX_BYTES)
			return err_set(errp, EFBIG,
				       "'%s' has more than %u bytes: that is no configuration",
				       path, (unsigned)JSON_MAX_BYTES);
	}
	return json_parse(text.s ? text.s : "", text.len, path, ret, errp);
}
