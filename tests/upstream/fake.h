#ifndef FAKE_H
#define FAKE_H

/* A provider that fails in every way there is, on 127.0.0.1, in threads. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum fake_mode {
	FAKE_OK = 0,
	FAKE_OK_CHUNKED,
	FAKE_SILENCE,		/* an empty transcript */
	FAKE_HANG,		/* takes the request, says nothing */
	FAKE_HANG_BODY,		/* the head, then nothing */
	FAKE_TRICKLE,		/* the body, a byte each 100 ms */
	FAKE_429,		/* with Retry-After: fake.retry_after, if not 0 */
	FAKE_500,
	FAKE_503,
	FAKE_400,
	FAKE_401,
	FAKE_404,
	FAKE_405,
	FAKE_413,
	FAKE_422,
	FAKE_REDIRECT,		/* to a working address */
	FAKE_GARBAGE,		/* says it is JSON, is not */
	FAKE_HTML,		/* a page that says all is well */
	FAKE_WRONG_TYPE,	/* the right bytes under the wrong media type */
	FAKE_WRONG_FIELDS,	/* JSON, but not that */
	FAKE_EMPTY,		/* no bytes of a body */
	FAKE_ENDLESS,		/* chunks for ever */
	FAKE_BIG,		/* 100 MiB, told beforehand */
	FAKE_HALF,		/* closes in the middle of the body */
	FAKE_CLOSE,		/* closes without a byte */
	FAKE_ENDLESS_HEAD,	/* headers for ever */
	FAKE_NOT_HTTP,
	FAKE_EARLY_422,		/* answers before the upload is read, closes */
	FAKE_BIG_500,		/* an error with 100 MiB to say about it */
	FAKE_BIG_201,		/* neither an answer nor an error, 100 MiB */
	FAKE_ONCE_503,		/* fails once, then FAKE_OK */
	FAKE_MODES
};

#define FAKE_STT	0
#define FAKE_CHAT	1
#define FAKE_TTS	2
#define FAKE_MODELS	3
#define FAKE_KINDS	4

struct fake {
	_Atomic int		mode[FAKE_KINDS];
	_Atomic unsigned	requests[FAKE_KINDS];
	_Atomic unsigned	connections;
	_Atomic unsigned	open;		/* connections now */
	_Atomic unsigned	retry_after;	/* seconds */
	_Atomic unsigned	delay_ms;	/* before an answer */
	_Atomic size_t		body_len;	/* of the last request */
	_Atomic unsigned	chat_users;	/* what people said, in the last chat */
	_Atomic unsigned	body_sum;	/* sum of its bytes */
	char			last_body[65536]; /* its first bytes, NUL behind */
	char			last_head[8192];
	const char		*good_key;	/* NULL: any */
	int			port;
};

extern struct fake	fake;

int	fake_start(void);		/* 0 / -1; sets fake.port */
void	fake_stop(void);
void	fake_reset(void);		/* all FAKE_OK, counters 0 */
/* A port that refuses, and one that never completes a connection. */
int	fake_refusing_port(void);
int	fake_full_port(void);

#endif
