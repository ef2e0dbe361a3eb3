/*
 * One value of one setting: from text to a typed member, or an error that says
 * what would be right.
 *
 * Numbers are decimal digits and nothing else: strtol() takes blanks, signs,
 * and with base 0 reads 010 as 8. The words of a boolean are those that other
 * tools have taught people. A secret's value never reaches an error message.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/baseurl.h"
#include "core/settings.h"
#include "core/settings_private.h"
#include "core/textkey.h"

#define PATH_SIZE	4096	/* bytes of a path with its NUL */
#define ALLOWED_SIZE	224	/* bytes of "a whole number from ..." */

static int	parse_bool(bool *, const char *);
static int	parse_int(int64_t *, const char *, const struct vg_setting *);
static int	parse_choice(int *, const char *, const struct vg_choice *);
static int	parse_text(struct vg_settings *, const struct vg_setting *,
		    const char *, const struct vg_settings_input *,
		    struct vg_errors *);
static int	keep_path(char **, const struct vg_setting *, const char *,
		    const struct vg_settings_input *);
static int	check_textkeys(const char *, const char **);
static bool	is_printable(const char *, bool, bool);
static bool	is_user(const char *);
static bool	is_address(const char *);
static bool	is_database(const char *);
static void	refuse(const struct vg_setting *, const char *, const char *,
		    struct vg_errors *);

int
vg_setting_parse(struct vg_settings *s, const struct vg_setting *row,
    const char *value, const struct vg_settings_input *in,
    struct vg_errors *errs)
{
	char		allowed[ALLOWED_SIZE];
	int		ret;

	switch (row->type) {
	case VG_TYPE_BOOL:
		ret = parse_bool(vg_setting_bool(s, row), value);
		break;
	case VG_TYPE_INT:
		ret = parse_int(vg_setting_int(s, row), value, row);
		break;
	case VG_TYPE_CHOICE:
		ret = parse_choice(vg_setting_choice(s, row), value,
		    row->choices);
		break;
	default:
		return (parse_text(s, row, value, in, errs));
	}

	if (ret == -1) {
		(void)vg_setting_allowed(allowed, sizeof(allowed), row);
		refuse(row, value, allowed, errs);
	}

	return (ret);
}

static int
parse_text(struct vg_settings *s, const struct vg_setting *row,
    const char *value, const struct vg_settings_input *in,
    struct vg_errors *errs)
{
	struct vg_limits	limits;
	struct vg_baseurl	*url;
	const char		*why;
	char			allowed[ALLOWED_SIZE];
	char			**text;
	bool			ok;

	text = vg_setting_text(s, row);
	if (row->type == VG_TYPE_PATH) {
		if (is_printable(value, true, false) &&
		    keep_path(text, row, value, in) == 0)
			return (0);
		(void)vg_setting_allowed(allowed, sizeof(allowed), row);
		refuse(row, value, allowed, errs);
		return (-1);
	}

	ok = strlen(value) <= (size_t)row->max;
	why = NULL;
	switch (value[0] == '\0' ? VG_TYPE_TEXT : row->type) {
	case VG_TYPE_TEXT:
		ok = ok && is_printable(value, true, true);
		break;
	case VG_TYPE_WORD:
	case VG_TYPE_SECRET:
		ok = ok && is_printable(value, false, false);
		break;
	case VG_TYPE_USER:
		ok = ok && is_user(value);
		break;
	case VG_TYPE_ADDRESS:
		ok = ok && is_address(value);
		break;
	case VG_TYPE_DATABASE:
		ok = ok && is_database(value);
		break;
	case VG_TYPE_URL:
		if ((url = malloc(sizeof(*url))) == NULL) {
			ok = false;
			break;
		}
		ok = vg_baseurl_parse(url, value, &why) == 0;
		if (ok)
			*text = strdup(url->url);
		free(url);
		break;
	case VG_TYPE_ORIGINS:
		s->origins = vg_origin_policy_parse(value, in->public_suffix,
		    in->ctx, errs);
		if (s->origins == NULL)
			return (-1);
		break;
	case VG_TYPE_LIMITS:
		ok = ok && vg_limits_parse(&limits, value,
		    strlen(value)) == 0;
		break;
	case VG_TYPE_TEXTKEYS:
		ok = ok && check_textkeys(value, &why) == 0;
		break;
	case VG_TYPE_CIDRS:
		if (vg_cidr_list_parse(&s->proxies, value, row->name,
		    errs) == -1)
			return (-1);
		break;
	default:
		ok = false;
		break;
	}

