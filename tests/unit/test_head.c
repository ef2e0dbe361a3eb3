/*
 * The request head parser: the table in tests/cases/framing, each of its cases
 * fed in every way that bytes can arrive, and what the table cannot say.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/head.h"
#include "lib/cases.h"

#define WORD_SIZE	32	/* bytes */
#define CUTS_MAX	4096	/* inputs longer than that: cut at a sample */

static const char	good[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/* A head without the scanner's own fields, which depend on the cut. */
static bool
same(const struct vg_head *a, const struct vg_head *b)
{
	if (a->verdict != b->verdict || a->reason != b->reason)
		return (false);
	if (a->verdict != VG_HEAD_DONE)
		return (true);

	return (a->method == b->method && a->form == b->form &&
	    a->length == b->length && a->close == b->close &&
	    a->content_length == b->content_length &&
	    a->nfields == b->nfields && a->port == b->port &&
	    memcmp(&a->path, &b->path, sizeof(a->path)) == 0 &&
	    memcmp(&a->query, &b->query, sizeof(a->query)) == 0 &&
	    memcmp(&a->host, &b->host, sizeof(a->host)) == 0 &&
	    memcmp(a->fields, b->fields,
	    a->nfields * sizeof(a->fields[0])) == 0);
}

/* A copy that is exactly len bytes, so that ASan sees any byte beyond. */
static enum vg_head_verdict
feed_copy(struct vg_head *h, const uint8_t *buf, size_t len)
{
	enum vg_head_verdict	v;
	uint8_t			*copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, buf, len);
	v = vg_head_feed(h, copy, len);
	free(copy);

	return (v);
}

static int
complain(const struct test_case *tc, const char *what, const char *want,
    const char *got)
{
	fprintf(stderr, "framing/%s: %s: want %s, got %s\n", tc->name, what,
	    want, got);

	return (1);
}

static int
check_text(const struct test_case *tc, const char *key, struct vg_span s)
{
	const char	*want = case_get(tc, key);
	char		got[256];

	if (want == NULL || (strlen(want) == s.len && memcmp(want,
	    vg_head_text(tc->input, s), s.len) == 0))
		return (0);

	(void)snprintf(got, sizeof(got), "%.*s", (int)s.len,
	    vg_head_text(tc->input, s));

	return (complain(tc, key, want, got));
}

static int
check_number(const struct test_case *tc, const char *key, uint64_t value)
{
	const char	*want = case_get(tc, key);
	char		got[WORD_SIZE];

	(void)snprintf(got, sizeof(got), "%llu", (unsigned long long)value);
	if (want == NULL || strcmp(want, got) == 0)
		return (0);

	return (complain(tc, key, want, got));
}

static int
check_flag(const struct test_case *tc, const char *key, bool value)
{
	const char	*want = case_get(tc, key);

	if (want == NULL || strcmp(want, value ? "yes" : "no") == 0)
		return (0);

	return (complain(tc, key, want, value ? "yes" : "no"));
}

static int
check_verdict(const struct test_case *tc, const struct vg_head *h)
{
	const char	*verdict = case_get(tc, "verdict");
	const char	*error = case_get(tc, "error");
	char		got[WORD_SIZE];
	int		failed = 0;

	if (verdict == NULL || case_get(tc, "then") == NULL)
		return (complain(tc, "expect", "verdict and then", "less"));

	if (h->verdict == VG_HEAD_DONE)
		(void)snprintf(got, sizeof(got), "accept");
	else if (h->verdict == VG_HEAD_NEED_MORE)
		(void)snprintf(got, sizeof(got), "need-more");
	else
		(void)snprintf(got, sizeof(got), "%d",
		    vg_head_reason_status(h->reason));
	if (!case_allows(verdict, got))
		return (complain(tc, "verdict", verdict, got));

	if (h->verdict == VG_HEAD_REFUSED && error != NULL &&
	    !case_allows(error, vg_head_reason_word(h->reason)))
		return (complain(tc, "error", error,
		    vg_head_reason_word(h->reason)));
	if (h->verdict != VG_HEAD_DONE)
		return (0);

	failed += check_text(tc, "method", h->method_span);
	failed += check_text(tc, "path", h->path);
	failed += check_text(tc, "query", h->query);
	failed += check_text(tc, "host", h->host);
	failed += check_number(tc, "port", h->port);
	failed += check_number(tc, "content-length", h->content_length);
	failed += check_number(tc, "surplus", tc->input_len - h->length);
	failed += check_flag(tc, "close", h->close);
	failed += check_flag(tc, "expect-continue", h->expect_continue);

	return (failed);
}

