/*
 * A reflective listener: the oldest kind of talking program, and an honest one.
 * It gives back what was said, turned round ("my father" becomes "your father"),
 * and asks one open question about it.  It knows nothing, remembers only the
 * conversation that it is handed, and never advises.  It is the chat of last
 * resort, for when no language model is configured; its model name says so.
 *
 * All of it is one pure function of the turns.  Variety comes from the turns as
 * well: a line that was said already is passed over, so that the same words
 * twice in a conversation get two answers.
 *
 * The order of decision: danger first, always; then what is no statement
 * (silence, a greeting, a request for advice); then what the statement is about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "speech/listener.h"
#include "speech/listener_lines.h"
#include "speech/listener_safety.h"
#include "speech/listener_topic.h"
#include "speech/listener_words.h"

#define REPLY_MAX	2048	/* bytes */
#define LINE_BYTES	512
#define MIRROR_BYTES	320	/* of a statement given back */
#define REMIND_TURNS	3	/* user turns after words of danger */

/* Has the listener said `line` before? */
static int
said(const struct vg_turn *turns, size_t n, const char *line)
{
	size_t	i;

	for (i = 0; i < n; i++) {
		if (turns[i].who == VG_SPEAKER_LISTENER &&
		    strstr(turns[i].text, line) != NULL)
			return (1);
	}
	return (0);
}

/* Fills a line's {places} in. */
static void
fill(const char *line, const struct vg_relation *rel,
    const struct vg_feeling *feel, char *out, size_t size)
{
	size_t		 len = 0, k;
	const char	*p, *v;

	for (p = line; *p != '\0' && len + 1 < size;) {
		if (*p != '{') {
			out[len++] = *p++;
			continue;
		}
		v = "";
		k = strcspn(p, "}");
		if (rel != NULL && strncmp(p, "{rel}", 5) == 0) {
			len += (size_t)snprintf(out + len, size - len, "your ");
			v = rel->word;
		} else if (rel != NULL && strncmp(p, "{obj}", 5) == 0)
			v = rel->object;
		else if (feel != NULL && strncmp(p, "{feel}", 6) == 0)
			v = feel->adjective;
		else if (feel != NULL && strncmp(p, "{noun}", 6) == 0)
			v = feel->noun;
		if (len + strlen(v) >= size)
			break;
		memcpy(out + len, v, strlen(v));
		len += strlen(v);
		p += k + (p[k] == '}');
	}
	out[len] = '\0';
}

/* The first line not said yet; when all were, they go round. */
static int
choose(const char *const *lines, const struct vg_turn *turns, size_t n,
    const struct vg_relation *rel, const struct vg_feeling *feel, char *out,
    size_t size)
{
	size_t	i, count = 0, users = 0;

	for (i = 0; i < n; i++)
		users += turns[i].who == VG_SPEAKER_USER;
	for (count = 0; lines[count] != NULL; count++) {
		fill(lines[count], rel, feel, out, size);
		if (!said(turns, n, out))
			return (1);
	}
	if (count == 0)
		return (-1);
	fill(lines[users % count], rel, feel, out, size);
	return (0);
}

/* "You have been feeling sad since your father died." */
static void
mirror(const struct vg_reading *r, const struct vg_turn *turns, size_t n,
    char *out, size_t size)
{
	static const char *const forms[] = { "", "So ", "I hear that ",
	    "You are telling me that " };
	char	said_back[MIRROR_BYTES];
	size_t	i, users = 0;

	out[0] = '\0';
	if (r->to == r->from || vg_words_reflect(&r->ws, r->from,
	    r->to, said_back, sizeof(said_back)) == -1)
		return;
	for (i = 0; i < n; i++)
		users += turns[i].who == VG_SPEAKER_USER;
	i = (users - 1) % (sizeof(forms) / sizeof(forms[0]));
	if (i == 0 && said_back[0] >= 'a' && said_back[0] <= 'z')
		said_back[0] = (char)(said_back[0] - 'a' + 'A');
	(void)snprintf(out, size, "%s%s. ", forms[i], said_back);
}

