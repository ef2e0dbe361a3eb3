/*
 * What the listener can say.
 */
#ifndef VG_SPEECH_LISTENER_LINES_H
#define VG_SPEECH_LISTENER_LINES_H

#include <stddef.h>

#include "speech/listener_safety.h"

enum vg_family {
	VG_FAMILY_EMPTY,	/* no words were heard */
	VG_FAMILY_GREETING,
	VG_FAMILY_THANKS,
	VG_FAMILY_GOODBYE,
	VG_FAMILY_HOW_ARE_YOU,
	VG_FAMILY_WHO_ARE_YOU,
	VG_FAMILY_ADVICE,	/* "what should I do?" */
	VG_FAMILY_YES,
	VG_FAMILY_NO,
	VG_FAMILY_DONT_KNOW,
	VG_FAMILY_LOSS_OF,	/* somebody named died */
	VG_FAMILY_LOSS,
	VG_FAMILY_PARTING,	/* separation, divorce */
	VG_FAMILY_FEEL_BAD,
	VG_FAMILY_FEEL_GOOD,
	VG_FAMILY_FEEL_NOT,	/* "not happy" */
	VG_FAMILY_RELATION,
	VG_FAMILY_WORK,
	VG_FAMILY_SCHOOL,
	VG_FAMILY_MONEY,
	VG_FAMILY_SLEEP,
	VG_FAMILY_HEALTH,
	VG_FAMILY_QUESTION,	/* the user asks something else */
	VG_FAMILY_RECALL_PERSON,
	VG_FAMILY_RECALL_FEELING,
	VG_FAMILY_GENERAL,
	VG_FAMILIES
};

/*
 * Lines, in the order of preference; NULL ends.  {rel} your father, {obj} him,
 * {feel} sad, {noun} sadness.
 */
const char *const *vg_lines(enum vg_family family);

/* Lines for a concern other than NONE. */
const char *const *vg_lines_concern(enum vg_concern concern);

/* Put after another answer while a danger was spoken of not long ago. */
const char *const *vg_lines_reminder(void);

#endif
