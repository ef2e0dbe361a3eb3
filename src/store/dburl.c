/*
 * Where the database is, worked out before the workers are made.
 *
 * libpq can take several hosts and their names by itself, but it resolves names
 * with getaddrinfo(3), which blocks, and it never gives up on an address that
 * does not answer when it is driven without blocking: that is the caller's
 * part, and the caller can only give up the whole connection. So the list is
 * taken apart here. Names are resolved in the parent, which may wait (and still
 * sees /etc/resolv.conf, which a chroot does not), and each address becomes one
 * attempt of its own, with a deadline of its own, in the order of the URL.
 *
 * A worker therefore keeps to the addresses known when the process started. A
 * name that moves to another address needs a restart; where fail-over works by
 * names, list both hosts: target_session_attrs=read-write finds the primary.
 */

#include <sys/socket.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/cidr.h"
#include "store/dburl.h"

/* Ours come first, so that whatever the URL says prevails. */
static const struct {
	const char	*keyword;
	const char	*value;
} dburl_defaults[] = {
	/* Probing for Kerberos costs files and system calls nobody wants. */
	{ "gssencmode", "disable" },
	{ "target_session_attrs", "read-write" },
	{ "client_encoding", "UTF8" },
	{ "fallback_application_name", "voicegate" },
	/* A peer that vanishes is noticed within some 10 s even when idle. */
	{ "keepalives_idle", "5" },		/* seconds */
	{ "keepalives_interval", "2" },		/* seconds */
	{ "keepalives_count", "3" },
	{ "tcp_user_timeout", "5000" },		/* milliseconds */
};

/* What no socket is in: libpq's complaint of it means that all else is right. */
#define NO_FOLDER	"/dev/null"

/* As the URL has them, or the environment; borrowed. */
struct dburl_lists {
	const char	*hosts;
	const char	*addrs;
	const char	*ports;
	size_t		nhosts;
	size_t		nports;
};

#define DBURL_DEFAULTS	(sizeof(dburl_defaults) / sizeof(dburl_defaults[0]))

static int		dburl_lists(struct vg_dburl *, const char *,
			    struct dburl_lists *, char *, size_t);
static int		dburl_try(const struct vg_dburl *, char *, char *, size_t);
static const char	*dburl_option(const struct vg_dburl *, const char *);
static char		*list_item(const char *, size_t);
static size_t		list_count(const char *);
static int		dburl_resolve(struct vg_dburl *, const char *,
			    const char *, char *, size_t);
static int		dburl_add(struct vg_dburl *, const char *, const char *,
			    const char *);

int
vg_dburl_parse(struct vg_dburl *u, const char *url, char *error, size_t size)
{
	struct dburl_lists	l;
	char			*host, *addr, *port;
	size_t			i;
	int			ret;

	ret = -1;
	memset(u, 0, sizeof(*u));
	if (dburl_lists(u, url, &l, error, size) == -1)
		goto out;

	error[0] = '\0';
	for (i = 0; i < l.nhosts; i++) {
		host = list_item(l.hosts, i);
		addr = list_item(l.addrs, i);
		port = list_item(l.ports, l.nports == 1 ? 0 : i);

		if (addr != NULL || host == NULL || host[0] == '/' ||
		    host[0] == '@')
			ret = dburl_add(u, host, addr, port);
		else
			ret = dburl_resolve(u, host, port, error, size);
		free(host);
		free(addr);
		free(port);
		if (ret == -1) {
			snprintf(error, size, "more than %d addresses, or out "
			    "of memory", VG_DBURL_HOSTS_MAX);
			goto out;
		}
	}

	ret = u->nhosts > 0 ? 0 : -1;
out:
	if (ret == -1)
		vg_dburl_free(u);
	return (ret);
}

int
vg_dburl_check(const char *url, char *error, size_t size)
{
	struct dburl_lists	l;
	struct vg_dburl		u;
	char			*port;
	size_t			i;
	int			ret;

	memset(&u, 0, sizeof(u));
	ret = dburl_lists(&u, url, &l, error, size);
	for (i = 0; ret == 0 && i < l.nports; i++) {
		port = list_item(l.ports, i);
		ret = dburl_try(&u, port, error, size);
		free(port);
	}
	vg_dburl_free(&u);
	return (ret);
}

