/* The command line: what is taken, what is refused, and with which exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "speech/limits.h"
#include "speech/options.h"

#define CPUS	2

static struct vg_options	o;
static char			err[256];

static int
parse(const char *a, const char *b)
{
	/* argv is never written to. */
	union { const char *c; char *m; } u[3] = { { "voicegate-speech" },
	    { a }, { b } };
	char	*argv[3] = { u[0].m, u[1].m, u[2].m };

	err[0] = '\0';
	return (vg_options_parse(b != NULL ? 3 : a != NULL ? 2 : 1, argv, CPUS,
	    &o, err, sizeof(err)));
}

static void
defaults_are_loopback_and_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL, NULL), 0);
	assert_string_equal(o.host, "127.0.0.1");
	assert_int_equal(o.port, 8090);
	assert_int_equal(o.workers, CPUS);
	assert_int_equal(o.queue, VG_QUEUE_DEFAULT);
	assert_int_equal(o.max_seconds, VG_SECONDS_DEFAULT);
	assert_int_equal(o.max_upload, VG_UPLOAD_DEFAULT);
	assert_int_equal(o.action, VG_ACTION_RUN);
}

static void
loopback_addresses_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("--listen", "127.0.0.1:0"), 0);
	assert_int_equal(o.port, 0);
	assert_int_equal(parse("--listen=127.1.2.3:65535", NULL), 0);
	assert_string_equal(o.host, "127.1.2.3");
	assert_int_equal(parse("--listen", "[::1]:80"), 0);
	assert_string_equal(o.host, "::1");
}

static void
other_addresses_are_refused(void **state)
{
	static const char *const bad[] = { "0.0.0.0:80", "192.168.1.1:80",
	    "128.0.0.1:80", "[::]:80", "[2001:db8::1]:80", "localhost:80",
	    "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:65536",
	    "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:1x",
	    "127.0.0:80", "[::ffff:127.0.0.1]:80", "" };
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse("--listen", bad[i]), VG_EXIT_CONFIG);
		assert_non_null(strstr(err, "--listen"));
		assert_non_null(strstr(err, "loopback"));
	}
}

static void
numbers_are_whole_and_in_range(void **state)
{
	static const char *const bad[][2] = { { "--workers", "0" },
	    { "--workers", "17" }, { "--workers", "two" },
	    { "--workers", "2.0" }, { "--workers", "" }, { "--queue", "257" },
	    { "--queue", "-1" }, { "--max-seconds", "0" },
	    { "--max-seconds", "601" }, { "--deadline", "0" },
	    { "--max-upload", "65535" }, { "--max-upload", "67108865" },
	    { "--max-upload", "99999999999999999999" } };
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i][0], bad[i][1]), VG_EXIT_CONFIG);
		assert_non_null(strstr(err, bad[i][0]));
	}
	assert_int_equal(parse("--workers", "16"), 0);
	assert_int_equal(o.workers, 16);
	assert_int_equal(parse("--queue=0", NULL), 0);
	assert_int_equal(o.queue, 0);
}

static void
unknown_and_incomplete_options_are_usage_errors(void **state)
{
	(void)state;
	assert_int_equal(parse("--lisen", "127.0.0.1:1"), VG_EXIT_USAGE);
	assert_int_equal(parse("stray", NULL), VG_EXIT_USAGE);
	assert_int_equal(parse("--worker", "1"), VG_EXIT_USAGE);
	assert_int_equal(parse("--workersx=1", NULL), VG_EXIT_USAGE);
	assert_int_equal(parse("--workers", NULL), VG_EXIT_USAGE);
	assert_non_null(strstr(err, "needs a value"));
}

static void
actions_are_recognised(void **state)
{
	(void)state;
	assert_int_equal(parse("--check", NULL), 0);
	assert_int_equal(o.action, VG_ACTION_CHECK);
	assert_int_equal(parse("--help", NULL), 0);
	assert_int_equal(o.action, VG_ACTION_HELP);
	assert_int_equal(parse("--version", NULL), 0);
	assert_int_equal(o.action, VG_ACTION_VERSION);
}

static void
help_names_every_option(void **state)
{
	static const char *const names[] = { "--listen", "--workers",
	    "--queue", "--max-seconds", "--max-upload", "--deadline", "--user",
	    "--port-file", "--model-dir", "--check", "--help", "--version" };
	size_t	i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(strstr(vg_options_help(), names[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_loopback_and_bounded),
		cmocka_unit_test(loopback_addresses_are_taken),
		cmocka_unit_test(other_addresses_are_refused),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(unknown_and_incomplete_options_are_usage_errors),
		cmocka_unit_test(actions_are_recognised),
		cmocka_unit_test(help_names_every_option),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
