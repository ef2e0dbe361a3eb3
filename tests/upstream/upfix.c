/*
 * What the programs of this folder set up alike.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "koreshim.h"
#include "upfix.h"
#include "upstream/upshared.h"

unsigned	fix_events[VG_UP_KINDS][VG_UP_EVENTS];

static char	url[64];

static void
on_event(enum vg_up_kind kind, enum vg_up_event event)
{
	fix_events[kind][event]++;
}

static char *
text(const char *s)
{
	return ((char *)(uintptr_t)s);
}

void
fix_settings(struct vg_settings *s, int port, const char *keys)
{
	memset(s, 0, sizeof(*s));
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
	s->stt.base_url = s->chat.base_url = s->tts.base_url = url;
	s->stt.api_key = s->chat.api_key = s->tts.api_key = text(keys);
	s->stt.model = text("ears");
	s->chat.model = text("mind");
	s->tts.model = text("mouth");
	s->stt.timeout_s = s->chat.timeout_s = s->tts.timeout_s = 60;
	s->tts_voice = text("slt");
	s->alert_webhook_url = text("");
	s->alert_webhook_secret = text("");
	s->chat_system_prompt = text("Listen well.");
	s->pipeline_timeout_s = 30;
}

int
fix_start(void **state)
{
	struct vg_settings	s;
	const char		*why;

	(void)state;
	/* No proxy, whatever the environment says. */
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);

	shim_init();
	if (fake_start() == -1)
		return (-1);
	fix_settings(&s, fake.port, "");
	if (vg_upstream_parent_init(&s, NULL, on_event, &why) == -1 ||
	    vg_upstream_worker_init() == -1)
		return (-1);

	return (0);
}

int
fix_stop(void **state)
{
	(void)state;
	vg_upstream_worker_cleanup();
	fake_stop();

	/* Nothing may be left on the loop. */
	if (shim_timers() != 0 || shim_events() != 0) {
		(void)fprintf(stderr, "left: %u timers, %u events\n",
		    shim_timers(), shim_events());
		return (-1);
	}
	shim_cleanup();

	return (0);
}

void
fix_use(int port, const char *keys)
{
	struct vg_settings	s;
	const char		*why;
	int			i;

	fix_settings(&s, port, keys);
	if (vg_upstream_reload(&s, &why) == -1)
		abort();
	for (i = 0; i < VG_UP_KINDS; i++)
		vg_upshared_reset((enum vg_up_kind)i);
	memset(fix_events, 0, sizeof(fix_events));
}

int
fix_recording(size_t len)
{
	char	buf[4096];
	size_t	i, n;
	int	fd;

	if ((fd = memfd_create("recording", MFD_CLOEXEC)) == -1)
		abort();
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (char)('a' + i % 26);
	for (; len > 0; len -= n) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		if (write(fd, buf, n) != (ssize_t)n)
			abort();
	}

	return (fd);
}

int
fix_open_files(void)
{
	DIR	*d;
	int	n;

	if ((d = opendir("/proc/self/fd")) == NULL)
		abort();
	for (n = 0; readdir(d) != NULL; n++)
		;
	(void)closedir(d);

	return (n);
}

long
fix_rss_kib(void)
{
	FILE	*f;
	long	size, resident;

	size = resident = 0;
	if ((f = fopen("/proc/self/statm", "r")) == NULL ||
	    fscanf(f, "%ld %ld", &size, &resident) != 2)
		abort();
	(void)fclose(f);

	return (resident * (sysconf(_SC_PAGESIZE) / 1024));
}

size_t
fix_size(int fd)
{
	struct stat	st;

	if (fstat(fd, &st) == -1)
		abort();

	return ((size_t)st.st_size);
}
