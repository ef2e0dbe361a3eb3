/*
 * From words to a topic.  The order in each function is the order of weight: what
 * a person would react to first comes first.
 */
#include <string.h>

#include "speech/listener_topic.h"

#define MIRROR_WORDS	18	/* longest statement given back */
#define MIRROR_MIN	2
#define PLAIN_MIN	4	/* shortest one that is not about the speaker */
#define SHORT_WORDS	5	/* a greeting is no longer than this */

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
enum vg_family
vg_topic_small_talk(const struct vg_words *ws)
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
enum vg_family
vg_topic_of(const struct vg_reading *r)
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
void
vg_topic_clause(struct vg_reading *r)
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
