/* SPDX-License-Identifier: MIT */
/*
 * config.h: a VM's configuration, the one struct that options, config files and the machine share.
 * The option table that fills it is in options.h.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <string.h>

#include "block/blk.h"
#include "fs/share.h"
#include "net/netdev.h"
#include "net/vsock.h"
#include "vmm/boot.h"
#include "vmm/guestmem.h"
#include "vmm/msr.h"

struct console_host;
struct error;

enum irqchip_mode { IRQCHIP_SPLIT, IRQCHIP_KERNEL, IRQCHIP_USER };

/* Where virtio devices sit: on a PCI bus, or at addresses of their own. */
enum virtio_transport { VIRTIO_TRANSPORT_PCI, VIRTIO_TRANSPORT_MMIO };

/* Is there a PCI bus? AUTO: when something sits on it. */
enum pci_presence { PCI_AUTO, PCI_ON, PCI_OFF };

struct str_list {
	char **v; /* cnt strings, and the array itself, from malloc */
	unsigned cnt;
};

#define CONFIG_SERIALS 4

/* -d PATH[,key=value]... */
struct disk_config {
	struct blk_config blk;
	char *serial;        /* at most 20 characters; NULL: none */
	char *iothread;      /* disks that name the same one share it; NULL: one of its own */
	unsigned queues;     /* 0: one per CPU, at most 4 */
	unsigned queue_size; /* entries, a power of two */
	uint32_t block_size; /* logical, as the guest sees it; 0: what the image suggests */
	bool write_through;  /* begins with the write cache off (the guest may change that) */
};

struct disk_list {
	struct disk_config *v;
	unsigned cnt;
};

/* -n KIND[,key=value]... */
struct net_list {
	struct net_config *v;
	unsigned cnt;
};

/* --port NAME=WHERE */
struct port_config {
	char *name, *where;
};

struct port_list {
	struct port_config *v;
	unsigned cnt;
};

/* --pmem PATH[,ro][,private][,size=SIZE] */
struct pmem_config {
	char *path;
	bool readonly;
	bool private;  /* what the guest writes is gone at the end */
	uint64_t size; /* 0: the file's */
};

struct pmem_list {
	struct pmem_config *v;
	unsigned cnt;
};

/* --share DIR[,tag=TAG][,rw] */
struct share_list {
	struct share_config *v;
	unsigned cnt;
};

/* Is there an entropy device? AUTO: when there is another virtio device. */
enum rng_presence { RNG_AUTO, RNG_ON, RNG_OFF };

/* --gdb WHERE[,nowait] */
struct debug_config {
	char *gdb;   /* tcp:[HOST]:PORT, unix:PATH; NULL: none */
	bool nowait; /* the guest does not wait for a debugger at its first instruction */
};

#define CONFIG_PORTS  30 /* --port */
#define CONFIG_PMEMS  8
#define CONFIG_SHARES 16

