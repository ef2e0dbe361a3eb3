/*
 * What the files of the front share: the request, the worker, the front itself.
 */
#ifndef VG_SPEECH_FRONT_INT_H
#define VG_SPEECH_FRONT_INT_H

#include <jansson.h>
#include <microhttpd.h>

#include <stddef.h>
#include <stdint.h>

#include "speech/ipc.h"
#include "speech/limits.h"
#include "speech/options.h"

struct vg_front;
struct vg_request;

enum vg_stage {
	VG_STAGE_RECEIVING,	/* its body is coming in */
	VG_STAGE_QUEUED,	/* waits for a worker of `pool` */
	VG_STAGE_RUNNING,	/* `worker` has it */
	VG_STAGE_DONE		/* the answer is there */
};

/* An endpoint.  Steps return nothing: an answer set is the end of it. */
struct vg_route {
	const char	*path;
	const char	*method;
	/* The head is there; may refuse. NULL: nothing to prepare. */
	void		(*begin)(struct vg_request *);
	/* A piece of the body. NULL: no body is taken. */
	void		(*data)(struct vg_request *, const char *, size_t);
	/* The body is whole: answer, or queue for a pool. */
	void		(*finish)(struct vg_request *);
	/* A worker's result (queued routes). */
	void		(*result)(struct vg_request *, const struct vg_ipc *,
			    const char *, size_t);
	int		 queued;	/* counts against --queue */
};

struct vg_worker {
	uint32_t		 id;	/* 0: unused entry */
	int			 fd;
	int			 idle;
	enum vg_pool		 pool;
	struct vg_request	*req;
};

struct vg_upload {
	struct MHD_PostProcessor *pp;
	int		 fd;		/* memfd of the recording, or -1 */
	size_t		 len;
	unsigned int	 parts;		/* with content */
	int		 files;		/* likewise */
	int		 has_file;
	int		 failed;	/* our fault */
	char		 model[VG_FIELD_MAX];
	char		 format[VG_FIELD_MAX];
	char		 language[VG_FIELD_MAX];
};

struct vg_request {
	struct vg_request	*prev, *next;
	struct vg_front		*f;
	struct MHD_Connection	*conn;
	const struct vg_route	*route;
	int			 client;	/* descriptor, MHD's */
	unsigned long		 number;
	long long		 t0, deadline;	/* ms, monotonic */
	enum vg_stage		 stage;
	enum vg_pool		 pool;
	struct vg_worker	*worker;
	int			 suspended;
	int			 gone;		/* the client hung up */
	int			 counted;	/* holds a place in the queue */
	int			 logged;

	size_t			 received;	/* bytes of body so far */
	char			*body;		/* a JSON body, or text to
						   speak */
	size_t			 body_len, body_room;
	struct vg_upload	 up;
	int			 out_fd;	/* memfd that a worker fills */
	uint32_t		 milli;

	unsigned int		 status;	/* 0: no answer yet */
	const char		*type;		/* Content-Type */
	char			*answer;	/* owned */
	size_t			 answer_len;
	const char		*allow;		/* with 405 */
};

/* An open connection, for its idle time. */
struct vg_conn {
	struct vg_conn	*prev, *next;
	int		 fd;
	int		 busy;		/* a request is on it */
	long long	 since;		/* idle since, ms */
};

struct vg_front {
	const struct vg_options	*o;
	struct MHD_Daemon	*daemon;
	int			 listener;
	int			 mhd_fd;	/* its epoll */
	int			 ctl;		/* to the keeper */
	int			 ready;		/* all pools were up once */
	int			 draining;
	int			 said_drained;
	unsigned long		 requests;	/* counter */
	unsigned int		 queued[2];	/* in flight: audio, speech */
	struct vg_request	*head;		/* oldest first */
	struct vg_request	*tail;
	struct vg_conn		*conns;
	struct vg_worker	 workers[VG_POOLS * VG_WORKERS_MAX * 2];
};

/* answer.c: what is said. All set the request's answer; first one wins. */
void	vg_answer_error(struct vg_request *r, unsigned int status,
	    const char *code, const char *message);
void	vg_answer_json(struct vg_request *r, json_t *root);	/* steals root */
void	vg_answer_text(struct vg_request *r, const char *text);
void	vg_answer_audio(struct vg_request *r, uint32_t bytes);
enum MHD_Result	vg_answer_send(struct vg_request *r);

/* dispatch.c: workers and the requests that wait for them. */
void	vg_dispatch_add(struct vg_front *f, const struct vg_ipc *msg, int fd);
void	vg_dispatch_read(struct vg_front *f, struct vg_worker *w);
void	vg_dispatch_run(struct vg_front *f);
void	vg_dispatch_cancel(struct vg_request *r);
/* Workers of a pool that are idle or at work; with busy those at work only. */
unsigned int	vg_dispatch_count(const struct vg_front *f, enum vg_pool pool,
	    int busy);

/* endpoints.c, transcribe.c, speak.c, chat.c: the routes. */
extern const struct vg_route	vg_route_transcribe;
extern const struct vg_route	vg_route_speak;
extern const struct vg_route	vg_route_chat;
enum MHD_Result	vg_endpoint_handler(void *cls, struct MHD_Connection *conn,
	    const char *url, const char *method, const char *version,
	    const char *data, size_t *size, void **ctx);
void	vg_endpoint_completed(void *cls, struct MHD_Connection *conn,
	    void **ctx, enum MHD_RequestTerminationCode code);
void	vg_endpoint_done(struct vg_request *r);

/* jsonbody.c: bodies that are JSON. */
void	vg_jsonbody_begin(struct vg_request *r);
void	vg_jsonbody_data(struct vg_request *r, const char *data, size_t len);
json_t	*vg_jsonbody_parse(struct vg_request *r);	/* owned; NULL: refused */
int	vg_jsonbody_model(struct vg_request *r, const json_t *root,
	    const char *model);

#endif
