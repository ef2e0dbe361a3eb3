/*
 * The origin policy, row by row, from tests/cases/cors/table (which says what
 * its columns are). A row is added there and no C is touched.
 */

#include <stdbool.h>

#include "wire.h"

#define SETTINGS_MAX	16
#define ENV_MAX		8
#define COLUMNS		7
#define LINE_SIZE	4096	/* bytes of a line of the table */
#define REQUEST_SIZE	65536	/* bytes of a request, content included */
#define LINES_SIZE	49152	/* of them, its further lines */
#define ROWS_MIN	80

enum column { SETTING = 0, METHOD, PATH, ORIGIN, FIELDS, STATUS, ANSWER };

struct setting {
	char		name[32];
	char		text[512];		/* the words of env */
	const char	*env[ENV_MAX + 1];
	struct server	server;
	bool		started;
};

static struct setting	settings[SETTINGS_MAX];
static size_t		nsettings;
static int		bad;		/* rows that were answered otherwise */

/* Every limit's field, and what else the contract promises to scripts. */
static const char	exposed[] = "RateLimit, RateLimit-Policy, "
			    "X-RateLimit-Limit, X-RateLimit-Remaining, "
			    "X-RateLimit-Reset, Retry-After, X-Request-ID";

static const struct {
	const char	*token;
	const char	*field;
	const char	*value;		/* NULL: any */
} cors_fields[] = {
	{ "expose", "access-control-expose-headers", exposed },
	{ "methods", "access-control-allow-methods", "GET, POST" },
	{ "headers", "access-control-allow-headers",
	    "Content-Type, Authorization" },
	{ "maxage", "access-control-max-age", "600" },
	{ "allow", "allow", NULL },
	{ "retry", "retry-after", NULL },
	{ "limits", "ratelimit", NULL }
};

static const char *const	never[] = {
	"access-control-allow-credentials",
	"access-control-allow-private-network",
	"access-control-allow-local-network", "timing-allow-origin"
};

/* --- the table ------------------------------------------------------------- */

static void
add_setting(const char *line)
{
	struct setting	*s = &settings[nsettings++];
	char		*word;
	size_t		n = 0;
	int		at = 0;

	assert_true(nsettings <= SETTINGS_MAX);
	assert_int_equal(sscanf(line, "= %31s %n", s->name, &at), 1);
	(void)snprintf(s->text, sizeof(s->text), "%s", line + at);
	for (word = strtok(s->text, " "); word != NULL; word = strtok(NULL, " ")) {
		assert_true(n < ENV_MAX - 2);
		s->env[n++] = word;
	}
	if (strstr(line, "RATE_LIMIT_") == NULL) {
		s->env[n++] = "RATE_LIMIT_PER_MINUTE=100000";
		s->env[n++] = "RATE_LIMIT_HEALTH_PER_MINUTE=100000";
	}
	s->env[n] = NULL;
}

static struct setting *
setting_of(const char *name)
{
	size_t	i;

	for (i = 0; i < nsettings; i++) {
		if (strcmp(settings[i].name, name))
			continue;
		if (!settings[i].started) {
			/* A database each: what one counts is no other's. */
			server_start(&settings[i].server, NULL,
			    settings[i].env);
			settings[i].started = true;
		}
		return (&settings[i]);
	}
	fail_msg("no setting is named %s", name);
	return (NULL);
}

/* Splits at `|`, without the blanks around. */
static bool
split(char *line, char *column[COLUMNS])
{
	size_t	n, len;
	char	*next = line;

	for (n = 0; n < COLUMNS; n++) {
		if (next == NULL)
			return (false);
		column[n] = next;
		if ((next = strchr(next, '|')) != NULL)
			*next++ = '\0';
		column[n] += strspn(column[n], " ");
		len = strlen(column[n]);
		while (len > 0 && column[n][len - 1] == ' ')
			column[n][--len] = '\0';
	}
	return (next == NULL);
}

static const struct {
	const char	*name;
	const char	*http;
	const char	*https;
} schemes[] = {
	{ "{own}", "http", "https" },
	{ "{other}", "https", "http" },
	{ "{standard}", "80", "443" }
};

/* What TEXT begins with of them, and its value. */
static const char *
scheme_of(const char *text, size_t *len)
{
	size_t	i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		*len = strlen(schemes[i].name);
		if (!strncmp(text, schemes[i].name, *len))
			return (getenv("TEST_TLS") != NULL ? schemes[i].https :
			    schemes[i].http);
	}
	return (NULL);
}

/* What stands in braces filled in. */
static void
fill(const char *text, int port, char *out, size_t size)
{
	const char	*scheme;
	size_t		n = 0, len;
	int		count, used;

	while (*text != '\0') {
		if (!strncmp(text, "{port}", 6)) {
			n += (size_t)snprintf(out + n, size - n, "%d", port);
			text += 6;
		} else if ((scheme = scheme_of(text, &len)) != NULL) {
			n += (size_t)snprintf(out + n, size - n, "%s", scheme);
			text += len;
		} else if (sscanf(text, "{long:%d}%n", &count, &used) == 1) {
			assert_true(n + (size_t)count < size);
			memset(out + n, 'a', (size_t)count);
			n += (size_t)count;
			text += used;
		} else {
			assert_true(n + 1 < size);
			out[n++] = *text++;
		}
	}
	out[n] = '\0';
}

/* --- a row ------------------------------------------------------------------- */

