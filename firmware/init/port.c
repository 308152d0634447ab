/* SPDX-License-Identifier: MIT */
/* port.c: finding the ports of the virtio console by their names. */
#include "firmware/init/init.h"

#define STEP_MS 1
#define CLASS   "/sys/class/virtio-ports/"
#define DRIVER  "/sys/bus/virtio/drivers/virtio_console"

struct ports ports = { -1, -1, { -1, -1 } };

static const struct {
	const char *name;
	int *fd, flags;
} wanted[] = {
	{ GUEST_INIT_PORT_CONTROL, &ports.control, O_RDWR },
	{ GUEST_INIT_PORT_STDIN, &ports.in, O_RDONLY },
	{ GUEST_INIT_PORT_STDOUT, &ports.out[0], O_WRONLY },
	{ GUEST_INIT_PORT_STDERR, &ports.out[1], O_WRONLY },
};

static unsigned digits(const char **s)
{
	unsigned v = 0;

	while (**s >= '0' && **s <= '9')
		v = v * 10 + (unsigned)(*(*s)++ - '0');
	return v;
}

/* Without devtmpfs there is no node yet; "dev" is "MAJOR:MINOR". */
static void make_node(const char *dev, const char *path)
{
	char numbers[32], file[PATH_LEN];
	const char *s = numbers;
	unsigned major, minor;

	if (!join(file, CLASS, dev, "/dev") || !read_line(file, numbers, sizeof(numbers)))
		return;
	major = digits(&s);
	s += *s == ':';
	minor = digits(&s);
	SYS3(__NR_mknod, path, S_IFCHR | 0600, major << 8 | minor);
}

/* Other programs find theirs by name, as udev would have it. */
static void link_name(const char *dev, const char *name)
{
	char path[PATH_LEN], to[PATH_LEN];

	for (const char *s = name; *s; s++)
		if (*s == '/')
			return;
	sys_mkdir("/dev/virtio-ports", 0755);
	if (join(path, "/dev/virtio-ports/", name) && join(to, "../", dev))
		sys_symlink(to, path);
}

/* each_name(): one of the class's devices. */
static bool look_at(void *arg, const char *dev)
{
	char path[PATH_LEN], name[PATH_LEN];

	(void)arg;
	if (!join(path, CLASS, dev, "/name") || !read_line(path, name, sizeof(name)) || !name[0] ||
	    !join(path, "/dev/", dev))
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
		if (!str_eq(name, wanted[i].name))
			continue;
		if (*wanted[i].fd >= 0)
			return false;
		*wanted[i].fd = sys_open(path, wanted[i].flags | O_NONBLOCK);
		if (*wanted[i].fd == -ENOENT) {
			make_node(dev, path);
			*wanted[i].fd = sys_open(path, wanted[i].flags | O_NONBLOCK);
		}
		if (*wanted[i].fd < 0)
			*wanted[i].fd = -1;
		return false;
	}
	link_name(dev, name);
	return false;
}

static bool all_found(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++)
		if (*wanted[i].fd < 0 &&
		    !(wanted[i].fd == &ports.in && flag(GUEST_INIT_F_NO_STDIN)))
			return false;
	return true;
}

static bool is_device(void *arg, const char *name)
{
	(void)arg;
	return str_starts(name, "virtio");
}

bool ports_have_device(void)
{
	return each_name(DRIVER, is_device, NULL);
}

/* The device tells its driver of its ports one by one, some time after it was found. */
void ports_open(void)
{
	uint64_t end = sys_now() + (uint64_t)config.head->port_wait_ms * 1000000;

	while (ports_have_device()) {
		each_name(CLASS, look_at, NULL);
		if (all_found() || sys_now() >= end)
			return;
		sys_sleep_ms(STEP_MS);
	}
}
