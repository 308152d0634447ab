/* SPDX-License-Identifier: MIT */
/*
 * init.h: the parts of the init. It is one process, pid 1, and has no heap: what outlives a
 * function is static or mapped, and sizes have limits. What goes wrong is either said (say()) and
 * lived with, or the end (fail()).
 */
#ifndef INIT_H
#define INIT_H

#include "firmware/init/sys.h"
#include "vmm/guest_init.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PATH_LEN     1024

#define WORK  GUEST_INIT_DIR "/work"  /* where the root is put together */
#define LOWER GUEST_INIT_DIR "/lower" /* under an overlay */
#define UPPER GUEST_INIT_DIR "/upper"

/* --- lib.c ------------------------------------------------------------------------------------ */

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *with);
/* Puts the strings up to NULL one behind the other; false: they do not fit, and @to is cut. */
bool str_join(char *to, size_t size, ...);
#define join(to, ...) str_join(to, sizeof(to), __VA_ARGS__, (const char *)NULL)
/* Decimal; returns @buf, which holds 24 bytes. */
const char *number(char *buf, int64_t v);
uint32_t crc32c(uint32_t crc, const void *buf, size_t len);

/* The kernel's log, and so the console if it shows errors: "trapeze-init: TEXT: errno N". */
void say(int err, const char *what, const char *object);

/* Maps @path; NULL: there is none, it is empty, or it is over @max bytes. Nothing is unmapped. */
char *map_file(const char *path, size_t max, size_t *len);
/* A file's first line without its end, as sysfs has them; false: none. */
bool read_line(const char *path, char *buf, size_t size);
/* All of it, whatever the kernel takes at a time; 0 or -errno. For blocking descriptors. */
int write_all(int fd, const void *buf, size_t len);
/* Calls @fn with each name in @dir but . and .. until it returns true; returns whether it did. */
bool each_name(const char *dir, bool (*fn)(void *arg, const char *name), void *arg);
void make_dirs(const char *path); /* this and all above it */

/* --- config.c --------------------------------------------------------------------------------- */

struct config {
	const struct guest_init_config *head;
	const char *str[GUEST_STR_CNT];
	char **argv, **env;  /* each ends in NULL */
	const char *mounts;  /* the first string of the first mount */
	const char *modules; /* of the first module */
};

extern struct config config;
void config_read(void); /* or fail() */
bool flag(uint32_t f);  /* GUEST_INIT_F_* */
const char *next_string(const char *s);

/* --- module.c --------------------------------------------------------------------------------- */

/* Where to look for lib/modules from now on beside "/": a mounted root, "" for none. */
void modules_also_in(const char *root);
/* Loads @name and what it needs if it is there as a file; quiet if not, as it may be built in. */
void module_load(const char *name);
void modules_for_start(void); /* those that the configuration lists, and the ports' drivers */

/* --- mount.c, root.c -------------------------------------------------------------------------- */

/* mount(8) with -o @options; loads the file system's module if the kernel does not know it. */
int mount_at(const char *source, const char *target, const char *type, const char *options);
void mounts_early(void);  /* /dev, /proc, /sys: for the init itself */
void mounts_system(void); /* the rest of what programs expect, in the final root */
void mounts_wanted(void); /* the configuration's; or fail() */
void root_enter(void);    /* makes the final root the root; or fail() */
int root_close(void);     /* writes what is to be kept; 0 or -errno */

/* --- port.c, report.c ------------------------------------------------------------------------- */

struct ports {
	int control, in, out[2]; /* non-blocking; -1: not there */
};

extern struct ports ports;
/* Is there a virtio console, with a driver? */
bool ports_have_device(void);
void ports_open(void);

/* --- report.c --------------------------------------------------------------------------------- */

void report_open(void); /* the control port or COM1: after ports_open() */
/* Completes (magic, version, seq, time, checksum) and sends. Does not wait for a slow host. */
void report(struct guest_init_record *r);
/* On COM1; waits. @type: OUT or ERR. */
void report_data(uint16_t type, const void *data, size_t len);
void report_pump(void); /* sends on; when the control port can be written */
bool report_pending(void);
/* Sends all that is pending, waiting for @ms; what then remains goes to COM1. False: it did. */
bool report_flush(unsigned ms);
/* The next whole record from the host; false: none yet. */
bool report_take(struct guest_init_record *r);

/* Says END with GUEST_END_FAILED, and powers off. */
__attribute__((noreturn)) void fail(int err, const char *what, const char *object);

/* --- command.c, pump.c ------------------------------------------------------------------------ */

/* The init's ends of the command's streams; -1: none. */
struct command {
	int pid;
	int in, out[2];
	int children; /* a signalfd for SIGCHLD */
};

/* False: it was not run, and *end says why. */
bool command_start(struct command *c, struct guest_init_record *end);
/* Carries bytes until the command has ended and its output was delivered. Fills in *end. */
void command_watch(struct command *c, struct guest_init_record *end);
/* Does what the host says, @pid being the command if it runs; true: GO was among it. */
bool command_hear(int pid);
void command_end_others(void); /* every other process of the guest, within twice the grace time */

/* --- power.c ---------------------------------------------------------------------------------- */

/* @told: the host has END. If not, the debug-exit port is tried with @status. */
__attribute__((noreturn)) void power_off(bool told, unsigned status);

#endif
