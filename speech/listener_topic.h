/*
 * What a message is about, and which part of it is worth giving back.
 */
#ifndef VG_SPEECH_LISTENER_TOPIC_H
#define VG_SPEECH_LISTENER_TOPIC_H

#include "speech/listener_lines.h"
#include "speech/listener_words.h"

struct vg_reading {
	struct vg_words			 ws;
	const struct vg_relation	*relation;
	const struct vg_feeling		*feeling;
	int				 negated;
	size_t				 from, to;	/* what to mirror */
};

/* Messages that are no statement; VG_FAMILIES when it is one. */
enum vg_family	vg_topic_small_talk(const struct vg_words *ws);
/* What a statement is about; VG_FAMILIES when it names nothing known. */
enum vg_family	vg_topic_of(const struct vg_reading *r);
/* Sets from and to: the part to mirror; both 0 when there is none. */
void		vg_topic_clause(struct vg_reading *r);

#endif
