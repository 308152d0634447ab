/* SPDX-License-Identifier: MIT */
/*
 * hints.c: what trapeze adds to a Linux command line so that a guest boots fast and talks to us.
 * Each is something a user would accept on a virtual machine; --no-hints drops them all, and any
 * parameter that the user names is left alone.
 */
#include "vmm/hints.h"

#include <ctype.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "vmm/str.h"

static bool no_pci(const struct vm_config *c)
{
	return !machine_wants_pci(c);
}

static bool has_hvc_alone(const struct vm_config *c)
{
	return config_has_console(c) && (!c->serial[0] || !strcmp(c->serial[0], "none"));
}

static bool has_no_hvc_alone(const struct vm_config *c)
{
	return !has_hvc_alone(c);
}

/* The reason is part of the table: the manual prints it. */
const struct boot_hint boot_hints[] = {
	{ "console=ttyS0", "the serial port is the console", has_no_hvc_alone },
	{ "console=hvc0", "without a serial port: the virtio console is", has_hvc_alone },
	{ "cryptomgr.notests", "crypto self-tests cost more than the rest of the boot", NULL },
	{ "tsc=reliable", "KVM keeps the TSC stable; no watchdog clock is needed", NULL },
	{ "no_timer_check", "the timer interrupt is wired as ACPI says", NULL },
	{ "i8042.noaux", "there is no mouse", NULL },
	{ "i8042.nomux", "there is no multiplexer of mice", NULL },
	{ "8250.nr_uarts=4", "there are at most four serial ports", NULL },
	{ "random.trust_cpu=on", "RDRAND seeds the random pool at once", NULL },
	{ "pci=off", "without a PCI bus: there is none to look for", no_pci },
	{ "pci=noearly", "with a PCI bus: no chipset here needs help before its driver comes",
	  machine_wants_pci },
};
const unsigned boot_hint_cnt = ARRAY_LEN(boot_hints);

/* The kernel cuts its command line so (next_arg() in lib/cmdline.c): white space ends a parameter,
 * but not between quotes. */
static size_t param_len(const char *p)
{
	bool quoted = false;
	size_t n = 0;

	while (p[n] && (quoted || !isspace((unsigned char)p[n])))
		quoted ^= p[n++] == '"';
	return n;
}

/* '-' and '_' are one in names (parameq() in kernel/params.c). */
static char name_char(char c)
{
	return c == '-' ? '_' : c;
}

/* Has the parameter @p the same name as @hint ("console" in "console=ttyS0")? */
static bool same_name(const char *p, size_t len, const char *hint)
{
	size_t name = strcspn(hint, "=");

	if (*p == '"') {
		p++;
		len--;
	}
	if (len < name)
		return false;
	for (size_t i = 0; i < name; i++)
		if (name_char(p[i]) != name_char(hint[i]))
			return false;
	return len == name || p[name] == '=' || p[name] == '"';
}

/* Does @cmdline set what @hint sets? What follows "--" is not for the kernel, but for init. */
static bool user_says(const char *cmdline, const char *hint)
{
	size_t len;

	for (const char *p = cmdline; *p; p += len) {
		p += strspn(p, " \t\n\v\f\r");
		len = param_len(p);
		if (len == 2 && p[0] == '-' && p[1] == '-')
			break;
		if (same_name(p, len, hint))
			return true;
	}
	return false;
}

char *hints_prepend(const struct vm_config *c, const struct boot_info *info, const char *param,
		    const char *cmdline)
{
	const char *user = c->boot.cmdline ? c->boot.cmdline : "";
	struct str b = { 0 };

	if (c->boot.hints && info->linux_kernel && !user_says(user, param))
		str_add(&b, "%s ", param);
	str_add(&b, "%s", cmdline);
	return str_take(&b);
}

char *hints_apply(const struct vm_config *c, const struct boot_info *info)
{
	const char *user = c->boot.cmdline ? c->boot.cmdline : "";
	struct str b = { 0 };

	for (unsigned i = 0; c->boot.hints && info->linux_kernel && i < boot_hint_cnt; i++) {
		const struct boot_hint *h = &boot_hints[i];

		if ((!h->wanted || h->wanted(c)) && !user_says(user, h->text))
			str_add(&b, "%s ", h->text);
	}
	str_add(&b, "%s", user);
	return str_take(&b);
}
