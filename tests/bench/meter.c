/* SPDX-License-Identifier: MIT */
/*
 * meter: runs a VMM and takes the time at the marks that its guest makes.
 *
 *   meter SECONDS STATUS CMD [ARG...]
 *
 * The VMM has SECONDS and is to end with STATUS.
 *
 * When the guest's console says "guest: mark NAME", meter notes the time and what CPU time the VMM
 * has used, and answers with a newline, for which the guest waits. At the end it prints, for each
 * mark, "mark NAME time NS other NS idle NS": since the start, the CPU time of all threads of the
 * VMM but those that run the guest (threads called "CPU..." or "vcpu..."), and how long the
 * machine's CPUs had nothing to do (since it started). The console goes to standard error.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARKS_MAX 256

struct mark {
	char name[40];
	uint64_t time, other, idle;
};

static struct mark marks[MARKS_MAX];
static unsigned mark_cnt;
static pid_t vmm;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* First word of /proc/PID/task/TID/FILE. */
static void task_word(const char *tid, const char *file, char *word, size_t size)
{
	char path[300];
	FILE *f;

	word[0] = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%s/%s", vmm, tid, file);
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(word, (int)size, f))
		word[0] = 0;
	fclose(f);
}

/* CPU time of the threads that are not the guest: io_uring's workers are among them. */
static uint64_t other_time(void)
{
	char path[64], word[128];
	uint64_t sum = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", vmm);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		task_word(e->d_name, "comm", word, sizeof(word));
		if (!strncmp(word, "CPU", 3) || !strncmp(word, "vcpu", 4))
			continue;
		task_word(e->d_name, "schedstat", word, sizeof(word));
		sum += strtoull(word, NULL, 10);
	}
	if (d)
		closedir(d);
	return sum;
}

/* Ticks count idle time too coarsely; this file has it to the nanosecond. */
static uint64_t idle_time(void)
{
	FILE *f = fopen("/proc/timer_list", "re");
	uint64_t sum = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, ".idle_sleeptime"))
			sum += strtoull(line + strcspn(line, ":") + 1, NULL, 10);
	}
	if (f)
		fclose(f);
	return sum;
}

static void on_line(char *line, int to_guest)
{
	static const char key[] = "guest: mark ";
	char *at = strstr(line, key);
	uint64_t t = now();

	fprintf(stderr, "%s\n", line);
	if (!at || mark_cnt == MARKS_MAX)
		return;
	at += sizeof(key) - 1;
	at[strcspn(at, " \r")] = 0;
	snprintf(marks[mark_cnt].name, sizeof(marks[mark_cnt].name), "%s", at);
	marks[mark_cnt].time = t;
	marks[mark_cnt].idle = idle_time();
	marks[mark_cnt++].other = other_time();
	if (write(to_guest, "\n", 1) != 1)
		perror("meter: the guest's console");
}

static void too_long(int sig)
{
	(void)sig;
	kill(vmm, SIGKILL);
}

int main(int argc, char **argv)
{
	int in[2], out[2], status;
	char line[4096];
	size_t len = 0;
	uint64_t began;
	ssize_t n;
	char c[512];

	if (argc < 4) {
		fprintf(stderr, "usage: meter SECONDS STATUS CMD [ARG...]\n");
		return 2;
	}
	if (pipe(in) < 0 || pipe(out) < 0) {
		perror("meter: pipe");
		return 2;
	}
	began = now();
	vmm = fork();
	if (vmm < 0) {
		perror("meter: fork");
		return 2;
	}
	if (vmm == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[0]), close(in[1]), close(out[0]), close(out[1]);
		execvp(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	signal(SIGALRM, too_long);
	alarm((unsigned)atoi(argv[1]));
	while ((n = read(out[0], c, sizeof(c))) > 0 || (n < 0 && errno == EINTR)) {
		for (ssize_t k = 0; k < n; k++) {
			if (c[k] != '\n') {
				if (len < sizeof(line) - 1)
					line[len++] = c[k];
				continue;
			}
			line[len] = 0;
			len = 0;
			on_line(line, in[1]);
		}
	}
	if (waitpid(vmm, &status, 0) != vmm || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != atoi(argv[2])) {
		fprintf(stderr, "meter: '%s' ended with wait status %#x\n", argv[3], status);
		return 1;
	}
	for (unsigned k = 0; k < mark_cnt; k++)
		printf("mark %s time %llu other %llu idle %llu\n", marks[k].name,
		       (unsigned long long)(marks[k].time - began),
		       (unsigned long long)marks[k].other, (unsigned long long)marks[k].idle);
	return 0;
}
