#ifndef VG_STORE_KEPT_H
#define VG_STORE_KEPT_H

/*
 * What is kept of conversations, for commands of the executable: blocking, never
 * in a worker. KEYS is the setting TRANSCRIPT_KEY. Each returns 0 or a status of
 * sysexits(3), with ERROR in words for an operator and without a word of what
 * was said.
 */

#include <stddef.h>

/* export.c */

/*
 * One session as JSON, its texts in the clear: *JSON, to be wiped and freed. 66:
 * there is none of this id; 78: KEYS lacks the one that a text needs; 65: a text
 * was altered; 69, 70, 77: the database. All of it or nothing.
 */
int	vg_export_session(const char *url, const char *keys, const char *id,
	    char **json, char *error, size_t size);

/* reseal.c */

/* A line of progress, without newline. */
typedef void	(*vg_kept_say)(void *, const char *line);

/*
 * Encrypts every kept text with the first of KEYS: those in the clear, and those
 * of another key. Batch by batch, each a transaction; it may be ended at any
 * moment, run again, and run twice at once. 78: KEYS has none; 65: done, but for
 * texts that cannot be read; 69, 70, 77: the database.
 */
int	vg_encrypt_transcripts(const char *url, const char *keys, vg_kept_say,
	    void *arg, char *error, size_t size);

#endif
