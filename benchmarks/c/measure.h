/* The clocks and the output that the C programs share with the Python ones. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double
clock_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct measure {
	double cpu, wall;
};

static inline struct measure
measure_begin(void)
{
	struct measure begin = { clock_seconds(CLOCK_PROCESS_CPUTIME_ID), clock_seconds(CLOCK_MONOTONIC) };

	return begin;
}

/* One line of JSON, as run.py reads it: CPU and wall-clock seconds of some operations. */
static inline void
measure_end(struct measure begin, const char *name, long operations)
{
	double cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - begin.cpu;
	double wall = clock_seconds(CLOCK_MONOTONIC) - begin.wall;

	printf("{\"name\": \"%s\", \"operations\": %ld, \"cpu\": %.9f, \"wall\": %.9f}\n", name, operations, cpu, wall);
	fflush(stdout);
}

static inline void
fail(const char *what)
{
	perror(what);
	exit(1);
}

#endif
