/* SPDX-License-Identifier: MIT */
/*
 * child.c: the process of one guest. It is forked off a process without threads, and so is a whole
 * one: it takes leave of everything that is its parent's, builds the machine, runs it, and reports.
 */
#include "verdict/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "vmm/error.h"
#include "vmm/io.h"
#include "vmm/log.h"
#include "vmm/machine.h"
#include "vmm/parse.h"
#include "vmm/str.h"

const char *const child_port_names[PORT_CNT] = {
	[PORT_CONTROL] = GUEST_INIT_PORT_CONTROL,
	[PORT_STDIN] = GUEST_INIT_PORT_STDIN,
	[PORT_STDOUT] = GUEST_INIT_PORT_STDOUT,
	[PORT_STDERR] = GUEST_INIT_PORT_STDERR,
};

/* --- a process of its own --------------------------------------------------------------------- */

static bool is_mine(const struct child_ends *e, int fd)
{
	bool mine = fd <= STDERR_FILENO || fd == e->report;

	for (unsigned i = 0; i < PORT_CNT; i++)
		mine |= fd == e->port[i];
	return mine;
}

static void close_if_parents(const struct child_ends *e, int fd)
{
	int flags = fcntl(fd, F_GETFD);

	/* All that the parent opened would be closed by an exec; what somebody handed to it would
	 * not, and may be named in the configuration: /dev/fd/5. */
	if (flags >= 0 && (flags & FD_CLOEXEC) && !is_mine(e, fd))
		close(fd);
}

static void close_parents(const struct child_ends *e)
{
	DIR *d = opendir("/proc/self/fd");

	if (!d) {
		for (int fd = 0; fd < 1024; fd++)
			close_if_parents(e, fd);
		return;
	}
	for (struct dirent *f; (f = readdir(d));) {
		uint64_t fd;

		if (parse_u64(f->d_name, 0, INT_MAX, &fd, NULL) >= 0 && (int)fd != dirfd(d))
			close_if_parents(e, (int)fd);
	}
	closedir(d);
}

/* Whoever ends the parent ends its guests; a terminal's Ctrl-C is for the parent alone. */
static void take_leave(const struct child_params *p)
{
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != p->parent)
		_exit(1);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(p->ends.console, STDOUT_FILENO) < 0 ||
	    dup2(p->ends.log, STDERR_FILENO) < 0)
		_exit(1);
	close_parents(&p->ends);
	log_set_fd(STDERR_FILENO);
}

/* --- its configuration ------------------------------------------------------------------------ */

/* The user's ports, and the init's behind them. @ret is left to the process's end. */
static int add_ports(const struct child_params *p, struct port_list *ret, struct error **errp)
{
	const struct port_list *users = &p->spec->config.virtio.ports;
	struct port_config *v = calloc(users->cnt + PORT_CNT, sizeof(*v));
	unsigned n = users->cnt;

	if (!v)
		return err_errno(errp, ENOMEM, "cannot connect the test's streams");
	if (n + PORT_CNT > CONFIG_PORTS) {
		free(v);
		return err_set(errp, EINVAL, "%u ports are too many: a test has %u of its own", n,
			       PORT_CNT);
	}
	if (n)
		memcpy(v, users->v, n * sizeof(*v));
	for (unsigned i = 0; i < PORT_CNT; i++) {
		if (p->ends.port[i] < 0)
			continue;
		v[n].name = strdup(child_port_names[i]);
		if (asprintf(&v[n].where, "fd:%d", p->ends.port[i]) < 0 || !v[n].name)
			return err_errno(errp, ENOMEM, "cannot connect the test's streams");
		n++;
	}
	*ret = (struct port_list){ v, n };
	return 0;
}

/* Names and numbers that guests which run beside each other cannot share. */
static int make_unique(const struct child_params *p, struct vm_config *c, struct error **errp)
{
	const char *path = c->virtio.vsock.path;

	if (p->alone)
		return 0;
	if (c->trace.out && asprintf(&c->trace.out, "%s.%u", c->trace.out, p->slot) < 0)
		return err_errno(errp, ENOMEM, "cannot name the guest's recording");
	/* One without a name has addresses that no other has, as it is. */
	if (c->name && asprintf(&c->name, "%s-%u", c->name, p->slot) < 0)
		return err_errno(errp, ENOMEM, "cannot name the guest");
	if (!p->slot || !config_has_vsock(c))
		return 0;
	c->virtio.vsock.cid += p->slot;
	if (path && asprintf(&c->virtio.vsock.path, "%s.%u", path, p->slot) < 0)
		return err_errno(errp, ENOMEM, "cannot name the guest's socket");
	return 0;
}

