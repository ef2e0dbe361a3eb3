#ifndef VG_GATE_ONCE_H
#define VG_GATE_ONCE_H

/*
 * What a request with an Idempotency-Key does once, however often it is sent
 * (draft-ietf-httpapi-idempotency-key-header): its key, the hash of its content,
 * and its claim in the database, renewed for as long as the request lasts.
 */

#include <openssl/evp.h>

#include "gate/gate.h"

struct vg_once;

/*
 * How the claim ended, VG_DB_OK and the state: VG_CLAIM_OTHER when the other one
 * was still at it at the deadline; VG_CLAIM_DONE with its turn, borrowed.
 */
typedef void	(*vg_once_cb)(void *, enum vg_db_status, enum vg_claim_state,
		    const struct vg_turn *);

struct vg_once {
	struct vg_request	*r;		/* borrowed */
	bool			wanted;		/* there is a key */
	bool			asked;		/* the claim may be ours */
	char			key[VG_IDEMPOTENCY_MAX + 1];
	char			content[VG_CLAIM_CONTENT_LEN + 1];
	EVP_MD_CTX		*hash;
	struct vg_claim		claim;		/* of pointers to the above */
	vg_ticket		ticket;
	struct kore_timer	*poll;
	struct kore_timer	*renew;
	uint64_t		pause_ms;	/* before it is asked again */
	uint64_t		deadline_us;	/* monotonic */
	vg_once_cb		cb;
	void			*arg;
};

/* In the header phase. 0, also without a key; or -1 after vg_refuse(). */
int	vg_once_open(struct vg_once *, struct vg_request *);
/* Content as it comes; nothing without a key. */
void	vg_once_data(struct vg_once *, const uint8_t *, size_t);
/*
 * Content is complete: claims its key in SESSION_ID (borrowed until the end), and
 * while another request has it, asks until the deadline. The callback runs once,
 * later, unless VG_DB_OK is not returned. May be called again after it.
 */
enum vg_db_status vg_once_claim(struct vg_once *, const char *session_id,
	    uint64_t deadline_us, vg_once_cb, void *);
/* The turn is committed: there is nothing to give back. */
void	vg_once_settled(struct vg_once *);
/* Always: nothing is called any more; an unused claim is given back. */
void	vg_once_close(struct vg_once *);

#endif
