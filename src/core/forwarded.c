/*
 * Who speaks, when a proxy stands between: Forwarded (RFC 7239) and the older
 * X-Forwarded-For.
 *
 * Both fields are lists that each proxy appends to, so their right end was
 * written by the machine we talk to and their left end by whoever wanted to.
 * Reading from the left, as many applications do, lets every client choose its
 * own address and with it its own rate limit. Here the walk starts at the
 * socket's peer and goes left only as long as the address at hand belongs to a
 * trusted proxy: each element is believed because the proxy to the right of it
 * is.
 *
 * Whatever is unclear stops the walk, and the last proxy that was still trusted
 * counts as the client. That is never an address of the attacker's choice; at
 * worst, all who send rubbish through one proxy share one limit.
 *
 * A proxy that maintains one of the two fields usually passes the other through
 * untouched. When both are there, one of them may be the client's own
 * invention, and no rule of precedence can tell which: "Forwarded wins" is an
 * open door behind a proxy that writes X-Forwarded-For. So both are walked; if
 * they agree, all is well, and if not, neither is believed and the result says
 * `conflict`, so that the caller may refuse the request.
 *
 * Elements are split from the right. Inside a quoted string that means to look
 * for an unescaped opening quote to the left; a line that begins inside a
 * quoted string is malformed. A client's unbalanced quote can therefore not
 * swallow what the proxy appended after it. Parsing one element is in
 * forwarded_element.c.
 */

#include <string.h>

#include "core/forwarded.h"
#include "core/forwarded_element.h"

struct walk {
	const struct vg_field	*line;
	size_t			nlines;		/* lines not begun yet */
	const char		*text;		/* the line at hand */
	size_t			left;		/* its bytes not read yet */
	bool			open;		/* a line is at hand */
	bool			quotes;		/* quoted strings exist */
};

static void	walk_init(struct walk *, const struct vg_field *, size_t, bool);
static int	walk_next(struct walk *, struct vg_field *);
static size_t	element_start(const char *, size_t, bool, bool *);
static bool	quote_escaped(const char *, size_t);
static size_t	walk_list(struct vg_client *, const struct vg_cidr_list *,
		    const struct in6_addr *, const struct vg_field *, size_t,
		    bool);
static enum vg_proto	proto_pick(const struct vg_field *, size_t, size_t);

void
vg_client_resolve(struct vg_client *out, const struct vg_cidr_list *trusted,
    const struct in6_addr *peer, const struct vg_forwarded_fields *fields)
{
	struct vg_client	a, b;
	enum vg_proto		xfp;
	size_t			depth;

	memset(out, 0, sizeof(*out));
	out->addr = *peer;
	if (!vg_cidr_list_match(trusted, peer))
		return;

	(void)walk_list(&a, trusted, peer, fields->forwarded,
	    fields->nforwarded, true);
	depth = walk_list(&b, trusted, peer, fields->xff, fields->nxff, false);
	xfp = proto_pick(fields->xfp, fields->nxfp, depth);

	if (fields->nforwarded > 0 && fields->nxff > 0) {
		*out = a;
		out->malformed = a.malformed || b.malformed;
		if (!vg_addr_equal(&a.addr, &b.addr)) {
			out->addr = *peer;
			out->proxied = false;
			out->conflict = true;
		}
	} else if (fields->nforwarded > 0) {
		*out = a;
	} else {
		*out = b;
	}

	if (out->proto == VG_PROTO_UNKNOWN)
		out->proto = xfp;
	else if (xfp != VG_PROTO_UNKNOWN && xfp != out->proto)
		out->proto = VG_PROTO_UNKNOWN;
	if (out->conflict)
		out->proto = VG_PROTO_UNKNOWN;
}

/*
 * Walks one field. Returns how many elements were read, the last of which is
 * the one that the result rests on.
 */