struct vm_config {
	char *name; /* network cards have addresses made of it; NULL: none was given */
	struct {
		char *kernel;           /* -k */
		struct str_list initrd; /* -i, may repeat */
		char *cmdline;          /* -p, repeats are joined by spaces */
		bool hints;             /* --no-hints clears */
		bool unpack;            /* --no-unpack clears */
		char *cache_dir;        /* --cache-dir; NULL: $XDG_CACHE_HOME/trapeze; "": none */
		enum boot_protocol protocol;
		uint64_t load_addr, entry;
		/* One more initrd, behind the others; borrowed, no option. NULL: none. */
		const struct boot_segment *segment;
	} boot;
	struct {
		/* 0: worked out by config_check(), after which none is 0 and the
		 * product is count. */
		unsigned count;                   /* -c N */
		unsigned sockets, cores, threads; /* cores per socket, threads per core */
		char *model;                      /* --cpu */
		enum msr_policy msr;              /* --msr */
	} cpu;
	struct {
		uint64_t size;            /* -m */
		enum ram_backing backing; /* --mem-backing anon|memfd|file */
		char *path;               /* --mem-path */
		enum ram_pages pages;     /* --hugepages off|thp|2M|1G */
		bool prefault, mergeable;
	} mem;
	struct {
		enum irqchip_mode irqchip;
		bool acpi;                       /* --no-acpi clears */
		bool mptable;                    /* --mptable */
		bool fdt;                        /* --no-fdt clears: device tree by setup_data */
		enum pci_presence pci;           /* --pci auto|on|off */
		enum virtio_transport transport; /* --virtio pci|mmio */
		bool packed;                     /* --packed: offer packed virtqueues */
		bool testdev; /* --testdev: what kvm-unit-tests look for, at their ports */
	} board;
	struct disk_list disks;
	struct net_list nets;
	struct share_list shares;
	struct {
		char *console; /* --console: as serial[]; NULL: none */
		struct port_list ports;
		struct pmem_list pmem;
		enum rng_presence rng;     /* --rng auto|on|off */
		struct vsock_config vsock; /* --vsock */
	} virtio;
	struct console_host *stdio;   /* who takes what "stdio" names; borrowed, no option; NULL */
	char *serial[CONFIG_SERIALS]; /* "stdio", "null", "none" (no port), "file:PATH", "pty" */
	bool debugcon_set;
	char *debugcon;           /* port 0xe9: same grammar as serial; default "stdio" */
	uint16_t debug_exit_port; /* 0: none; default 0xf4; width 4 */
	struct {
		bool no_reboot;
		uint64_t timeout_ns; /* 0: none */
		bool panic_watch;    /* --no-panic-watch clears */
		/* Whatever ends it but power off: machine_crash_report() tells. No option. */
		bool registers;
	} end;
	struct {
		/* --dump-acpi, --dump-dtb: write and go on (or exit with --dry-run). */
		char *acpi_dir, *dtb;
		bool dry_run; /* build everything, print it, run nothing */
	} dump;
	struct {
		char *device;   /* --lab-device: a program that is a port device; NULL: none */
		bool dirty_log; /* --dirty-log */
	} lab;
	struct {
		/*
		 * --trace: NULL: not. Else "summary" or nothing, which is lines, and behind a comma
		 * or by itself what lens_filter_parse() takes.
		 */
		char *show;
		char *out; /* --trace-out; NULL: none */
	} trace;
	struct debug_config debug; /* --gdb */
	char *log_file;
	unsigned log_level; /* 0 errors .. 3 debug */
	bool stats;         /* --stats: how it ended and what it cost, on stderr */
	bool quiet;         /* --quiet: neither the banner nor the line on how it ended */
};

void config_init(struct vm_config *c); /* defaults */
void config_free(struct vm_config *c); /* accepts a zeroed struct */
/*
 * Works out what was left open (CPU count and topology) and checks the rules between fields
 * (topology product, irqchip user needs 1 CPU, ...). The message names the options.
 */
int config_check(struct vm_config *c, struct error **errp) __must_check;

#define CONFIG_TRACE_SUMMARY "summary"

/* --trace=summary, or summary,FILTER. */
static inline bool config_trace_summary(const struct vm_config *c)
{
	const size_t len = sizeof(CONFIG_TRACE_SUMMARY) - 1;
	const char *s = c->trace.show;

	return s && !strncmp(s, CONFIG_TRACE_SUMMARY, len) && (!s[len] || s[len] == ',');
}

/* What --trace says of which records: for lens_filter_parse(), "" for all of them. */
static inline const char *config_trace_filter(const struct vm_config *c)
{
	const char *s = c->trace.show ? c->trace.show : "";

	if (!config_trace_summary(c))
		return s;
	s += sizeof(CONFIG_TRACE_SUMMARY) - 1;
	return *s ? s + 1 : s;
}

/* Port 0 of the virtio console device, and the device. */
static inline bool config_has_console(const struct vm_config *c)
{
	return c->virtio.console && strcmp(c->virtio.console, "none") != 0;
}

static inline bool config_has_virtio_console(const struct vm_config *c)
{
	return config_has_console(c) || c->virtio.ports.cnt;
}

static inline bool config_has_vsock(const struct vm_config *c)
{
	return c->virtio.vsock.cid;
}

/*
 * An entropy device is cheap where there is a bus for it anyway, and not worth a bus of its own:
 * CPUs have RDRAND, and a guest with nothing else is one that has to start fast.
 */
static inline bool config_has_rng(const struct vm_config *c)
{
	if (c->virtio.rng != RNG_AUTO)
		return c->virtio.rng == RNG_ON;
	return c->disks.cnt || c->nets.cnt || config_has_virtio_console(c) || c->virtio.pmem.cnt ||
	       c->shares.cnt || config_has_vsock(c);
}

/* Is there any virtio device? Then there is what the transport of choice needs. */
static inline bool config_has_virtio(const struct vm_config *c)
{
	return c->disks.cnt || c->nets.cnt || config_has_virtio_console(c) || c->virtio.pmem.cnt ||
	       c->shares.cnt || config_has_vsock(c) || config_has_rng(c);
}

#endif
