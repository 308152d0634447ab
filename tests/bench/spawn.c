/* SPDX-License-Identifier: MIT */
/*
 * spawn: runs a command several times and prints what one run costs.
 *
 *   spawn [-n RUNS] [-e STATUS] -- CMD [ARG...]
 *
 * Prints "cpu NS wall NS", medians: user plus system time of the process and all its threads from
 * exec to the end, and the time it took. Its output goes to standard error. Any exit status but
 * STATUS (0) is an error: a command that fails early must not look fast.
 */
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS 10000

extern char **environ;

static uint64_t cpu[MAX_RUNS], wall[MAX_RUNS];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

static int run_once(char **argv, int want, unsigned i)
{
	posix_spawn_file_actions_t files;
	struct rusage use;
	uint64_t began;
	int err, status;
	pid_t pid;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	began = now();
	err = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	if (err) {
		fprintf(stderr, "spawn: %s: %s\n", argv[0], strerror(err));
		return -1;
	}
	if (wait4(pid, &status, 0, &use) < 0)
		return -1;
	wall[i] = now() - began;
	cpu[i] = ns(use.ru_utime) + ns(use.ru_stime);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != want) {
		fprintf(stderr, "spawn: %s ended with %s %d, expected exit status %d\n", argv[0],
			WIFEXITED(status) ? "exit status" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), want);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned runs = 1, i;
	int want = 0, c;

	while ((c = getopt(argc, argv, "+n:e:")) >= 0) {
		if (c == 'n')
			runs = (unsigned)strtoul(optarg, NULL, 0);
		else if (c == 'e')
			want = atoi(optarg);
		else
			return 2;
	}
	if (optind == argc || runs == 0 || runs > MAX_RUNS) {
		fprintf(stderr, "usage: spawn [-n RUNS] [-e STATUS] -- CMD [ARG...]\n");
		return 2;
	}
	for (i = 0; i < runs; i++) {
		if (run_once(argv + optind, want, i) < 0)
			return 1;
	}
	qsort(cpu, runs, sizeof(*cpu), compare);
	qsort(wall, runs, sizeof(*wall), compare);
	printf("cpu %llu wall %llu\n", (unsigned long long)cpu[runs / 2],
	       (unsigned long long)wall[runs / 2]);
	return 0;
}
