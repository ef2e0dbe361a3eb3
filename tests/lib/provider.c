/* See provider.h. */

#include <sys/prctl.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/provider.h"

void
provider_start(struct provider *p)
{
	static const char *const	names[] = { "STT", "CHAT", "TTS" };
	const char			*bin = getenv("FAKE_BIN");
	char				line[64];
	int				to[2], from[2];
	size_t				i;

	if (bin == NULL)
		fail_msg("FAKE_BIN is not set: run the tests by make test");
	memset(p, 0, sizeof(*p));
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	if ((p->pid = fork()) == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(to[0], STDIN_FILENO);
		(void)dup2(from[1], STDOUT_FILENO);
		(void)close(to[0]);
		(void)close(to[1]);
		(void)close(from[0]);
		(void)close(from[1]);
		execl(bin, bin, (char *)NULL);
		_exit(127);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	p->to = fdopen(to[1], "w");
	p->from = fdopen(from[0], "r");
	if (fgets(line, sizeof(line), p->from) == NULL)
		fail_msg("the fake provider did not start");
	p->port = atoi(line);
	for (i = 0; i < 3; i++)
		(void)snprintf(p->setting[i], sizeof(p->setting[i]),
		    "%s_BASE_URL=http://127.0.0.1:%d/v1", names[i], p->port);
}

void
provider_stop(struct provider *p)
{
	if (p->pid <= 0)
		return;
	(void)fclose(p->to);
	(void)fclose(p->from);
	(void)waitpid(p->pid, NULL, 0);
	p->pid = 0;
}

static void
exchange(struct provider *p, const char *line, char *answer, size_t size)
{
	fprintf(p->to, "%s\n", line);
	(void)fflush(p->to);
	if (fgets(answer, (int)size, p->from) == NULL)
		fail_msg("the fake provider is gone");
}

void
provider_tell(struct provider *p, const char *line)
{
	char	answer[128];

	exchange(p, line, answer, sizeof(answer));
	if (strcmp(answer, "ok\n") != 0)
		fail_msg("the fake provider does not know \"%s\"", line);
}

void
provider_count(struct provider *p, struct provider_count *n)
{
	char	answer[128];

	exchange(p, "count", answer, sizeof(answer));
	assert_int_equal(sscanf(answer, "%u %u %u %u %u", &n->stt, &n->chat,
	    &n->tts, &n->models, &n->open), 5);
}

unsigned
provider_heard(struct provider *p)
{
	char		answer[128];
	unsigned	n = 0;

	exchange(p, "heard", answer, sizeof(answer));
	assert_int_equal(sscanf(answer, "%u", &n), 1);
	return (n);
}

void
provider_env(const struct provider *p, const char *const *base,
    const char *const *more, const char **env)
{
	size_t	i, n = 0;

	for (i = 0; base[i] != NULL; i++)
		env[n++] = base[i];
	for (i = 0; i < sizeof(p->setting) / sizeof(p->setting[0]); i++)
		env[n++] = p->setting[i];
	for (i = 0; more != NULL && more[i] != NULL; i++)
		env[n++] = more[i];
	env[n] = NULL;
}
