/*
 * The log: one line an event on standard error, written with one write(2), so
 * that the lines of several processes never mix.
 */
#ifndef VG_SPEECH_SLOG_H
#define VG_SPEECH_SLOG_H

/*
 * Writes "voicegate-speech: " and the formatted line.  Never hand it text of a
 * request, a recording or a transcript; control bytes are replaced all the same.
 */
void	vg_slog(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Milliseconds of the monotonic clock. */
long long vg_now_ms(void);

#endif
