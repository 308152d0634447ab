/* SPDX-License-Identifier: MIT */
/*
 * options.c: the one table of what `trapeze run` can be told. The order of rows is the order in
 * --help, in the manual and in --dump-config.
 */
#include <errno.h>
#include <string.h>

#include "cli/debug_option.h"
#include "cli/disk_option.h"
#include "cli/net_option.h"
#include "cli/share_option.h"
#include "cli/stream_option.h"
#include "cli/virtio_option.h"
#include "vmm/cli.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/log.h"
#include "vmm/parse.h"

/* --- serial ports, debug console ---------------------------------------------------------------
 */

/* The first use sets COM1, the next COM2 and so on: @field is vm_config.serial. */
static int set_serial(void *field, const struct opt *o, const char *text, struct error **errp)
{
	char **port = field;
	unsigned n = 0;
	int ret = stream_check(text, errp);

	if (ret < 0)
		return ret;
	while (n < CONFIG_SERIALS && port[n])
		n++;
	if (n == CONFIG_SERIALS)
		return err_set(errp, E2BIG, "'%s' is one too many: there are %d serial ports", text,
			       CONFIG_SERIALS);
	return opt_text.set(&port[n], o, text, errp);
}

/* Ports behind the last one that exists are left out. */
static json_t *get_serial(const void *field, const struct opt *o)
{
	char *const *port = field;
	unsigned cnt = CONFIG_SERIALS;
	json_t *a = json_array();

	(void)o;
	while (cnt && (!port[cnt - 1] || !strcmp(port[cnt - 1], "none")))
		cnt--;
	for (unsigned i = 0; a && i < cnt; i++) {
		if (json_array_append_new(a, json_string(port[i] ? port[i] : "none"))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

/* A NULL port is "none"; config_check() makes it so. */
static void clear_serial(void *field, const struct opt *o)
{
	char **port = field;

	(void)o;
	for (unsigned i = 0; i < CONFIG_SERIALS; i++) {
		free(port[i]);
		port[i] = NULL;
	}
}

static const struct opt_type opt_serial = {
	.wants = "an array of strings such as [\"stdio\", \"null\"], or a string",
	.json = OPT_STRING,
	.completes = OPT_FILES,
	.repeats = true,
	.is_list = true,
	.set = set_serial,
	.get = get_serial,
	.clear = clear_serial,
};

static int set_debugcon(void *field, const struct opt *o, const char *text, struct error **errp)
{
	int ret = stream_check(text, errp);

	if (!ret)
		ret = opt_text.set(field, o, text, errp);
	if (!ret)
		container_of((char **)field, struct vm_config, debugcon)->debugcon_set = true;
	return ret;
}

static json_t *get_debugcon(const void *field, const struct opt *o)
{
	return opt_text.get(field, o);
}

static const struct opt_type opt_debugcon = {
	.wants = "a string such as \"stdio\" or \"none\"",
	.json = OPT_STRING,
	.completes = OPT_FILES,
	.set = set_debugcon,
	.get = get_debugcon,
};

/* --- tracing ---------------------------------------------------------------------------------- */

static int set_trace(void *field, const struct opt *o, const char *text, struct error **errp)
{
	return opt_text.set(field, o, text, errp);
}

static json_t *get_trace(const void *field, const struct opt *o)
{
	return opt_text.get(field, o);
}

static const struct opt_type opt_trace = {
	.wants = "a string such as \"summary\", \"dev=serial0\" or \"\" for everything",
	.json = OPT_STRING,
	.optional = true,
	.set = set_trace,
	.get = get_trace,
};

/* --- -v --------------------------------------------------------------------------------------- */

static int set_verbose(void *field, const struct opt *o, const char *text, struct error **errp)
{
	unsigned *level = field;

	(void)o;
	(void)text;
	(void)errp;
	if (*level < LOG_DBG)
		++*level;
	return 0;
}

static const struct opt_type opt_verbose = {
	.json = 0,
	.is_switch = true,
	.repeats = true,
	.set = set_verbose,
};

/* --- words ------------------------------------------------------------------------------------ */

static const struct opt_word protocol_words[] = {
	{ "auto", BOOT_AUTO, "by what the file is" },
	{ "linux", BOOT_LINUX, "bzImage or vmlinux, 64-bit entry" },
	{ "pvh", BOOT_PVH, "ELF with a PVH entry note" },
	{ "multiboot", BOOT_MULTIBOOT, "Multiboot 1; each -i is a module \"FILE [ARGS]\"" },
	{ "real", BOOT_REAL, "flat binary, real mode" },
	{ "flat32", BOOT_FLAT32, "flat binary, 32-bit protected mode" },
	{ "flat64", BOOT_FLAT64, "flat binary, long mode, first 4 GiB identity-mapped" },
	{ 0 },
};

static const struct opt_word model_words[] = {
	{ "host", 0, "all the host has and KVM can pass on" },
	{ "baseline", 0, "what any x86-64-v2 machine has" },
	{ "x86-64-v2", 0, "the same under its psABI name" },
	{ "x86-64-v3", 0, "and AVX2, BMI, FMA, MOVBE" },
	{ "x86-64-v4", 0, "and AVX-512" },
	{ "help", 0, "list models and features, start nothing" },
	{ 0 },
};

static const struct opt_word msr_words[] = {
	{ "known", MSR_KNOWN, "answer for the few that kernels take for granted, else a fault" },
	{ "fault", MSR_FAULT, "a general protection fault, as the manuals have it" },
	{ "ignore", MSR_IGNORE, "reads are 0, writes are dropped" },
	{ 0 },
};

static const struct opt_word backing_words[] = {
	{ "anon", RAM_ANON, "private anonymous memory" },
	{ "memfd", RAM_MEMFD, "shared memory without a name" },
	{ "file", RAM_FILE, "shared memory in the file --mem-path" },
	{ 0 },
};

static const struct opt_word pages_words[] = {
	{ "off", RAM_PAGES_SMALL, "4 KiB pages only" },
	{ "thp", RAM_PAGES_THP, "transparent huge pages, as the host finds them" },
	{ "2M", RAM_PAGES_2M, "reserved 2 MiB pages (hugetlbfs)" },
	{ "1G", RAM_PAGES_1G, "reserved 1 GiB pages (hugetlbfs)" },
	{ 0 },
};

static const struct opt_word irqchip_words[] = {
	{ "split", IRQCHIP_SPLIT, "local APIC in KVM; PIC, PIT and IOAPIC here" },
	{ "kernel", IRQCHIP_KERNEL, "all of them in KVM" },
	{ "user", IRQCHIP_USER, "PIC and PIT here, no APIC, one CPU" },
	{ 0 },
};

static const struct opt_word pci_words[] = {
	{ "auto", PCI_AUTO, "when something sits on it" },
	{ "on", PCI_ON, "always" },
	{ "off", PCI_OFF, "never" },
	{ 0 },
};

static const struct opt_word transport_words[] = {
	{ "pci", VIRTIO_TRANSPORT_PCI, "functions of the PCI bus" },
	{ "mmio", VIRTIO_TRANSPORT_MMIO, "registers at addresses of their own, told by ACPI" },
	{ 0 },
};

static const struct opt_word trace_words[] = {
	{ "summary", 0, "exits by register, where time went and what KVM did itself, at the end" },
	{ "kind=KIND", 0, "exits of one kind: io, mmio, hlt, intr, eoi, msr and so on" },
	{ "dev=ID", 0, "what one device has to do with: serial0, disk0-pci" },
	{ "addr=FROM-TO", 0, "ports, or memory" },
	{ "vcpu=N", 0, "of one CPU" },
	{ "rip=SYMBOL", 0, "made there" },
	{ 0 },
};

static const struct opt_word level_words[] = {
	{ "error", LOG_ERR, "what made it fail" },
	{ "warn", LOG_WARN, "and what is odd" },
	{ "info", LOG_INFO, "and what it does" },
	{ "debug", LOG_DBG, "and how" },
	{ 0 },
};

/* --- the table -------------------------------------------------------------------------------- */

#define AT(member) .off = offsetof(struct run_args, member)

/* KVM's own limit on any x86 host is lower or equal; what this host allows is asked at start. */
#define MAX_CPUS 4096

const struct opt run_options[] = {
	{ "Boot", "boot.kernel", "kernel", NULL, 'k', "FILE", &opt_file, AT(config.boot.kernel),
	  .help = "What to boot: bzImage, ELF vmlinux, Multiboot image or flat binary" },
	{ "Boot", "boot.initrd", "initrd", NULL, 'i', "FILE", &opt_files, AT(config.boot.initrd),
	  .help = "Initial RAM disk; several are put one behind the other, in the order given" },
	{ "Boot", "boot.cmdline", "cmdline", "params", 'p', "TEXT", &opt_joined,
	  AT(config.boot.cmdline),
	  .help = "The kernel's command line; several are joined by a space" },
	{ "Boot", "boot.hints", "hints", NULL, 0, NULL, &opt_switch, AT(config.boot.hints),
	  .help = "Add nothing to the command line; else parameters that make Linux boot faster "
		  "here go in front of yours (section Kernel parameters of the manual)" },
	{ "Boot", "boot.unpack", "unpack", NULL, 0, NULL, &opt_switch, AT(config.boot.unpack),
	  .help = "Let the guest unpack a bzImage itself, as KASLR needs, instead of doing so "
		  "beforehand" },
	{ "Boot", "boot.cache-dir", "cache-dir", NULL, 0, "DIR", &opt_dir,
	  AT(config.boot.cache_dir), .fallback = "$XDG_CACHE_HOME/trapeze",
	  .help = "Where unpacked kernels are kept for the next start; '' keeps none" },
	{ "Boot", "boot.protocol", "protocol", NULL, 0, "PROTOCOL", &opt_enum,
	  AT(config.boot.protocol), protocol_words, .help = "How the kernel is entered" },
	{ "Boot", "boot.load-address", "load-address", NULL, 0, "ADDR", &opt_address,
	  AT(config.boot.load_addr), .fallback = "the protocol's own",
	  .help = "Where a flat binary is loaded" },
	{ "Boot", "boot.entry", "entry", NULL, 0, "ADDR", &opt_address, AT(config.boot.entry),
	  .fallback = "the load address", .help = "Where a flat binary is entered" },

	{ "CPU", "cpu.count", "cpus", "smp", 'c', "N", &opt_number, AT(config.cpu.count),
	  .range = { 1, MAX_CPUS, 0 }, .fallback = "1, or what the topology adds up to",
	  .help = "How many CPUs" },
	{ "CPU", "cpu.model", "cpu", NULL, 0, "MODEL[,+FEATURE][,-FEATURE]...", &opt_text,
	  AT(config.cpu.model), model_words,
	  .help = "What the CPUs are, and features added or taken away" },
	{ "CPU", "cpu.sockets", "sockets", NULL, 0, "N", &opt_number, AT(config.cpu.sockets),
	  .range = { 1, MAX_CPUS, 0 }, .fallback = "worked out",
	  .help = "Packages the CPUs are in" },
	{ "CPU", "cpu.cores", "cores", NULL, 0, "N", &opt_number, AT(config.cpu.cores),
	  .range = { 1, MAX_CPUS, 0 }, .fallback = "worked out", .help = "Cores per socket" },
	{ "CPU", "cpu.threads", "threads", NULL, 0, "N", &opt_number, AT(config.cpu.threads),
	  .range = { 1, MAX_CPUS, 0 }, .fallback = "worked out", .help = "Threads per core" },
	{ "CPU", "cpu.msr", "msr", NULL, 0, "POLICY", &opt_enum, AT(config.cpu.msr), msr_words,
	  .help = "What the guest gets for a model-specific register that KVM does not know" },

	{ "Memory", "memory.size", "memory", "mem", 'm', "SIZE", &opt_size, AT(config.mem.size),
	  .range = { 16 * MIB, 4095 * 1024 * GIB, 4 * KIB },
	  .help = "How much memory: a number with B, K, M, G or T, powers of 1024; a bare number "
		  "is MiB" },
	{ "Memory", "memory.backing", "mem-backing", NULL, 0, "KIND", &opt_enum,
	  AT(config.mem.backing), backing_words, .help = "What guest memory is made of" },
	{ "Memory", "memory.path", "mem-path", NULL, 0, "PATH", &opt_file, AT(config.mem.path),
	  .help = "A file, grown to the size of memory, or a directory for one without a name" },
	{ "Memory", "memory.hugepages", "hugepages", NULL, 0, "KIND", &opt_enum,
	  AT(config.mem.pages), pages_words, .help = "Which host pages back it" },
	{ "Memory", "memory.prefault", "prefault", NULL, 0, NULL, &opt_switch,
	  AT(config.mem.prefault),
	  .help = "Take all memory from the host before the guest starts, or fail then" },
	{ "Memory", "memory.mergeable", "mergeable", NULL, 0, NULL, &opt_switch,
	  AT(config.mem.mergeable), .help = "Let KSM share equal pages between guests" },

	{ "Board", "board.irqchip", "irqchip", NULL, 0, "MODE", &opt_enum, AT(config.board.irqchip),
	  irqchip_words, .help = "Who emulates the interrupt controllers" },
	{ "Board", "board.acpi", "acpi", NULL, 0, NULL, &opt_switch, AT(config.board.acpi),
	  .help = "Give the guest no ACPI tables" },
	{ "Board", "board.mptable", "mptable", NULL, 0, NULL, &opt_switch, AT(config.board.mptable),
	  .help = "Give the guest an MP table too" },
	{ "Board", "board.fdt", "fdt", NULL, 0, NULL, &opt_switch, AT(config.board.fdt),
	  .help = "Give the guest no device tree" },
	{ "Board", "board.pci", "pci", NULL, 0, "WHEN", &opt_enum, AT(config.board.pci), pci_words,
	  .help = "Whether there is a PCI bus" },
	{ "Board", "board.virtio", "virtio", NULL, 0, "TRANSPORT", &opt_enum,
	  AT(config.board.transport), transport_words,
	  .help = "How the guest reaches virtio devices" },
	{ "Board", "board.packed", "packed", NULL, 0, NULL, &opt_switch, AT(config.board.packed),
	  .help = "Offer packed virtqueues too" },
	{ "Board", "board.rng", "rng", NULL, 0, "WHEN", &opt_enum, AT(config.virtio.rng), rng_words,
	  .help = "Whether there is a virtio entropy device" },
	{ "Board", "board.debug-exit", "debug-exit", NULL, 0, "PORT", &opt_port,
	  AT(config.debug_exit_port), .range = { 1, 0xfffc, 0 },
	  .help = "Port where the guest ends the run: writing V exits with (V << 1) | 1; 'none': "
		  "no such port" },

	{ "Board", "board.testdev", "testdev", NULL, 0, NULL, &opt_switch, AT(config.board.testdev),
	  .help = "Add the test device that kvm-unit-tests look for (QEMU's pc-testdev); there is "
		  "no "
		  "debug console then" },
	{ "Board", "lab.device", "lab-device", NULL, 0, "PROGRAM", &opt_file, AT(config.lab.device),
	  .fallback = "none",
	  .help = "Add a port device that is a program of its own (docs/labs/03-device.md)" },

	{ "Disks", "disks", "disk", NULL, 'd', "PATH[,KEY=VALUE]...", &opt_disks, AT(config.disks),
	  disk_words,
	  .help = "A disk, the next of /dev/vda, /dev/vdb and so on: an image or a block device; a "
		  "comma in its name is written twice" },
	{ "Disks", "pmem", "pmem", NULL, 0, "PATH[,KEY[=VALUE]]...", &opt_pmems,
	  AT(config.virtio.pmem), pmem_words,
	  .help = "A file that the guest has as memory, the next of /dev/pmem0, /dev/pmem1 and so "
		  "on; for a root file system: root=/dev/pmem0 rootflags=dax" },

	{ "Disks", "shares", "share", NULL, 0, "DIR[,KEY[=VALUE]]...", &opt_shares,
	  AT(config.shares), share_words,
	  .help = "A directory that the guest sees, read-only unless told otherwise: mount -t "
		  "virtiofs TAG /mnt; a comma in its name is written twice" },

	{ "Networks", "nets", "net", NULL, 'n', "KIND[,KEY[=VALUE]]...", &opt_nets, AT(config.nets),
	  net_words, .fallback = "none",
	  .help = "A network card, the next of eth0, eth1 and so on; a comma in a value is written "
		  "twice" },

	{ "Networks", "vsock", "vsock", NULL, 0, "cid=N,path=PATH|vhost", &opt_vsock,
	  AT(config.virtio.vsock), vsock_words,
	  .help = "Sockets between the guest and programs of the host: who connects to PATH and "
		  "says CONNECT PORT reaches the guest's port, and the guest's connections to port "
		  "PORT of CID 2 reach who listens at PATH_PORT" },

	{ "Console", "console.serial", "serial", NULL, 0, "WHERE", &opt_serial, AT(config.serial),
	  stream_words, .fallback = "stdio, others none",
	  .help = "Where a serial port leads; the first use is COM1, the next COM2, up to COM4" },
	{ "Console", "console.debugcon", "debugcon", NULL, 0, "WHERE", &opt_debugcon,
	  AT(config.debugcon), .help = "Where port 0xe9 leads, as for --serial" },
	{ "Console", "console.virtio", "console", NULL, 0, "WHERE", &opt_stream,
	  AT(config.virtio.console), .fallback = "none",
	  .help = "Where a virtio console (hvc0 in Linux) leads, as for --serial" },
	{ "Console", "console.ports", "port", NULL, 0, "NAME=WHERE", &opt_ports,
	  AT(config.virtio.ports),
	  .help = "A byte stream to the guest (/dev/virtio-ports/NAME in Linux), which loses "
		  "nothing and waits instead; WHERE is as for --serial" },

	{ "Ending", "end.reboot", "reboot", NULL, 0, NULL, &opt_inverted, AT(config.end.no_reboot),
	  .help = "End when the guest resets instead of restarting it" },
	{ "Ending", "end.timeout", "timeout", NULL, 0, "TIME", &opt_duration,
	  AT(config.end.timeout_ns),
	  .help = "End after this much time: a number with ms, s, m or h; a bare number is "
		  "seconds" },
	{ "Ending", "end.panic-watch", "panic-watch", NULL, 0, NULL, &opt_switch,
	  AT(config.end.panic_watch),
	  .help = "Do not look for the kernel's panic line on the console" },

	{ "Looking inside", "debug.gdb", "gdb", NULL, 0, "WHERE[,nowait]", &opt_gdb,
	  AT(config.debug), gdb_words, .fallback = "none",
	  .help = "Where gdb can connect; the guest waits for it at its first instruction" },
	{ "Looking inside", "dump.acpi", "dump-acpi", NULL, 0, "DIR", &opt_dir,
	  AT(config.dump.acpi_dir), .help = "Write the ACPI tables to DIR, a file each" },
	{ "Looking inside", "dump.dtb", "dump-dtb", NULL, 0, "FILE", &opt_file, AT(config.dump.dtb),
	  .help = "Write the device tree to FILE" },
	{ "Looking inside", "dump.dry-run", "dry-run", NULL, 0, NULL, &opt_switch,
	  AT(config.dump.dry_run), .help = "Build the whole machine, say what it is, run nothing" },
	{ "Looking inside", "trace.show", "trace", NULL, 0, "[=FILTER]", &opt_trace,
	  AT(config.trace.show), trace_words, .fallback = "none",
	  .help = "Say what each exit of the guest was and what the devices made of it, a line "
		  "each on standard error; of those that fit all words of FILTER, joined by commas "
		  "(docs/lens.md)" },
	{ "Looking inside", "trace.out", "trace-out", NULL, 0, "FILE", &opt_file,
	  AT(config.trace.out),
	  .help = "Write down the same, or with no --trace everything, for `trapeze trace`, "
		  "instead of printing lines" },
	{ "Looking inside", "lab.dirty-log", "dirty-log", NULL, 0, NULL, &opt_switch,
	  AT(config.lab.dirty_log),
	  .help = "Say which pages the guest writes between one new code at port 0x80 and the "
		  "next" },
	{ "Looking inside", "log.stats", "stats", NULL, 0, NULL, &opt_switch, AT(config.stats),
	  .help = "Say what the run cost when it has ended" },

	{ "General", "name", "name", NULL, 0, "NAME", &opt_text, AT(config.name),
	  .fallback = "none",
	  .help = "The VM's name: its network cards keep their addresses as long as it is the "
		  "same" },
	{ "General", "log.file", "log-file", NULL, 0, "FILE", &opt_file, AT(config.log_file),
	  .fallback = "standard error", .help = "Append the log to FILE" },
	{ "General", "log.level", "log-level", NULL, 0, "LEVEL", &opt_enum, AT(config.log_level),
	  level_words, .help = "What is logged" },
	{ "General", NULL, "verbose", NULL, 'v', NULL, &opt_verbose, AT(config.log_level),
	  .help = "One log level more; may be repeated" },
	{ "General", "log.quiet", "quiet", NULL, 'q', NULL, &opt_switch, AT(config.quiet),
	  .help = "Do not say what starts and how it ended" },
	{ "General", NULL, "config", NULL, 0, "FILE", &opt_files, AT(config_files),
	  .help = "Read settings from a JSON file; options on the command line win, wherever they "
		  "stand" },
	{ "General", NULL, "dump-config", NULL, 0, NULL, &opt_action, AT(dump_config),
	  .help = "Print all settings as JSON, as --config takes them, and exit" },
	{ "General", NULL, "help", NULL, 'h', NULL, &opt_action, AT(help),
	  .help = "Print this help and exit" },
};
const unsigned run_option_cnt = ARRAY_LEN(run_options);

/* Offsets of rows count from struct run_args; those of the configuration are good for both. */
_Static_assert(offsetof(struct run_args, config) == 0, "run_args begins with the configuration");
_Static_assert(sizeof(enum boot_protocol) == sizeof(int) &&
		       sizeof(enum irqchip_mode) == sizeof(int) &&
		       sizeof(enum ram_pages) == sizeof(int) &&
		       sizeof(enum ram_backing) == sizeof(int) &&
		       sizeof(enum msr_policy) == sizeof(int) &&
		       sizeof(enum pci_presence) == sizeof(int) &&
		       sizeof(enum virtio_transport) == sizeof(int) &&
		       sizeof(unsigned) == sizeof(int),
	       "opt_enum stores an int");

struct opt_set run_option_set(void)
{
	return (struct opt_set){ run_options, ARRAY_LEN(run_options) };
}

/* --- putting it together ---------------------------------------------------------------------- */

void run_args_init(struct run_args *a)
{
	memset(a, 0, sizeof(*a));
	config_init(&a->config);
}

void run_args_free(struct run_args *a)
{
	config_free(&a->config);
	str_list_free(&a->config_files);
	memset(a, 0, sizeof(*a));
}

int run_args_take_words(const struct opt_args *args, struct run_args *a, struct error **errp)
{
	const char *first = args->rest_cnt ? args->rest[0] : NULL;

	if (!first)
		return 0;
	if (opt_was_given(args, offsetof(struct run_args, config.boot.kernel))) {
		err_set(errp, EINVAL, "'%s' is no option, and the kernel is '%s' already", first,
			a->config.boot.kernel);
		err_hint(errp, "an initrd goes with -i, kernel parameters with -p");
		return -EINVAL;
	}
	if (args->rest_cnt > 1) {
		err_set(errp, EINVAL, "'%s' is one word too many: '%s' is taken as the kernel",
			args->rest[1], first);
		err_hint(errp, "an initrd goes with -i, kernel parameters with -p");
		return -EINVAL;
	}
	a->guessed_kernel = true;
	return opt_file.set(&a->config.boot.kernel, NULL, first, errp);
}

int run_args_read_files(const struct opt_args *args, struct run_args *a, struct error **errp)
{
	const struct opt_set set = run_option_set();

	for (unsigned i = 0; i < args->given_cnt; i++) {
		const struct opt_given *g = &args->given[i];
		int ret;

		if (g->opt->off != offsetof(struct run_args, config_files))
			continue;
		ret = opt_read_file(&set, g->value, a, errp);
		if (ret < 0) {
			err_wrap(errp, "%s", g->spelled);
			return ret;
		}
	}
	return 0;
}

int run_args_parse(int argc, char **argv, struct run_args *ret, struct error **errp)
{
	_cleanup_(opt_args_free) struct opt_args args = { 0 };
	struct opt_set set = run_option_set();
	int err;

	run_args_init(ret);
	err = opt_scan(&set, argc - 1, argv + 1, &args, errp);
	if (err < 0)
		return err;
	/* Help is given even with a file that is wrong. */
	if (opt_was_given(&args, offsetof(struct run_args, help))) {
		ret->help = true;
		return 0;
	}
	err = run_args_read_files(&args, ret, errp);
	if (err < 0)
		return err;
	err = opt_apply(&args, ret, errp);
	if (err < 0)
		return err;
	return run_args_take_words(&args, ret, errp);
}
