#ifndef VG_GATE_RESPOND_H
#define VG_GATE_RESPOND_H

/* Between the files of the gate; routes have no use for it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gate/gate.h"

/* Bytes being put together; too many set `overflow` and are left out. */
struct vg_out {
	char	*buf;
	size_t	size;
	size_t	len;
	bool	overflow;
};

/* reply.c */
void	vg_out_init(struct vg_out *, char *buf, size_t size);
void	vg_out_mem(struct vg_out *, const void *, size_t);
void	vg_out_str(struct vg_out *, const char *);
void	vg_out_num(struct vg_out *, uint64_t);
/* Status line, Server and Date. */
void	vg_out_status(struct vg_out *, int status);
void	vg_out_field(struct vg_out *, const char *name, const char *value);

/* quota.c: the limits of each VG_QUOTA_*, anew. */
void	vg_quota_setup(const struct vg_settings *);
/* A route's own limits can be read: 0 / -1. */
int	vg_quota_check(const struct vg_route *);
/*
 * Against what a request counts: the route's limits, and RATE_LIMIT_ALL where it
 * is set; of a request with a key, the key in place of the address. How many of
 * VG_LIMIT_SUBJECTS_MAX; 0: nothing. Names are borrowed from the request.
 */
size_t	vg_gate_subjects(const struct vg_request *,
	    struct vg_limit_subject *);
int64_t	vg_gate_cost(const struct vg_route *);
/* gate.c */
const struct vg_route	*vg_gate_route(const struct kore_module_handle *);

/* who.c: who asks, and with which key. */
/* Sets client; returns, as the client spoke it, the scheme. Refuses the blocked. */
const char	*vg_who(struct vg_request *, const struct vg_edge_request *);
/* The other end's address, as in6_addr. */
void	vg_who_peer(const struct connection *, struct in6_addr *);
/*
 * The key, where the route wants one: true when it is known whose it is (or
 * that it is nobody's: `denied`); false: KNOWN is called when it is.
 */
bool	vg_who_key(struct vg_request *, const struct vg_edge_request *,
	    void (*known)(struct vg_request *));
/* Refuses what was denied for its key, now that the limit has let it by. */
void	vg_who_denied(struct vg_request *);

/* noted.c: what of a request's end is a security event. */
void	vg_note_end(const struct vg_request *);
/* And of what the door refused; C may be NULL. */
void	vg_note_door(const struct connection *, const struct vg_edge_refusal *,
	    const char *request_id);

/* preflight.c: answers an OPTIONS request that was let in. */
int	vg_preflight(struct vg_request *);
/* The value of Allow (RFC 9110 10.2.1); 64 bytes suffice. */
void	vg_allow_list(const struct vg_route *, char *buf, size_t size);

/* filestream.c: the descriptor is stolen. 0 / -1. */
int	vg_filestream_queue(struct connection *, int fd, uint64_t offset,
	    uint64_t len);

#endif