/* The request's bytes; how often it is sent. */
static int
build(char *column[COLUMNS], const char *origin, int port, char *out,
    size_t size)
{
	char	fields[REQUEST_SIZE], lines[LINES_SIZE] = "", host[256];
	char	*field, *next, *body = NULL;
	int	times = 1;
	size_t	n = 0;

	fill(column[FIELDS], port, fields, sizeof(fields));
	(void)snprintf(host, sizeof(host), "127.0.0.1:%d", port);
	for (field = strcmp(fields, "-") ? fields : NULL; field != NULL;
	    field = next) {
		if ((next = strstr(field, " & ")) != NULL) {
			*next = '\0';
			next += 3;
		}
		if (!strncmp(field, "BODY=", 5))
			body = field + 5;
		else if (!strncmp(field, "HOST=", 5))
			(void)snprintf(host, sizeof(host), "%s", field + 5);
		else if (!strncmp(field, "TIMES=", 6))
			times = atoi(field + 6);
		else
			n += (size_t)snprintf(lines + n, sizeof(lines) - n,
			    "%s\r\n", field);
	}
	if (body != NULL || (!strcmp(column[METHOD], "POST") &&
	    strstr(lines, "Content-Length") == NULL))
		n += (size_t)snprintf(lines + n, sizeof(lines) - n,
		    "Content-Length: %zu\r\n", body == NULL ? 0 : strlen(body));
	(void)snprintf(out, size, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s%s\r\n%s",
	    column[METHOD], column[PATH], host,
	    strcmp(origin, "-") ? "Origin: " : "",
	    strcmp(origin, "-") ? origin : "",
	    strcmp(origin, "-") ? "\r\n" : "", lines, body == NULL ? "" : body);
	return (times);
}

static bool
has_token(const char *answer, const char *token)
{
	const char	*at = answer;
	size_t		len = strlen(token);

	while ((at = strstr(at, token)) != NULL) {
		if ((at == answer || at[-1] == ' ') &&
		    (at[len] == '\0' || at[len] == ' '))
			return (true);
		at += len;
	}
	return (false);
}

/* What of the answer is not as the row says; NULL: nothing. */
static const char *
wrong(const struct response *r, const char *answer, const char *origin)
{
	static char	why[256];
	const char	*value, *want, *error;
	size_t		i;

	value = response_field(r, "access-control-allow-origin");
	want = has_token(answer, "acao=*") ? "*" :
	    has_token(answer, "acao=self") ? origin : "";
	if (strcmp(value, want)) {
		(void)snprintf(why, sizeof(why),
		    "Access-Control-Allow-Origin: \"%s\"", value);
		return (why);
	}
	for (i = 0; i < sizeof(cors_fields) / sizeof(cors_fields[0]); i++) {
		value = response_field(r, cors_fields[i].field);
		if (has_token(answer, cors_fields[i].token) != (*value != '\0') ||
		    (*value != '\0' && cors_fields[i].value != NULL &&
		    strcmp(value, cors_fields[i].value))) {
			(void)snprintf(why, sizeof(why), "%s: \"%s\"",
			    cors_fields[i].field, value);
			return (why);
		}
	}
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (response_has(r, never[i]))
			return (never[i]);
	}
	value = response_field(r, "vary");
	if ((strstr(value, "Origin") != NULL) != has_token(answer, "vary"))
		return ("Vary");
	error = strstr(answer, "error=");
	if (error != NULL && strncmp(response_json(r, "error"), error + 6,
	    strcspn(error + 6, " ")))
		return ("another error");
	return (strlen(response_field(r, "x-request-id")) == 36 ? NULL :
	    "no X-Request-ID");
}

static void
row(int line, char *column[COLUMNS])
{
	struct setting	*s = setting_of(column[SETTING]);
	struct response	r;
	char		request[REQUEST_SIZE], origin[2048];
	const char	*why;
	int		times, i;

	fill(column[ORIGIN], s->server.port, origin, sizeof(origin));
	times = build(column, origin, s->server.port, request, sizeof(request));
	for (i = 0; i < times; i++) {
		client_once(s->server.port, request, strlen(request),
		    !strcmp(column[METHOD], "HEAD"), &r);
		if (i + 1 < times)
			response_free(&r);
	}
	why = wrong(&r, column[ANSWER], origin);
	if (r.status != atoi(column[STATUS]) || why != NULL) {
		print_error("table:%d: %s %s from %s: %d %s\n", line,
		    column[METHOD], column[PATH], column[ORIGIN], r.status,
		    why == NULL ? "" : why);
		bad++;
	}
	response_free(&r);
}

static void
every_row_of_the_table(void **state)
{
	char	path[512], line[LINE_SIZE], *column[COLUMNS];
	FILE	*fp;
	int	number = 0, rows = 0;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tests/cases/cors/table",
	    getenv("TEST_TOP"));
	assert_non_null(fp = fopen(path, "r"));
	while (fgets(line, sizeof(line), fp) != NULL) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (line[0] == '=') {
			add_setting(line);
			continue;
		}
		if (!split(line, column))
			fail_msg("table:%d has not %d columns", number, COLUMNS);
		row(number, column);
		rows++;
	}
	(void)fclose(fp);
	assert_true(rows >= ROWS_MIN);
	assert_int_equal(bad, 0);
}

static int
stop_all(void **state)
{
	size_t	i;

	(void)state;
	for (i = 0; i < nsettings; i++) {
		if (settings[i].started)
			server_stop(&settings[i].server);
	}
	return (0);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(every_row_of_the_table),
	};

	return (cmocka_run_group_tests(tests, NULL, stop_all));
}
