#ifndef TESTS_PROVIDER_H
#define TESTS_PROVIDER_H

/*
 * The provider that fails on purpose (tests/upstream/fakeprovider.c), as a child:
 * FAKE_BIN names it.
 */

#include <sys/types.h>

#include <stdio.h>

struct provider {
	pid_t	pid;
	int	port;
	FILE	*to;
	FILE	*from;
	/* "STT_BASE_URL=...", "CHAT_...", "TTS_..." and the end: environment. */
	char	setting[3][64];
};

/* What it counted. */
struct provider_count {
	unsigned	stt;
	unsigned	chat;
	unsigned	tts;
	unsigned	models;
	unsigned	open;		/* connections now */
};

void	provider_start(struct provider *);
void	provider_stop(struct provider *);
/*
 * Into ENV, which has room: the settings of BASE (ends with NULL), those that
 * turn a server to the provider, those of MORE (ends with NULL, or NULL), and the end.
 */
void	provider_env(const struct provider *, const char *const *base,
	    const char *const *more, const char **env);
/* One line of its language; fails the test when it is not understood. */
void	provider_tell(struct provider *, const char *line);
void	provider_count(struct provider *, struct provider_count *);
/* How many messages of a person the last request to chat had. */
unsigned provider_heard(struct provider *);

#endif