static int
run_case(const struct test_case *tc, void *arg)
{
	static struct vg_head	whole, part;
	size_t			i, step;

	(void)arg;
	vg_head_init(&whole, NULL);
	(void)feed_copy(&whole, tc->input, tc->input_len);
	if (check_verdict(tc, &whole) != 0)
		return (1);

	/* Byte by byte: each time one more is there. */
	vg_head_init(&part, NULL);
	for (i = 1; i <= tc->input_len; i++)
		(void)vg_head_feed(&part, tc->input, i);
	if (!same(&whole, &part))
		return (complain(tc, "byte by byte", "the same", "another"));

	/* In two, at every boundary: only i bytes can be looked at first. */
	step = (tc->input_len > CUTS_MAX) ? 97 : 1;
	for (i = 0; i <= tc->input_len; i += step) {
		vg_head_init(&part, NULL);
		(void)feed_copy(&part, tc->input, i);
		(void)feed_copy(&part, tc->input, tc->input_len);
		if (!same(&whole, &part))
			return (complain(tc, "in two", "the same", "another"));
	}

	return (0);
}

static void
test_every_case_has_one_verdict_however_it_is_cut(void **state)
{
	size_t	count;
	int	failed;

	(void)state;
	failed = cases_each("framing", run_case, NULL, &count);
	print_message("framing: %zu cases\n", count);
	assert_int_equal(failed, 0);
	assert_true(count >= 150);
}

static void
test_a_verdict_is_final(void **state)
{
	static struct vg_head	h;
	static const char	more[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
	    "\x01\x02 rubbish";
	static const char	bad[] = "\x01GET / HTTP/1.1\r\n\r\n";

	(void)state;
	vg_head_init(&h, NULL);
	assert_int_equal(vg_head_feed(&h, (const uint8_t *)more,
	    sizeof(good) - 1), VG_HEAD_DONE);
	assert_int_equal(h.length, sizeof(good) - 1);
	assert_int_equal(vg_head_feed(&h, (const uint8_t *)more,
	    sizeof(more) - 1), VG_HEAD_DONE);
	assert_int_equal(h.length, sizeof(good) - 1);

	vg_head_init(&h, NULL);
	assert_int_equal(vg_head_feed(&h, (const uint8_t *)bad, 1),
	    VG_HEAD_REFUSED);
	assert_int_equal(vg_head_feed(&h, (const uint8_t *)bad,
	    sizeof(bad) - 1), VG_HEAD_REFUSED);
	assert_int_equal(h.reason, VG_HEAD_REQUEST_LINE);
}

static void
test_every_byte_in_every_place_is_refused_or_grammatical(void **state)
{
	static struct vg_head	h;
	char			buf[sizeof(good)];
	size_t			i;
	int			c;

	/*
	 * One byte of a good head replaced by each other one: it is refused or
	 * incomplete, or the head is accepted and the byte is one that may be
	 * in that place. In the name and value of a field most may.
	 */
	(void)state;
	for (i = 0; i < sizeof(good) - 1; i++) {
		for (c = 0; c < 256; c++) {
			memcpy(buf, good, sizeof(good));
			buf[i] = (char)c;
			vg_head_init(&h, NULL);
			if (vg_head_feed(&h, (const uint8_t *)buf,
			    sizeof(good) - 1) != VG_HEAD_DONE)
				continue;
			/*
			 * No control but HTAB around the value of Host (bytes
			 * 21 to 27), nothing above ASCII.
			 */
			assert_true(c == good[i] || (c >= 0x20 && c < 0x7f) ||
			    (c == '\t' && (i == 21 || i == 27)));
			assert_int_equal(h.length, sizeof(good) - 1);
			assert_int_equal(h.method, VG_METHOD_GET);
		}
	}
}

static void
test_limits_are_those_given(void **state)
{
	static struct vg_head		h;
	struct vg_head_limits		l = vg_head_limits_default;
	static const char		head[] = "GET /aa HTTP/1.1\r\n"
	    "Host: a.test\r\nX-Abc: defgh\r\n\r\n";
	const uint8_t			*b = (const uint8_t *)head;
	size_t				len = sizeof(head) - 1;
	size_t				*each[] = { &l.request_line, &l.section,
	    &l.fields, &l.name, &l.value };
	const size_t			exact[] = { 16, 30, 2, 5, 6 };
	const int			status[] = { 414, 431, 431, 431, 431 };
	size_t				i;

	(void)state;
	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		l = vg_head_limits_default;
		*each[i] = exact[i];
		vg_head_init(&h, &l);
		assert_int_equal(vg_head_feed(&h, b, len), VG_HEAD_DONE);
		*each[i] = exact[i] - 1;
		vg_head_init(&h, &l);
		assert_int_equal(vg_head_feed(&h, b, len), VG_HEAD_REFUSED);
		assert_int_equal(vg_head_reason_status(h.reason), status[i]);
	}
}

