/*
 * The settings as text: what --check-config shows, what .env.example says, and
 * what an error calls allowed.
 *
 * All of it is made from the table, so that a document cannot lag behind. What
 * is printed can be read back as a .env file, but for secrets, which are `***`
 * whole: a masked part of a key is still a part of a key.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/settings.h"
#include "core/settings_private.h"
#include "core/textkey.h"

#define LINE_COLUMNS	78	/* of the help in .env.example */

static void	print_value(const char *, FILE *);
static void	print_wrapped(const char *, FILE *);
static const char	*choice_name(const struct vg_choice *, int);

int
vg_setting_format(char *buf, size_t size, const struct vg_setting *row,
    const struct vg_settings *s)
{
	const char	*member, *text;
	int64_t		number;
	int		choice, n;
	bool		flag;

	member = (const char *)s + row->offset;
	switch (row->type) {
	case VG_TYPE_BOOL:
		memcpy(&flag, member, sizeof(flag));
		n = snprintf(buf, size, "%s", flag ? "true" : "false");
		break;
	case VG_TYPE_INT:
		memcpy(&number, member, sizeof(number));
		n = snprintf(buf, size, "%" PRId64, number);
		break;
	case VG_TYPE_CHOICE:
		memcpy(&choice, member, sizeof(choice));
		n = snprintf(buf, size, "%s", choice_name(row->choices,
		    choice));
		break;
	default:
		memcpy(&text, member, sizeof(text));
		if (text == NULL)
			text = "";
		if (text[0] != '\0' && (row->flags & VG_SETTING_SECRET))
			text = "***";
		n = snprintf(buf, size, "%s", text);
		break;
	}

	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

void
vg_settings_print(const struct vg_settings *s, FILE *fp)
{
	const struct vg_setting	*row;
	char			value[VG_SETTING_VALUE_MAX + 1];
	size_t			i;

	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		if (vg_setting_format(value, sizeof(value), row, s) == -1)
			value[0] = '\0';
		(void)fprintf(fp, "%s=", row->name);
		print_value(value, fp);
		(void)fprintf(fp, "  # %s\n",
		    vg_source_name((enum vg_source)s->source[i]));
	}
}

void
vg_settings_print_example(FILE *fp)
{
	const struct vg_setting	*row;
	const char		*group;
	char			allowed[224], help[1024];
	size_t			i;

	(void)fprintf(fp,
	    "# The settings of voicegate and their defaults. Copy this file to "
	    ".env and\n# change what you need; the environment wins over it, "
	    "and an empty value means\n# the default. A secret NAME can also "
	    "come from a file: NAME_FILE=/path. Those\n# marked (reload) take "
	    "effect on SIGHUP, the others at the next start.\n");

	group = NULL;
	for (i = 0; (row = vg_setting_at(i)) != NULL; i++) {
		if (group != row->group)
			(void)fprintf(fp, "\n# --- %s ---\n", row->group);
		group = row->group;

		(void)vg_setting_allowed(allowed, sizeof(allowed), row);
		(void)snprintf(help, sizeof(help), "%s (%s%s%s)", row->help,
		    allowed, row->flags & VG_SETTING_SECRET ?
		    "; a secret" : "",
		    row->flags & VG_SETTING_RELOAD ? "; reload" : "");
		(void)fprintf(fp, "\n");
		print_wrapped(help, fp);
		(void)fprintf(fp, "%s=", row->name);
		print_value(row->dflt, fp);
		(void)fprintf(fp, "\n");
	}
}

