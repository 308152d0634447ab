/* SPDX-License-Identifier: MIT */
/*
 * inithost: the host's side of the guest's init, for a shell.
 *
 *   inithost pack OUT [OPTION...] -- COMMAND [ARG...]   writes the cpio segment to OUT
 *   inithost show FILE [OUT ERR]      the records in FILE, as a control port or COM1 wrote it, as
 *                                     text; what COM1 has of the command's output to OUT and ERR
 *   inithost feed SOCKET              standard input to the socket, which closes at its end
 *   inithost take SOCKET N            so many bytes from the socket, which then closes
 *   inithost control SOCKET [WORD...] connects to the control port and shows its records, until
 * DOWN; go, stdin-end=N, signal=N: sends that; at-start: what follows is sent once the command runs
 *
 * Options of pack: root=disk:DEVICE[:TYPE], root=tree:DIR, env=NAME=VALUE, cwd=DIR, host=NAME,
 * mount=SOURCE,TARGET,TYPE[,OPTIONS], file=GUEST=HOST, module=GUEST, init=/NAME, grace=MS,
 * device-wait=MS, and no-stdin, overlay, commit, debug-exit, wait-go, cgroup.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/guest_record.h"
#include "vmm/guest_segment.h"

#define LIST_MAX 32

static int fail(const char *what)
{
	fprintf(stderr, "inithost: %s: %s\n", what, strerror(errno));
	return 1;
}

/* If @word is KEY=..., what is behind it. */
static char *value(char *word, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(word, key, n) && word[n] == '=' ? word + n + 1 : NULL;
}

/* --- pack ------------------------------------------------------------------------------------- */

static const char *env[LIST_MAX + 1], *modules[LIST_MAX + 1];
static struct guest_mount mounts[LIST_MAX];
static struct guest_file files[LIST_MAX];
static unsigned env_cnt, module_cnt;

static const struct {
	const char *word;
	uint32_t flag;
} flag_words[] = {
	{ "no-stdin", GUEST_INIT_F_NO_STDIN }, { "overlay", GUEST_INIT_F_OVERLAY },
	{ "commit", GUEST_INIT_F_COMMIT },     { "debug-exit", GUEST_INIT_F_DEBUG_EXIT },
	{ "wait-go", GUEST_INIT_F_WAIT_GO },   { "cgroup", GUEST_INIT_F_CGROUP },
};

static void set_root(struct guest_segment_config *c, char *v)
{
	char *kind = strsep(&v, ":");

	if (!strcmp(kind, "tree")) {
		c->root = GUEST_ROOT_TREE;
		c->tree = v;
		return;
	}
	c->root = !strcmp(kind, "disk") ? GUEST_ROOT_DISK : GUEST_ROOT_SHARE;
	c->root_source = strsep(&v, ":");
	c->root_type = v;
}

static bool option(struct guest_segment_config *c, char *word)
{
	char *v;

	for (unsigned i = 0; i < ARRAY_LEN(flag_words); i++) {
		if (!strcmp(word, flag_words[i].word)) {
			c->flags |= flag_words[i].flag;
			return true;
		}
	}
	if ((v = value(word, "root"))) {
		set_root(c, v);
	} else if ((v = value(word, "env")) && env_cnt < LIST_MAX) {
		env[env_cnt++] = v;
	} else if ((v = value(word, "module")) && module_cnt < LIST_MAX) {
		modules[module_cnt++] = v;
	} else if ((v = value(word, "cwd"))) {
		c->cwd = v;
	} else if ((v = value(word, "host"))) {
		c->hostname = v;
	} else if ((v = value(word, "init"))) {
		c->init_path = v;
	} else if ((v = value(word, "grace"))) {
		c->grace_ms = (uint32_t)strtoul(v, NULL, 10);
	} else if ((v = value(word, "device-wait"))) {
		c->device_wait_ms = (uint32_t)strtoul(v, NULL, 10);
	} else if ((v = value(word, "file")) && c->file_cnt < LIST_MAX) {
		files[c->file_cnt].mode = 0644;
		files[c->file_cnt].path = strsep(&v, "=");
		files[c->file_cnt++].from = v;
	} else if ((v = value(word, "mount")) && c->mount_cnt < LIST_MAX) {
		struct guest_mount *m = &mounts[c->mount_cnt++];

		m->source = strsep(&v, ",");
		m->target = strsep(&v, ",");
		m->type = strsep(&v, ",");
		m->options = v;
	} else {
		return false;
	}
	return true;
}

static int copy_out(int fd, const char *to)
{
	FILE *out = fopen(to, "w");
	char buf[65536];
	ssize_t n;

	if (!out)
		return fail(to);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, (size_t)n, out) != (size_t)n)
			break;
	return fclose(out) == 0 && n == 0 ? 0 : fail(to);
}

static int pack(int argc, char **argv)
{
	struct guest_segment_config c = {
		.env = env, .modules = modules, .mounts = mounts, .files = files
	};
	struct error *err = NULL;
	uint64_t len;
	int i = 1, fd;

	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (!option(&c, argv[i])) {
			fprintf(stderr, "inithost: what is '%s'?\n", argv[i]);
			return 2;
		}
	}
	c.argv = (const char *const *)argv + (i < argc ? i + 1 : argc);
	if (guest_segment_build(&c, &fd, &len, &err) < 0) {
		error_print(err, stderr);
		error_free(err);
		return 1;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail("the segment");
	return copy_out(fd, argv[0]);
}

