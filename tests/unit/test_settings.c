/*
 * The settings: sources, types, checks across them, reloading, and that
 * .env.example says what the table says. Single values are in
 * tests/cases/settings: `env:` and `dotenv:` lines (NAME=value), then any of
 * `error:` and `warning:` (NAME, a blank, words of the message), and `value:`
 * (NAME=effective value).
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "casefile.h"
#include "core/dotenv.h"
#include "core/settings.h"

#define CASES_MIN	60
#define PAIRS_MAX	32
#define DATABASE	"postgresql://u:p4ss@127.0.0.1:5432/v"

static struct {
	const char	*env[PAIRS_MAX];	/* NAME=value */
	size_t		nenv;
	const char	*file[PAIRS_MAX];	/* path=content */
	size_t		nfile;
} fake;
static struct vg_errors			errs;
static struct vg_settings_input		input;

static const char *
find(const char *const *pairs, size_t n, const char *name)
{
	size_t		i, len;

	len = strlen(name);
	for (i = 0; i < n; i++) {
		if (!strncmp(pairs[i], name, len) && pairs[i][len] == '=')
			return (pairs[i] + len + 1);
	}

	return (NULL);
}

static const char *
fake_env(void *ctx, const char *name)
{
	(void)ctx;
	return (find(fake.env, fake.nenv, name));
}

static int
fake_read(void *ctx, const char *path, char *buf, size_t size, size_t *len)
{
	const char	*text;

	(void)ctx;
	if ((text = find(fake.file, fake.nfile, path)) == NULL) {
		errno = ENOENT;
		return (-1);
	}
	if ((*len = strlen(text)) > size) {
		errno = EFBIG;
		return (-1);
	}
	memcpy(buf, text, *len);

	return (0);
}

static int
fake_suffix(void *ctx, const char *host)
{
	(void)ctx;
	return (!strcmp(host, "co.uk") ? VG_SUFFIX_ICANN : VG_SUFFIX_NONE);
}

static int
reset(void **unused)
{
	(void)unused;
	memset(&fake, 0, sizeof(fake));
	memset(&input, 0, sizeof(input));
	input.env = fake_env;
	input.read_file = fake_read;
	input.public_suffix = fake_suffix;
	input.cwd = "/srv/app";
	input.var_dir = "/srv/app/var";
	vg_errors_init(&errs);

	return (0);
}

static void
env(const char *pair)
{
	assert_true(fake.nenv < PAIRS_MAX);
	fake.env[fake.nenv++] = pair;
}

static void
file(const char *pair)
{
	assert_true(fake.nfile < PAIRS_MAX);
	fake.file[fake.nfile++] = pair;
}

static void
dotenv(const char *text)
{
	input.dotenv = text;
	input.dotenv_len = strlen(text);
}

static const char *
value(const struct vg_settings *s, const char *name)
{
	static char	buf[VG_SETTING_VALUE_MAX + 1];

	assert_non_null(vg_setting_find(name));
	assert_int_equal(vg_setting_format(buf, sizeof(buf),
	    vg_setting_find(name), s), 0);

	return (buf);
}

static enum vg_source
source(const struct vg_settings *s, const char *name)
{
	size_t		i;

	for (i = 0; strcmp(vg_setting_at(i)->name, name) != 0;)
		i++;

	return ((enum vg_source)s->source[i]);
}

static void
load(struct vg_settings *s)
{
	if (vg_settings_load(s, &input, &errs) == -1)
		fail_msg("%s: %s", errs.error[0].name, errs.error[0].text);
}

static void
refused(const char *name, const char *text)
{
	struct vg_settings	s;
	size_t			i;

	assert_int_equal(vg_settings_load(&s, &input, &errs), -1);
	vg_settings_free(&s);
	for (i = 0; i < errs.nerrors; i++) {
		if (!strcmp(errs.error[i].name, name) &&
		    strstr(errs.error[i].text, text) != NULL)
			return;
	}
	fail_msg("no error of %s with \"%s\"", name, text);
}

