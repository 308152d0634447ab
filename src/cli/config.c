/* SPDX-License-Identifier: MIT */
/* config.c: a configuration's defaults, its end, and the rules between its fields. */
#include "vmm/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/disk_option.h"
#include "cli/net_option.h"
#include "cli/share_option.h"
#include "cli/virtio_option.h"
#include "vmm/cli.h"
#include "vmm/cpuid.h"
#include "vmm/error.h"
#include "vmm/lens.h"
#include "vmm/log.h"
#include "vmm/parse.h"
#include "vmm/str.h"

/* Enough for a distribution's kernel and initrd, which 256 MiB is not always. */
#define DEFAULT_MEMORY (512 * MIB)

/* QEMU's isa-debug-exit as kvm-unit-tests use it. */
#define DEFAULT_DEBUG_EXIT 0xf4

void config_init(struct vm_config *c)
{
	memset(c, 0, sizeof(*c));
	/*
	 * A string that could not be allocated stays NULL; config_check() finds it. Callers need no
	 * error path for the one moment at which nothing else is in use.
	 */
	c->boot.hints = true;
	c->boot.unpack = true;
	c->cpu.model = strdup("host");
	c->mem.size = DEFAULT_MEMORY;
	c->mem.pages = RAM_PAGES_THP;
	c->board.acpi = true;
	c->board.fdt = true;
	c->serial[0] = strdup("stdio");
	for (unsigned i = 1; i < CONFIG_SERIALS; i++)
		c->serial[i] = strdup("none");
	c->debugcon = strdup("stdio");
	c->debug_exit_port = DEFAULT_DEBUG_EXIT;
	c->end.panic_watch = true;
	c->log_level = LOG_WARN;
}

void config_free(struct vm_config *c)
{
	free(c->name);
	free(c->boot.kernel);
	str_list_free(&c->boot.initrd);
	free(c->boot.cmdline);
	free(c->boot.cache_dir);
	free(c->cpu.model);
	free(c->mem.path);
	disk_list_free(&c->disks);
	net_list_free(&c->nets);
	share_list_free(&c->shares);
	free(c->virtio.console);
	port_list_free(&c->virtio.ports);
	pmem_list_free(&c->virtio.pmem);
	free(c->virtio.vsock.path);
	free(c->debug.gdb);
	for (unsigned i = 0; i < CONFIG_SERIALS; i++)
		free(c->serial[i]);
	free(c->debugcon);
	free(c->dump.acpi_dir);
	free(c->dump.dtb);
	free(c->lab.device);
	free(c->log_file);
	free(c->trace.show);
	free(c->trace.out);
	memset(c, 0, sizeof(*c));
}

/* --- topology --------------------------------------------------------------------------------- */

static uint64_t or_one(unsigned v)
{
	return v ? v : 1;
}

/* "6 CPUs (-c) cannot be made of --cores 4". */
static int topology_error(const struct vm_config *c, struct error **errp)
{
	const struct {
		const char *name;
		unsigned v;
	} part[] = { { "--sockets", c->cpu.sockets },
		     { "--cores", c->cpu.cores },
		     { "--threads", c->cpu.threads } };
	_cleanup_(str_free) struct str s = { 0 };

	for (unsigned i = 0; i < ARRAY_LEN(part); i++) {
		if (part[i].v)
			str_add(&s, "%s%s %u", s.len ? " times " : "", part[i].name, part[i].v);
	}
	err_set(errp, EINVAL, "%u CPU%s (-c) cannot be made of %s", c->cpu.count,
		c->cpu.count == 1 ? "" : "s", s.s ? s.s : "that");
	err_hint(errp, "sockets times cores times threads is the number of CPUs; what is left out "
		       "is worked out");
	return -EINVAL;
}

/*
 * What is open is filled in so that the product comes to the count: first the count, then threads
 * (1 unless sockets and cores leave only them), cores, sockets.
 */
static int check_topology(struct vm_config *c, struct error **errp)
{
	unsigned s = c->cpu.sockets, k = c->cpu.cores, t = c->cpu.threads;
	uint64_t n = c->cpu.count, given = or_one(s) * or_one(k) * or_one(t);

	if (!n)
		n = given;
	if (n > UINT16_MAX)
		return err_set(errp, ERANGE,
			       "--sockets %u, --cores %u and --threads %u make %llu "
			       "CPUs, which is too many",
			       s, k, t, (unsigned long long)n);
	if (n % given || (s && k && t && n != given))
		return topology_error(c, errp);
	if (!t)
		t = s && k ? (unsigned)(n / given) : 1;
	if (!k)
		k = (unsigned)(n / (or_one(s) * t));
	if (!s)
		s = (unsigned)(n / ((uint64_t)k * t));
	c->cpu.count = (unsigned)n;
	c->cpu.sockets = s;
	c->cpu.cores = k;
	c->cpu.threads = t;
	return 0;
}

