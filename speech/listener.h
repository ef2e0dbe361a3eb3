/*
 * The reflective listener: a conversation so far in, the next thing to say out.
 */
#ifndef VG_SPEECH_LISTENER_H
#define VG_SPEECH_LISTENER_H

#include <stddef.h>

enum vg_speaker {
	VG_SPEAKER_USER,
	VG_SPEAKER_LISTENER,
	VG_SPEAKER_OTHER	/* instructions; not part of the talk */
};

struct vg_turn {
	enum vg_speaker	 who;
	const char	*text;	/* UTF-8, borrowed */
};

/*
 * Answers the last user turn of the n turns, oldest first.  The same turns get the
 * same answer.  The string is the caller's to free; NULL when there is no memory.
 */
char	*vg_listener_reply(const struct vg_turn *turns, size_t n);

#endif
