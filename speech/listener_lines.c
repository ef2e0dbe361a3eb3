/*
 * The lines.  The rules they keep to: ask, never advise; one open question, about
 * what was said; nothing that claims to feel, to remember more than the
 * conversation or to be a person; no promise.  Where there is danger: take it
 * seriously, say what this is and what it is not, name human help (a local
 * emergency number, a crisis line, a person nearby; numbers differ by country),
 * ask whether the person is safe, and never a word about methods.
 */
#include "speech/listener_lines.h"

#define LINES_MAX	8

static const char *const lines[VG_FAMILIES][LINES_MAX] = {
	[VG_FAMILY_EMPTY] = {
		"I did not catch any words. Could you say that again?",
		"I could not make out what you said. Would you try once more?",
		"That did not reach me. Could you say it once more, a little "
		    "closer to the microphone?",
	},
	[VG_FAMILY_GREETING] = {
		"Hello. What is on your mind?",
		"Hello, I am listening. What would you like to talk about?",
		"Hello. What brings you here today?",
	},
	[VG_FAMILY_THANKS] = {
		"You are welcome. What else is on your mind?",
		"Thank you for telling me. Is there more you would like to "
		    "say?",
		"I am listening. Where would you like to go from here?",
	},
	[VG_FAMILY_GOODBYE] = {
		"Goodbye. Thank you for talking with me.",
		"Take care. I will listen whenever you want to talk.",
	},
	[VG_FAMILY_HOW_ARE_YOU] = {
		"I am a program, so I have no feelings of my own, but I am "
		    "listening. How are you?",
		"There is nobody here who could feel well or unwell. How is "
		    "it for you today?",
	},
	[VG_FAMILY_WHO_ARE_YOU] = {
		"I am a simple program that listens and asks; not a person "
		    "and not a language model. What would you like to talk "
		    "about?",
		"A small program with a few rules, no more than that. What "
		    "made you wonder?",
		"I am not a person. I can listen and ask. What would you like "
		    "me to hear?",
	},
	[VG_FAMILY_ADVICE] = {
		"I cannot tell you what to do, but I would like to "
		    "understand. What have you been considering?",
		"That is yours to decide. What does each way feel like when "
		    "you picture it?",
		"I have no advice to give. What would you say to a friend "
		    "who asked you this?",
		"What makes that hard to answer for you?",
	},
	[VG_FAMILY_YES] = {
		"Yes. Can you say more about that?",
		"What makes it so?",
		"I see. What comes with it?",
	},
	[VG_FAMILY_NO] = {
		"No. How would you put it, then?",
		"What is it like instead?",
		"All right. What would you rather talk about?",
	},
	[VG_FAMILY_DONT_KNOW] = {
		"It is all right not to know. What comes to mind first?",
		"Not knowing can be hard. What do you notice as you stay "
		    "with it?",
		"What would you guess, if you let yourself guess?",
	},
	[VG_FAMILY_LOSS_OF] = {
		"What do you miss most about {obj}?",
		"What comes to mind when you think of {rel}?",
		"How have the days been since then?",
		"What would you want to say to {rel} now?",
		"Who do you talk to about {obj}?",
		"Which memory of {rel} is with you today?",
	},
	[VG_FAMILY_LOSS] = {
		"How have the days been since then?",
		"What do you miss most?",
		"What has changed for you since that loss?",
		"Who is with you in this?",
	},
	[VG_FAMILY_PARTING] = {
		"What has been the hardest part of that?",
		"How have you been since then?",
		"What do you find yourself thinking about most?",
		"What do you miss, and what do you not miss?",
	},
	[VG_FAMILY_FEEL_BAD] = {
		"When did you first notice the {noun}?",
		"What is the {noun} like for you today?",
		"What do you think the {noun} is about?",
		"When is the {noun} strongest?",
		"What else is there besides the {noun}?",
		"Who knows about the {noun}?",
	},
	[VG_FAMILY_FEEL_GOOD] = {
		"What made that possible?",
		"What does it change for you to feel {feel}?",
		"Who would you like to share that with?",
		"Where do you notice it most?",
	},
	[VG_FAMILY_FEEL_NOT] = {
		"What would be different if you did feel {feel}?",
		"When did you last feel {feel}?",
		"What do you feel instead?",
	},
	[VG_FAMILY_RELATION] = {
		"What is it like between you and {rel}?",
		"How do you feel when you think of {rel}?",
		"What do you wish {rel} understood?",
		"How long has it been this way with {rel}?",
		"What would you like to say to {rel}?",
		"What matters most to you about {rel}?",
	},
	[VG_FAMILY_WORK] = {
		"What weighs on you most about work?",
		"How do you feel when the working day begins?",
		"What would you want to be different at work?",
		"What does your work mean to you?",
	},
	[VG_FAMILY_SCHOOL] = {
		"What is the hardest part of it for you?",
		"How do you feel on your way there?",
		"What do you expect of yourself there?",
	},
	[VG_FAMILY_MONEY] = {
		"What worries you most when you think of money?",
		"How long has that been with you?",
		"Who else knows how tight things are?",
	},
	[VG_FAMILY_SLEEP] = {
		"What goes through your mind at night?",
		"How long have the nights been like that?",
		"What are the days like after such nights?",
	},
	[VG_FAMILY_HEALTH] = {
		"How has it been to live with that?",
		"What worries you most about it?",
		"What has it changed in your days?",
		"Who is with you in this?",
	},
	[VG_FAMILY_QUESTION] = {
		"I cannot answer that, but I would like to hear about it. What "
		    "makes you ask?",
		"What answer would you hope for?",
		"What comes to mind when you ask yourself that?",
		"How long have you been carrying that question?",
	},
	[VG_FAMILY_RECALL_PERSON] = {
		"Earlier you spoke of {rel}. Does this have to do with {obj}?",
		"You also spoke of {rel}. How does that go together for you?",
	},
	[VG_FAMILY_RECALL_FEELING] = {
		"Before, you spoke of feeling {feel}. How is that now?",
		"How does that fit with the {noun} you spoke of?",
	},
	[VG_FAMILY_GENERAL] = {
		"What is that like for you?",
		"Can you tell me more about that?",
		"What matters most to you in that?",
		"How do you feel as you say that?",
		"What else comes to mind?",
		"How long has that been on your mind?",
		"What would you like me to understand about that?",
	},
};

