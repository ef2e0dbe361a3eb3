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
#include "speech/listener_words.h"

#define REPLY_MAX	2048	/* bytes */
#define LINE_BYTES	512
#define MIRROR_BYTES	320	/* of a statement given back */
#define MIRROR_WORDS	18	/* longest statement given back */
#define MIRROR_MIN	2
#define PLAIN_MIN	4	/* shortest one that is not about the speaker */
#define SHORT_WORDS	5	/* a greeting is no longer than this */
#define REMIND_TURNS	3	/* user turns after words of danger */

struct reading {
	struct vg_words			 ws;
	const struct vg_relation	*relation;
	const struct vg_feeling		*feeling;
	int				 negated;
	size_t				 from, to;	/* what to mirror */
};

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

static int
has(const struct vg_words *ws, const char *pattern)
{
	return (vg_words_find(ws, 0, ws->n, pattern) != -1);
}

static int
asks(const struct vg_words *ws)
{
	size_t	i;

	for (i = 0; i < ws->n; i++) {
		if (ws->ends[i] == '?')
			return (1);
	}
	return (ws->n > 1 && vg_words_find(ws, 0, 1, "why|what|how|when|where|"
	    "who|which|can|could|do|does|did|is|are|will|would|should") == 0 &&
	    !has(ws, "because|when|since"));
}

/* Turns that are no statement. VG_FAMILIES when it is one. */
static enum vg_family
small_talk(const struct vg_words *ws)
{
	int	brief = ws->n <= SHORT_WORDS;

	if (ws->n == 0)
		return (VG_FAMILY_EMPTY);
	if (has(ws, "how are|do you|you|things * doing|feeling|today|going") ||
	    (brief && has(ws, "how are you")))
		return (VG_FAMILY_HOW_ARE_YOU);
	if (has(ws, "who|what are|is you|this") || has(ws, "are you * human|"
	    "real|robot|person|machine|computer|ai|program|bot|doctor|"
	    "therapist|there|listening") || has(ws, "what's|what your name"))
		return (VG_FAMILY_WHO_ARE_YOU);
	if (has(ws, "you think|say|suggest * should|shall|must") ||
	    has(ws, "what|how * should|can|could|do|shall|must i|we * do|say|"
	    "tell|handle|cope|fix|stop") || has(ws, "should i|we") ||
	    has(ws, "tell|give|need|want * advice") ||
	    has(ws, "tell me what|how to"))
		return (VG_FAMILY_ADVICE);
	if (!brief)
		return (VG_FAMILIES);
	if (has(ws, "bye|goodbye|farewell") || has(ws, "good night|bye") ||
	    has(ws, "see you") || has(ws, "talk later"))
		return (VG_FAMILY_GOODBYE);
	if (has(ws, "thanks|thank"))
		return (VG_FAMILY_THANKS);
	if (has(ws, "hello|hi|hey|greetings") ||
	    has(ws, "good morning|afternoon|evening|day"))
		return (VG_FAMILY_GREETING);
	if (has(ws, "i|really|just don't know") || has(ws, "i'm|am not sure") ||
	    has(ws, "no idea"))
		return (VG_FAMILY_DONT_KNOW);
	if (ws->n <= 2 && has(ws, "yes|yeah|yep|sure|right|exactly|okay|ok"))
		return (VG_FAMILY_YES);
	if (ws->n <= 2 && has(ws, "no|nope|never|nothing|nah"))
		return (VG_FAMILY_NO);
	return (VG_FAMILIES);
}

/* What a statement is about. */
static enum vg_family
topic(const struct reading *r)
{
	const struct vg_words	*ws = &r->ws;
	int			 loss;

	loss = (has(ws, "died|dead|dying|funeral|buried|death|mourning|"
	    "grief|grieving|widow|widower|deceased") ||
	    has(ws, "passed away|on") ||
	    (r->relation != NULL && has(ws, "lost|losing|lose my|our"))) &&
	    !has(ws, "battery|phone|laptop|computer|car|engine");
	if (loss)
		return (r->relation != NULL ? VG_FAMILY_LOSS_OF :
		    VG_FAMILY_LOSS);
	if (has(ws, "divorce|divorced|separated|breakup|cheated|dumped") ||
	    has(ws, "broke|broken|break|breaking up") || has(ws, "left me"))
		return (VG_FAMILY_PARTING);
	if (r->feeling != NULL && r->negated)
		return (r->feeling->good ? VG_FAMILY_FEEL_NOT :
		    VG_FAMILY_GENERAL);
	if (r->feeling != NULL)
		return (r->feeling->good ? VG_FAMILY_FEEL_GOOD :
		    VG_FAMILY_FEEL_BAD);
	if (has(ws, "sleep|sleeping|insomnia|nightmare|nightmares|awake"))
		return (VG_FAMILY_SLEEP);
	if (has(ws, "sick|ill|illness|cancer|disease|hospital|pain|surgery|"
	    "diagnosis|diagnosed|dementia|headache|headaches|pregnant"))
		return (VG_FAMILY_HEALTH);
	if (r->relation != NULL)
		return (VG_FAMILY_RELATION);
	if (has(ws, "work|job|boss|office|career|fired|unemployed|deadline|"
	    "meeting|meetings|colleagues"))
		return (VG_FAMILY_WORK);
	if (has(ws, "school|exam|exams|class|university|college|homework|"
	    "grades|studies"))
		return (VG_FAMILY_SCHOOL);
	if (has(ws, "money|debt|debts|rent|bills|afford|loan"))
		return (VG_FAMILY_MONEY);
	return (asks(ws) ? VG_FAMILY_QUESTION : VG_FAMILIES);
}