/* --- show ------------------------------------------------------------------------------------- */

static void show_end(const struct guest_init_record *r)
{
	static const char *const how[] = { "exited", "signal", "not-run", "failed" };

	printf("end %s %d", r->code < ARRAY_LEN(how) ? how[r->code] : "?", r->number);
	printf(" out %llu err %llu", (unsigned long long)r->out_len[0],
	       (unsigned long long)r->out_len[1]);
	if (r->flags & GUEST_END_F_CORE)
		printf(" core");
	if (r->flags & GUEST_END_F_CUT)
		printf(" cut");
	if (r->text[0])
		printf(" text %s", r->text);
	putchar('\n');
}

static void show_record(const struct guest_init_record *r)
{
	switch (r->type) {
	case GUEST_RECORD_HELLO:
		printf("hello ports %d\n", r->number);
		break;
	case GUEST_RECORD_START:
		printf("start after %llu ms\n", (unsigned long long)r->time_ns / 1000000);
		break;
	case GUEST_RECORD_END:
		show_end(r);
		break;
	case GUEST_RECORD_DOWN:
		printf("down %d\n", r->number);
		break;
	default:
		printf("record %u\n", r->type);
	}
	fflush(stdout);
}

static int show(int argc, char **argv)
{
	struct guest_record_reader port = { .serial = false }, serial = { .serial = true };
	FILE *in = fopen(argv[0], "r"), *out[2] = { NULL, NULL };
	uint32_t next = 0, lost = 0;
	int c;

	if (!in)
		return fail(argv[0]);
	for (int i = 0; i < 2 && argc > i + 1; i++)
		if (!(out[i] = fopen(argv[i + 1], "w")))
			return fail(argv[i + 1]);
	while ((c = getc(in)) != EOF) {
		if (guest_record_feed(&port, (uint8_t)c))
			show_record(&port.record);
		if (!guest_record_feed(&serial, (uint8_t)c) || serial.record.seq < next)
			continue;
		lost += serial.record.seq - next;
		next = serial.record.seq + 1;
		if (serial.record.type != GUEST_RECORD_OUT &&
		    serial.record.type != GUEST_RECORD_ERR)
			show_record(&serial.record);
		else if (out[serial.record.type - GUEST_RECORD_OUT])
			fwrite(serial.data, 1, serial.record.data_len,
			       out[serial.record.type - GUEST_RECORD_OUT]);
	}
	if (next)
		printf("serial lost %u\n", lost);
	for (int i = 0; i < 2; i++)
		if (out[i] && fclose(out[i]) != 0)
			return fail(argv[i + 1]);
	fclose(in);
	return 0;
}

/* --- sockets ---------------------------------------------------------------------------------- */

static int dial(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	for (int i = 0; i < 600; i++) {
		if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return fd;
		usleep(50000);
	}
	return -1;
}

static bool send_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static int feed(char **argv)
{
	int fd = dial(argv[0]);
	char buf[65536];
	ssize_t n;

	if (fd < 0)
		return fail(argv[0]);
	while ((n = read(0, buf, sizeof(buf))) > 0)
		if (!send_all(fd, buf, (size_t)n))
			return fail(argv[0]);
	return 0;
}

static int take(char **argv)
{
	unsigned long long left = strtoull(argv[1], NULL, 10);
	int fd = dial(argv[0]);
	char buf[4096];

	if (fd < 0)
		return fail(argv[0]);
	while (left) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? (size_t)left : sizeof(buf));

		if (n <= 0)
			return fail(argv[0]);
		left -= (unsigned long long)n;
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return fail("standard output");
	}
	return 0;
}

static bool send_words(int fd, char ***word)
{
	static uint32_t seq;

	for (; **word && strcmp(**word, "at-start") != 0; (*word)++) {
		struct guest_init_record r = { .type = GUEST_RECORD_GO };
		char *v;

		if ((v = value(**word, "stdin-end"))) {
			r.type = GUEST_RECORD_STDIN_END;
			r.out_len[0] = strtoull(v, NULL, 10);
		} else if ((v = value(**word, "signal"))) {
			r.type = GUEST_RECORD_SIGNAL;
			r.number = (int32_t)strtol(v, NULL, 10);
		}
		guest_record_finish(&r, seq++);
		if (!send_all(fd, &r, sizeof(r)))
			return false;
	}
	return true;
}

static int control(char **argv)
{
	struct guest_record_reader reader = { .serial = false };
	char **word = argv + 1;
	int fd = dial(argv[0]);
	uint8_t byte;

	if (fd < 0 || !send_words(fd, &word))
		return fail(argv[0]);
	while (read(fd, &byte, 1) == 1) {
		if (!guest_record_feed(&reader, byte))
			continue;
		show_record(&reader.record);
		if (reader.record.type == GUEST_RECORD_DOWN)
			return 0;
		if (reader.record.type == GUEST_RECORD_START && *word) {
			word++;
			if (!send_words(fd, &word))
				return fail(argv[0]);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "pack"))
		return pack(argc - 2, argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "show"))
		return show(argc - 2, argv + 2);
	if (argc == 3 && !strcmp(argv[1], "feed"))
		return feed(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "take"))
		return take(argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "control"))
		return control(argv + 2);
	fprintf(stderr, "usage: inithost pack|show|feed|take|control ...\n");
	return 2;
}
