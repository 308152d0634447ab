/* SPDX-License-Identifier: MIT */
/*
 * tap_words.c: why a tap could not be had. The kernel says EPERM, EBUSY or EINVAL; what it means by
 * that is found out here, from sysfs and /proc, as well as that goes.
 */
#include "net/tap_words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"

#define FDS_MAX 65536u /* to look at when searching for who has an interface */

int tap_words_device(const char *name, const char *device, int err, struct error **errp)
{
	err_errno(errp, err, "cannot open '%s' for interface '%s'", device, name);
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		err_hint(errp, "the kernel's tun driver is not there: modprobe tun; or -n user, "
			       "which needs none");
	else if (err == EACCES || err == EPERM)
		err_hint(errp,
			 "its mode is usually 0666: chmod 0666 %s; or -n user, which needs "
			 "no interface",
			 device);
	return -err;
}

/* Reads a short file into @buf. False: it cannot be read. */
static bool slurp(const char *path, char *buf, size_t len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, len - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static long sysfs_number(const char *iface, const char *attribute)
{
	char path[128], text[32];
	long v = -1;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", iface, attribute);
	if (slurp(path, text, sizeof(text)))
		v = strtol(text, NULL, 0);
	return v;
}

/* --- who has it ---------------------------------------------------------------------------------
 */

/* tun's descriptors say "iff:\tNAME" in their fdinfo. */
static bool process_has(const char *pid, const char *iface, unsigned *left)
{
	char path[300], text[1024], want[IFNAMSIZ + 8];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	snprintf(want, sizeof(want), "iff:\t%s\n", iface);
	d = opendir(path);
	while (d && !found && *left && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%.20s/fdinfo/%.20s", pid, e->d_name);
		found = e->d_name[0] != '.' && slurp(path, text, sizeof(text)) &&
			strstr(text, want);
		--*left;
	}
	if (d)
		closedir(d);
	return found;
}

/* Its pid and its name; false: not found, or another user's. */
static bool find_holder(const char *iface, char *pid, size_t pid_len, char *comm, size_t comm_len)
{
	unsigned left = FDS_MAX;
	char path[300];
	struct dirent *e;
	bool found = false;
	DIR *d = opendir("/proc");

	while (d && !found && left && (e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !process_has(e->d_name, iface, &left))
			continue;
		found = true;
		snprintf(pid, pid_len, "%.20s", e->d_name);
		snprintf(path, sizeof(path), "/proc/%.20s/comm", e->d_name);
		if (slurp(path, comm, comm_len))
			comm[strcspn(comm, "\n")] = '\0';
	}
	if (d)
		closedir(d);
	return found;
}

static int busy(const struct tap_iface *i, struct error **errp)
{
	char pid[24] = "", comm[32] = "";

	if (find_holder(i->name, pid, sizeof(pid), comm, sizeof(comm)))
		err_set(errp, EBUSY, "interface '%s' is in use by process %s (%s)", i->name, pid,
			comm);
	else
		err_set(errp, EBUSY, "interface '%s' is in use by another process", i->name);
	err_hint(errp, "each guest needs an interface of its own: choose another name=, or none");
	return -EBUSY;
}

/* --- not permitted ------------------------------------------------------------------------------
 */

static int not_permitted(const struct tap_iface *i, int err, struct error **errp)
{
	const char *multi = i->flags & IFF_MULTI_QUEUE ? " multi_queue" : "";
	bool pattern = strchr(i->name, '%');
	long owner = sysfs_number(i->name, "owner");

	if (i->created) {
		err_set(errp, err, "no permission to make interface '%s': that takes CAP_NET_ADMIN",
			i->name);
		err_hint(errp,
			 "make it once as root, ip tuntap add dev %s mode tap%s user $USER, and "
			 "say name=; or -n user, which needs no permission",
			 pattern ? "tap0" : i->name, multi);
		return -err;
	}
	/* The kernel compares with either; one that has neither is everybody's. */
	if (owner >= 0)
		err_set(errp, err, "no permission to use interface '%s': it belongs to user id %ld",
			i->name, owner);
	else
		err_set(errp, err,
			"no permission to use interface '%s': it belongs to group id %ld", i->name,
			sysfs_number(i->name, "group"));
	err_hint(errp,
		 "make it anew as root: ip link del %s; ip tuntap add dev %s mode tap%s user "
		 "$USER; or -n user, which needs no permission",
		 i->name, i->name, multi);
	return -err;
}

/* --- of another kind ----------------------------------------------------------------------------
 */

static int mismatch(const struct tap_iface *i, struct error **errp)
{
	long flags = sysfs_number(i->name, "tun_flags");

	if (i->created) {
		err_set(errp, EINVAL, "the kernel does not take '%s' for the name of an interface",
			i->name);
	} else if (flags < 0) {
		err_set(errp, EINVAL, "interface '%s' exists, but is no tap", i->name);
		err_hint(errp,
			 "make a tap and bridge the two: ip tuntap add dev tap0 mode tap user "
			 "$USER");
	} else if (!(flags & IFF_TAP)) {
		err_set(errp, EINVAL,
			"interface '%s' is a tun, which carries IP packets; a card needs a tap, "
			"which carries frames",
			i->name);
		err_hint(errp,
			 "make it anew: ip link del %s; ip tuntap add dev %s mode tap user "
			 "$USER",
			 i->name, i->name);
	} else if (i->queues > 1 && !(flags & IFF_MULTI_QUEUE)) {
		err_set(errp, EINVAL,
			"interface '%s' was made with one queue, and queues=%u asks for several",
			i->name, i->queues);
		err_hint(errp,
			 "leave queues= out, or make it anew: ip link del %s; ip tuntap add dev %s "
			 "mode tap multi_queue user $USER",
			 i->name, i->name);
	} else {
		err_set(errp, EINVAL, "interface '%s' cannot be opened as a tap with %u queue%s",
			i->name, i->queues, i->queues > 1 ? "s" : "");
	}
	return -EINVAL;
}

int tap_words_claim(const struct tap_iface *i, int err, struct error **errp)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return not_permitted(i, err, errp);
	case EBUSY:
		return busy(i, errp);
	case EINVAL:
		return mismatch(i, errp);
	case E2BIG:
		return err_set(errp, err, "interface '%s' has no queue left", i->name);
	default:
		return err_errno(errp, err, "cannot open interface '%s'", i->name);
	}
}
