/*
 * The bytes of a call, as they move.
 *
 * A recording goes out from its descriptor and sound comes in to another, a
 * few KiB at a time, so that a call costs the same memory whatever its size;
 * only JSON is held, up to the caller's bound. What comes is judged at its
 * first byte: a wrong status is counted and dropped, a wrong media type or
 * sound that is none (core/sniff.h) ends the call before anything is written.
 *
 * The descriptor is read by lseek(2) and read(2) with a position of our own,
 * since libcurl rewinds when a kept connection turns out to be dead.
 * (pread(2) would do it in one call, but is not in the sandbox.)
 */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kore/kore.h>

#include "upstream/call.h"

#define BODY_FIRST	4096	/* bytes allocated for a JSON answer at first */

static int	judge(struct vg_call *);
static int	hold(struct vg_call *, const char *, size_t);
static int	take_sound(struct vg_call *, const char *, size_t);
static int	sniff(struct vg_call *, bool);
static int	put(struct vg_call *, const char *, size_t);
static void	media_type(struct vg_call *);

size_t
vg_call_on_send(char *buf, size_t size, size_t n, void *arg)
{
	struct vg_call	*c;
	ssize_t		got;
	size_t		want;

	c = arg;
	want = size * n;
	if (want > c->in_len - c->in_off)
		want = c->in_len - c->in_off;
	if (want == 0)
		return (0);

	if (lseek(c->in_fd, (off_t)c->in_off, SEEK_SET) == -1)
		goto fail;
	do {
		got = read(c->in_fd, buf, want);
	} while (got == -1 && errno == EINTR);
	/* Shorter than was said: the length has been promised already. */
	if (got <= 0)
		goto fail;

	c->in_off += (size_t)got;
	c->moved += (size_t)got;
	if (c->in_off == c->in_len)
		c->phase = PHASE_WAITING;

	return ((size_t)got);
fail:
	c->failed = VG_UP_LOCAL;
	return (CURL_READFUNC_ABORT);
}

int
vg_call_on_seek(void *arg, curl_off_t off, int whence)
{
	struct vg_call	*c;

	c = arg;
	if (whence != SEEK_SET || off < 0 || (uint64_t)off > c->in_len)
		return (CURL_SEEKFUNC_FAIL);

	c->in_off = (size_t)off;
	c->phase = PHASE_SENDING;

	return (CURL_SEEKFUNC_OK);
}

size_t
vg_call_on_head(char *line, size_t size, size_t n, void *arg)
{
	struct vg_call	*c;

	(void)line;
	c = arg;
	c->head_len += size * n;
	if (c->head_len > VG_CALL_HEAD_MAX) {
		c->failed = VG_UP_TOO_LARGE;
		return (0);
	}

	return (size * n);
}

size_t
vg_call_on_body(char *data, size_t size, size_t n, void *arg)
{
	struct vg_call	*c;
	size_t		len;

	c = arg;
	len = size * n;

	if (!c->judged && judge(c) == -1)
		return (0);

	c->moved += len;

	if (c->drop) {
		/* Read to its end, so that the connection can be kept. */
		c->len += len;
		if (c->len <= VG_CALL_ERROR_MAX)
			return (len);
		/* What its status says, where it is an error's. */
		c->failed = VG_UP_GARBAGE;
		return (0);
	}

	if (len > c->answer_max - c->len) {
		c->failed = VG_UP_TOO_LARGE;
		return (0);
	}
	c->len += len;

	if ((c->audio ? take_sound(c, data, len) : hold(c, data, len)) == -1)
		return (0);

	return (len);
}

/* At the first byte of the body: is it one that we want? */
static int
judge(struct vg_call *c)
{
	long	status;

	c->judged = true;
	c->phase = PHASE_RECEIVING;
	c->window_ms = kore_time_ms();
	c->moved_before = c->moved;

	status = 0;
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		c->drop = true;
		return (0);
	}

	media_type(c);
	if (c->audio ? (strncmp(c->type, "audio/", 6) != 0 &&
	    strcmp(c->type, "application/octet-stream") != 0) :
	    strcmp(c->type, "application/json") != 0) {
		c->failed = VG_UP_GARBAGE;
		return (-1);
	}

	return (0);
}

/* Appends to the body in memory; there is always a NUL behind it. */
static int
hold(struct vg_call *c, const char *data, size_t len)
{
	char	*p;
	size_t	room;

	if (len >= c->room - c->held) {
		room = c->room == 0 ? BODY_FIRST : c->room;
		while (room - c->held <= len)
			room *= 2;
		if ((p = realloc(c->body, room)) == NULL) {
			c->failed = VG_UP_LOCAL;
			return (-1);
		}
		c->body = p;
		c->room = room;
	}

	memcpy(c->body + c->held, data, len);
	c->held += len;
	c->body[c->held] = '\0';

	return (0);
}

/* The first bytes are held until it is known what they are. */
static int
take_sound(struct vg_call *c, const char *data, size_t len)
{
	if (c->sniffed)
		return (put(c, data, len));

	if (hold(c, data, len) == -1)
		return (-1);

	return (sniff(c, false));
}

/* 0 also when more is needed; final: there is no more. */
static int
sniff(struct vg_call *c, bool final)
{
	enum vg_sniff_verdict	verdict;

	verdict = vg_sniff((const uint8_t *)c->body, c->held, final, &c->kind);
	if (verdict == VG_SNIFF_NEED_MORE)
		return (0);
	if (verdict != VG_SNIFF_MATCH || (c->kind.kind != VG_SNIFF_WAV &&
	    c->kind.kind != VG_SNIFF_MP3)) {
		c->failed = VG_UP_GARBAGE;
		return (-1);
	}
	c->sniffed = true;

	return (put(c, c->body, c->held));
}

enum vg_up_error
vg_call_end_sound(struct vg_call *c)
{
	if (!c->sniffed && c->held > 0 && sniff(c, true) == -1)
		return (c->failed);

	return (c->sniffed ? VG_UP_OK : VG_UP_GARBAGE);
}

static int
put(struct vg_call *c, const char *data, size_t len)
{
	ssize_t	n;

	while (len > 0) {
		n = write(c->out_fd, data, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			c->failed = n == -1 && (errno == ENOSPC ||
			    errno == EDQUOT || errno == EFBIG) ?
			    VG_UP_NO_ROOM : VG_UP_LOCAL;
			return (-1);
		}
		data += n;
		len -= (size_t)n;
	}

	return (0);
}

/* Content-Type without its parameters, in lower case; "" when too long. */
static void
media_type(struct vg_call *c)
{
	const char	*s;
	size_t		n, i;

	s = NULL;
	(void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &s);
	if (s == NULL)
		return;

	n = strcspn(s, "; \t");
	if (n >= sizeof(c->type))
		return;
	for (i = 0; i < n; i++)
		c->type[i] = (char)tolower((unsigned char)s[i]);
	c->type[n] = '\0';
}
