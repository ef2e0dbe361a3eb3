#ifndef VG_UPCLIENT_H
#define VG_UPCLIENT_H

/* One HTTP exchange with a provider. Private to src/upstream. */

#include <curl/curl.h>

#include "upstream/upstream.h"

#define VG_CALL_CONNECT_MS	3000	/* name, connection and TLS together */
#define VG_CALL_STALL_MS	10000	/* window in which bytes must move */
#define VG_CALL_STALL_BYTES	512	/* how many, while bytes are due */
#define VG_CALL_HEAD_MAX	65536	/* bytes of an answer's head */
#define VG_CALL_ERROR_MAX	65536	/* bytes of an answer that is an error */
#define VG_CALL_TYPE_MAX	64	/* bytes of a media type kept */
#define VG_CALL_URL_MAX		1280	/* bytes */

/* A recording as one part of a form; fields end with a NULL name. */
struct vg_call_field {
	const char	*name;
	const char	*value;
};

struct vg_call_upload {
	int				fd;	/* borrowed, -1: none */
	size_t				len;	/* bytes from its first on */
	const char			*filename;
	const char			*type;
	const struct vg_call_field	*fields;
};

/* Everything but the descriptors is copied at start. */
struct vg_call_spec {
	const char		*url;
	const char		*key;		/* "" for none */
	const char		*json;		/* body; NULL: none */
	struct vg_call_upload	upload;		/* or this body; fd -1: none */
	bool			get;		/* GET, no body */
	const char *const	*lines;		/* further header lines, ends with
						   NULL; NULL: none */

	bool			audio;		/* sound is wanted, not JSON */
	int			out_fd;		/* where sound goes, borrowed */
	size_t			answer_max;	/* bytes */
	uint64_t		timeout_ms;	/* for all of it */
};

/* Valid during the callback. */
struct vg_call_result {
	enum vg_up_error	error;
	long			status;		/* 0: there was none */
	bool			unsent;		/* nothing went out: may be repeated */
	unsigned		retry_after_s;	/* 0: not told */
	const char		*type;		/* media type, "" for none */
	const char		*body;		/* JSON: the bytes, NUL behind */
	size_t			len;		/* bytes of the answer's body */
	const char		*audio_ext;	/* sound: what it is */
	const char		*audio_type;
};

struct vg_call;

typedef void	(*vg_call_cb)(const struct vg_call_result *, void *);

/* client.c */
int	vg_client_init(void);			/* in a worker; 0 / -1 */
void	vg_client_cleanup(void);		/* cancels all, no callbacks */

/*
 * NULL when memory is short. The callback comes once, from the loop, and the
 * call is gone when it returns; after cancel it does not come.
 */
struct vg_call	*vg_call_start(const struct vg_call_spec *, vg_call_cb, void *);
void		vg_call_cancel(struct vg_call *);

/* callopts.c: how every call is set up. All return 0 / -1. */
int	vg_call_set_common(CURL *, const struct vg_call_spec *);
/* *list is set in both cases, and freed by vg_call_free_headers(). */
int	vg_call_set_headers(CURL *, const struct vg_call_spec *,
	    struct curl_slist **list);
int	vg_call_set_json(CURL *, const char *json);
/* *form is set in both cases (or NULL), and freed by curl_mime_free(). */
int	vg_call_set_form(CURL *, const struct vg_call_upload *,
	    curl_read_callback, curl_seek_callback, void *arg,
	    curl_mime **form);
void	vg_call_free_headers(struct curl_slist *);

/* trust.c: the CAs. 0 / -1. */
int	vg_trust_load(const char *file);
/* Lets the handle trust those and no others. 0 / -1. */
int	vg_trust_apply(CURL *);
bool	vg_trust_loaded(void);
void	vg_trust_free(void);

#endif
