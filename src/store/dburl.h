#ifndef VG_STORE_DBURL_H
#define VG_STORE_DBURL_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

#define VG_DBURL_HOSTS_MAX	16	/* addresses that are tried in turn */
#define VG_DBURL_KEYWORDS_MAX	72	/* libpq's own, and ours */

/* One address of the database; strings are owned, NULL: libpq's default. */
struct vg_dburl_host {
	char	*host;		/* as written: what a certificate must name */
	char	*hostaddr;	/* numeric; NULL for a socket's folder */
	char	*port;
};

struct vg_dburl {
	PQconninfoOption	*options;	/* what the URL says */
	struct vg_dburl_host	host[VG_DBURL_HOSTS_MAX];
	size_t			nhosts;
};

/* What PQconnectStartParams() takes; borrowed from the struct vg_dburl. */
struct vg_dburl_keywords {
	const char	*keyword[VG_DBURL_KEYWORDS_MAX + 1];
	const char	*value[VG_DBURL_KEYWORDS_MAX + 1];
	size_t		count;
};

/* dburl.c */

/*
 * Parent: parses a libpq URI (or keyword string) and resolves every host name
 * in it; this may block. Names that do not resolve are left out as long as one
 * address remains. 0, or -1 with ERROR in words, without the password.
 */
int	vg_dburl_parse(struct vg_dburl *, const char *url, char *error,
	    size_t size);
/*
 * The same without a network: whether it is a URI, and libpq takes its options.
 * 0, or -1 with ERROR in words, without a value of it.
 */
int	vg_dburl_check(const char *url, char *error, size_t size);
/*
 * Whether it may go over a network in the clear: a host is neither a socket nor
 * this machine by its address or as localhost, and neither sslmode of the URL nor
 * PGSSLMODE insists on TLS. Nothing is looked up; false for what is no URI.
 */
bool	vg_dburl_in_clear(const char *url);
void	vg_dburl_free(struct vg_dburl *);
/* Everything for one attempt at address INDEX; no name is left to resolve. */
void	vg_dburl_keywords(struct vg_dburl_keywords *, const struct vg_dburl *,
	    size_t index);

#endif
