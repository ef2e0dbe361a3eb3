/*
 * The process's log. One line an event, on standard error, text or JSON, built
 * by core/logline.c, which escapes whatever could forge or hide a line. What is
 * said to the voice companion and by it, keys and client bytes never get here.
 *
 * Kore's own messages come the same way: its kore_log() is replaced at link
 * time, so that a JSON log holds JSON alone and a level holds for all of it.
 *
 * Lines are kept in a buffer for up to VG_LOG_FLUSH_MS (the worker's timer):
 * a write(2) a request would be a tenth of what a request costs. Warnings and
 * errors are written at once, so a crash loses at most that tick's access lines.
 *
 * A collector that stands still costs lines, not clients: what it does not take
 * (gate/logsink.c) is kept while there is room, then lines are counted instead,
 * and the first that has room again is the count.
 */

#include <kore/kore.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gate/logger.h"
#include "gate/logsink.h"

static struct {
	enum vg_log_level	level;
	enum vg_log_format	format;
	enum vg_log_level	line_level;
	struct vg_logline	line;
	size_t			used;
	int64_t			lost;	/* lines, since the last that was kept */
	char			text[VG_LOG_LINE_SIZE];
	char			kept[VG_LOG_BUFFER_SIZE];
} logger = { .level = VG_LOG_INFO, .format = VG_LOG_TEXT };

void	__wrap_kore_log(int, const char *, ...)
	    __attribute__((format (printf, 2, 3)));

void
vg_log_setup(enum vg_log_level level, enum vg_log_format format)
{
	logger.level = level;
	logger.format = format;
}

static void
begin(struct vg_logline *line, char *text, size_t size, enum vg_log_level level,
    const char *msg)
{
	struct timespec		ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	vg_logline_begin(line, text, size, logger.format, level,
	    (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000, msg);
	if (worker != NULL)
		vg_logline_int(line, "worker", worker->id);
}

struct vg_logline *
vg_log_open(enum vg_log_level level, const char *msg)
{
	if (level < logger.level)
		return (NULL);
	logger.line_level = level;
	begin(&logger.line, logger.text, sizeof(logger.text), level, msg);
	return (&logger.line);
}

/* False: there is no room, and the reader stands still. */
static bool
keep(const char *text, size_t len)
{
	if (len > sizeof(logger.kept) - logger.used)
		vg_log_flush();
	if (len > sizeof(logger.kept) - logger.used)
		return (false);
	memcpy(logger.kept + logger.used, text, len);
	logger.used += len;
	return (true);
}

/* What was lost stands before what comes after it. */
static bool
keep_count(void)
{
	struct vg_logline	line;
	const char		*text;
	char			note[256];
	size_t			len;

	if (logger.lost == 0)
		return (true);
	begin(&line, note, sizeof(note), VG_LOG_WARNING,
	    "log lines are lost: their reader stood still");
	vg_logline_int(&line, "lines", logger.lost);
	text = vg_logline_end(&line, &len);
	if (!keep(text, len))
		return (false);
	logger.lost = 0;
	return (true);
}

void
vg_log_close(struct vg_logline *line)
{
	const char	*text;
	size_t		len;

	if (line == NULL)
		return;
	text = vg_logline_end(line, &len);
	if (!keep_count() || !keep(text, len))
		logger.lost++;
	/* The parent has no timer of ours: its few lines go out at once. */
	if (worker == NULL || logger.line_level >= VG_LOG_WARNING)
		vg_log_flush();
}

void
vg_log_say(enum vg_log_level level, const char *msg)
{
	vg_log_close(vg_log_open(level, msg));
}

void
vg_log_str(enum vg_log_level level, const char *msg, const char *key,
    const char *value)
{
	struct vg_logline	*line;

	if ((line = vg_log_open(level, msg)) == NULL)
		return;
	vg_logline_str(line, key, value);
	vg_log_close(line);
}

void
vg_log_flush(void)
{
	size_t		off = 0;
	ssize_t		n = 0;

	while (off < logger.used) {
		n = vg_logsink_write(logger.kept + off, logger.used - off);
		if (n <= 0)
			break;
		off += (size_t)n;
	}
	if (n == -1)
		off = logger.used;	/* nobody reads: a log never stops a server */
	logger.used -= off;
	if (logger.used > 0 && off > 0)
		memmove(logger.kept, logger.kept + off, logger.used);
}

/* Kore's messages, with the level that syslog(3) gave them. */
void
__wrap_kore_log(int prio, const char *fmt, ...)
{
	enum vg_log_level	level;
	char			msg[1024];
	va_list			args;

	if (prio <= LOG_ERR)
		level = VG_LOG_ERROR;
	else if (prio == LOG_WARNING)
		level = VG_LOG_WARNING;
	else if (prio == LOG_NOTICE)
		level = VG_LOG_NOTICE;
	else
		level = prio == LOG_INFO ? VG_LOG_INFO : VG_LOG_DEBUG;
	/* Kore's parent leaves before its workers have drained: no error. */
	if (!strcmp(fmt, "parent gone, shutting down"))
		level = VG_LOG_NOTICE;
	if (level < logger.level)
		return;
	va_start(args, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, args);
	va_end(args);
	vg_log_close(vg_log_open(level, msg));
}
