/* SPDX-License-Identifier: MIT */
/* gdb.c: --gdb: a machine that gdb can connect to, and what its `monitor` knows. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "vmm/error.h"
#include "vmm/gdb.h"
#include "vmm/inspect.h"
#include "vmm/lens.h"
#include "vmm/symbols.h"

struct machine_gdb {
	struct machine *m;
	struct gdb_server *server;
	struct debug_target *target;
	struct inspect inspect;
	struct lens lens;
	/* Of the kernel, once somebody has asked for them. */
	struct symbols symbols;
	bool looked;
	char *why_none; /* no symbols; NULL: there are */
};

/* --- names ------------------------------------------------------------------------------------ */

/* The tables that a kernel carries itself; some tenths of a second. */
static void load_symbols(struct machine_gdb *g)
{
	_cleanup_(error_freep) struct error *e = NULL;
	_cleanup_free_ void *bytes = NULL;
	size_t len = 0;

	if (g->looked)
		return;
	g->looked = true;
	if (boot_kernel_bytes(g->m->config->boot.kernel, &bytes, &len, &e) < 0 ||
	    symbols_load(bytes, len, &g->symbols, &e) < 0)
		g->why_none = strdup(error_msg(e));
	else
		g->lens.symbols = &g->symbols;
}

static void find_slide(struct machine_gdb *g)
{
	struct trace_rec at = { .kind = TRACE_KERNEL };
	struct debug_regs r;

	g->lens.slide_known = false;
	if (!g->lens.symbols || g->target->ops->get_regs(g->target, 0, &r) < 0)
		return;
	at.kernel.lstar = r.lstar;
	at.kernel.idt = r.idt_base;
	at.kernel.rip = r.rip;
	at.kernel.cr3 = r.cr3;
	g->lens.slide_known = lens_slide(&g->symbols, &at, &g->lens.slide);
}

/* --- gdb's monitor ---------------------------------------------------------------------------- */

static void say_slide(struct machine_gdb *g, struct str *out)
{
	if (!g->lens.symbols)
		str_add(out, "the kernel's own symbols are not known: %s\n",
			g->why_none ? g->why_none : "out of memory");
	else if (!g->lens.slide_known)
		str_add(out, "not known yet: the kernel has not said where it enters system "
			     "calls (MSR_LSTAR); continue a little, or boot it with nokaslr\n");
	else
		str_add(out, "the kernel runs %#" PRIx64 " above where it was linked%s\n",
			g->lens.slide,
			g->lens.slide ? ": (gdb) add-symbol-file SYMBOLS -o that, after "
					"symbol-file without a name"
				      : "");
}

static void say_help(struct str *out)
{
	str_add(out, "help        this\n"
		     "slide       how far the kernel is from where it was linked (KASLR)\n"
		     "quit        end the guest\n");
	inspect_help(out);
}

static void on_monitor(void *opaque, unsigned cpu, const char *words, struct str *out)
{
	_cleanup_(error_freep) struct error *e = NULL;
	struct machine_gdb *g = opaque;
	int r;

	if (!*words || !strcmp(words, "help")) {
		say_help(out);
		return;
	}
	if (!strcmp(words, "quit")) {
		g->target->ops->kill(g->target);
		return;
	}
	load_symbols(g);
	find_slide(g);
	if (!strcmp(words, "slide")) {
		say_slide(g, out);
		return;
	}
	g->inspect.cpu = cpu;
	inspect_moved(&g->inspect);
	r = inspect_line(&g->inspect, words, out, &e);
	if (r == -ENOENT && !e)
		str_add(out, "'%s' is nothing that can be asked; monitor help lists what can\n",
			words);
	else if (r < 0)
		str_add(out, "%s\n", error_msg(e));
}

/* --- life ------------------------------------------------------------------------------------- */

int machine_add_gdb(struct machine *m, struct error **errp)
{
	const struct vm_config *c = m->config;
	struct machine_gdb *g;
	int r;

	if (!c->debug.gdb)
		return 0;
	g = m->gdb = calloc(1, sizeof(*g));
	if (!g)
		return err_set(errp, ENOMEM, "cannot allocate what gdb needs");
	g->m = m;
	r = machine_debug(m, !c->debug.nowait, &g->target, errp);
	if (r < 0)
		return r;
	g->inspect = (struct inspect){ .target = g->target, .lens = &g->lens, .machine = m };
	r = gdb_server_open(c->debug.gdb, g->target, m->main_loop,
			    &(struct gdb_monitor){ .fn = on_monitor, .opaque = g }, &g->server,
			    errp);
	return r < 0 ? err_wrap(errp, "--gdb") : 0;
}

void machine_close_gdb(struct machine *m)
{
	struct machine_gdb *g = m->gdb;

	if (!g)
		return;
	m->gdb = NULL;
	gdb_server_close(g->server);
	symbols_free(&g->symbols);
	free(g->why_none);
	free(g);
}

bool machine_gdb_hint(const struct machine *m, char *buf, size_t len)
{
	if (!m->gdb)
		return false;
	gdb_server_hint(m->gdb->server, buf, len);
	return true;
}