static char *
printed(void (*fn)(const struct vg_settings *, FILE *),
    const struct vg_settings *s)
{
	char		*text;
	size_t		size;
	FILE		*fp;

	fp = open_memstream(&text, &size);
	assert_non_null(fp);
	if (fn != NULL)
		fn(s, fp);
	else
		vg_settings_print_example(fp);
	assert_int_equal(fclose(fp), 0);

	return (text);
}

static void
check_messages(const struct casefile *c, const char *key,
    const struct vg_error *list, size_t count)
{
	const char	*want;
	char		name[64];
	size_t		n, i, len;

	for (n = 0; (want = case_get(c, key, n, NULL)) != NULL; n++) {
		len = strcspn(want, " ");
		assert_true(len < sizeof(name));
		memcpy(name, want, len);
		name[len] = '\0';
		want += len + (want[len] == ' ');
		for (i = 0; i < count; i++) {
			if (!strcmp(list[i].name, name) &&
			    strstr(list[i].text, want) != NULL)
				break;
		}
		if (i == count)
			fail_msg("%s: no %s of %s with \"%s\"", c->name, key,
			    name, want);
	}
	if (n != count)
		fail_msg("%s: %zu times %s, not %zu; first: %s: %s", c->name,
		    count, key, n, list[0].name, list[0].text);
}

static void
check_case(const struct casefile *c)
{
	struct vg_settings	s;
	const char		*text, *eq;
	char			name[64], *dot;
	size_t			n;
	int			ret;

	(void)reset(NULL);
	dot = calloc(1, CASE_LINES_MAX * CASE_VALUE_SIZE);
	assert_non_null(dot);
	for (n = 0; (text = case_get(c, "env", n, NULL)) != NULL; n++)
		env(text);
	for (n = 0; (text = case_get(c, "file", n, NULL)) != NULL; n++)
		file(text);
	for (n = 0; (text = case_get(c, "dotenv", n, NULL)) != NULL; n++) {
		strcat(dot, text);
		strcat(dot, "\n");
	}
	if (n > 0)
		dotenv(dot);
	if (find(fake.env, fake.nenv, "DATABASE_URL") == NULL)
		env("DATABASE_URL=" DATABASE);

	ret = vg_settings_load(&s, &input, &errs);
	check_messages(c, "error", errs.error, errs.nerrors);
	check_messages(c, "warning", errs.warning, errs.nwarnings);
	assert_int_equal(ret, errs.nerrors > 0 ? -1 : 0);
	for (n = 0; (text = case_get(c, "value", n, NULL)) != NULL; n++) {
		eq = strchr(text, '=');
		assert_non_null(eq);
		(void)snprintf(name, sizeof(name), "%.*s", (int)(eq - text),
		    text);
		if (strcmp(value(&s, name), eq + 1) != 0)
			fail_msg("%s: %s is %s", c->name, name,
			    value(&s, name));
	}
	vg_settings_free(&s);
	free(dot);
}

static void
every_case_is_judged_rightly(void **unused)
{
	(void)unused;
	assert_true(case_each("settings", check_case) >= CASES_MIN);
}

static void
the_defaults_are_the_contracts(void **unused)
{
	struct vg_settings	s;

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	load(&s);
	assert_int_equal(errs.nwarnings, 0);
	assert_string_equal(s.host, "127.0.0.1");
	assert_int_equal(s.port, 8000);
	assert_true(vg_origin_policy_is_any(s.origins));
	assert_int_equal(s.proxies.count, 0);
	assert_true(s.rate_limit);
	assert_int_equal(s.rate_per_minute, 10);
	assert_int_equal(s.rate_health_per_minute, 60);
	assert_int_equal(s.rate_strategy, VG_STRATEGY_FIXED);
	assert_int_equal(s.rate_fail_mode, VG_FAIL_LOCAL);
	assert_true(s.security_headers);
	assert_false(s.auth_required);
	assert_int_equal(s.max_upload_bytes, 10485760);
	assert_string_equal(s.upload_dir, "/srv/app/var/uploads");
	assert_string_equal(s.audio_dir, "/srv/app/var/audio");
	assert_int_equal(s.audio_ttl_h, 24);
	assert_int_equal(s.session_ttl_h, 24);
	assert_int_equal(s.transcript_retention_d, 30);
	assert_int_equal(s.log_level, VG_LOG_INFO);
	assert_int_equal(s.log_format, VG_LOG_TEXT);
	assert_string_equal(s.stt.base_url, "http://127.0.0.1:8090");
	assert_true(s.stt.offline && s.chat.offline && s.tts.offline);
	assert_true(s.tts.loopback);
	assert_string_equal(s.tls_cert_file, "");
	vg_settings_free(&s);
}

