#ifndef VG_EXCHANGE_H
#define VG_EXCHANGE_H

/*
 * One question to one provider, asked as often as it takes: breaker, keys,
 * retries. Private to src/upstream.
 */

#include "upstream/client.h"

struct vg_exchange_spec {
	enum vg_up_kind		kind;
	const char		*path;		/* "/v1/audio/speech", static */
	char			*json;		/* body, taken over; or NULL and */
	struct vg_call_upload	upload;		/* fd -1: none; all but the
						   descriptor must stay */
	bool			audio;
	int			out_fd;
	size_t			answer_max;
	uint64_t		deadline_ms;	/* kore_time_ms() when it is over */
	/*
	 * Reads the answer of a call that went well, and judges it: what it
	 * returns counts as the call's end, for the breaker too.
	 */
	enum vg_up_error	(*check)(const struct vg_call_result *, void *);
	/* Once, from the loop; the exchange is gone when it returns. */
	void			(*done)(enum vg_up_error,
				    unsigned retry_after_s, void *);
	void			*arg;
};

struct vg_exchange;

/* NULL when memory is short: json is freed even then. */
struct vg_exchange	*vg_exchange_start(const struct vg_exchange_spec *);
void			vg_exchange_cancel(struct vg_exchange *);

/* upstream.c: the provider as it is set now. */
struct vg_provider {
	char		*base_url;
	char		*model;
	char		*keys;			/* NUL between them */
	size_t		keys_size;
	const char	*key[VG_UPSTREAM_KEYS_MAX];
	unsigned	nkeys;
	uint64_t	mark;			/* of base_url and keys */
	uint64_t	timeout_ms;		/* of a stage, retries included */
};

const struct vg_provider	*vg_provider(enum vg_up_kind);
const char	*vg_provider_voice(void);
const char	*vg_provider_prompt(void);
uint64_t	vg_provider_deadline_ms(void);	/* of the whole turn */
void		vg_provider_event(enum vg_up_kind, enum vg_up_event);
uint32_t	vg_provider_random(void);	/* 32 uniform bits */

#endif