/* What rdinit= names; NULL: nothing. The last one counts, as for the kernel. */
static char *init_path(const char *cmdline)
{
	const char *found = NULL, *p = cmdline ? cmdline : "";

	while ((p = strstr(p, "rdinit="))) {
		if (p == cmdline || p[-1] == ' ')
			found = p + 7;
		p += 7;
	}
	return found ? strndup(found, strcspn(found, " \t\n\"")) : NULL;
}

static int add_segment(const struct child_params *p, struct vm_config *c, struct error **errp)
{
	static struct boot_segment segment;
	struct guest_segment_config s = p->spec->segment;
	uint64_t len;
	int r;

	s.argv = (const char *const *)p->spec->argv;
	s.env = (const char *const *)p->spec->env;
	s.cwd = p->spec->cwd;
	s.init_path = init_path(c->boot.cmdline);
	if (!p->has_stdin)
		s.flags |= GUEST_INIT_F_NO_STDIN;
	if (c->debug_exit_port == GUEST_INIT_DEBUG_EXIT)
		s.flags |= GUEST_INIT_F_DEBUG_EXIT;
	segment.name = "the test's init";
	r = guest_segment_build(&s, &segment.fd, &len, errp);
	if (r < 0)
		return r;
	c->boot.segment = &segment;
	return 0;
}

/* Shallow: what is replaced was borrowed, and the process ends anyway. */
static int make_config(const struct child_params *p, struct vm_config *c, struct error **errp)
{
	int r;

	*c = p->spec->config;
	c->end.no_reboot = true;
	c->end.timeout_ns = 0;
	c->end.registers = true;
	c->log_file = NULL;
	r = make_unique(p, c, errp);
	if (r < 0 || p->spec->protocol != TEST_BY_INIT)
		return r;
	r = add_ports(p, &c->virtio.ports, errp);
	return r < 0 ? r : add_segment(p, c, errp);
}

/* --- its report ------------------------------------------------------------------------------- */

static void report(int fd, struct child_report *r, const struct error *e, const char *crash)
{
	_cleanup_(str_free) struct str s = { 0 };

	r->magic = CHILD_REPORT_MAGIC;
	if (e) {
		str_add(&s, "%s%s%s%s", error_msg(e), error_hint(e) ? " (" : "",
			error_hint(e) ? error_hint(e) : "", error_hint(e) ? ")" : "");
		r->error_code = error_code(e);
		r->error_len = (uint32_t)min_u64(s.len, CHILD_TEXT_MAX);
	}
	r->crash_len = (uint32_t)min_u64(crash ? strlen(crash) : 0, CHILD_TEXT_MAX);
	/* A runner that is gone needs none. */
	if (io_write_all(fd, r, sizeof(*r)) < 0 || (s.s && io_write_all(fd, s.s, r->error_len) < 0))
		return;
	(void)!(crash && io_write_all(fd, crash, r->crash_len) < 0);
}

/* Registers, and what the run cost. NULL: no memory for it. */
static char *summary(const struct machine *m)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	if (machine_crash_report(m))
		fputs(machine_crash_report(m), f);
	machine_print_stats(m, f);
	fclose(f);
	return text;
}

_Noreturn void child_main(const struct child_params *p)
{
	struct child_report r = { 0 };
	struct vm_config config;
	struct error *err = NULL;
	struct machine *m = NULL;
	char *crash = NULL;

	take_leave(p);
	if (make_config(p, &config, &err) == 0 && machine_create(&config, &m, &err) == 0) {
		r.built = true;
		r.ended = machine_run(m, &r.verdict, &err) == 0;
		crash = summary(m);
		machine_leave(m);
	}
	report(p->ends.report, &r, err, crash);
	_exit(0);
}
