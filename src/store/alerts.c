/*
 * Alerts that PostgreSQL raised (security_event held against alert_rule): each
 * is taken by one worker of one instance, which hands it to the process and
 * says how its delivery went. A worker that dies with one in its hands loses
 * nothing: the lease runs out and another takes it.
 */

#include <string.h>

#include "store/db.h"
#include "store/ruled.h"

#define LOOK_EVERY_US	(3 * VG_USEC)
#define LEASE_S		60	/* seconds to deliver in */

static struct {
	void	(*alert)(void *, const struct vg_alert *);
	void	*arg;
	int64_t	due_us;
	bool	asking;
	bool	again;
} a;

static void	alerts_done(const struct vg_call *, enum vg_db_status,
		    const PGresult *);

void
vg_alerts_start(void (*alert)(void *, const struct vg_alert *), void *arg)
{
	memset(&a, 0, sizeof(a));
	a.alert = alert;
	a.arg = arg;
}

void
vg_alerts_raised(void)
{
	a.again = a.asking;
	a.due_us = 0;
	vg_alerts_tick(vg_store_now_us());
}

void
vg_alerts_tick(int64_t now_us)
{
	struct vg_params	p;
	struct vg_call		call;

	if (a.alert == NULL || a.asking || now_us < a.due_us ||
	    !vg_db_connected())
		return;
	a.due_us = now_us + LOOK_EVERY_US;
	memset(&p, 0, sizeof(p));
	memset(&call, 0, sizeof(call));
	vg_param_seconds(&p, LEASE_S);
	call.done = alerts_done;
	a.asking = vg_query(VG_ST_ALERTS_CLAIM, &p, VG_DB_DEADLINE_MS, &call,
	    NULL) == VG_DB_OK;
	vg_params_free(&p);
}

static void
alerts_done(const struct vg_call *call, enum vg_db_status status,
    const PGresult *res)
{
	struct vg_alert	alert;
	int		i;

	(void)call;
	a.asking = false;
	if (a.again) {
		a.again = false;
		a.due_us = 0;
	}
	for (i = 0; status == VG_DB_OK && i < PQntuples(res); i++) {
		vg_col_uuid(alert.id, res, i, 0);
		alert.payload = vg_col_text(res, i, 1);
		alert.attempt = vg_col_int4(res, i, 2);
		alert.fresh = vg_col_bool(res, i, 3);
		if (alert.payload != NULL)
			a.alert(a.arg, &alert);
	}
}

enum vg_db_status
vg_alert_settle(const char *id, bool delivered, int64_t retry_s)
{
	struct vg_params	p;
	struct vg_call		call;
	enum vg_db_status	status;

	memset(&p, 0, sizeof(p));
	memset(&call, 0, sizeof(call));
	vg_param_uuid(&p, id);
	vg_param_bool(&p, delivered);
	if (retry_s < 0)
		vg_param_literal(&p, NULL);
	else
		vg_param_seconds(&p, retry_s);
	status = vg_query(VG_ST_ALERT_SETTLE, &p, VG_DB_DEADLINE_MS, &call,
	    NULL);
	vg_params_free(&p);
	return (status);
}
