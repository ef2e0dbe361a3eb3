/*
 * What SIGHUP may change.
 *
 * A running process can take new origins, limits and keys at once, but not a new
 * port or a new root. After a reload the operator is told both lists, and the
 * process goes on with a mixture that is well-defined: the reloadable settings
 * new, all others as it was started.
 */

#include <stdlib.h>
#include <string.h>

#include "core/settings.h"
#include "core/settings_private.h"

static bool	differs(const struct vg_settings *, const struct vg_settings *,
		    const struct vg_setting *);
static void	carry_provider(struct vg_provider_settings *,
		    const struct vg_provider_settings *);

size_t
vg_settings_reload_diff(const struct vg_settings *old,
    const struct vg_settings *new, struct vg_settings_change *out, size_t max)
{
	const struct vg_setting	*row;
	size_t			i, n;

	n = 0;
	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		if (!differs(old, new, row))
			continue;
		if (n < max) {
			out[n].setting = row;
			out[n].reloadable =
			    (row->flags & VG_SETTING_RELOAD) != 0;
		}
		n++;
	}

	return (n);
}

int
vg_settings_carry_over(struct vg_settings *new, const struct vg_settings *old)
{
	const struct vg_setting	*row;
	const char		*from;
	char			*copy, **text;
	const char		*member;
	size_t			i;

	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		if (row->flags & VG_SETTING_RELOAD)
			continue;
		member = (const char *)old + row->offset;
		switch (row->type) {
		case VG_TYPE_BOOL:
			memcpy(vg_setting_bool(new, row), member, sizeof(bool));
			break;
		case VG_TYPE_INT:
			memcpy(vg_setting_int(new, row), member,
			    sizeof(int64_t));
			break;
		case VG_TYPE_CHOICE:
			memcpy(vg_setting_choice(new, row), member,
			    sizeof(int));
			break;
		default:
			memcpy(&from, member, sizeof(from));
			if ((copy = strdup(from != NULL ? from : "")) == NULL)
				return (-1);
			text = vg_setting_text(new, row);
			free(*text);
			*text = copy;
			break;
		}
		new->source[i] = old->source[i];
	}

	carry_provider(&new->stt, &old->stt);
	carry_provider(&new->chat, &old->chat);
	carry_provider(&new->tts, &old->tts);

	return (0);
}

/* What was derived from base_url, which is not reloadable. */
static void
carry_provider(struct vg_provider_settings *new,
    const struct vg_provider_settings *old)
{
	new->offline = old->offline;
	new->loopback = old->loopback;
}

static bool
differs(const struct vg_settings *a, const struct vg_settings *b,
    const struct vg_setting *row)
{
	const char	*ma, *mb, *ta, *tb;

	ma = (const char *)a + row->offset;
	mb = (const char *)b + row->offset;
	switch (row->type) {
	case VG_TYPE_BOOL:
		return (memcmp(ma, mb, sizeof(bool)) != 0);
	case VG_TYPE_INT:
		return (memcmp(ma, mb, sizeof(int64_t)) != 0);
	case VG_TYPE_CHOICE:
		return (memcmp(ma, mb, sizeof(int)) != 0);
	default:
		memcpy(&ta, ma, sizeof(ta));
		memcpy(&tb, mb, sizeof(tb));
		return (strcmp(ta != NULL ? ta : "", tb != NULL ? tb : "") !=
		    0);
	}
}
