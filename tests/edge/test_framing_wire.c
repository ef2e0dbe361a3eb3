/*
 * The table of requests that are framed wrongly, or only look so
 * (tests/cases/framing), on the wire: each whole, byte by byte, and cut in two
 * at every boundary, against the door with Kore behind it. After each, a good
 * request on a new connection is answered, and at the end every worker that was
 * there at the start still is.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/rig.h"
#include "lib/cases.h"

#define CUTS_MAX	160	/* of one input; longer ones are sampled */
#define BYTEWISE_MAX	4096	/* bytes; longer ones in pieces of 64 */
#define GAP_US		60	/* between two pieces */
#define SILENCE_MS	40	/* no answer may come within it */
#define FILL_MAX	65536	/* bytes of missing content that are sent */

static const char	good[] = "GET /health HTTP/1.1\r\nHost: a.test\r\n\r\n";

struct sent {
	size_t	piece;		/* bytes at a time; 0: at cut */
	size_t	cut;
};

static int
complain(const struct test_case *tc, const struct sent *how, const char *what,
    int status)
{
	fprintf(stderr, "framing/%s (pieces of %zu, cut at %zu): %s (%d)\n",
	    tc->name, how->piece, how->cut, what, status);
	return (1);
}

static bool
send_how(int fd, const struct test_case *tc, const struct sent *how)
{
	size_t	i, n;

	if (how->piece == 0) {
		if (!rig_send(fd, tc->input, how->cut))
			return (false);
		rig_sleep_us(GAP_US);
		return (rig_send(fd, tc->input + how->cut,
		    tc->input_len - how->cut));
	}
	for (i = 0; i < tc->input_len; i += n) {
		n = tc->input_len - i;
		if (n > how->piece)
			n = how->piece;
		if (!rig_send(fd, tc->input + i, n))
			return (false);
	}
	return (true);
}

static bool
status_in(const char *alternatives, int status)
{
	char	text[16];

	(void)snprintf(text, sizeof(text), "%d", status);
	return (case_allows(alternatives, text));
}

/* The content that the head promises and the input lacks. */
static void
fill(int fd, const struct test_case *tc)
{
	const char	*length = case_get(tc, "content-length");
	const uint8_t	*end = memmem(tc->input, tc->input_len, "\r\n\r\n", 4);
	static char	content[FILL_MAX];
	uint64_t	want, there;

	if (length == NULL || end == NULL)
		return;
	want = strtoull(length, NULL, 10);
	there = tc->input_len - (size_t)(end + 4 - tc->input);
	memset(content, 'c', sizeof(content));
	if (want > there && want - there <= sizeof(content))
		(void)rig_send(fd, content, (size_t)(want - there));
}

/* Its answer has no content, a refusal neither. */
static bool
is_head(const struct test_case *tc)
{
	return (tc->input_len >= 5 && memcmp(tc->input, "HEAD ", 5) == 0);
}

static int
check_accepted(int fd, const struct test_case *tc, const struct sent *how)
{
	static const char	framing[] = "400|408|411|414|417|431|501|505";
	const char		*then = case_get(tc, "then");
	struct rig_response	r;
	bool			head = is_head(tc);

	fill(fd, tc);
	do {
		if (!rig_response(fd, &r, head, RIG_WAIT_MS))
			return (complain(tc, how, "no answer", 0));
	} while (r.status == 100);

	if (status_in(framing, r.status))
		return (complain(tc, how, "refused", r.status));
	if (then == NULL)
		return (0);
	if (case_get(tc, "surplus") != NULL && how->piece != SIZE_MAX) {
		/*
		 * Bytes that come after the answer has left are the beginning of
		 * the next request, whatever they were meant as.
		 */
		return (0);
	}
	if (strcmp(then, "close") == 0) {
		size_t	more;

		if (!r.close)
			return (complain(tc, how, "does not say close",
			    r.status));
		if (rig_end(fd, RIG_WAIT_MS, &more) != RIG_FIN)
			return (complain(tc, how, "is not closed", r.status));
		if (more > 0)
			return (complain(tc, how, "answers again", r.status));
	} else if (strcmp(then, "keep") == 0) {
		if (!rig_say(fd, good) || !rig_response(fd, &r, false,
		    RIG_WAIT_MS) || r.status != 200)
			return (complain(tc, how, "is not kept", r.status));
	}
	return (0);
}

static int
run(const struct test_case *tc, const struct sent *how)
{
	const char		*verdict = case_get(tc, "verdict");
	struct rig_response	r;
	size_t			more;
	int			fd = rig_connect(), failed = 0;
	bool			sent = send_how(fd, tc, how);

	if (strcmp(verdict, "accept") == 0) {
		failed = check_accepted(fd, tc, how);
	} else if (strcmp(verdict, "need-more") == 0) {
		if (!sent || rig_end(fd, SILENCE_MS, &more) != RIG_OPEN ||
		    more > 0)
			failed = complain(tc, how, "did not wait", 0);
	} else if (!rig_response(fd, &r, is_head(tc), RIG_WAIT_MS)) {
		failed = complain(tc, how, "no answer", 0);
	} else if (!status_in(verdict, r.status)) {
		failed = complain(tc, how, "another status", r.status);
	} else if (!r.close || rig_end(fd, RIG_WAIT_MS, &more) != RIG_FIN ||
	    more > 0) {
		failed = complain(tc, how, "is not closed", r.status);
	} else if (case_get(tc, "error") != NULL &&
	    strstr(r.head, case_get(tc, "error")) == NULL) {
		failed = complain(tc, how, "another error word", r.status);
	}
	(void)close(fd);

	if (rig_ask(good, &r) != 200)
		failed = complain(tc, how, "a good request after it fails",
		    r.status);
	return (failed);
}

static int
run_whole(const struct test_case *tc, void *arg)
{
	struct sent	how = { .piece = SIZE_MAX };

	(void)arg;
	return (run(tc, &how));
}

static int
run_bytes(const struct test_case *tc, void *arg)
{
	struct sent	how = { .piece = 1 };

	(void)arg;
	if (tc->input_len > BYTEWISE_MAX)
		how.piece = 64;
	return (run(tc, &how));
}

static int
run_cuts(const struct test_case *tc, void *arg)
{
	struct sent	how = { .piece = 0 };
	size_t		step;

	if (strcmp(case_get(tc, "verdict"), "need-more") == 0)
		return (0);
	(void)arg;
	step = tc->input_len / CUTS_MAX + 1;
	for (how.cut = 1; how.cut < tc->input_len; how.cut += step) {
		if (run(tc, &how) != 0)
			return (1);
	}
	return (0);
}

static void
each(int (*fn)(const struct test_case *, void *))
{
	pid_t	before[8], after[8];
	size_t	count, n;

	n = rig_workers(before, 8);
	assert_int_equal(cases_each("framing", fn, NULL, &count), 0);
	assert_true(count >= 120);
	assert_int_equal(rig_workers(after, 8), n);
	assert_memory_equal(before, after, n * sizeof(before[0]));
}

static void
whole(void **state)
{
	(void)state;
	each(run_whole);
}

static void
byte_by_byte(void **state)
{
	(void)state;
	each(run_bytes);
}

static void
cut_at_every_boundary(void **state)
{
	(void)state;
	each(run_cuts);
}

static int
start(void **state)
{
	(void)state;
	rig_start(NULL);
	return (0);
}

static int
stop(void **state)
{
	(void)state;
	rig_stop();
	return (0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(cut_at_every_boundary)
	};

	return (cmocka_run_group_tests(tests, start, stop));
}
