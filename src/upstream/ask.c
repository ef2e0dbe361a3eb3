/*
 * What the three questions have in common: their end.
 */

#include <stdlib.h>
#include <string.h>

#include "upstream/ask.h"

void
vg_ask_done(enum vg_up_error error, unsigned retry_after_s, void *arg)
{
	struct vg_ask	*a;

	a = arg;
	a->x = NULL;
	a->error = error;
	a->retry_after_s = retry_after_s;
	a->done(a);
}

void
vg_ask_cleanup(struct vg_ask *a)
{
	vg_exchange_cancel(a->x);
	a->x = NULL;
	if (a->text != NULL)
		explicit_bzero(a->text, strlen(a->text));
	free(a->text);
	a->text = NULL;
	free(a->model);
	a->model = NULL;
}