/* What an earlier turn of the user spoke of, for when this one names nothing. */
static enum vg_family
recall(const struct vg_turn *turns, size_t last, struct vg_reading *r)
{
	struct vg_words	ws;
	size_t		i;
	int		negated;

	for (i = last; i-- > 0;) {
		if (turns[i].who != VG_SPEAKER_USER)
			continue;
		if (vg_words_init(&ws, turns[i].text) == -1)
			return (VG_FAMILY_GENERAL);
		r->relation = vg_words_relation(&ws, 0, ws.n);
		r->feeling = vg_words_feeling(&ws, 0, ws.n, &negated);
		vg_words_free(&ws);
		if (r->relation != NULL)
			return (VG_FAMILY_RECALL_PERSON);
		if (r->feeling != NULL && !r->feeling->good && !negated)
			return (VG_FAMILY_RECALL_FEELING);
	}
	return (VG_FAMILY_GENERAL);
}

/* Was there danger in one of the last few user turns before `last`? */
static int
danger_before(const struct vg_turn *turns, size_t last)
{
	struct vg_words	ws;
	size_t		i, seen = 0;
	enum vg_concern	c;

	for (i = last; i-- > 0 && seen < REMIND_TURNS;) {
		if (turns[i].who != VG_SPEAKER_USER)
			continue;
		seen++;
		if (vg_words_init(&ws, turns[i].text) == -1)
			return (0);
		c = vg_safety_concern(&ws);
		vg_words_free(&ws);
		if (c == VG_CONCERN_SELF)
			return (1);
	}
	return (0);
}

/* The question for a statement, and the mirror before it. */
static void
reflect(struct vg_reading *r, const struct vg_turn *turns, size_t n, size_t last,
    char *out, size_t size)
{
	char		back[LINE_BYTES] = "", line[LINE_BYTES];
	const char	*sorry = "";
	enum vg_family	family = vg_topic_small_talk(&r->ws);

	if (family == VG_FAMILIES) {
		family = vg_topic_of(r);
		vg_topic_clause(r);
		if (family != VG_FAMILY_QUESTION)
			mirror(r, turns, n, back, sizeof(back));
		if (family == VG_FAMILY_LOSS_OF || family == VG_FAMILY_LOSS)
			sorry = said(turns, n, "I am sorry") ? "" :
			    "I am sorry. ";
	}
	if (family == VG_FAMILIES) {
		family = recall(turns, last, r);
		/* Asked once; after that the present counts. */
		if (choose(vg_lines(family), turns, n, r->relation,
		    r->feeling, line, sizeof(line)) != 1)
			family = VG_FAMILY_GENERAL;
	}
	/* The family is exhausted: rather a general question than a repeat. */
	if (choose(vg_lines(family), turns, n, r->relation, r->feeling, line,
	    sizeof(line)) != 1 && family > VG_FAMILY_DONT_KNOW)
		(void)choose(vg_lines(VG_FAMILY_GENERAL), turns, n,
		    r->relation, r->feeling, line, sizeof(line));
	(void)snprintf(out, size, "%s%s%s", sorry, back, line);
}

char *
vg_listener_reply(const struct vg_turn *turns, size_t n)
{
	struct vg_reading	 r;
	enum vg_concern	 concern;
	char		*out;
	size_t		 last = n, len;

	memset(&r, 0, sizeof(r));
	while (last > 0 && turns[last - 1].who != VG_SPEAKER_USER)
		last--;
	if (vg_words_init(&r.ws, last > 0 ? turns[last - 1].text : "") == -1)
		return (NULL);
	last = last > 0 ? last - 1 : 0;
	out = malloc(REPLY_MAX);
	if (out == NULL)
		goto out;
	out[0] = '\0';
	r.relation = vg_words_relation(&r.ws, 0, r.ws.n);
	r.feeling = vg_words_feeling(&r.ws, 0, r.ws.n, &r.negated);

	concern = vg_safety_concern(&r.ws);
	if (concern != VG_CONCERN_NONE) {
		/* Nothing is mirrored here. */
		(void)choose(vg_lines_concern(concern), turns, n, r.relation,
		    r.feeling, out, REPLY_MAX);
		goto out;
	}
	reflect(&r, turns, n, last, out, REPLY_MAX);
	if (danger_before(turns, last)) {
		len = strlen(out);
		out[len++] = ' ';
		(void)choose(vg_lines_reminder(), turns, n, NULL, NULL,
		    out + len, REPLY_MAX - len);
	}
out:
	vg_words_free(&r.ws);
	return (out);
}