static int check_model(const struct vm_config *c, struct error **errp)
{
	int ret = cpuid_check_model(c->cpu.model, errp);

	return ret < 0 ? err_wrap(errp, "--cpu") : 0;
}

/* --- boot ------------------------------------------------------------------------------------- */

static int check_boot(const struct vm_config *c, struct error **errp)
{
	enum boot_protocol p = c->boot.protocol;
	bool flat = p == BOOT_REAL || p == BOOT_FLAT32 || p == BOOT_FLAT64;
	const char *odd = NULL;

	if (!c->boot.kernel) {
		err_set(errp, EINVAL, "no kernel was given");
		err_hint(errp, "name one with -k FILE, and its initial RAM disk with -i FILE");
		return -EINVAL;
	}
	if (!flat && (c->boot.load_addr || c->boot.entry))
		return err_set(errp, EINVAL,
			       "%s is for flat binaries: --protocol real, flat32 or flat64",
			       c->boot.load_addr ? "--load-address" : "--entry");
	if (flat && c->boot.initrd.cnt)
		odd = "--initrd";
	else if (flat && c->boot.cmdline)
		odd = "--cmdline";
	if (odd)
		return err_set(errp, EINVAL,
			       "%s is of no use to a flat binary, which has no way to find it",
			       odd);
	return 0;
}

/*
 * XDG Base Directory Specification: an unset or empty $XDG_CACHE_HOME means ~/.cache, a relative
 * one is invalid and ignored. Who has no home has no cache.
 */
static int find_cache(struct vm_config *c, struct error **errp)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	_cleanup_(str_free) struct str s = { 0 };

	if (c->boot.cache_dir)
		return 0;
	if (cache && *cache == '/')
		str_add(&s, "%s/trapeze", cache);
	else if (home && *home == '/')
		str_add(&s, "%s/.cache/trapeze", home);
	c->boot.cache_dir = strdup(s.s ? s.s : "");
	return c->boot.cache_dir ? 0 : err_errno(errp, ENOMEM, "cannot build the configuration");
}

/* --- memory ----------------------------------------------------------------------------------- */

static int check_memory(const struct vm_config *c, struct error **errp)
{
	uint64_t page = c->mem.pages == RAM_PAGES_1G   ? GIB
			: c->mem.pages == RAM_PAGES_2M ? 2 * MIB
						       : 4 * KIB;
	char size[24], unit[24];

	if (c->mem.size % page)
		return err_set(errp, EINVAL, "-m: %s is no multiple of --hugepages %s",
			       format_size(c->mem.size, size, sizeof(size)),
			       format_size(page, unit, sizeof(unit)));
	if (c->mem.backing == RAM_FILE && !c->mem.path)
		return err_set(errp, EINVAL,
			       "--mem-backing file wants to know where: --mem-path "
			       "PATH");
	if (c->mem.backing != RAM_FILE && c->mem.path)
		return err_set(errp, EINVAL,
			       "--mem-path '%s' is of use with --mem-backing file only",
			       c->mem.path);
	if (c->mem.mergeable && (c->mem.backing != RAM_ANON || page > 4 * KIB))
		return err_set(errp, EINVAL,
			       "--mergeable: KSM merges private anonymous memory "
			       "only, not %s",
			       page > 4 * KIB ? "reserved huge pages" : "shared memory");
	return 0;
}

/* --- the board -------------------------------------------------------------------------------- */

static int check_board(struct vm_config *c, struct error **errp)
{
	if (c->board.irqchip == IRQCHIP_USER && c->cpu.count > 1)
		return err_set(errp, EINVAL,
			       "--irqchip user has no APIC and so works with one CPU "
			       "only, not with %u",
			       c->cpu.count);
	if (!c->board.acpi && !c->board.mptable && c->cpu.count > 1)
		log_msg(LOG_WARN, NULL,
			"--no-acpi without --mptable: most kernels will find only "
			"one of the %u CPUs",
			c->cpu.count);
	if (c->board.testdev && c->debugcon_set && c->debugcon && strcmp(c->debugcon, "none") != 0)
		return err_set(
			errp, EINVAL,
			"--testdev and --debugcon %s both want port 0xe9: leave one of them out",
			c->debugcon);
	for (unsigned i = 0; i < CONFIG_SERIALS; i++) {
		if (!c->serial[i])
			c->serial[i] = strdup("none");
		if (!c->serial[i])
			return err_errno(errp, ENOMEM, "cannot build the configuration");
	}
	if (!c->cpu.model || !c->debugcon)
		return err_errno(errp, ENOMEM, "cannot build the configuration");
	return 0;
}

/* --- disks ------------------------------------------------------------------------------------ */

static int check_disks(const struct vm_config *c, struct error **errp)
{
	if (c->disks.cnt && c->board.pci == PCI_OFF && c->board.transport == VIRTIO_TRANSPORT_PCI) {
		err_set(errp, EINVAL,
			"disk '%s' (-d) sits on the PCI bus, which --pci off takes away",
			c->disks.v[0].blk.path);
		err_hint(errp, "--virtio mmio puts virtio devices at addresses of their own");
		return -EINVAL;
	}
	return 0;
}

