/*
 * The .env file, read strictly.
 *
 * There are a dozen readers of this format and no standard. What they agree
 * upon is read here; where they differ (expansion of $NAME, backslashes outside
 * of quotes, what a # within a word means), the file is refused with the line's
 * number instead of one meaning being picked: the same file is often read by a
 * shell or by docker too, and a password that differs between them by one
 * character costs an evening.
 *
 * So: a bare value holds no quotes, backslashes, dollars or backticks; a
 * comment after it begins with a blank and a #. In single quotes everything is
 * literal. In double quotes the escapes \n \r \t \\ \" \$ \` exist, and a dollar
 * or backtick must be escaped. A name may be assigned once. Values are read in
 * dotenv_value.c.
 */

#include <stdlib.h>
#include <string.h>

#include "core/dotenv.h"
#include "core/dotenv_value.h"

static void	skip_line(struct vg_dotenv_reader *);
static int	read_line(struct vg_dotenv_reader *);
static int	read_name(struct vg_dotenv_reader *, const char **, size_t *);
static int	read_end(struct vg_dotenv_reader *);
static int	add(struct vg_dotenv_reader *, const char *, size_t, size_t, unsigned);

int
vg_dotenv_parse(struct vg_dotenv *env, const char *text, size_t len,
    struct vg_errors *errs)
{
	struct vg_dotenv_reader	r;
	int		c;

	env->entry = NULL;
	env->count = 0;

	memset(&r, 0, sizeof(r));
	r.text = text;
	r.len = len;
	r.line = 1;
	r.env = env;
	r.errs = errs;

	if (len > VG_DOTENV_BYTES_MAX) {
		vg_dotenv_fault(&r, 1, "the file is larger than 256 KiB");
		return (-1);
	}
	r.value = malloc(len + 1);
	env->entry = calloc(VG_DOTENV_ENTRIES_MAX, sizeof(*env->entry));
	if (r.value == NULL || env->entry == NULL) {
		vg_dotenv_fault(&r, 1, "out of memory");
		goto out;
	}

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		r.at = 3;

	while (r.at < r.len) {
		vg_dotenv_blanks(&r);
		c = vg_dotenv_peek(&r);
		if (c == '#' || c == '\n' || c == -1 || read_line(&r) == -1)
			skip_line(&r);
	}

out:
	free(r.value);
	return (r.ret);
}

const char *
vg_dotenv_get(const struct vg_dotenv *env, const char *name)
{
	size_t		i;

	for (i = 0; i < env->count; i++) {
		if (!strcmp(env->entry[i].name, name))
			return (env->entry[i].value);
	}

	return (NULL);
}

void
vg_dotenv_free(struct vg_dotenv *env)
{
	size_t		i;

	for (i = 0; i < env->count; i++) {
		free(env->entry[i].name);
		free(env->entry[i].value);
	}

	free(env->entry);
	env->entry = NULL;
	env->count = 0;
}

static void
skip_line(struct vg_dotenv_reader *r)
{
	while (r->at < r->len && r->text[r->at] != '\n')
		r->at++;
	if (r->at < r->len) {
		r->at++;
		r->line++;
	}
}

/* One assignment; what follows its newline is the next line. */
static int
read_line(struct vg_dotenv_reader *r)
{
	const char	*name;
	size_t		name_len, value_len;
	unsigned	line;
	int		ret;

	line = r->line;
	if (r->len - r->at > 7 && !memcmp(r->text + r->at, "export", 6) &&
	    (r->text[r->at + 6] == ' ' || r->text[r->at + 6] == '\t')) {
		r->at += 6;
		vg_dotenv_blanks(r);
	}

	if (read_name(r, &name, &name_len) == -1)
		return (-1);

	value_len = 0;
	if (vg_dotenv_peek(r) == '\'')
		ret = vg_dotenv_single(r, &value_len);
	else if (vg_dotenv_peek(r) == '"')
		ret = vg_dotenv_double(r, &value_len);
	else
		ret = vg_dotenv_bare(r, &value_len);
	if (ret == -1 || read_end(r) == -1)
		return (-1);

	return (add(r, name, name_len, value_len, line));
}

static int
read_name(struct vg_dotenv_reader *r, const char **name, size_t *len)
{
	size_t		start;
	char		c;

	start = r->at;
	while (r->at < r->len) {
		c = r->text[r->at];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    c == '_' || (c >= '0' && c <= '9' && r->at > start)))
			break;
		r->at++;
	}

	*name = r->text + start;
	*len = r->at - start;
	if (*len == 0 || *len > VG_DOTENV_NAME_MAX) {
		vg_dotenv_fault(r, r->line, "a name of letters, digits and _ is "
		    "expected, not starting with a digit");
		return (-1);
	}
	if (vg_dotenv_peek(r) != '=') {
		vg_dotenv_fault(r, r->line, "= is expected right after the name");
		return (-1);
	}

	r->at++;
	if (vg_dotenv_peek(r) == ' ' || vg_dotenv_peek(r) == '\t') {
		vg_dotenv_blanks(r);
		if (vg_dotenv_peek(r) != '\n' && vg_dotenv_peek(r) != -1 &&
		    vg_dotenv_peek(r) != '#') {
			vg_dotenv_fault(r, r->line, "no blank is allowed after =; quote "
			    "a value that begins with one");
			return (-1);
		}
	}

	return (0);
}

/* After a value: blanks, perhaps a comment, and the end of the line. */
static int
read_end(struct vg_dotenv_reader *r)
{
	size_t		start;

	start = r->at;
	vg_dotenv_blanks(r);
	if (vg_dotenv_peek(r) == '\n' || vg_dotenv_peek(r) == -1 ||
	    (vg_dotenv_peek(r) == '#' && (r->at > start || r->text[r->at - 1] == ' ' ||
	    r->text[r->at - 1] == '\t'))) {
		skip_line(r);
		return (0);
	}

	vg_dotenv_fault(r, r->line, "nothing but a comment may follow the closing quote");
	return (-1);
}

static int
add(struct vg_dotenv_reader *r, const char *name, size_t name_len, size_t value_len,
    unsigned line)
{
	struct vg_dotenv_entry	*e;
	size_t			i;

	for (i = 0; i < r->env->count; i++) {
		e = &r->env->entry[i];
		if (strlen(e->name) == name_len &&
		    !memcmp(e->name, name, name_len)) {
			vg_errors_add(r->errs, ".env", NULL, 0, "line %u: %s "
			    "was already given in line %u", line, e->name,
			    e->line);
			r->ret = -1;
			return (0);
		}
	}
	if (r->env->count == VG_DOTENV_ENTRIES_MAX) {
		vg_dotenv_fault(r, line, "there are more than 512 assignments");
		r->at = r->len;
		return (0);
	}

	e = &r->env->entry[r->env->count];
	e->name = strndup(name, name_len);
	e->value = strndup(r->value, value_len);
	e->line = line;
	if (e->name == NULL || e->value == NULL) {
		free(e->name);
		free(e->value);
		vg_dotenv_fault(r, line, "out of memory");
		r->at = r->len;
		return (0);
	}

	r->env->count++;
	return (0);
}
