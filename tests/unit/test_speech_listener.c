/*
 * The reflective listener.  Its cases are data: tests/cases/listener/NAME/case
 * with lines of `key: value`, # for a comment:
 *	user: TEXT	a turn of the user, in order
 *	listener: TEXT	a turn of the listener
 *	reply:		the listener answers here, and its answer joins the talk
 *	has: TEXT	the last answer has this (letter case aside)
 *	any: A|B|C	it has one of these
 *	lacks: TEXT	it has not
 *	concern: WORD	none, self, other, bereaved, abuse, violence, medical:
 *			what the last user turn calls for
 * A case without `reply:` gets one at its end, before its checks.
 */
#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "speech/listener.h"
#include "speech/listener_safety.h"

#define CASES		"tests/cases/listener"
#define LINES_MAX	128
#define LINE_BYTES	2048

struct talk {
	struct vg_turn	 turns[LINES_MAX];
	char		*owned[LINES_MAX];
	size_t		 n;
	char		 last[LINE_BYTES];	/* answer, lower case */
	char		 user[LINE_BYTES];	/* last user turn */
};

static size_t	failures;

static void
add(struct talk *t, enum vg_speaker who, const char *text)
{
	assert_true(t->n < LINES_MAX);
	t->owned[t->n] = strdup(text);
	assert_non_null(t->owned[t->n]);
	t->turns[t->n].who = who;
	t->turns[t->n].text = t->owned[t->n];
	t->n++;
	if (who == VG_SPEAKER_USER)
		(void)snprintf(t->user, sizeof(t->user), "%s", text);
}

static void
lower(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
}

static void
answer(struct talk *t)
{
	char	*s = vg_listener_reply(t->turns, t->n);

	assert_non_null(s);
	assert_true(s[0] != '\0');
	add(t, VG_SPEAKER_LISTENER, s);
	(void)snprintf(t->last, sizeof(t->last), "%s", s);
	lower(t->last);
	free(s);
}

static int
any_of(const char *text, char *list)
{
	char	*p, *save = NULL;

	for (p = strtok_r(list, "|", &save); p != NULL;
	    p = strtok_r(NULL, "|", &save)) {
		if (strstr(text, p) != NULL)
			return (1);
	}
	return (0);
}

static const char *
concern_of(const char *text)
{
	static const char *const names[] = { "none", "medical", "bereaved",
	    "other", "self", "abuse", "violence" };
	struct vg_words	ws;
	enum vg_concern	c;

	assert_int_equal(vg_words_init(&ws, text), 0);
	c = vg_safety_concern(&ws);
	vg_words_free(&ws);
	return (names[c]);
}

/* One line of a case; 0 when what it says is not so. */
static int
obey(struct talk *t, const char *key, char *value)
{
	if (strcmp(key, "user") == 0)
		add(t, VG_SPEAKER_USER, value);
	else if (strcmp(key, "listener") == 0)
		add(t, VG_SPEAKER_LISTENER, value);
	else if (strcmp(key, "reply") == 0)
		answer(t);
	else if (strcmp(key, "concern") == 0)
		return (strcmp(concern_of(t->user), value) == 0);
	else {
		if (t->last[0] == '\0')
			answer(t);
		lower(value);
		if (strcmp(key, "has") == 0)
			return (strstr(t->last, value) != NULL);
		if (strcmp(key, "lacks") == 0)
			return (strstr(t->last, value) == NULL);
		if (strcmp(key, "any") == 0)
			return (any_of(t->last, value));
		return (0);
	}
	return (1);
}

static void
run_case(const char *name)
{
	static struct talk	t;
	char			path[512], line[LINE_BYTES], shown[LINE_BYTES];
	char			*value;
	size_t			i;
	FILE			*fp;

	memset(&t, 0, sizeof(t));
	(void)snprintf(path, sizeof(path), CASES "/%s/case", name);
	fp = fopen(path, "r");
	assert_non_null(fp);
	while (fgets(line, sizeof(line), fp) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		value = strchr(line, ':');
		assert_non_null(value);
		*value++ = '\0';
		value += *value == ' ';
		(void)snprintf(shown, sizeof(shown), "%s", value);
		if (!obey(&t, line, value)) {
			print_error("%s: %s: %s\n  user: %s\n  answer: %s\n",
			    name, line, shown, t.user, t.last);
			failures++;
		}
	}
	fclose(fp);
	for (i = 0; i < t.n; i++)
		free(t.owned[i]);
}

static void
every_case_is_answered_as_it_says(void **state)
{
	struct dirent	**list = NULL;
	int		  i, n;

	(void)state;
	failures = 0;
	n = scandir(CASES, &list, NULL, alphasort);
	assert_true(n > 20);
	for (i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			run_case(list[i]->d_name);
		free(list[i]);
	}
	free(list);
	assert_int_equal(failures, 0);
}

/* Twenty turns of the same words: no answer twice in a row, at least ten kinds. */
static void
the_same_words_do_not_get_the_same_answer(void **state)
{
	static struct talk	t;
	char			before[LINE_BYTES] = "";
	size_t			i, k, kinds = 0;

	(void)state;
	memset(&t, 0, sizeof(t));
	for (i = 0; i < 20; i++) {
		add(&t, VG_SPEAKER_USER, "I miss my father");
		answer(&t);
		assert_string_not_equal(t.last, before);
		(void)snprintf(before, sizeof(before), "%s", t.last);
	}
	for (i = 1; i < t.n; i += 2) {
		for (k = 1; k < i; k += 2) {
			if (strcmp(t.owned[i], t.owned[k]) == 0)
				break;
		}
		kinds += k >= i;
	}
	assert_true(kinds >= 10);
	for (i = 0; i < t.n; i++)
		free(t.owned[i]);
}

static void
the_same_talk_gets_the_same_answer(void **state)
{
	const struct vg_turn	t = { VG_SPEAKER_USER, "my sister left" };
	char			*a = vg_listener_reply(&t, 1);
	char			*b = vg_listener_reply(&t, 1);

	(void)state;
	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void
a_very_long_message_is_answered(void **state)
{
	static char	text[200001];
	struct vg_turn	t = { VG_SPEAKER_USER, text };
	char		*s;
	size_t		i;

	(void)state;
	for (i = 0; i + 11 < sizeof(text); i += 11)
		memcpy(text + i, "i love you ", 11);
	text[i] = '\0';
	s = vg_listener_reply(&t, 1);
	assert_non_null(s);
	assert_true(strlen(s) < 1024);
	free(s);
	memset(text, 'a', sizeof(text) - 1);
	s = vg_listener_reply(&t, 1);
	assert_non_null(s);
	free(s);
}

static void
no_turn_at_all_is_answered(void **state)
{
	char	*s = vg_listener_reply(NULL, 0);

	(void)state;
	assert_non_null(s);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_is_answered_as_it_says),
		cmocka_unit_test(the_same_words_do_not_get_the_same_answer),
		cmocka_unit_test(the_same_talk_gets_the_same_answer),
		cmocka_unit_test(a_very_long_message_is_answered),
		cmocka_unit_test(no_turn_at_all_is_answered),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