static void
test_limits_beyond_the_caps_are_clamped(void **state)
{
	static struct vg_head		h;
	const struct vg_head_limits	l = { SIZE_MAX, SIZE_MAX, SIZE_MAX,
	    SIZE_MAX, SIZE_MAX };
	size_t				len = 200000, n;
	uint8_t				*buf = malloc(len);

	(void)state;
	assert_non_null(buf);

	/* A target without an end, a value without one, lines without one. */
	memset(buf, 'a', len);
	memcpy(buf, "GET /", 5);
	vg_head_init(&h, &l);
	assert_int_equal(vg_head_feed(&h, buf, len), VG_HEAD_REFUSED);
	assert_int_equal(h.reason, VG_HEAD_REQUEST_LINE_LONG);

	memcpy(buf, "GET / HTTP/1.1\r\nA:", 18);
	vg_head_init(&h, &l);
	assert_int_equal(vg_head_feed(&h, buf, len), VG_HEAD_REFUSED);
	assert_int_equal(h.reason, VG_HEAD_FIELDS_LARGE);
	assert_true(h.pos <= VG_HEAD_BYTES_CAP);

	for (n = 16; n + 5 < len; n += 5)
		memcpy(buf + n, "B:c\r\n", 5);
	vg_head_init(&h, &l);
	assert_int_equal(vg_head_feed(&h, buf, len), VG_HEAD_REFUSED);
	assert_int_equal(h.reason, VG_HEAD_FIELDS_LARGE);
	assert_int_equal(h.nfields, VG_HEAD_FIELDS_CAP);
	free(buf);
}

