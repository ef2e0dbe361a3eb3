/*
 * Words that call for a person, not for a program.
 */
#ifndef VG_SPEECH_LISTENER_SAFETY_H
#define VG_SPEECH_LISTENER_SAFETY_H

#include "speech/listener_words.h"

enum vg_concern {
	VG_CONCERN_NONE,
	VG_CONCERN_MEDICAL,	/* an emergency of the body */
	VG_CONCERN_BEREAVED,	/* somebody died by suicide */
	VG_CONCERN_OTHER,	/* somebody else is in danger of it */
	VG_CONCERN_SELF,	/* the speaker is */
	VG_CONCERN_ABUSE,	/* somebody hurts the speaker */
	VG_CONCERN_VIOLENCE,	/* the speaker may hurt somebody */
	VG_CONCERNS
};

/* What the words call for. When in doubt it is the graver one. */
enum vg_concern	vg_safety_concern(const struct vg_words *ws);

#endif
