/*
 * Problem documents: the table is consistent, the document is RFC 9457's.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/problem.h"

static const char *
member(const json_t *doc, const char *name)
{
	return (json_string_value(json_object_get(doc, name)));
}

static void
every_entry_is_whole_and_unique(void **unused)
{
	const struct vg_problem	*p, *q;
	char			type[128];
	size_t			i, j;

	(void)unused;
	for (i = 0; (p = vg_problem_at(i)) != NULL; i++) {
		assert_true(p->status >= 400 && p->status <= 599);
		assert_true(strlen(p->title) > 0 && strlen(p->detail) > 0);
		(void)snprintf(type, sizeof(type), "/problems/%s", p->word);
		assert_string_equal(p->type, type);
		assert_int_equal(strspn(p->word, "abcdefghijklmnopqrstuvwxyz_"),
		    strlen(p->word));
		for (j = 0; j < i; j++) {
			q = vg_problem_at(j);
			assert_string_not_equal(p->word, q->word);
			assert_string_not_equal(p->title, q->title);
		}
		assert_ptr_equal(vg_problem_find(p->word), p);
	}
	assert_true(i >= 28);
}

static void
every_entry_makes_a_document(void **unused)
{
	const struct vg_problem	*p;
	char			buf[VG_PROBLEM_SIZE];
	json_t			*doc;
	size_t			i;
	int			n;

	(void)unused;
	for (i = 0; (p = vg_problem_at(i)) != NULL; i++) {
		n = vg_problem_format(buf, sizeof(buf), p->word, NULL, "r-1");
		assert_int_equal(n, strlen(buf));
		doc = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(doc);
		assert_int_equal(json_object_size(doc), 6);
		assert_string_equal(member(doc, "type"), p->type);
		assert_string_equal(member(doc, "title"), p->title);
		assert_string_equal(member(doc, "detail"), p->detail);
		assert_string_equal(member(doc, "error"), p->word);
		assert_string_equal(member(doc, "request_id"), "r-1");
		assert_int_equal(json_integer_value(json_object_get(doc,
		    "status")), p->status);
		json_decref(doc);
	}
}

static void
detail_and_id_are_escaped(void **unused)
{
	char		buf[VG_PROBLEM_SIZE];
	json_t		*doc;

	(void)unused;
	assert_true(vg_problem_format(buf, sizeof(buf), "bad_request",
	    "a \"b\"\n", "x\"},{\"y") > 0);
	doc = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	assert_string_equal(member(doc, "detail"), "a \"b\"\n");
	assert_string_equal(member(doc, "request_id"), "x\"},{\"y");
	json_decref(doc);
}

static void
without_an_id_there_is_none(void **unused)
{
	char		buf[VG_PROBLEM_SIZE];
	json_t		*doc;

	(void)unused;
	assert_true(vg_problem_format(buf, sizeof(buf), "not_found", NULL,
	    NULL) > 0);
	doc = json_loads(buf, 0, NULL);
	assert_non_null(doc);
	assert_null(json_object_get(doc, "request_id"));
	json_decref(doc);
}

static void
an_unknown_word_is_an_internal_error(void **unused)
{
	char		buf[VG_PROBLEM_SIZE];

	(void)unused;
	assert_null(vg_problem_find("no_such_word"));
	assert_true(vg_problem_format(buf, sizeof(buf), "no_such_word", NULL,
	    NULL) > 0);
	assert_non_null(strstr(buf, "\"error\":\"internal_error\""));
	assert_non_null(strstr(buf, "\"status\":500"));
}

static void
a_status_has_its_plainest_word(void **unused)
{
	(void)unused;
	assert_string_equal(vg_problem_for_status(400)->word, "bad_request");
	assert_string_equal(vg_problem_for_status(403)->word, "insufficient_scope");
	assert_string_equal(vg_problem_for_status(404)->word, "not_found");
	assert_string_equal(vg_problem_for_status(503)->word, "overloaded");
	assert_string_equal(vg_problem_for_status(418)->word,
	    "internal_error");
}

static void
what_is_too_long_is_refused(void **unused)
{
	char		buf[VG_PROBLEM_SIZE], big[VG_PROBLEM_DETAIL_MAX + 2];

	(void)unused;
	memset(big, 1, sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(vg_problem_format(buf, sizeof(buf), "not_found", big,
	    NULL), -1);
	assert_int_equal(vg_problem_format(buf, sizeof(buf), "not_found", NULL,
	    big), -1);
	assert_int_equal(vg_problem_format(buf, 32, "not_found", NULL, NULL),
	    -1);
	big[VG_PROBLEM_DETAIL_MAX] = '\0';
	assert_true(vg_problem_format(buf, sizeof(buf), "not_found", big,
	    NULL) > 0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(every_entry_is_whole_and_unique),
		cmocka_unit_test(every_entry_makes_a_document),
		cmocka_unit_test(detail_and_id_are_escaped),
		cmocka_unit_test(without_an_id_there_is_none),
		cmocka_unit_test(an_unknown_word_is_an_internal_error),
		cmocka_unit_test(a_status_has_its_plainest_word),
		cmocka_unit_test(what_is_too_long_is_refused)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