static void
the_environment_wins_over_dotenv_over_default(void **unused)
{
	struct vg_settings	s;

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	env("PORT=1");
	env("WORKERS=");
	dotenv("PORT=2\nWORKERS=3\nDRAIN_SECONDS=4\nLOG_LEVEL=\n");
	load(&s);
	assert_int_equal(s.port, 1);
	assert_int_equal(source(&s, "PORT"), VG_SOURCE_ENV);
	assert_int_equal(s.workers, 3);
	assert_int_equal(source(&s, "WORKERS"), VG_SOURCE_DOTENV);
	assert_int_equal(s.drain_s, 4);
	assert_int_equal(source(&s, "LOG_LEVEL"), VG_SOURCE_DEFAULT);
	vg_settings_free(&s);
}

static void
a_secret_comes_from_its_file(void **unused)
{
	struct vg_settings	s;

	(void)unused;
	env("DATABASE_URL_FILE=/run/db");
	env("STT_API_KEY_FILE=/run/stt");
	dotenv("CHAT_API_KEY_FILE=/run/chat\nTTS_API_KEY_FILE=/run/no\n");
	env("TTS_API_KEY=direct");
	file("/run/db=" DATABASE "\n");
	file("/run/stt=k3y\r\n\n");
	file("/run/chat=other");
	load(&s);
	assert_string_equal(s.database_url, DATABASE);
	assert_string_equal(s.stt.api_key, "k3y");
	assert_int_equal(source(&s, "STT_API_KEY"), VG_SOURCE_FILE);
	assert_string_equal(s.chat.api_key, "other");
	/* The environment's NAME overrides the other source's NAME_FILE. */
	assert_string_equal(s.tts.api_key, "direct");
	assert_int_equal(errs.nwarnings, 0);
	vg_settings_free(&s);
}

static void
a_secret_given_twice_is_refused(void **unused)
{
	(void)unused;
	env("DATABASE_URL=" DATABASE);
	env("DATABASE_URL_FILE=/run/db");
	file("/run/db=" DATABASE);
	refused("DATABASE_URL", "only one of them");
}

static void
a_bad_secret_file_is_told(void **unused)
{
	static char	big[VG_SECRET_FILE_MAX + 64];

	(void)unused;
	env("DATABASE_URL_FILE=/run/none");
	refused("DATABASE_URL_FILE", "cannot be read: No such file");

	(void)reset(NULL);
	env("DATABASE_URL_FILE=/run/db");
	file("/run/db=\n\n");
	refused("DATABASE_URL_FILE", "is empty");

	(void)reset(NULL);
	env("DATABASE_URL_FILE=/run/db");
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, "/run/db=", 8);
	file(big);
	refused("DATABASE_URL_FILE", "larger than");
}

static void
only_a_secret_has_a_file(void **unused)
{
	struct vg_settings	s;

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	env("PORT_FILE=/run/port");
	dotenv("HOST_FILE=/run/host\n");
	load(&s);
	assert_int_equal(s.port, 8000);
	assert_int_equal(errs.nwarnings, 1);
	vg_settings_free(&s);
}

static void
the_database_of_var_is_found(void **unused)
{
	struct vg_settings	s;

	(void)unused;
	file("/srv/app/var/database.url=" DATABASE "\n");
	load(&s);
	assert_string_equal(s.database_url, DATABASE);
	assert_int_equal(source(&s, "DATABASE_URL"), VG_SOURCE_FILE);
	vg_settings_free(&s);
}