static void
test_lookup_is_case_insensitive_and_finds_all(void **state)
{
	static struct vg_head	h;
	static const char	head[] = "GET / HTTP/1.1\r\nHost: a.test\r\n"
	    "Forwarded: one\r\nX: y\r\nFORWARDED:  two \r\nEmpty:\r\n\r\n";
	const uint8_t		*b = (const uint8_t *)head;
	struct vg_span		v = { 0, 0 };
	size_t			index = 0;

	(void)state;
	vg_head_init(&h, NULL);
	assert_int_equal(vg_head_feed(&h, b, sizeof(head) - 1), VG_HEAD_DONE);

	assert_true(vg_head_get(&h, b, "forwarded", &v));
	assert_int_equal(v.len, 3);
	assert_memory_equal(vg_head_text(b, v), "one", 3);

	assert_true(vg_head_get_next(&h, b, "Forwarded", &index, &v));
	assert_true(vg_head_get_next(&h, b, "Forwarded", &index, &v));
	assert_memory_equal(vg_head_text(b, v), "two", 3);
	assert_int_equal(v.len, 3);
	assert_false(vg_head_get_next(&h, b, "Forwarded", &index, &v));

	assert_true(vg_head_get(&h, b, "Empty", &v));
	assert_int_equal(v.len, 0);
	assert_false(vg_head_get(&h, b, "Forward", NULL));
	assert_false(vg_head_get(&h, b, "Forwarded2", NULL));
	assert_true(vg_head_get(&h, b, "x", NULL));
}

static void
test_init_forgets_the_request_before(void **state)
{
	static struct vg_head	h, fresh;
	static const char	first[] = "POST /x?y HTTP/1.0\r\nHost: b:1\r\n"
	    "Content-Length: 7\r\nConnection: close\r\n\r\n";

	(void)state;
	vg_head_init(&h, NULL);
	assert_int_equal(vg_head_feed(&h, (const uint8_t *)first,
	    sizeof(first) - 1), VG_HEAD_DONE);
	vg_head_init(&h, NULL);
	vg_head_init(&fresh, NULL);
	(void)vg_head_feed(&h, (const uint8_t *)good, sizeof(good) - 1);
	(void)vg_head_feed(&fresh, (const uint8_t *)good, sizeof(good) - 1);
	assert_true(same(&h, &fresh));
	assert_false(h.has_content_length);
	assert_false(h.has_query);
	assert_false(h.close);
	assert_false(h.http10);
}

static void
test_every_reason_has_a_status_a_word_and_a_sentence(void **state)
{
	int		status;
	unsigned int	i;

	(void)state;
	for (i = 1; i < VG_HEAD_REASON_COUNT; i++) {
		status = vg_head_reason_status((enum vg_head_reason)i);
		assert_true(status == 400 || status == 414 || status == 417 ||
		    status == 431 || status == 501 || status == 505);
		assert_true(strlen(vg_head_reason_word(
		    (enum vg_head_reason)i)) > 3);
		assert_int_equal(vg_head_reason_text((enum vg_head_reason)i)
		    [strlen(vg_head_reason_text((enum vg_head_reason)i)) - 1],
		    '.');
	}
}

static void
test_the_loader_refuses_what_it_does_not_know(void **state)
{
	static const char	*const wrong[] = { "\\q", "\\", "\\x4", "\\xg0",
	    "\\{3:a", "\\{:a}", "\\{3a}", "\\{2:\\{2:a}}", "\x80", "\x01" };
	uint8_t			*out;
	size_t			len, i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(case_decode(wrong[i], strlen(wrong[i]), &out,
		    &len), -1);

	assert_int_equal(case_decode("a\\r\n\\x00\\{2:b\\n}", 16, &out, &len),
	    0);
	assert_int_equal(len, 7);
	assert_memory_equal(out, "a\r\0b\nb\n", 7);
	free(out);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(
		    test_every_case_has_one_verdict_however_it_is_cut),
		cmocka_unit_test(test_a_verdict_is_final),
		cmocka_unit_test(
		    test_every_byte_in_every_place_is_refused_or_grammatical),
		cmocka_unit_test(test_limits_are_those_given),
		cmocka_unit_test(test_limits_beyond_the_caps_are_clamped),
		cmocka_unit_test(
		    test_lookup_is_case_insensitive_and_finds_all),
		cmocka_unit_test(test_init_forgets_the_request_before),
		cmocka_unit_test(
		    test_every_reason_has_a_status_a_word_and_a_sentence),
		cmocka_unit_test(
		    test_the_loader_refuses_what_it_does_not_know),
	};

	return (cmocka_run_group_tests_name("head", tests, NULL, NULL));
}