/* A socket's folder (or none: libpq's own), a loopback address, localhost. */
static bool
is_this_machine(const char *host)
{
	struct in6_addr	addr;

	return (host == NULL || host[0] == '/' || host[0] == '@' ||
	    !strcasecmp(host, "localhost") ||
	    (vg_addr_parse(&addr, host, strlen(host)) == 0 &&
	    vg_addr_is_loopback(&addr)));
}

bool
vg_dburl_in_clear(const char *url)
{
	struct dburl_lists	l;
	struct vg_dburl		u;
	const char		*mode;
	char			error[256], *host;
	size_t			i;
	bool			clear = false;

	memset(&u, 0, sizeof(u));
	if (dburl_lists(&u, url, &l, error, sizeof(error)) == -1)
		goto out;
	if ((mode = dburl_option(&u, "sslmode")) == NULL)
		mode = getenv("PGSSLMODE");
	if (mode != NULL && (!strcmp(mode, "require") ||
	    !strncmp(mode, "verify-", sizeof("verify-") - 1)))
		goto out;
	for (i = 0; i < l.nhosts && !clear; i++) {
		host = list_item(l.addrs != NULL ? l.addrs : l.hosts, i);
		clear = !is_this_machine(host);
		free(host);
	}
out:
	vg_dburl_free(&u);
	return (clear);
}

/* The URL taken apart: what all of the above begin with. */
static int
dburl_lists(struct vg_dburl *u, const char *url, struct dburl_lists *l,
    char *error, size_t size)
{
	char	*message = NULL;

	u->options = PQconninfoParse(url, &message);
	if (message != NULL)
		PQfreemem(message);
	if (u->options == NULL) {
		/* libpq's message would quote the URL, password and all. */
		snprintf(error, size, "not a PostgreSQL connection URI "
		    "(postgresql://user:password@host:port/database), or one "
		    "with an option that there is not");
		return (-1);
	}

	if ((l->hosts = dburl_option(u, "host")) == NULL)
		l->hosts = getenv("PGHOST");
	l->addrs = dburl_option(u, "hostaddr");
	if ((l->ports = dburl_option(u, "port")) == NULL)
		l->ports = getenv("PGPORT");
	l->nhosts = list_count(l->addrs != NULL ? l->addrs : l->hosts);
	l->nports = list_count(l->ports);
	if ((l->addrs != NULL && l->hosts != NULL &&
	    list_count(l->hosts) != l->nhosts) ||
	    (l->ports != NULL && l->nports != 1 && l->nports != l->nhosts)) {
		snprintf(error, size, "as many ports (or one) and addresses "
		    "as hosts are needed");
		return (-1);
	}
	return (0);
}

/*
 * libpq itself looks at the options, but only as it begins to connect: it is
 * given a folder that has no socket. Of another complaint only the beginning is
 * told, since where a URL has no @ a password stands for the port.
 */
static int
dburl_try(const struct vg_dburl *u, char *port, char *error, size_t size)
{
	char				folder[] = NO_FOLDER;
	struct vg_dburl_keywords	k;
	struct vg_dburl			one;
	const char			*message;
	PGconn				*pg;
	int				ret;

	memset(&one, 0, sizeof(one));
	one.options = u->options;
	one.host[0].host = folder;
	one.host[0].port = port;
	one.nhosts = 1;
	vg_dburl_keywords(&k, &one, 0);
	pg = PQconnectStartParams(k.keyword, k.value, 0);
	message = PQerrorMessage(pg);
	ret = pg != NULL && (PQstatus(pg) != CONNECTION_BAD ||
	    strstr(message, NO_FOLDER) != NULL) ? 0 : -1;
	if (ret == -1)
		snprintf(error, size, "libpq refuses a port or an option "
		    "of it: %.*s", (int)strcspn(message, ":\"\n"), message);
	PQfinish(pg);
	return (ret);
}

