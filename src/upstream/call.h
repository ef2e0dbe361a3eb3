#ifndef VG_UPCALL_H
#define VG_UPCALL_H

/* A call from inside: shared by client.c, callio.c and callerror.c alone. */

#include <sys/queue.h>

#include "core/sniff.h"
#include "upstream/client.h"

enum vg_call_phase {
	PHASE_SENDING = 0,	/* a recording goes out: bytes are due */
	PHASE_WAITING,		/* the provider works: nothing is due */
	PHASE_RECEIVING		/* the answer's body comes: bytes are due */
};

struct vg_call {
	CURL			*easy;
	struct curl_slist	*headers;
	curl_mime		*form;
	vg_call_cb		cb;
	void			*arg;

	int			in_fd;
	size_t			in_len, in_off;

	bool			audio;
	int			out_fd;
	size_t			answer_max;

	enum vg_up_error	failed;		/* found by ourselves */
	bool			no_socket;	/* none left for its connection */
	bool			judged;		/* the first byte has come */
	bool			drop;		/* an error's body */
	bool			sniffed;
	struct vg_sniff		kind;
	size_t			head_len;
	size_t			len;		/* bytes of the body so far */
	char			*body;
	size_t			held, room;	/* bytes in body */
	char			type[VG_CALL_TYPE_MAX];

	enum vg_call_phase		phase;
	bool			stalled;
	size_t			moved, moved_before;
	uint64_t		window_ms;	/* when it began */

	LIST_ENTRY(vg_call)	list;
};

/* callio.c: what libcurl calls while bytes move. */
size_t	vg_call_on_send(char *, size_t, size_t, void *);
int	vg_call_on_seek(void *, curl_off_t, int);
size_t	vg_call_on_head(char *, size_t, size_t, void *);
size_t	vg_call_on_body(char *, size_t, size_t, void *);
/* The sound is complete: what is held of it is written. */
enum vg_up_error	vg_call_end_sound(struct vg_call *);

/* callerror.c: what an end means. */
enum vg_up_error	vg_call_error(const struct vg_call *, CURLcode,
			    long status);
/* Whether nothing went out and another attempt may fare better. */
bool			vg_call_unsent(const struct vg_call *, CURLcode);

#endif