/* --- virtio ----------------------------------------------------------------------------------- */

/* What the first virtio device of a configuration is, for messages; NULL: there is none. */
static const char *first_virtio(const struct vm_config *c)
{
	if (c->nets.cnt)
		return "a network card (-n)";
	if (config_has_console(c))
		return "--console";
	if (c->virtio.ports.cnt)
		return "--port";
	if (c->virtio.pmem.cnt)
		return "--pmem";
	if (c->shares.cnt)
		return "--share";
	if (config_has_vsock(c))
		return "--vsock";
	return c->virtio.rng == RNG_ON ? "--rng on" : NULL;
}

static int check_virtio(const struct vm_config *c, struct error **errp)
{
	const char *what = first_virtio(c);

	if (what && c->board.pci == PCI_OFF && c->board.transport == VIRTIO_TRANSPORT_PCI) {
		err_set(errp, EINVAL, "%s sits on the PCI bus, which --pci off takes away", what);
		err_hint(errp, "--virtio mmio puts virtio devices at addresses of their own");
		return -EINVAL;
	}
	return 0;
}

/* --- tracing ---------------------------------------------------------------------------------- */

/* What leads to standard output, where a recording is to be alone; NULL: nothing. */
static const char *on_stdout(const struct vm_config *c)
{
	for (unsigned i = 0; i < CONFIG_SERIALS; i++)
		if (c->serial[i] && !strcmp(c->serial[i], "stdio"))
			return "a serial port (--serial)";
	if (c->debugcon && !strcmp(c->debugcon, "stdio"))
		return "the debug console (--debugcon)";
	return config_has_console(c) && !strcmp(c->virtio.console, "stdio")
		       ? "the virtio console (--console)"
		       : NULL;
}

/* Devices that a filter names are looked up when there are devices. */
static int check_trace(const struct vm_config *c, struct error **errp)
{
	const char *filter = config_trace_filter(c), *other = on_stdout(c);
	struct lens_filter *f = NULL;
	int ret = *filter ? lens_filter_parse(filter, NULL, &f, errp) : 0;

	lens_filter_free(f);
	if (ret < 0)
		return err_wrap(errp, "--trace");
	if (c->trace.out && !strcmp(c->trace.out, "-") && other)
		return err_set(errp, EINVAL, "--trace-out - is standard output, which is %s",
			       other);
	return 0;
}

int config_check(struct vm_config *c, struct error **errp)
{
	int ret = check_boot(c, errp);

	if (!ret)
		ret = find_cache(c, errp);
	if (!ret)
		ret = check_topology(c, errp);
	if (!ret)
		ret = check_model(c, errp);
	if (!ret)
		ret = check_memory(c, errp);
	if (!ret)
		ret = check_board(c, errp);
	if (!ret)
		ret = check_disks(c, errp);
	if (!ret)
		ret = check_virtio(c, errp);
	if (!ret)
		ret = share_list_check(&c->shares, errp);
	if (!ret)
		ret = check_trace(c, errp);
	return ret;
}

const char *run_summary(const struct vm_config *c, char *buf, size_t len)
{
	_cleanup_(str_free) struct str s = { 0 };
	char size[24];

	str_add(&s, "%s of memory, %u CPU%s", format_size(c->mem.size, size, sizeof(size)),
		c->cpu.count, c->cpu.count == 1 ? "" : "s");
	if (c->cpu.threads > 1 || c->cpu.sockets > 1)
		str_add(&s, " (sockets %u, cores %u, threads %u)", c->cpu.sockets, c->cpu.cores,
			c->cpu.threads);
	str_add(&s, ", kernel '%s'", c->boot.kernel ? c->boot.kernel : "");
	for (unsigned i = 0; i < c->boot.initrd.cnt; i++)
		str_add(&s, ", initrd '%s'", c->boot.initrd.v[i]);
	for (unsigned i = 0; i < c->disks.cnt; i++)
		str_add(&s, ", disk '%s'", c->disks.v[i].blk.path);
	for (unsigned i = 0; i < c->nets.cnt; i++)
		str_add(&s, ", network '%s'", net_kind_name(c->nets.v[i].kind));
	for (unsigned i = 0; i < c->virtio.pmem.cnt; i++)
		str_add(&s, ", pmem '%s'", c->virtio.pmem.v[i].path);
	for (unsigned i = 0; i < c->shares.cnt; i++)
		str_add(&s, ", share '%s'", c->shares.v[i].path);
	if (config_has_vsock(c))
		str_add(&s, ", vsock %u '%s'", c->virtio.vsock.cid,
			c->virtio.vsock.vhost ? "vhost" : c->virtio.vsock.path);
	return str_escape(s.s ? s.s : "", s.len, buf, len);
}