void
vg_dburl_free(struct vg_dburl *u)
{
	size_t		i;

	if (u->options != NULL)
		PQconninfoFree(u->options);
	for (i = 0; i < u->nhosts; i++) {
		free(u->host[i].host);
		free(u->host[i].hostaddr);
		free(u->host[i].port);
	}
	memset(u, 0, sizeof(*u));
}

void
vg_dburl_keywords(struct vg_dburl_keywords *k, const struct vg_dburl *u,
    size_t index)
{
	const struct vg_dburl_host	*h;
	const PQconninfoOption		*o;
	size_t				i, n;

	h = &u->host[index];
	n = 0;
	for (i = 0; i < DBURL_DEFAULTS; i++) {
		if (dburl_option(u, dburl_defaults[i].keyword) != NULL)
			continue;
		k->keyword[n] = dburl_defaults[i].keyword;
		k->value[n++] = dburl_defaults[i].value;
	}
	for (o = u->options; o->keyword != NULL; o++) {
		if (o->val == NULL || !strcmp(o->keyword, "host") ||
		    !strcmp(o->keyword, "hostaddr") ||
		    !strcmp(o->keyword, "port") ||
		    n >= VG_DBURL_KEYWORDS_MAX - 3)
			continue;
		k->keyword[n] = o->keyword;
		k->value[n++] = o->val;
	}
	if (h->host != NULL) {
		k->keyword[n] = "host";
		k->value[n++] = h->host;
	}
	if (h->hostaddr != NULL) {
		k->keyword[n] = "hostaddr";
		k->value[n++] = h->hostaddr;
	}
	if (h->port != NULL) {
		k->keyword[n] = "port";
		k->value[n++] = h->port;
	}
	k->keyword[n] = NULL;
	k->value[n] = NULL;
	k->count = n;
}

static const char *
dburl_option(const struct vg_dburl *u, const char *keyword)
{
	const PQconninfoOption	*o;

	for (o = u->options; o->keyword != NULL; o++) {
		if (!strcmp(o->keyword, keyword))
			return (o->val != NULL && o->val[0] != '\0' ?
			    o->val : NULL);
	}
	return (NULL);
}

/* Commas separate; an absent list has one item, the default. */
static size_t
list_count(const char *list)
{
	size_t		n;

	n = 1;
	if (list != NULL) {
		for (; *list != '\0'; list++)
			n += *list == ',';
	}
	return (n);
}

/* Allocated; NULL for an absent or empty item (or no memory: as absent). */
static char *
list_item(const char *list, size_t index)
{
	size_t		len;

	if (list == NULL)
		return (NULL);
	for (; index > 0; index--)
		list += strcspn(list, ",") + 1;
	len = strcspn(list, ",");
	return (len > 0 ? strndup(list, len) : NULL);
}

/* Every address of a name; 0 also when it has none (ERROR then says so). */
static int
dburl_resolve(struct vg_dburl *u, const char *host, const char *port,
    char *error, size_t size)
{
	struct addrinfo	hints, *list, *ai;
	char		addr[NI_MAXHOST];
	int		ret;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	if ((ret = getaddrinfo(host, NULL, &hints, &list)) != 0) {
		snprintf(error, size, "cannot resolve the database host: %s",
		    gai_strerror(ret));
		return (0);
	}

	ret = 0;
	for (ai = list; ai != NULL && ret == 0; ai = ai->ai_next) {
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, addr,
		    sizeof(addr), NULL, 0, NI_NUMERICHOST) == 0)
			ret = dburl_add(u, host, addr, port);
	}
	freeaddrinfo(list);
	return (ret);
}

static int
dburl_add(struct vg_dburl *u, const char *host, const char *addr,
    const char *port)
{
	struct vg_dburl_host	*h;

	if (u->nhosts == VG_DBURL_HOSTS_MAX)
		return (-1);
	h = &u->host[u->nhosts++];
	if ((host != NULL && (h->host = strdup(host)) == NULL) ||
	    (addr != NULL && (h->hostaddr = strdup(addr)) == NULL) ||
	    (port != NULL && (h->port = strdup(port)) == NULL))
		return (-1);
	return (0);
}