int
vg_setting_allowed(char *buf, size_t size, const struct vg_setting *row)
{
	const struct vg_choice	*c;
	size_t			len;
	int			n;

	switch (row->type) {
	case VG_TYPE_BOOL:
		n = snprintf(buf, size, "true or false");
		break;
	case VG_TYPE_INT:
		n = snprintf(buf, size, "a whole number from %" PRId64 " to %"
		    PRId64 "%s%s", row->min, row->max,
		    row->unit[0] != '\0' ? ", " : "", row->unit);
		break;
	case VG_TYPE_CHOICE:
		n = snprintf(buf, size, "one of");
		for (c = row->choices; c->name != NULL && n > 0; c++) {
			len = (size_t)n;
			if (len >= size)
				return (-1);
			n += snprintf(buf + len, size - len, "%s %s",
			    c == row->choices ? "" : ",", c->name);
		}
		break;
	case VG_TYPE_TEXT:
		n = snprintf(buf, size, "text of at most %" PRId64 " bytes",
		    row->max);
		break;
	case VG_TYPE_WORD:
	case VG_TYPE_SECRET:
		n = snprintf(buf, size, "at most %" PRId64 " printable ASCII "
		    "characters without blanks", row->max);
		break;
	case VG_TYPE_PATH:
		n = snprintf(buf, size, "a path of at most %" PRId64 " bytes",
		    row->max);
		break;
	case VG_TYPE_USER:
		n = snprintf(buf, size, "a user's name: letters, digits, _ - "
		    "and ., at most %" PRId64, row->max);
		break;
	case VG_TYPE_ADDRESS:
		n = snprintf(buf, size, "an IPv4 address, an IPv6 address "
		    "without brackets, or localhost");
		break;
	case VG_TYPE_URL:
		n = snprintf(buf, size, "a URL: https://host[:port][/path], or "
		    "http:// on this machine");
		break;
	case VG_TYPE_DATABASE:
		n = snprintf(buf, size, "a URI that begins with "
		    "postgresql://");
		break;
	case VG_TYPE_ORIGINS:
		n = snprintf(buf, size, "* or origins, separated by commas");
		break;
	case VG_TYPE_LIMITS:
		n = snprintf(buf, size, "at most %d limits, such as "
		    "10/minute;100/hour or 5/30s, no two over the same time, "
		    "none over more than 31 days", VG_LIMITS_MAX);
		break;
	case VG_TYPE_TEXTKEYS:
		n = snprintf(buf, size, "at most %d keys of 32 bytes, separated "
		    "by commas, each as 64 hexadecimal digits or in base64",
		    VG_TEXTKEYS_MAX);
		break;
	case VG_TYPE_CIDRS:
		n = snprintf(buf, size, "addresses and CIDR ranges, separated "
		    "by commas");
		break;
	default:
		return (-1);
	}

	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

const char *
vg_source_name(enum vg_source source)
{
	switch (source) {
	case VG_SOURCE_ENV:
		return ("environment");
	case VG_SOURCE_DOTENV:
		return (".env");
	case VG_SOURCE_FILE:
		return ("file");
	case VG_SOURCE_DEFAULT:
		break;
	}

	return ("default");
}

/* As dotenv.c reads it: bare where that is safe, else in double quotes. */
static void
print_value(const char *value, FILE *fp)
{
	const char	*p;

	if (strpbrk(value, " \t\r\n'\"\\$`#") == NULL) {
		(void)fputs(value, fp);
		return;
	}

	(void)fputc('"', fp);
	for (p = value; *p != '\0'; p++) {
		if (*p == '\n')
			(void)fputs("\\n", fp);
		else if (*p == '\r')
			(void)fputs("\\r", fp);
		else if (*p == '\t')
			(void)fputs("\\t", fp);
		else {
			if (strchr("\"\\$`", *p) != NULL)
				(void)fputc('\\', fp);
			(void)fputc(*p, fp);
		}
	}
	(void)fputc('"', fp);
}

static void
print_wrapped(const char *text, FILE *fp)
{
	size_t		column, n;

	(void)fputc('#', fp);
	column = 1;
	while (*text != '\0') {
		n = strcspn(text, " ");
		if (column + 1 + n > LINE_COLUMNS) {
			(void)fputs("\n#", fp);
			column = 1;
		}
		(void)fprintf(fp, " %.*s", (int)n, text);
		column += n + 1;
		text += n;
		text += strspn(text, " ");
	}
	(void)fputc('\n', fp);
}

static const char *
choice_name(const struct vg_choice *choice, int value)
{
	for (; choice->name != NULL; choice++) {
		if (choice->value == value)
			return (choice->name);
	}

	return ("");
}
