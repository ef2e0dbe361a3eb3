/*
 * Logging for people who listen to private conversations: what happened, to
 * which request number and how long it took; never what was said.
 */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "speech/slog.h"

#define LINE_MAX_BYTES	512
#define NAME		"voicegate-speech: "

void
vg_slog(const char *fmt, ...)
{
	char	line[LINE_MAX_BYTES];
	size_t	i, len = sizeof(NAME) - 1;
	int	n;
	va_list	ap;

	(void)snprintf(line, sizeof(line), "%s", NAME);
	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line) - len - 1)
		n = (int)(sizeof(line) - len - 2);
	len += (size_t)n;

	for (i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len++] = '\n';
	/* A log that cannot be written must not stop the service. */
	if (write(STDERR_FILENO, line, len) == -1)
		return;
}

long long
vg_now_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}
