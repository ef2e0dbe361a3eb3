#ifndef TESTS_PATIENCE_H
#define TESTS_PATIENCE_H

/*
 * What a program may take. On a machine that does other things too a figure
 * says nothing: there a test tells what hangs from what ends, and VG_PATIENCE
 * (tests/run.sh: 4) is how many times longer than the figure it waits. The
 * drills (make drill, make drill-limits) hold the program to the figures.
 */

#include <stdlib.h>

/* MS milliseconds, as many times as the environment's VG_PATIENCE says. */
static inline long
may_take(long ms)
{
	const char	*times = getenv("VG_PATIENCE");
	long		n = times != NULL ? atol(times) : 1;

	return (n > 1 ? ms * n : ms);
}

#endif