static const char *const concerns[VG_CONCERNS][LINES_MAX] = {
	[VG_CONCERN_SELF] = {
		"I am glad you said this, and I take it seriously. I am only "
		    "a program, and you deserve a person right now. If you "
		    "are in danger, please call your local emergency number "
		    "or a crisis line now, or go to someone near you. Are "
		    "you safe at this moment?",
		"What you say sounds very heavy, and you do not have to "
		    "carry it alone. A program is not enough here: please "
		    "reach a crisis line or your local emergency number, or "
		    "someone you trust. Who could be with you right now?",
		"Thank you for trusting these words to me. Please let a "
		    "person hear them too, today: a crisis line, a doctor, "
		    "someone close to you, and your local emergency number "
		    "if it becomes urgent. Is somebody with you?",
		"I hear how much pain there is. I cannot keep you safe, but "
		    "people can: your local emergency number and crisis "
		    "lines are there at any hour. Can you call one of them, "
		    "or a person you trust, while we talk?",
	},
	[VG_CONCERN_OTHER] = {
		"That sounds frightening, and it is right to take it "
		    "seriously. This needs people, not a program: a crisis "
		    "line can also help you as someone who worries, and the "
		    "local emergency number if there is danger now. Is "
		    "anybody with them at this moment?",
		"You are worried about somebody's life. Please do not stay "
		    "alone with it: a crisis line or the local emergency "
		    "number can help right now. How are you holding up "
		    "yourself?",
	},
	[VG_CONCERN_BEREAVED] = {
		"I am so sorry. To lose somebody to suicide is a grief of its "
		    "own kind. There are people and groups for those who are "
		    "left behind, and a crisis line is there for you too if "
		    "it becomes too much. What would you like to say about "
		    "them?",
		"I am sorry for your loss. Many questions can stay after a "
		    "death like that. If the thought of dying comes to you as "
		    "well, please reach a crisis line or your local emergency "
		    "number. Who is there for you?",
	},
	[VG_CONCERN_ABUSE] = {
		"I am sorry that this happens to you. It is not your fault. "
		    "If you are in danger, please call your local emergency "
		    "number; a helpline or somebody you trust can help you "
		    "find safety. Are you safe at this moment?",
		"Nobody has the right to hurt you. I am only a program; "
		    "people can help: a helpline, somebody you trust, and "
		    "your local emergency number if it is urgent. Is there "
		    "a safe place you can be?",
	},
	[VG_CONCERN_VIOLENCE] = {
		"That sounds like a great deal of anger and pain. Before "
		    "anybody is hurt, please talk to a person: a crisis line, "
		    "a doctor, or your local emergency number if you fear you "
		    "might act on it. What happened?",
		"I take that seriously. A crisis line or your local "
		    "emergency number is there for such moments too, and "
		    "talking to a person can stop something that cannot be "
		    "undone. Are you somewhere you can be alone and safe?",
	},
	[VG_CONCERN_MEDICAL] = {
		"That may be an emergency, and I am only a program. Please "
		    "call your local emergency number now, or ask somebody "
		    "near you to do it. Is anybody with you?",
		"Please do not wait with this: call your local emergency "
		    "number now. Can somebody near you help?",
	},
};

static const char *const reminder[LINES_MAX] = {
	"And please keep a person close: a crisis line or your local "
	    "emergency number is there if it gets darker again.",
	"What you said before stays with me: please let a crisis line or "
	    "somebody you trust hear it too.",
	"If the dark thoughts return, your local emergency number and crisis "
	    "lines are there at any hour.",
};

const char *const *
vg_lines(enum vg_family family)
{
	return (lines[family]);
}

const char *const *
vg_lines_concern(enum vg_concern concern)
{
	return (concerns[concern]);
}

const char *const *
vg_lines_reminder(void)
{
	return (reminder);
}
