/*
 * Recognising danger.  The two mistakes are not alike: a kind sentence too many
 * costs little, one too few may cost a life.  So the patterns are wide, a
 * negation does not cancel them ("I don't want to kill myself" is answered with
 * care as well), and only plain idioms and accidents are taken out.
 */
#include "speech/listener_safety.h"

#define SELF	"myself|me-self|meself"
#define THEM	"himself|herself|themselves|themself|itself"

struct pattern {
	enum vg_concern	 concern;
	const char	*words;
	const char	*unless;	/* not when this is there too */
};

#define ACCIDENT							\
	"accidentally|accident|shaving|cooking|chopping|gardening|football|" \
	"running|skating|skiing|soccer|basketball|gym|paper|kitchen"
#define PERSON								\
	"he|she|they|he's|she's|they're|who|friend|friends|brother|sister|"	\
	"son|daughter|wife|husband|mother|father|mom|mum|dad|partner|"		\
	"boyfriend|girlfriend|child|cousin|uncle|aunt|colleague|neighbor"
#define LAUGH	"laughing|laughed|laugh"

/* The first one that matches decides: from the gravest down. */
static const struct pattern patterns[] = {
	{ VG_CONCERN_BEREAVED, "killed|hanged|shot|hung " THEM, NULL },
	{ VG_CONCERN_BEREAVED, "took|taken his|her|their * life", NULL },
	{ VG_CONCERN_BEREAVED, "died|death|dead by|from|of|to suicide", NULL },
	{ VG_CONCERN_BEREAVED, "my|his|her|their * committed suicide", NULL },
	{ VG_CONCERN_BEREAVED, "he|she|they|who committed suicide", NULL },
	{ VG_CONCERN_BEREAVED, "lost my|our * to suicide", NULL },
	{ VG_CONCERN_BEREAVED, "father's|mother's|brother's|sister's|son's|"
	    "daughter's|friend's|husband's|wife's|dad's|mom's suicide", NULL },

	/* Somebody else, where the words name one. */
	{ VG_CONCERN_OTHER, PERSON " * suicidal|suicide|overdosed",
	    "i'm|am|feel|feeling|been suicidal|overdosed" },
	{ VG_CONCERN_OTHER, "kill|hurt|harm|harming|hurting|killing|cutting|"
	    "hang|cut|shoot|end " THEM, ACCIDENT },
	{ VG_CONCERN_OTHER, "end|ending|take|taking his|her|their * life",
	    NULL },
	{ VG_CONCERN_OTHER, PERSON " * wants|want|wanted|wishes|tried to * "
	    "die|dead", "i|me want|wanted to die" },

	/* Killing and hurting oneself. */
	{ VG_CONCERN_SELF, "kms|unalive|suicide|suicidal", NULL },
	{ VG_CONCERN_SELF, "kill|killing|hang|hanging|shoot|shooting|drown|"
	    "drowning|poison|starve|stab|end|ending|off * " SELF, LAUGH },
	{ VG_CONCERN_SELF, "kill|hurt|harm|cut my self", ACCIDENT },
	{ VG_CONCERN_SELF, "hurt|hurting|harm|harming|cut|cutting|burn|"
	    "burning|injure|punish|punishing " SELF, ACCIDENT },
	{ VG_CONCERN_SELF, "self-harm|self-harming|selfharm", NULL },
	{ VG_CONCERN_SELF, "self harm|harming", NULL },
	{ VG_CONCERN_SELF, "end|ending|ended|take|taking|took my life",
	    "life seriously|back|for|in|into|story" },
	{ VG_CONCERN_SELF, "end|ending|take|taking my own life", NULL },
	{ VG_CONCERN_SELF, "end|ending it all", NULL },
	{ VG_CONCERN_SELF, "want|wish it|everything * to end", NULL },
	{ VG_CONCERN_SELF, "want|wish it|everything * to be over", "meeting|"
	    "day|week|school|exam|winter|summer|war|work|year|movie|match" },
	{ VG_CONCERN_SELF, "jump|jumping|throw off|from|in|under * "
	    "bridge|roof|building|balcony|window|train|cliff", NULL },
	{ VG_CONCERN_SELF, "jump|jumping|step|stepping in|into|front * "
	    "front|of * train|traffic|car|bus|truck", NULL },
	{ VG_CONCERN_SELF, "overdose|overdosing|overdosed", NULL },
	{ VG_CONCERN_SELF, "take|taking|swallow|swallowing|took|swallowed "
	    "all|too|enough * pills|tablets|medication", "doctor|daily|"
	    "forgot|prescribed" },
	{ VG_CONCERN_SELF, "slit|slitting|cut|cutting my * "
	    "wrist|wrists|arm|arms|throat|legs", ACCIDENT },
	{ VG_CONCERN_SELF, "goodbye|farewell|suicide letter|letters|note|"
	    "notes", NULL },

	/* Wishing to be dead. */
	{ VG_CONCERN_SELF, "want|wanted|wanting|ready|deserve|hope|wish|"
	    "prefer to die", "die of|laughing" },
	{ VG_CONCERN_SELF, "want|wanted|wanting|ready|deserve|hope|wish|"
	    "prefer|rather|should to|i|i'd|be|just * dead", "dead tired|end" },
	{ VG_CONCERN_SELF, "hope|wish * i|i'd|i'll * die|died|dead", NULL },
	{ VG_CONCERN_SELF, "rather|should|just * die",
	    "die of|for|laughing" },
	{ VG_CONCERN_SELF, "wanna|me die", "die of|for|laughing" },
	{ VG_CONCERN_SELF, "better|be off dead", NULL },
	{ VG_CONCERN_SELF, "better|off without me", NULL },
	{ VG_CONCERN_SELF, "better if i * dead|gone|not|died", NULL },
	{ VG_CONCERN_SELF, "miss|care|notice|matter * if i|i'm|i'd * "
	    "gone|dead|died|disappeared|vanished", NULL },
	{ VG_CONCERN_SELF, "never|not|didn't been|be|exist|existed * born",
	    NULL },
	{ VG_CONCERN_SELF, "wish|want * never|not|didn't|don't * "
	    "born|exist|existed", NULL },
	{ VG_CONCERN_SELF, "disappear|gone|vanish forever", NULL },
	{ VG_CONCERN_SELF, "sleep|asleep forever", NULL },
	{ VG_CONCERN_SELF, "never wake|waking up", NULL },
	{ VG_CONCERN_SELF, "not|don't * wake|waking up again|anymore|tomorrow",
	    NULL },
	{ VG_CONCERN_SELF, "don't|not * want|wanna to wake up", "early|work|"
	    "school|morning|monday" },

	/* Not wishing to live. */
	{ VG_CONCERN_SELF, "don't|not|never|doesn't * want|wanna|wish|care * "
	    "live|alive|exist|existing|living", "live in|near|there|together|"
	    "abroad|alone|next|close|above|below" },
	{ VG_CONCERN_SELF, "don't|not|never * want|wanna|wish to * live|be in|"
	    "on this|the|such|that * world|earth|life|pain|body", NULL },
	{ VG_CONCERN_SELF, "don't|not|never * want|wanna|wish to|be * here "
	    "anymore|any|longer", NULL },
	{ VG_CONCERN_SELF, "can't|not live like this|that", NULL },
	{ VG_CONCERN_SELF, "can't|not * go|going on living|like|anymore", NULL },
	{ VG_CONCERN_SELF, "can't go on", "go on holiday|vacation|a|the|my|"
	    "our|trip|stage|air|leave|any|with|this" },
	{ VG_CONCERN_SELF, "no|any|little|lost|what's|the * reason|point|will|"
	    "desire|wish to|in|of|for * live|living|exist|existing|life|going",
	    NULL },
	{ VG_CONCERN_SELF, "nothing|something|anything to live for", NULL },
	{ VG_CONCERN_SELF, "life|living isn't|not worth", NULL },
	{ VG_CONCERN_SELF, "isn't|not|no|hardly|never worth * living", NULL },
	{ VG_CONCERN_SELF, "tired|sick|done|weary of|with|being * "
	    "living|life|alive", "living|life in|with|at|here|there" },

	{ VG_CONCERN_ABUSE, "hits|beats|hit|beat|beating|hitting|raped|rapes|"
	    "molested|abuses|abused|assaulted|choked|chokes|strangled|"
	    "threatens|threatened|slaps|slapped|punched|punches|kicks|kicked "
	    "me", "it|just|suddenly hit|hits me" },
	{ VG_CONCERN_ABUSE, "kill|hurt|hurts|hurting me", "job|work|back|knee|"
	    "head|shoes|it|feelings|foot|leg|tooth|exam|heat|words" },
	{ VG_CONCERN_ABUSE, "touches|touched me * where|wrong|inappropriately",
	    NULL },
	{ VG_CONCERN_ABUSE, "i|i'm|am|was|been * being|been|was "
	    "abused|raped|beaten|molested|assaulted", NULL },
	{ VG_CONCERN_ABUSE, "not|don't|isn't * feel|am * safe * home|him|her",
	    NULL },
	{ VG_CONCERN_ABUSE, "domestic|sexual violence|abuse|assault", NULL },

	{ VG_CONCERN_VIOLENCE, "want|going|gonna|wanna|will|could|might|plan|"
	    "planning|i'll * kill|murder|stab|shoot|strangle "
	    "him|her|them|someone|somebody|people|everyone|my|you|everybody",
	    "time|bugs|weeds|game" },
	{ VG_CONCERN_VIOLENCE, "want|going|gonna|wanna|afraid|might|i'll|will "
	    "* hurt|harm "
	    "him|her|them|someone|somebody|people|everyone|my|you", "feelings|"
	    "never|don't" },

	{ VG_CONCERN_MEDICAL, "can't|not|barely breathe|breathing", NULL },
	{ VG_CONCERN_MEDICAL, "pain|pains|pressure|tight|tightness * chest",
	    NULL },
	{ VG_CONCERN_MEDICAL, "chest pain|pains|hurts", NULL },
	{ VG_CONCERN_MEDICAL, "having|have a * heart|stroke attack|right|now",
	    "dad|father|mother|mom|ago|he|she" },
	{ VG_CONCERN_MEDICAL, "won't|can't stop bleeding", NULL },
	{ VG_CONCERN_MEDICAL, "bleeding * badly|heavily|lot", NULL },
	{ VG_CONCERN_MEDICAL, "is|he's|she's unconscious", NULL },
};

enum vg_concern
vg_safety_concern(const struct vg_words *ws)
{
	size_t	i;

	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (vg_words_find(ws, 0, ws->n, patterns[i].words) == -1)
			continue;
		if (patterns[i].unless != NULL &&
		    vg_words_find(ws, 0, ws->n, patterns[i].unless) != -1)
			continue;
		return (patterns[i].concern);
	}
	return (VG_CONCERN_NONE);
}
