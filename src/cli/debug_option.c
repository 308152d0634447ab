/* SPDX-License-Identifier: MIT */
/* debug_option.c: --gdb WHERE[,nowait] */
#include "cli/debug_option.h"

#include "cli/path_option.h"
#include "vmm/gdb.h"
#include "vmm/json.h"

const struct opt_word gdb_words[] = {
	{ "tcp:", 0, "[HOST]:PORT; without a HOST only this host's programs can connect" },
	{ "unix:", 0, "PATH, a socket for the user alone" },
	{ ",nowait", 0, "start the guest at once; it stops when a debugger connects" },
	{ 0 },
};

#define GDB(field) offsetof(struct debug_config, field)

static const struct opt gdb_where = {
	.name = "where", .arg = "WHERE", .type = &opt_text, .off = GDB(gdb)
};
static const struct opt gdb_keys[] = {
	{ .name = "nowait", .type = &opt_switch, .off = GDB(nowait) },
};
static const struct debug_config plain = { 0 };
static const struct path_option gdb_option = {
	.thing = "a gdb server",
	.file = "place",
	.first = &gdb_where,
	.key = gdb_keys,
	.key_cnt = ARRAY_LEN(gdb_keys),
	.plain = &plain,
	.size = sizeof(plain),
};

static int set_gdb(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct debug_config *to = field, c = plain;
	int r = path_option_parse(&gdb_option, text, &c, errp);

	(void)o;
	if (r >= 0)
		r = gdb_check(c.gdb, errp);
	if (r < 0) {
		free(c.gdb);
		return r;
	}
	free(to->gdb);
	*to = c;
	return 0;
}

static char *gdb_text(const json_t *obj, struct error **errp)
{
	return path_option_text(&gdb_option, obj, errp);
}

static bool has_gdb(const void *field)
{
	return ((const struct debug_config *)field)->gdb != NULL;
}

static json_t *get_gdb(const void *field, const struct opt *o)
{
	(void)o;
	return has_gdb(field) ? path_option_object(&gdb_option, field) : NULL;
}

const struct opt_type opt_gdb = {
	.wants = "an object with where, or a string such as \"tcp::1234\"",
	.json = OPT_STRING | OPT_OBJECT,
	.set = set_gdb,
	.object_text = gdb_text,
	.get = get_gdb,
	.is_set = has_gdb,
};
