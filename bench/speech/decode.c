/*
 * What decoding a recording costs: decode FILE prints as one line of JSON the
 * samples (16 kHz) and the CPU in milliseconds, of the best of some tries, each
 * in a process of its own as the speech server does it.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "speech/decode.h"

#define TRIES		7
#define SECONDS_MAX	600

struct outcome {
	uint32_t	samples;
	double		ms;
	int		result;
};

static double
spent_ms(void)
{
	struct rusage	ru;

	(void)getrusage(RUSAGE_SELF, &ru);
	return ((double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e3 +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e3);
}

int
main(int argc, char *argv[])
{
	struct outcome	*got, best = { 0, 0, -1 };
	struct stat	st;
	void		*data;
	double		before;
	int		fd, out, i, status;
	pid_t		pid;

	if (argc != 2 || (fd = open(argv[1], O_RDONLY)) == -1 ||
	    fstat(fd, &st) == -1 || (data = mmap(NULL, (size_t)st.st_size,
	    PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
		fprintf(stderr, "usage: decode file\n");
		return (64);
	}
	got = mmap(NULL, sizeof(*got), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (got == MAP_FAILED)
		return (70);
	vg_decode_warm_up();
	for (i = 0; i < TRIES; i++) {
		if ((pid = fork()) == 0) {
			if ((out = memfd_create("samples", MFD_CLOEXEC)) == -1)
				_exit(70);
			before = spent_ms();
			got->result = (int)vg_decode(data, (size_t)st.st_size,
			    out, SECONDS_MAX, &got->samples);
			got->ms = spent_ms() - before;
			_exit(0);
		}
		if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0)
			return (70);
		if (best.result != (int)VG_RESULT_OK || got->ms < best.ms)
			best = *got;
	}
	if (best.result != (int)VG_RESULT_OK)
		return (65);
	printf("{\"samples\":%u,\"ms\":%.3f}\n", best.samples, best.ms);
	return (0);
}
