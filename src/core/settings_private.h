#ifndef VG_CORE_SETTINGS_PRIVATE_H
#define VG_CORE_SETTINGS_PRIVATE_H

#include "core/dotenv.h"
#include "core/settings.h"

/* Shared by the settings_*.c files and nobody else. */

/* The members behind a row. */
bool	*vg_setting_bool(struct vg_settings *, const struct vg_setting *);
int64_t	*vg_setting_int(struct vg_settings *, const struct vg_setting *);
int	*vg_setting_choice(struct vg_settings *, const struct vg_setting *);
char	**vg_setting_text(struct vg_settings *, const struct vg_setting *);
bool	vg_setting_is_text(const struct vg_setting *);
size_t	vg_setting_index(const struct vg_setting *);

/* settings_parse.c */

/*
 * Parses VALUE of one setting into its member. 0, or -1 with the error. An
 * empty VALUE leaves a text empty.
 */
int	vg_setting_parse(struct vg_settings *, const struct vg_setting *,
	    const char *value, const struct vg_settings_input *,
	    struct vg_errors *);

/* settings_source.c */

/*
 * The raw value of one setting into BUF (VG_SETTING_VALUE_MAX + 1 bytes) and
 * where it came from. 0, or -1 with the error.
 */
int	vg_setting_lookup(char *buf, enum vg_source *, const struct vg_setting *,
	    const struct vg_settings_input *, const struct vg_dotenv *,
	    struct vg_errors *);
/* Warns of names in .env that mean nothing. */
void	vg_settings_unknown(const struct vg_dotenv *, struct vg_errors *);

/* settings_check.c */

/* What no setting can tell alone; fills in the providers. 0 / -1. */
int	vg_settings_check(struct vg_settings *,
	    const struct vg_settings_input *, struct vg_errors *);
/* Whether a key is one of those that documentation shows. */
bool	vg_key_is_placeholder(const char *key);

#endif
