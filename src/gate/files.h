#ifndef VG_GATE_FILES_H
#define VG_GATE_FILES_H

/*
 * The two folders that hold sound: uploads for as long as their request lasts,
 * spoken replies until their time or their session ends.
 */

#include <stddef.h>
#include <stdint.h>

#include "core/settings.h"
#include "core/tempfile.h"
#include "core/uuid.h"

#define VG_JANITOR_SECONDS	60	/* between two rounds */
#define VG_UPLOAD_STALE_SECONDS	600	/* no request lasts as long */
#define VG_REPLY_ASK_SECONDS	30	/* from a reply's last byte to its commit:
					   never as long */

/*
 * Whether both folders could be used by UID; each that could not is one more
 * error. Makes nothing that it does not remove at once.
 */
void	vg_files_check(const struct vg_settings *, uid_t uid,
	    struct vg_errors *);
/*
 * Parent, before fork, after vg_files_check(): opens (makes) both folders 0700
 * for UID and removes what a crash left in them. 0, or -1 with ERROR in words
 * for an operator.
 */
int	vg_files_prepare(const struct vg_settings *, uid_t uid, char *error,
	    size_t size);
/* Worker: the janitor's timer. */
void	vg_files_start(void);
/* A store's notice that something was missed: look soon. */
void	vg_files_resync(void);

/*
 * What the log says of a folder's failure, in one word; the client is told
 * nothing of our disk. ERRNUM 0: not known.
 */
const char *vg_files_upload_trouble(int errnum);	/* "upload_folder_full" */
const char *vg_files_reply_trouble(int errnum);		/* "audio_folder_full" */

/* An unnamed file for an upload. 0, or -1 with errno. */
int	vg_files_upload(struct vg_tempfile *, uint64_t max);
/* A file for a reply, to be published or discarded. 0, or -1 with errno. */
int	vg_files_reply(struct vg_tempfile *, uint64_t max);
int	vg_files_publish(struct vg_tempfile *, const char *uuid, const char *ext);
/* Takes the name back, for another later: 0, or -1 and publishing fails then. */
int	vg_files_retract(struct vg_tempfile *, const char *uuid, const char *ext);
/* A published reply for reading: a descriptor, or -1 with errno. */
int	vg_files_open(const char *uuid, const char *ext, uint64_t *size);
/* Removes replies, whatever their extension. */
void	vg_files_remove(const char (*uuids)[VG_UUID_SIZE], size_t n);
void	vg_files_remove_one(const char *uuid);

#endif