	if (!ok) {
		(void)vg_setting_allowed(allowed, sizeof(allowed), row);
		refuse(row, value, why != NULL ? why : allowed, errs);
		return (-1);
	}

	if (*text == NULL && (*text = strdup(value)) == NULL) {
		refuse(row, "", "out of memory", errs);
		return (-1);
	}

	return (0);
}

static void
refuse(const struct vg_setting *row, const char *value, const char *why,
    struct vg_errors *errs)
{
	if (row->flags & VG_SETTING_SECRET)
		value = "***";

	vg_errors_add(errs, row->name, value, strlen(value), "%s", why);
}

static int
parse_bool(bool *out, const char *value)
{
	static const struct {
		const char	*word;
		bool		value;
	} words[] = {
		{ "true", true }, { "false", false }, { "1", true },
		{ "0", false }, { "yes", true }, { "no", false },
		{ "on", true }, { "off", false }
	};
	size_t			i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcasecmp(words[i].word, value)) {
			*out = words[i].value;
			return (0);
		}
	}

	return (-1);
}

static int
parse_int(int64_t *out, const char *value, const struct vg_setting *row)
{
	int64_t		n;
	size_t		i;

	if (value[0] == '\0' || (value[0] == '0' && value[1] != '\0'))
		return (-1);

	n = 0;
	for (i = 0; value[i] != '\0'; i++) {
		if (value[i] < '0' || value[i] > '9')
			return (-1);
		n = n * 10 + (value[i] - '0');
		if (n > row->max)	/* far below what would overflow */
			return (-1);
	}
	if (n < row->min)
		return (-1);

	*out = n;
	return (0);
}

static int
parse_choice(int *out, const char *value, const struct vg_choice *choice)
{
	for (; choice->name != NULL; choice++) {
		if (!strcasecmp(choice->name, value)) {
			*out = choice->value;
			return (0);
		}
	}

	return (-1);
}

/*
 * Workers change their root and their folder: a relative path is made absolute
 * while it still means what the operator sees.
 */
static int
keep_path(char **text, const struct vg_setting *row, const char *value,
    const struct vg_settings_input *in)
{
	char		path[PATH_SIZE];
	int		n;

	if (value[0] == '\0' && row->under_var != NULL) {
		if (in->var_dir == NULL)
			return (-1);
		n = snprintf(path, sizeof(path), "%s/%s", in->var_dir,
		    row->under_var);
	} else if (value[0] == '\0' || value[0] == '/') {
		n = snprintf(path, sizeof(path), "%s", value);
	} else {
		if (in->cwd == NULL)
			return (-1);
		if (value[0] == '.' && value[1] == '/')
			value += 2;
		n = snprintf(path, sizeof(path), "%s/%s", in->cwd, value);
	}
	if (n < 0 || (size_t)n >= sizeof(path))
		return (-1);

	return ((*text = strdup(path)) != NULL ? 0 : -1);
}

static int
check_textkeys(const char *value, const char **why)
{
	struct vg_textkeys	keys;
	int			ret;

	ret = vg_textkeys_parse(&keys, value, why);
	vg_textkeys_wipe(&keys);
	return (ret);
}

/* Valid UTF-8 without control bytes; LINES: but newlines and tabs. */
static bool
is_printable(const char *value, bool blanks, bool lines)
{
	uint32_t	c;
	size_t		len, n;

	for (len = strlen(value); len > 0; value += n, len -= n) {
		if ((n = vg_utf8_char(value, len, &c)) == 0)
			return (false);
		if (lines && (c == '\n' || c == '\t'))
			continue;
		if (c < 0x20 || (c >= 0x7f && c < 0xa0) ||
		    (!blanks && (c == ' ' || c >= 0x7f)))
			return (false);
	}

	return (true);
}

/* The names that useradd(8) makes. */
static bool
is_user(const char *value)
{
	size_t		i;
	char		c;

	for (i = 0; (c = value[i]) != '\0'; i++) {
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    c == '_' || (i > 0 && ((c >= '0' && c <= '9') ||
		    c == '-' || c == '.')))
			continue;
		return (false);
	}

	return (i > 0);
}

static bool
is_address(const char *value)
{
	struct in6_addr		addr;

	return (!strcmp(value, "localhost") ||
	    vg_addr_parse(&addr, value, strlen(value)) == 0);
}

static bool
is_database(const char *value)
{
	size_t		n;

	if (!strncmp(value, "postgresql://", 13))
		n = 13;
	else if (!strncmp(value, "postgres://", 11))
		n = 11;
	else
		return (false);

	return (value[n] != '\0' && is_printable(value, false, false));
}
