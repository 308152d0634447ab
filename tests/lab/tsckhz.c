/* SPDX-License-Identifier: MIT */
/*
 * tsckhz: the frequency of this machine's time stamp counter, in kHz.
 *
 * The lab host sees this counter. On a busy machine its kernel would measure it wrong, by a factor
 * of two at worst, against timers that QEMU runs late, and all clocks in the lab would be wrong
 * with it. Here both ends are read between two reads of the clock that lie close together.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct sample {
	uint64_t tsc, ns;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Of many tries the one that was interrupted least. */
static struct sample sample(void)
{
	struct sample best = { 0 };
	uint64_t width = UINT64_MAX;
	unsigned i;

	for (i = 0; i < 1000; i++) {
		uint64_t a = __rdtsc(), t = now(), b = __rdtsc();

		if (b - a < width) {
			width = b - a;
			best.tsc = a + (b - a) / 2;
			best.ns = t;
		}
	}
	return best;
}

int main(void)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	struct sample a = sample(), b;

	nanosleep(&pause, NULL);
	b = sample();
	printf("%llu\n", (unsigned long long)((b.tsc - a.tsc) * 1000000u / (b.ns - a.ns)));
	return 0;
}