static void
without_a_database_nothing_starts(void **unused)
{
	(void)unused;
	/* In the wrong folder, most likely. */
	refused("DATABASE_URL", "there is no .env in the working folder "
	    "/srv/app");
	vg_errors_init(&errs);
	input.dotenv = "PORT=1\n";
	input.dotenv_len = strlen(input.dotenv);
	refused("DATABASE_URL", "is missing; a postgresql:// URI is needed");
	assert_null(strstr(errs.error[0].text, ".env"));
}

static void
all_errors_come_at_once(void **unused)
{
	struct vg_settings	s;

	(void)unused;
	env("ALLOWED_ORIGINS=https://x.test/path,null");
	env("RATE_LIMIT_PER_MINUTE=ten");
	env("STT_BASE_URL=https://stt.example.com");
	env("TLS_CERT_FILE=/c.pem");
	dotenv("PORT=70000\nBAD LINE\nTRUSTED_PROXIES=10.0.0.1/8\n");
	assert_int_equal(vg_settings_load(&s, &input, &errs), -1);
	/* Origins twice, rate, key, TLS, port, line, proxies, database. */
	assert_int_equal(errs.nerrors, 9);
	vg_settings_free(&s);
}

static void
no_secret_is_ever_shown(void **unused)
{
	struct vg_settings	s;
	char			*text;
	size_t			i;

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	env("STT_API_KEY=hunter2hunter2");
	load(&s);
	text = printed(vg_settings_print, &s);
	assert_null(strstr(text, "p4ss"));
	assert_null(strstr(text, "hunter2"));
	assert_non_null(strstr(text, "\nDATABASE_URL=***  # environment\n"));
	assert_non_null(strstr(text, "\nSTT_API_KEY=***  # environment\n"));
	assert_non_null(strstr(text, "\nCHAT_API_KEY=  # default\n"));
	assert_non_null(strstr(text, "\nPORT=8000  # default\n"));
	free(text);
	vg_settings_free(&s);

	(void)reset(NULL);
	env("DATABASE_URL=mysql://u:p4ss@h/d");
	env("STT_BASE_URL=https://h.example.com");
	env("STT_API_KEY=hunter2 hunter2");
	env("CHAT_BASE_URL=https://h.example.com");
	env("CHAT_API_KEY=changeme-hunter2");
	assert_int_equal(vg_settings_load(&s, &input, &errs), -1);
	assert_int_equal(errs.nerrors, 3);
	for (i = 0; i < errs.nerrors; i++) {
		assert_null(strstr(errs.error[i].text, "hunter2"));
		assert_null(strstr(errs.error[i].value, "hunter2"));
		assert_null(strstr(errs.error[i].text, "p4ss"));
		assert_string_equal(errs.error[i].value, "***");
	}
	vg_settings_free(&s);
}

static void
what_is_printed_reads_back_the_same(void **unused)
{
	struct vg_settings		a, b;
	struct vg_settings_change	change[4];
	char				*text;

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	env("CHAT_SYSTEM_PROMPT=a \"b\" $c `d` \\e # f\n\tg");
	env("ALLOWED_ORIGINS=https://a.example.com, https://*.b.example.com");
	env("RATE_LIMIT_STRATEGY=Moving-Window");
	load(&a);
	text = printed(vg_settings_print, &a);

	(void)reset(NULL);
	env("DATABASE_URL=" DATABASE);
	dotenv(text);
	load(&b);
	assert_int_equal(vg_settings_reload_diff(&a, &b, change, 4), 0);
	assert_int_equal(errs.nwarnings, 0);
	vg_settings_free(&a);
	vg_settings_free(&b);
	free(text);
}