/* How much a clause says about its speaker. */
static int
weight(const struct vg_words *ws, size_t from, size_t to)
{
	int	negated, w = 0;

	if (to - from < MIRROR_MIN || to - from > MIRROR_WORDS)
		return (-1);
	if (vg_words_feeling(ws, from, to, &negated) != NULL)
		w += 3;
	if (vg_words_find(ws, from, to, "died|lost|left|divorce|fired|"
	    "hospital|cancer|hate|love|miss|afraid|cry|crying|cried") != -1)
		w += 3;
	if (vg_words_relation(ws, from, to) != NULL)
		w += 2;
	if (vg_words_find(ws, from, to, "i|i'm|i've|me|my|we|i'd|i'll") != -1)
		w += 1;
	return (w);
}

/* Words that only lead up to what is said. */
static size_t
skip_lead(const struct vg_words *ws, size_t from, size_t to)
{
	static const char *const pairs[] = { "i think", "i guess", "you know",
	    "i mean", "i suppose", "i believe" };
	size_t	i, was;

	do {
		was = from;
		if (from < to && vg_words_find(ws, from, from + 1, "well|so|um|"
		    "uh|er|yeah|yes|no|and|but|because|like|okay|ok|oh|hello|"
		    "hi|hey|actually|basically|then|or|also|anyway") != -1)
			from++;
		for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
			if (from + 2 < to && vg_words_find(ws, from, from + 2,
			    pairs[i]) != -1)
				from += 2;
		}
	} while (from != was);
	return (from);
}

/* Chooses the part of the message that is given back. */
static void
pick_clause(struct reading *r)
{
	const struct vg_words	*ws = &r->ws;
	size_t			 i, start = 0, lead, whole = 0;
	int			 w, best = 0;

	r->from = r->to = 0;
	for (i = 0; i < ws->n; i++) {
		/* Sentences first, each of them whole if it is short enough. */
		if (i + 1 < ws->n && ws->ends[i] != '.' && ws->ends[i] != '?' &&
		    (i + 1 - whole <= MIRROR_WORDS - 2 ||
		    vg_words_find(ws, i + 1, i + 2, "and|but|because|so|then|"
		    "i|since|when|that") == -1))
			continue;
		lead = skip_lead(ws, start, i + 1);
		w = weight(ws, lead, i + 1);
		if (w == 0 && i + 1 - lead < PLAIN_MIN)
			w = -1;
		/* The later one of two alike is what it came to. */
		if (w >= best && ws->ends[i] != '?') {
			best = w;
			r->from = lead;
			r->to = i + 1;
		}
		start = whole = i + 1;
	}
}

/* "You have been feeling sad since your father died." */
static void
mirror(const struct reading *r, const struct vg_turn *turns, size_t n,
    char *out, size_t size)
{
	static const char *const forms[] = { "", "So ", "I hear that ",
	    "You are telling me that " };
	char	said_back[MIRROR_BYTES];
	size_t	i, users = 0;

	out[0] = '\0';
	if (r->to - r->from < MIRROR_MIN || vg_words_reflect(&r->ws, r->from,
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
recall(const struct vg_turn *turns, size_t last, struct reading *r)
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
reflect(struct reading *r, const struct vg_turn *turns, size_t n, size_t last,
    char *out, size_t size)
{
	char		back[LINE_BYTES] = "", line[LINE_BYTES];
	const char	*sorry = "";
	enum vg_family	family = small_talk(&r->ws);

	if (family == VG_FAMILIES) {
		family = topic(r);
		pick_clause(r);
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
	struct reading	 r;
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
