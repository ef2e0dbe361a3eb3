/*
 * Loading the settings: from the environment, from .env, from the defaults.
 *
 * The process either starts with settings that are right, or does not start and
 * says everything that is wrong. There is no fallback to a default when a value
 * is bad: a rate limit of "ten" that silently became 10 would be lucky, an
 * ALLOWED_ORIGINS that silently became * would be a hole.
 *
 * An empty value means unset, in the environment as in .env: compose files and
 * unit files pass variables on that nobody filled in.
 *
 * Nothing here reads the environment or a file by itself: both come in as
 * functions, so that every combination can be tested in one process. The
 * process' own are in settings_process.c.
 */

#include <stdlib.h>
#include <string.h>

#include "core/settings.h"
#include "core/settings_private.h"

int
vg_settings_load(struct vg_settings *s, const struct vg_settings_input *in,
    struct vg_errors *errs)
{
	const struct vg_setting	*row;
	struct vg_dotenv	env;
	enum vg_source		source;
	char			*raw;
	size_t			i;
	int			ret, ok;

	memset(s, 0, sizeof(*s));
	memset(&env, 0, sizeof(env));

	ret = -1;
	ok = 0;
	if ((raw = malloc(VG_SETTING_VALUE_MAX + 1)) == NULL) {
		vg_errors_add(errs, "settings", NULL, 0, "out of memory");
		goto out;
	}

	if (in->dotenv != NULL) {
		ok = vg_dotenv_parse(&env, in->dotenv, in->dotenv_len, errs);
		vg_settings_unknown(&env, errs);
	}

	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		if (vg_setting_lookup(raw, &source, row, in, &env,
		    errs) == -1 ||
		    vg_setting_parse(s, row, raw, in, errs) == -1) {
			ok = -1;
			continue;
		}
		s->source[i] = (unsigned char)source;
	}

	/*
	 * Checks across settings see the defaults' zero where a value was bad,
	 * and keep quiet about it.
	 */
	if (vg_settings_check(s, in, errs) == -1)
		ok = -1;

	ret = ok;
out:
	if (raw != NULL)
		explicit_bzero(raw, VG_SETTING_VALUE_MAX + 1);
	free(raw);
	vg_dotenv_free(&env);
	return (ret);
}

void
vg_settings_free(struct vg_settings *s)
{
	const struct vg_setting	*row;
	char			**text;
	size_t			i;

	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		if (!vg_setting_is_text(row))
			continue;
		text = vg_setting_text(s, row);
		if (*text != NULL && (row->flags & VG_SETTING_SECRET))
			explicit_bzero(*text, strlen(*text));
		free(*text);
		*text = NULL;
	}

	vg_origin_policy_free(s->origins);
	s->origins = NULL;
	vg_cidr_list_free(&s->proxies);
}

/*
 * The offsets come from offsetof() on the very member, so the alignment that
 * these casts ask for is there.
 */
bool *
vg_setting_bool(struct vg_settings *s, const struct vg_setting *row)
{
	return ((bool *)(void *)((char *)s + row->offset));
}

int64_t *
vg_setting_int(struct vg_settings *s, const struct vg_setting *row)
{
	return ((int64_t *)(void *)((char *)s + row->offset));
}

int *
vg_setting_choice(struct vg_settings *s, const struct vg_setting *row)
{
	return ((int *)(void *)((char *)s + row->offset));
}

char **
vg_setting_text(struct vg_settings *s, const struct vg_setting *row)
{
	return ((char **)(void *)((char *)s + row->offset));
}

bool
vg_setting_is_text(const struct vg_setting *row)
{
	return (row->type != VG_TYPE_BOOL && row->type != VG_TYPE_INT &&
	    row->type != VG_TYPE_CHOICE);
}

size_t
vg_setting_index(const struct vg_setting *row)
{
	return ((size_t)(row - vg_setting_at(0)));
}