static void
the_table_is_consistent(void **unused)
{
	const struct vg_setting	*row;
	char			buf[256];
	size_t			i, j;

	(void)unused;
	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		assert_int_equal(strspn(row->name,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
		    strlen(row->name));
		assert_true(strlen(row->help) >= 10);
		assert_int_equal(row->help[strlen(row->help) - 1], '.');
		assert_int_equal(vg_setting_allowed(buf, sizeof(buf), row), 0);
		assert_true(row->min <= row->max);
		for (j = 0; j < i; j++) {
			assert_string_not_equal(row->name,
			    vg_setting_at(j)->name);
			assert_true(row->offset != vg_setting_at(j)->offset);
		}
		/* Parsed forms follow their text only in a reload. */
		if (row->type == VG_TYPE_ORIGINS || row->type == VG_TYPE_CIDRS)
			assert_true(row->flags & VG_SETTING_RELOAD);
		if (row->type == VG_TYPE_SECRET ||
		    row->type == VG_TYPE_DATABASE)
			assert_true(row->flags & VG_SETTING_SECRET);
	}
	assert_true(i >= 50);
	assert_null(vg_setting_find("NO_SUCH"));
}

static void
the_example_file_is_the_tables(void **unused)
{
	const struct vg_setting	*row;
	struct vg_dotenv	parsed;
	char			*want, *got;
	size_t			i, len;
	FILE			*fp;

	(void)unused;
	want = printed(NULL, NULL);
	got = calloc(1, 1 << 17);
	assert_non_null(got);
	fp = fopen(".env.example", "r");
	assert_non_null(fp);
	len = fread(got, 1, (1 << 17) - 1, fp);
	(void)fclose(fp);
	assert_string_equal(got, want);

	assert_int_equal(vg_dotenv_parse(&parsed, got, len, &errs), 0);
	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		assert_non_null(vg_dotenv_get(&parsed, row->name));
		assert_string_equal(vg_dotenv_get(&parsed, row->name),
		    row->dflt);
	}
	assert_int_equal(parsed.count, i);
	vg_dotenv_free(&parsed);
	free(want);
	free(got);
}

static void
the_example_file_changes_nothing(void **unused)
{
	struct vg_settings		a, b;
	struct vg_settings_change	change[1];
	char				*text;

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	load(&a);
	text = printed(NULL, NULL);
	dotenv(text);
	load(&b);
	assert_int_equal(vg_settings_reload_diff(&a, &b, change, 1), 0);
	assert_int_equal(errs.nwarnings, 0);
	vg_settings_free(&a);
	vg_settings_free(&b);
	free(text);
}

static void
a_typo_is_told_with_what_was_meant(void **unused)
{
	(void)unused;
	assert_string_equal(vg_setting_nearest("ALLOWED_ORIGIN"),
	    "ALLOWED_ORIGINS");
	assert_string_equal(vg_setting_nearest("RATE_LIMIT_PER_MIN"),
	    "RATE_LIMIT_PER_MINUTE");
	assert_string_equal(vg_setting_nearest("prot"), "PORT");
	assert_string_equal(vg_setting_nearest("STT_APIKEY"), "STT_API_KEY");
	assert_null(vg_setting_nearest("VAR"));
	assert_null(vg_setting_nearest("COMPOSE_PROJECT_NAME"));
	assert_null(vg_setting_nearest(""));
}

static void
a_reload_tells_what_it_may_change(void **unused)
{
	struct vg_settings		a, b;
	struct vg_settings_change	c[8];

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	load(&a);
	env("PORT=9000");
	env("ALLOWED_ORIGINS=https://a.example.com");
	env("STT_API_KEY=k3y");
	env("LOG_LEVEL=debug");
	env("STT_BASE_URL=https://stt.example.com/v1");
	load(&b);
	assert_int_equal(vg_settings_reload_diff(&a, &b, c, 8), 5);
	assert_string_equal(c[0].setting->name, "PORT");
	assert_false(c[0].reloadable);
	assert_string_equal(c[1].setting->name, "ALLOWED_ORIGINS");
	assert_true(c[1].reloadable);
	assert_string_equal(c[2].setting->name, "STT_BASE_URL");
	assert_false(c[2].reloadable);
	assert_int_equal(vg_settings_reload_diff(&a, &b, c, 1), 5);

	assert_int_equal(vg_settings_carry_over(&b, &a), 0);
	assert_int_equal(b.port, 8000);
	assert_string_equal(b.stt.base_url, "http://127.0.0.1:8090");
	assert_true(b.stt.offline);
	assert_string_equal(b.stt.api_key, "k3y");
	assert_int_equal(b.log_level, VG_LOG_DEBUG);
	assert_int_equal(vg_origin_policy_count(b.origins), 1);
	assert_int_equal(vg_settings_reload_diff(&a, &b, c, 8), 3);
	vg_settings_free(&a);
	vg_settings_free(&b);
}