static size_t
walk_list(struct vg_client *out, const struct vg_cidr_list *trusted,
    const struct in6_addr *peer, const struct vg_field *line, size_t nlines,
    bool rfc7239)
{
	struct walk		walk;
	struct vg_field		text;
	struct vg_hop		hop;
	size_t			depth;
	int			ret;

	memset(out, 0, sizeof(*out));
	out->addr = *peer;

	walk_init(&walk, line, nlines, rfc7239);
	for (depth = 0; depth < VG_FORWARDED_HOPS_MAX;) {
		if ((ret = walk_next(&walk, &text)) == 0)
			return (depth);
		if (ret == -1) {
			out->malformed = true;
			return (depth);
		}

		depth++;
		if (rfc7239)
			ret = vg_hop_forwarded(&hop, text.text, text.len);
		else
			ret = vg_hop_xff(&hop, text.text, text.len);
		if (ret == -1) {
			out->malformed = true;
			out->proto = VG_PROTO_UNKNOWN;
			return (depth);
		}

		out->proto = hop.proto;
		if (!hop.known)
			return (depth);
		out->addr = hop.addr;
		out->proxied = true;
		if (!vg_cidr_list_match(trusted, &hop.addr))
			return (depth);
	}

	out->malformed = true;
	return (depth);
}

/*
 * X-Forwarded-Proto has one member when the outermost proxy sets it, and one a
 * hop when each appends; then the member of the same hop counts. DEPTH 0: the
 * address came from the peer itself or from Forwarded, the right-most counts.
 */
static enum vg_proto
proto_pick(const struct vg_field *line, size_t nlines, size_t depth)
{
	struct walk		walk;
	struct vg_field		text;
	enum vg_proto		proto;
	size_t			n;
	int			ret;

	proto = VG_PROTO_UNKNOWN;
	walk_init(&walk, line, nlines, false);
	for (n = 1; n <= VG_FORWARDED_HOPS_MAX; n++) {
		if ((ret = walk_next(&walk, &text)) == 0)
			break;
		if (ret == -1)
			return (VG_PROTO_UNKNOWN);
		if (n == 1 || n == depth)
			proto = vg_proto_parse(text.text, text.len);
		if (n >= depth)
			break;
	}

	return (proto);
}

static void
walk_init(struct walk *walk, const struct vg_field *line, size_t nlines,
    bool quotes)
{
	walk->line = line;
	walk->nlines = nlines;
	walk->text = NULL;
	walk->left = 0;
	walk->open = false;
	walk->quotes = quotes;
}

/*
 * The next element to the left, blanks around it cut off: 1, 0 when there is
 * none, -1 when the rest cannot be split. Empty elements are skipped, as RFC
 * 9110 5.6.1.2 asks; since each costs a byte that is never read again, a line
 * of commas is no more work than its length.
 */
static int
walk_next(struct walk *walk, struct vg_field *out)
{
	size_t		start, end;
	bool		bad;

	for (;;) {
		if (!walk->open) {
			if (walk->nlines == 0)
				return (0);
			walk->nlines--;
			walk->text = walk->line[walk->nlines].text;
			walk->left = walk->line[walk->nlines].len;
			walk->open = true;
		}

		end = walk->left;
		start = element_start(walk->text, end, walk->quotes, &bad);
		if (bad)
			return (-1);

		if (start == 0)
			walk->open = false;
		else
			walk->left = start - 1;

		while (start < end && (walk->text[start] == ' ' ||
		    walk->text[start] == '\t'))
			start++;
		while (end > start && (walk->text[end - 1] == ' ' ||
		    walk->text[end - 1] == '\t'))
			end--;
		if (start == end)
			continue;

		out->text = walk->text + start;
		out->len = end - start;
		return (1);
	}
}

/* Where the element that ends before END begins: just after its comma. */
static size_t
element_start(const char *text, size_t end, bool quotes, bool *bad)
{
	size_t		i;
	bool		inside;

	inside = false;
	for (i = end; i > 0; i--) {
		if (quotes && text[i - 1] == '"') {
			if (!inside || !quote_escaped(text, i - 1))
				inside = !inside;
		} else if (text[i - 1] == ',' && !inside) {
			break;
		}
	}

	*bad = inside;
	return (i);
}

/* Whether an odd number of backslashes stands before the quote at AT. */
static bool
quote_escaped(const char *text, size_t at)
{
	size_t		n;

	for (n = 0; at > n && text[at - n - 1] == '\\'; n++)
		continue;

	return (n % 2 == 1);
}
