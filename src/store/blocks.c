/*
 * The networks that an operator has blocked, in the worker's memory: every
 * request is held against them, so no request may ask. They are read when the
 * connection is made, when a notification says that they changed, and every
 * four seconds in case that was lost; the server answers with nothing while
 * the revision is the one that is known. With the database away the list stays
 * as it was.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/ruled.h"

#define READ_EVERY_US	(4 * VG_USEC)

static struct {
	struct vg_blocklist	*list;
	int64_t			revision;	/* -1: none known */
	int64_t			due_us;
	bool			asking;
	bool			again;	/* it changed while we asked */
} b = { .revision = -1 };

static void	blocks_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);

void
vg_blocks_stop(void)
{
	vg_blocklist_free(b.list);
	memset(&b, 0, sizeof(b));
	b.revision = -1;
}

bool
vg_block_match(const struct in6_addr *addr)
{
	/* Mostly there is none: then no clock is asked either. */
	return (vg_blocklist_count(b.list) > 0 &&
	    vg_blocklist_match(b.list, addr, vg_store_now_us()));
}

void
vg_blocks_changed(void)
{
	b.due_us = 0;
	b.again = b.asking;
	vg_blocks_tick(vg_store_now_us());
}

void
vg_blocks_tick(int64_t now_us)
{
	struct vg_params	p;
	struct vg_call		call;
	char			known[24];

	if (b.asking || now_us < b.due_us || !vg_db_connected())
		return;
	b.due_us = now_us + READ_EVERY_US;
	memset(&p, 0, sizeof(p));
	memset(&call, 0, sizeof(call));
	(void)snprintf(known, sizeof(known), "%lld", (long long)b.revision);
	vg_param_literal(&p, known);
	call.done = blocks_done;
	b.asking = vg_query(VG_ST_BLOCKS, &p, VG_DB_DEADLINE_MS, &call,
	    NULL) == VG_DB_OK;
	vg_params_free(&p);
}

static void
blocks_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_blocklist	*list = NULL;
	struct vg_block		*block = NULL;
	const char		*text;
	int64_t			revision = -1, left;
	size_t			n = 0;
	int			i, rows;

	(void)call;
	b.asking = false;
	if (b.again) {
		b.again = false;
		b.due_us = 0;
	}
	if (status != VG_DB_OK || (rows = PQntuples(res)) == 0)
		return;
	if ((block = calloc((size_t)rows, sizeof(*block))) == NULL)
		goto out;
	for (i = 0; i < rows && n < VG_BLOCKS_MAX; i++) {
		revision = strtoll(vg_col_text(res, i, 0), NULL, 10);
		if ((text = vg_col_text(res, i, 1)) == NULL)
			continue;
		if (vg_cidr_parse(&block[n].net, text, strlen(text)) == -1) {
			vg_db_log(VG_LOG_ERROR, "database: a blocked network "
			    "cannot be read");
			continue;
		}
		/* What is left of it, in ms: two clocks need not agree. */
		if ((text = vg_col_text(res, i, 2)) != NULL) {
			left = strtoll(text, NULL, 10);
			block[n].ends_us = vg_store_now_us() + left * 1000;
		}
		n++;
	}
	if (rows - 1 > VG_BLOCKS_MAX)
		vg_db_log(VG_LOG_ERROR, "database: more networks are blocked "
		    "than this server takes; the rest is not");
	if ((list = vg_blocklist_new(block, n)) == NULL)
		goto out;
	vg_blocklist_free(b.list);
	b.list = list;
	b.revision = revision;
out:
	free(block);
}