static void
freeing_twice_is_harmless(void **unused)
{
	struct vg_settings	s;

	(void)unused;
	env("DATABASE_URL=" DATABASE);
	load(&s);
	vg_settings_free(&s);
	vg_settings_free(&s);
}

static void
put(const char *path, const char *text)
{
	FILE		*fp;

	fp = fopen(path, "w");
	assert_non_null(fp);
	assert_true(fputs(text, fp) >= 0);
	assert_int_equal(fclose(fp), 0);
}

static void
the_process_reads_its_folder(void **unused)
{
	struct vg_settings	s;
	char			dir[] = "/tmp/vg-settings-XXXXXX", here[4096];

	(void)unused;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	put(".env", "WORKERS=5\nCHAT_API_KEY_FILE=key\nUPLOAD_DIR=./up\n");
	put("key", "s3cret\n");
	assert_int_equal(mkdir("v", 0700), 0);
	put("v/database.url", DATABASE "\n");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(setenv("DRAIN_SECONDS", "3", 1), 0);
	assert_int_equal(unsetenv("DATABASE_URL"), 0);
	assert_int_equal(unsetenv("WORKERS"), 0);

	assert_int_equal(vg_settings_load_process(&s, "./v", fake_suffix, NULL,
	    &errs), 0);
	assert_int_equal(s.workers, 5);
	assert_int_equal(s.drain_s, 3);
	assert_string_equal(s.chat.api_key, "s3cret");
	assert_string_equal(s.database_url, DATABASE);
	assert_memory_equal(s.upload_dir, dir, strlen(dir));
	assert_string_equal(s.upload_dir + strlen(dir), "/up");
	assert_string_equal(s.audio_dir + strlen(dir), "/v/audio");
	vg_settings_free(&s);

	/* A FIFO would wait for a writer, a folder is none. */
	put(".env", "CHAT_API_KEY_FILE=fifo\nSTT_API_KEY_FILE=v\n");
	assert_int_equal(vg_settings_load_process(&s, "v", NULL, NULL, &errs),
	    -1);
	assert_int_equal(errs.nerrors, 2);
	vg_settings_free(&s);

	assert_int_equal(unlink(".env"), 0);
	assert_int_equal(mkdir(".env", 0700), 0);
	vg_errors_init(&errs);
	assert_int_equal(vg_settings_load_process(&s, "v", NULL, NULL, &errs),
	    -1);
	assert_string_equal(errs.error[0].name, ".env");
	vg_settings_free(&s);

	assert_int_equal(rmdir(".env"), 0);
	assert_int_equal(unlink("key"), 0);
	assert_int_equal(unlink("fifo"), 0);
	assert_int_equal(unlink("v/database.url"), 0);
	assert_int_equal(rmdir("v"), 0);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup(f, reset)
	const struct CMUnitTest	tests[] = {
		T(every_case_is_judged_rightly),
		T(the_defaults_are_the_contracts),
		T(the_environment_wins_over_dotenv_over_default),
		T(a_secret_comes_from_its_file),
		T(a_secret_given_twice_is_refused),
		T(a_bad_secret_file_is_told),
		T(only_a_secret_has_a_file),
		T(the_database_of_var_is_found),
		T(without_a_database_nothing_starts),
		T(all_errors_come_at_once),
		T(no_secret_is_ever_shown),
		T(what_is_printed_reads_back_the_same),
		T(the_table_is_consistent),
		T(the_example_file_is_the_tables),
		T(the_example_file_changes_nothing),
		T(a_typo_is_told_with_what_was_meant),
		T(a_reload_tells_what_it_may_change),
		T(freeing_twice_is_harmless),
		T(the_process_reads_its_folder)
	};
#undef T

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
