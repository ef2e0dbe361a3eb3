/*
 * The form parser: the table in tests/cases/multipart, fed in every way that
 * bytes can arrive, and the bounds that it promises.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/multipart.h"
#include "lib/cases.h"

#define LOG_SIZE	(1u << 16)	/* bytes */
#define PARTS_SEEN	40

/* What came out: each part as the line that expect has for it. */
struct record {
	char		text[LOG_SIZE];
	size_t		len;
	size_t		starts[PARTS_SEEN];
	size_t		parts;
	bool		open;
	int		stop_at;	/* the call that says -1, 0: none */
	int		calls;
};

static const char	*const error_names[] = {
#define NAME(name, text)	#name,
	VG_MULTIPART_ERRORS(NAME)
#undef NAME
};

static void
note(struct record *r, const void *data, size_t len)
{
	assert_true(len <= LOG_SIZE - r->len);
	memcpy(r->text + r->len, data, len);
	r->len += len;
}

static int
stop(struct record *r)
{
	return (++r->calls == r->stop_at ? -1 : 0);
}

static int
on_begin(void *arg, const struct vg_multipart_part *p)
{
	struct record	*r = arg;

	assert_false(r->open);
	assert_true(r->parts < PARTS_SEEN);
	assert_int_equal(p->index, r->parts);
	assert_int_equal(strlen(p->name), p->name_len);
	assert_int_equal(strlen(p->type), p->type_len);

	r->open = true;
	r->starts[r->parts++] = r->len;
	note(r, "name=", 5);
	note(r, p->name, p->name_len);
	note(r, p->has_filename ? " file=yes type=" : " file=no type=",
	    p->has_filename ? 15 : 14);
	note(r, p->type, p->type_len);
	note(r, " data=", 6);

	return (stop(r));
}

static int
on_data(void *arg, const uint8_t *data, size_t len)
{
	struct record	*r = arg;

	assert_true(r->open);
	assert_true(len > 0);
	note(r, data, len);

	return (stop(r));
}

static int
on_end(void *arg)
{
	struct record	*r = arg;

	assert_true(r->open);
	r->open = false;

	return (stop(r));
}

static const struct vg_multipart_callbacks	callbacks = {
	on_begin, on_data, on_end
};

/* In pieces of at most step bytes, the first one of first bytes. */
static enum vg_multipart_error
run(struct record *r, const char *type, const uint8_t *data, size_t len,
    size_t first, size_t step)
{
	static struct vg_multipart	p;
	size_t				at, n;
	uint8_t				*copy;
	int				rc;

	r->len = r->parts = 0;
	r->calls = 0;
	r->open = false;
	rc = vg_multipart_init(&p, type, strlen(type), &callbacks, r);

	for (at = 0; rc == 0 && at < len; at += n) {
		n = (at == 0) ? first : step;
		if (n > len - at)
			n = len - at;
		/* Exactly as large as it is, gone afterwards. */
		copy = malloc(n > 0 ? n : 1);
		assert_non_null(copy);
		memcpy(copy, data + at, n);
		rc = vg_multipart_feed(&p, copy, n);
		free(copy);
		if (n == 0)
			first = step;
	}
	if (rc == 0)
		rc = vg_multipart_finish(&p);

	assert_int_equal(rc == 0, p.error == VG_MULTIPART_OK);
	if (p.error != VG_MULTIPART_OK) {
		assert_int_equal(vg_multipart_feed(&p, data, len), -1);
		assert_int_equal(vg_multipart_finish(&p), -1);
	}

	return (p.error);
}

static int
complain(const struct test_case *tc, const char *what)
{
	fprintf(stderr, "multipart/%s: %s\n", tc->name, what);

	return (1);
}

/* The nth part against its line in expect. */
static int
check_part(const struct test_case *tc, const struct record *r, size_t n)
{
	const char	*want;
	uint8_t		*raw;
	size_t		len, end;
	int		rc;

	want = case_get_nth(tc, "part", n);
	if (want == NULL && n + 1 == r->parts && r->open)
		want = case_get(tc, "open");
	if (want == NULL)
		return (complain(tc, "more parts than expected"));

	end = (n + 1 < r->parts) ? r->starts[n + 1] : r->len;
	if (case_decode(want, strlen(want), &raw, &len) == -1)
		return (complain(tc, "a part line is not well escaped"));
	rc = (len == end - r->starts[n] &&
	    memcmp(raw, r->text + r->starts[n], len) == 0) ? 0 :
	    complain(tc, "a part is not as expected");
	free(raw);

	return (rc);
}

static int
check(const struct test_case *tc, const struct record *r,
    enum vg_multipart_error error)
{
	const char	*want = case_get(tc, "verdict");
	const char	*got = error == VG_MULTIPART_OK ? "ok" :
			    error_names[error];
	size_t		i;

	if (want == NULL || strcmp(want, got) != 0) {
		fprintf(stderr, "multipart/%s: want %s, got %s\n", tc->name,
		    want, got);
		return (1);
	}

	for (i = 0; i < r->parts; i++) {
		if (check_part(tc, r, i) != 0)
			return (1);
	}
	if (case_get_nth(tc, "part", r->parts) != NULL)
		return (complain(tc, "fewer parts than expected"));

