/*
 * Log lines: the same fields in text and JSON, and never a broken line.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "core/logesc.h"

#define WHEN	INT64_C(1767323045123456)	/* 2026-01-02T03:04:05 */

static const char *
sample(char *buf, size_t size, enum vg_log_format format, size_t *len)
{
	struct vg_logline	line;

	vg_logline_begin(&line, buf, size, format, VG_LOG_INFO, WHEN,
	    "request served");
	vg_logline_str(&line, "path", "/api/health");
	vg_logline_str(&line, "agent", "a \"b\"\n");
	vg_logline_int(&line, "status", 200);
	vg_logline_bool(&line, "tls", true);
	vg_logline_str(&line, "key", NULL);

	return (vg_logline_end(&line, len));
}

static void
text_is_one_readable_line(void **unused)
{
	char		buf[VG_LOG_LINE_SIZE];
	size_t		len;

	(void)unused;
	assert_string_equal(sample(buf, sizeof(buf), VG_LOG_TEXT, &len),
	    "2026-01-02T03:04:05.123Z info request served path=/api/health "
	    "agent=\"a \\\"b\\\"\\n\" status=200 tls=true key=-\n");
	assert_int_equal(len, strlen(buf));
}

/* A value is quoted unless all of it is of these. */
static void
text_quotes_what_is_not_plain(void **unused)
{
	static const char	plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%()*+,-./:;@[]_~";
	struct vg_logline	line;
	char			buf[VG_LOG_LINE_SIZE], c;
	const char		*value;
	unsigned		i;

	(void)unused;
	for (i = 0; i <= 0xff; i++) {
		c = (char)(unsigned char)i;
		vg_logline_begin(&line, buf, sizeof(buf), VG_LOG_TEXT,
		    VG_LOG_INFO, WHEN, "m");
		vg_logline_mem(&line, "k", &c, 1);
		value = strstr(vg_logline_end(&line, NULL), " k=") + 3;
		if ((value[0] != '"') != (i != 0 && strchr(plain, c) != NULL))
			fail_msg("byte 0x%02x: %s", i, value);
	}
}

static void
json_carries_the_same(void **unused)
{
	char		buf[VG_LOG_LINE_SIZE];
	json_t		*doc;

	(void)unused;
	doc = json_loads(sample(buf, sizeof(buf), VG_LOG_JSON, NULL), 0, NULL);
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "time")),
	    "2026-01-02T03:04:05.123Z");
	assert_string_equal(json_string_value(json_object_get(doc, "level")),
	    "info");
	assert_string_equal(json_string_value(json_object_get(doc, "msg")),
	    "request served");
	assert_string_equal(json_string_value(json_object_get(doc, "agent")),
	    "a \"b\"\n");
	assert_int_equal(json_integer_value(json_object_get(doc, "status")),
	    200);
	assert_true(json_is_true(json_object_get(doc, "tls")));
	assert_true(json_is_null(json_object_get(doc, "key")));
	json_decref(doc);
}

static void
a_field_that_does_not_fit_is_left_out_and_told(void **unused)
{
	struct vg_logline	line;
	char			buf[160], big[200];
	json_t			*doc;

	(void)unused;
	memset(big, 'x', sizeof(big));
	vg_logline_begin(&line, buf, sizeof(buf), VG_LOG_JSON, VG_LOG_ERROR,
	    WHEN, "m");
	vg_logline_mem(&line, "big", big, sizeof(big));
	vg_logline_int(&line, "after", 1);
	doc = json_loads(vg_logline_end(&line, NULL), 0, NULL);
	assert_non_null(doc);
	assert_null(json_object_get(doc, "big"));
	assert_int_equal(json_integer_value(json_object_get(doc, "after")), 1);
	assert_true(json_is_true(json_object_get(doc, "truncated")));
	json_decref(doc);
}

static void
every_size_gives_a_whole_line(void **unused)
{
	char		buf[512];
	json_t		*doc;
	size_t		size, len;

	(void)unused;
	for (size = 128; size < sizeof(buf); size++) {
		memset(buf, 'Z', sizeof(buf));
		(void)sample(buf, size, VG_LOG_JSON, &len);
		assert_true(len < size);
		assert_int_equal(buf[len - 1], '\n');
		assert_int_equal(buf[size], 'Z');
		doc = json_loads(buf, 0, NULL);
		assert_non_null(doc);
		json_decref(doc);

		(void)sample(buf, size, VG_LOG_TEXT, &len);
		assert_true(len < size);
		assert_int_equal(buf[len - 1], '\n');
	}
}

static void
a_long_message_leaves_valid_json(void **unused)
{
	struct vg_logline	line;
	char			buf[128], big[400];
	json_t			*doc;

	(void)unused;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	vg_logline_begin(&line, buf, sizeof(buf), VG_LOG_JSON, VG_LOG_ERROR,
	    WHEN, big);
	doc = json_loads(vg_logline_end(&line, NULL), 0, NULL);
	assert_non_null(doc);
	json_decref(doc);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(text_is_one_readable_line),
		cmocka_unit_test(text_quotes_what_is_not_plain),
		cmocka_unit_test(json_carries_the_same),
		cmocka_unit_test(a_field_that_does_not_fit_is_left_out_and_told),
		cmocka_unit_test(every_size_gives_a_whole_line),
		cmocka_unit_test(a_long_message_leaves_valid_json)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
