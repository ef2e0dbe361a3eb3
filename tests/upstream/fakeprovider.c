/*
 * The failing provider as a program, for tests of the whole server.
 *
 * It prints its port and then does as it is told on standard input, one line
 * each: "stt hang", "chat ok", "all 500", "key sk-good", "retry-after 3",
 * "delay 500" (milliseconds before each answer), "count" (prints the requests of
 * each kind and the connections that are open), "heard" (prints how many messages of people the
 * last chat had), "reset", until end of file. Each line is answered by one line.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

static const char *const	modes[FAKE_MODES] = {
	[FAKE_OK] = "ok",
	[FAKE_OK_CHUNKED] = "chunked",
	[FAKE_SILENCE] = "silence",
	[FAKE_HANG] = "hang",
	[FAKE_HANG_BODY] = "hang-body",
	[FAKE_TRICKLE] = "trickle",
	[FAKE_429] = "429",
	[FAKE_500] = "500",
	[FAKE_503] = "503",
	[FAKE_400] = "400",
	[FAKE_401] = "401",
	[FAKE_404] = "404",
	[FAKE_405] = "405",
	[FAKE_413] = "413",
	[FAKE_422] = "422",
	[FAKE_REDIRECT] = "redirect",
	[FAKE_GARBAGE] = "garbage",
	[FAKE_HTML] = "html",
	[FAKE_WRONG_TYPE] = "wrong-type",
	[FAKE_WRONG_FIELDS] = "wrong-fields",
	[FAKE_EMPTY] = "empty",
	[FAKE_ENDLESS] = "endless",
	[FAKE_BIG] = "big",
	[FAKE_HALF] = "half",
	[FAKE_CLOSE] = "close",
	[FAKE_ENDLESS_HEAD] = "endless-head",
	[FAKE_NOT_HTTP] = "not-http",
	[FAKE_EARLY_422] = "early-422",
	[FAKE_BIG_500] = "big-500",
	[FAKE_BIG_201] = "big-201",
	[FAKE_ONCE_503] = "once-503",
};

static const char *const	kinds[FAKE_KINDS] = {
	"stt", "chat", "tts", "models"
};

static char	key[256];

static int
obey(const char *what, const char *how)
{
	int	i, m;

	if (!strcmp(what, "key")) {
		(void)snprintf(key, sizeof(key), "%s", how);
		fake.good_key = key[0] != '\0' ? key : NULL;
		return (0);
	}
	if (!strcmp(what, "retry-after")) {
		fake.retry_after = (unsigned)strtoul(how, NULL, 10);
		return (0);
	}

	if (!strcmp(what, "delay")) {
		fake.delay_ms = (unsigned)strtoul(how, NULL, 10);
		return (0);
	}
	if (!strcmp(what, "reset")) {
		fake_reset();
		return (0);
	}

	for (m = 0; m < FAKE_MODES; m++) {
		if (!strcmp(how, modes[m]))
			break;
	}
	if (m == FAKE_MODES)
		return (-1);
	if (!strcmp(what, "all")) {
		for (i = 0; i < FAKE_KINDS; i++)
			fake.mode[i] = m;
		return (0);
	}
	for (i = 0; i < FAKE_KINDS; i++) {
		if (!strcmp(what, kinds[i])) {
			fake.mode[i] = m;
			return (0);
		}
	}

	return (-1);
}

int
main(void)
{
	char	line[512], what[32], how[256];
	int	n;

	if (fake_start() == -1) {
		perror("fakeprovider");
		return (1);
	}
	(void)printf("%d\n", fake.port);
	(void)fflush(stdout);

	while (fgets(line, sizeof(line), stdin) != NULL) {
		what[0] = how[0] = '\0';
		n = sscanf(line, "%31s %255s", what, how);
		if (n >= 1 && !strcmp(what, "count")) {
			(void)printf("%u %u %u %u %u\n", fake.requests[FAKE_STT],
			    fake.requests[FAKE_CHAT], fake.requests[FAKE_TTS],
			    fake.requests[FAKE_MODELS], fake.open);
		} else if (n >= 1 && !strcmp(what, "heard")) {
			(void)printf("%u\n", fake.chat_users);
		} else {
			(void)printf("%s\n", n >= 1 && obey(what, how) == 0 ?
			    "ok" : "what?");
		}
		(void)fflush(stdout);
	}
	fake_stop();

	return (0);
}