	return (0);
}

static int
run_case(const struct test_case *tc, void *arg)
{
	static struct record	r;
	char			path[640], *type;
	size_t			len, i, n = tc->input_len;
	int			rc;

	(void)arg;
	(void)snprintf(path, sizeof(path), "%s/type", tc->dir);
	type = case_read_file(path, &len);
	if (type == NULL || len == 0)
		return (complain(tc, "no type"));
	type[len - 1] = '\0';	/* the line end */

	rc = check(tc, &r, run(&r, type, tc->input, n, n, n));
	for (i = 1; rc == 0 && i < 5; i++)
		rc = check(tc, &r, run(&r, type, tc->input, n, i, i));
	for (i = 0; rc == 0 && i <= n; i++)
		rc = check(tc, &r, run(&r, type, tc->input, n, i, n));
	free(type);

	return (rc);
}

static void
test_every_case_gives_the_same_however_it_is_cut(void **state)
{
	size_t	count;
	int	failed;

	(void)state;
	failed = cases_each("multipart", run_case, NULL, &count);
	print_message("multipart: %zu cases\n", count);
	assert_int_equal(failed, 0);
	assert_true(count >= 100);
}

static const char	form[] =
    "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"
    "--b\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ny\r\n--b--\r\n";

static void
test_the_receiver_can_stop_it_at_any_call(void **state)
{
	static struct record	r;
	int			i;

	(void)state;
	for (i = 1; i <= 6; i++) {
		r.stop_at = i;
		assert_int_equal(run(&r, "multipart/form-data; boundary=b",
		    (const uint8_t *)form, sizeof(form) - 1, sizeof(form),
		    sizeof(form)), VG_MULTIPART_STOPPED);
		assert_int_equal(r.calls, i);
	}
	r.stop_at = 7;
	assert_int_equal(run(&r, "multipart/form-data; boundary=b",
	    (const uint8_t *)form, sizeof(form) - 1, sizeof(form),
	    sizeof(form)), VG_MULTIPART_OK);
	r.stop_at = 0;
}

static void
test_callbacks_may_be_missing(void **state)
{
	static const struct vg_multipart_callbacks	none;
	static struct vg_multipart			p;
	static const char	type[] = "multipart/form-data; boundary=b";

	(void)state;
	assert_int_equal(vg_multipart_init(&p, type, sizeof(type) - 1, &none,
	    NULL), 0);
	assert_int_equal(vg_multipart_feed(&p, (const uint8_t *)form,
	    sizeof(form) - 1), 0);
	assert_int_equal(vg_multipart_finish(&p), 0);
}

static int
count_data(void *arg, const uint8_t *data, size_t len)
{
	(void)data;
	*(size_t *)arg += len;

	return (0);
}

static void
test_a_long_part_is_given_out_whole_in_blocks_of_any_size(void **state)
{
	static const struct vg_multipart_callbacks	cb = {
		NULL, count_data, NULL
	};
	static struct vg_multipart	p;
	static const char		type[] =
	    "multipart/form-data; boundary=b";
	static const char		head[] = "--b\r\n"
	    "Content-Disposition: form-data; name=\"a\"\r\n\r\n";
	static const char		tail[] = "\r\n--b--\r\n";
	const size_t			size = 1u << 20;
	size_t				i, n, total, at, step;
	uint8_t				*data = malloc(size);

	/* The worst data: nothing but beginnings of a delimiter. */
	(void)state;
	assert_non_null(data);
	for (i = 0; i < size; i++)
		data[i] = (uint8_t)"\r\n--\r\r\n-"[i % 8];

	for (step = 1; step < 100000; step = step * 3 + 1) {
		total = 0;
		assert_int_equal(vg_multipart_init(&p, type, sizeof(type) - 1,
		    &cb, &total), 0);
		assert_int_equal(vg_multipart_feed(&p, (const uint8_t *)head,
		    sizeof(head) - 1), 0);
		for (at = 0; at < size; at += n) {
			n = step < size - at ? step : size - at;
			assert_int_equal(vg_multipart_feed(&p, data + at, n),
			    0);
		}
		assert_int_equal(vg_multipart_feed(&p, (const uint8_t *)tail,
		    sizeof(tail) - 1), 0);
		assert_int_equal(vg_multipart_finish(&p), 0);
		assert_int_equal(total, size);
	}
	free(data);
}

static void
test_every_error_has_a_sentence(void **state)
{
	unsigned int	i;

	(void)state;
	for (i = 0; i < VG_MULTIPART_ERROR_COUNT; i++)
		assert_true(strlen(vg_multipart_error_text(
		    (enum vg_multipart_error)i)) > 5);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(
		    test_every_case_gives_the_same_however_it_is_cut),
		cmocka_unit_test(test_the_receiver_can_stop_it_at_any_call),
		cmocka_unit_test(test_callbacks_may_be_missing),
		cmocka_unit_test(
		    test_a_long_part_is_given_out_whole_in_blocks_of_any_size),
		cmocka_unit_test(test_every_error_has_a_sentence),
	};

	return (cmocka_run_group_tests_name("multipart", tests, NULL, NULL));
}
