/*
 * The page's files, from what is embedded to what is sent.
 *
 * kodev embeds assets/web as it is, so that a bare checkout builds without any
 * generator; the sources name each other plainly ("/assets/main.js"). What is
 * left is done here, once, at the start:
 *
 *	names		/assets/STEM.<build id>.EXT: a name never means two
 *			contents, so a browser may keep a file for ever
 *	integrity	{{sri:NAME}} in the page: the hash of NAME as it is sent
 *	gzip		at the highest level, since it is paid once
 *	one script	the modules are one file (webscript.c): eight requests
 *			cost a browser more than all else before the page is
 *			usable
 *
 * The build id is one hash over all files. A hash a file would keep more of them
 * in caches over an update; but a new version of five small files is one more
 * second in a year.
 *
 * The page itself is cut into pieces at its placeholders: a response is made by
 * copying, and what the settings say is true after a reload too.
 */

#define ZLIB_CONST	/* next_in points to const */

#include <kore/kore.h>

#include <openssl/evp.h>
#include <zlib.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate/gate.h"
#include "gate/webfiles.h"

#define PREFIX		"/assets/"
#define SRI		"{{sri:"
#define GZIP_WINDOW	(15 + 16)	/* 32 KiB, with gzip's own frame */
#define GZIP_MEMORY	9		/* zlib's highest */
#define PIECES_MAX	64		/* of the page */
#define NUMBER_SIZE	21		/* bytes of an int64_t, with its NUL */
#define SHA384_BYTES	48
#define NONCE_BYTES	16
#define BASE64_SIZE(n)	(((n) + 2) / 3 * 4 + 1)	/* bytes, with the NUL */

/* kodev names the symbols after the files. */
#define ASSET(symbol)							\
	extern const uint8_t	asset_##symbol[];			\
	extern const uint32_t	asset_len_##symbol

ASSET(client_js);
ASSET(conversation_js);
ASSET(docs_css);
ASSET(docs_html);
ASSET(failures_js);
ASSET(icon_svg);
ASSET(index_html);
ASSET(main_js);
ASSET(meter_js);
ASSET(page_css);
ASSET(player_js);
ASSET(recorder_js);
ASSET(view_js);
ASSET(voicegate_webmanifest);

#define CSS		"text/css; charset=utf-8"
#define HTML		"text/html; charset=utf-8"
#define JAVASCRIPT	"text/javascript; charset=utf-8"
#define MANIFEST	"application/manifest+json"
#define SVG		"image/svg+xml"

#define FILE_OF(name, type, symbol)					\
	{ name, type, asset_##symbol, &asset_len_##symbol }

struct source {
	const char	*name;
	const char	*type;
	const uint8_t	*bytes;
	const uint32_t	*len;
};

/*
 * Every file of assets/web is here or there: a test compares. What is sent, the
 * pages first; main.js is sent with all its modules before it.
 */
static const struct source sources[] = {
	FILE_OF("index.html", HTML, index_html),
	FILE_OF("docs.html", HTML, docs_html),
	FILE_OF("docs.css", CSS, docs_css),
	FILE_OF("icon.svg", SVG, icon_svg),
	FILE_OF("main.js", JAVASCRIPT, main_js),
	FILE_OF("page.css", CSS, page_css),
	FILE_OF("voicegate.webmanifest", MANIFEST, voicegate_webmanifest),
};

/* In the order of the script: a module stands behind what it imports. */
static const struct source modules[] = {
	FILE_OF("client.js", JAVASCRIPT, client_js),
	FILE_OF("failures.js", JAVASCRIPT, failures_js),
	FILE_OF("recorder.js", JAVASCRIPT, recorder_js),
	FILE_OF("player.js", JAVASCRIPT, player_js),
	FILE_OF("meter.js", JAVASCRIPT, meter_js),
	FILE_OF("view.js", JAVASCRIPT, view_js),
	FILE_OF("conversation.js", JAVASCRIPT, conversation_js),
};

#define NFILES	(sizeof(sources) / sizeof(sources[0]))
#define NMODULES (sizeof(modules) / sizeof(modules[0]))
#define PAGE	0	/* the page's place among them */
#define DOCS	1	/* the place of what the API is told in */
#define PAGES	2	/* these have no name of their own */

enum piece_kind {
	PIECE_TEXT = 0,
	PIECE_NONCE,
	PIECE_AUDIO_TTL,
	PIECE_RETENTION
};

static const struct {
	const char	*mark;
	enum piece_kind	kind;
} marks[] = {
	{ "{{nonce}}", PIECE_NONCE },
	{ "{{audio_ttl_hours}}", PIECE_AUDIO_TTL },
	{ "{{transcript_retention_days}}", PIECE_RETENTION },
};

static struct {
	char			id[VG_WEB_ID_LEN + 1];	/* of the build */
	struct vg_webfile	files[NFILES];
	struct {
		enum piece_kind	kind;
		const char	*text;
		size_t		len;
	} pieces[PIECES_MAX];
	size_t			npieces;
	char			*page;		/* the last one that was made */
} web;

static void
hex_id(char out[VG_WEB_ID_LEN + 1], const void *data, size_t len)
{
	static const char	digits[] = "0123456789abcdef";
	uint8_t			md[EVP_MAX_MD_SIZE];
	size_t			i;

	if (EVP_Digest(data, len, md, NULL, EVP_sha256(), NULL) != 1)
		fatal("SHA-256 failed");
	for (i = 0; i < VG_WEB_ID_LEN; i++)
		out[i] = digits[(md[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
	out[i] = '\0';
}

static const struct vg_webfile *
by_source(const char *name, size_t len)
{
	size_t	i;

	for (i = 0; i < NFILES; i++) {
		if (i >= PAGES && strlen(sources[i].name) == len &&
		    !memcmp(sources[i].name, name, len))
			return (&web.files[i]);
	}
	return (NULL);
}

static void
append_sri(struct kore_buf *out, const struct vg_webfile *file)
{
	uint8_t	md[EVP_MAX_MD_SIZE];
	char	text[BASE64_SIZE(SHA384_BYTES)];

	if (EVP_Digest(file->bytes, file->len, md, NULL, EVP_sha384(),
	    NULL) != 1)
		fatal("SHA-384 failed");
	(void)EVP_EncodeBlock((uint8_t *)text, md, SHA384_BYTES);
	kore_buf_appendf(out, "sha384-%s", text);
}

/*
 * A reference is PREFIX and a name between quotes or parentheses; the same words
 * in running text are none. SRI needs the files as they are sent: only the
 * page, which is the last to be rewritten, may ask for it.
 */
static void
rewrite(size_t which, const void *text, size_t len)
{
	const struct vg_webfile	*file;
	struct kore_buf		*out;
	const char		*p, *end, *name;
	size_t			n;

	p = text;
	end = p + len;
	out = kore_buf_alloc(len + 1024);
	while (p < end) {
		if (strchr("\"'(", *p) != NULL && *p != '\0' &&
		    vg_web_starts(p + 1, end, PREFIX)) {
			name = p + 1 + strlen(PREFIX);
			for (n = 0; name + n < end &&
			    strchr("\"')\n", name[n]) == NULL; n++)
				continue;
			if ((file = by_source(name, n)) == NULL)
				fatal("%s refers to a file that is not there: "
				    "%.*s", sources[which].name, (int)n, name);
			kore_buf_append(out, p, 1 + strlen(PREFIX));
			kore_buf_append(out, file->name, strlen(file->name));
			p = name + n;
		} else if (which < PAGES && vg_web_starts(p, end, SRI)) {
			name = p + strlen(SRI);
			for (n = 0; name + n < end && name[n] != '}'; n++)
				continue;
			if ((file = by_source(name, n)) == NULL ||
			    !vg_web_starts(name + n, end, "}}"))
				fatal("%s wants the hash of a file that is not "
				    "there: %.*s", sources[which].name, (int)n,
				    name);
			append_sri(out, file);
			p = name + n + strlen("}}");
		} else {
			kore_buf_append(out, p++, 1);
		}
	}
	web.files[which].bytes = kore_buf_release(out, &web.files[which].len);
}

/* Leaves the file without one where nothing is saved. */
static void
compress_file(struct vg_webfile *file)
{
	z_stream	z = { .next_in = file->bytes };
	uint8_t		*out;
	size_t		size;

	if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
	    GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		fatal("zlib: %s", z.msg == NULL ? "no memory" : z.msg);
	size = deflateBound(&z, file->len);
	out = kore_malloc(size);
	z.avail_in = (unsigned)file->len;
	z.next_out = out;
	z.avail_out = (unsigned)size;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		fatal("zlib: %s", z.msg == NULL ? "no end" : z.msg);
	file->gzip_len = z.total_out;
	(void)deflateEnd(&z);
	if (file->gzip_len < file->len) {
		file->gzip = out;
	} else {
		file->gzip_len = 0;
		kore_free(out);
	}
}

static void
add_piece(enum piece_kind kind, const char *text, size_t len)
{
	if (kind == PIECE_TEXT && len == 0)
		return;
	if (web.npieces == PIECES_MAX)
		fatal("the page has more than %d pieces", PIECES_MAX);
	web.pieces[web.npieces].kind = kind;
	web.pieces[web.npieces].text = text;
	web.pieces[web.npieces++].len = len;
}

/* Where the page's own placeholders are; and room for the largest page. */
static void
cut_page(void)
{
	const char	*start, *p, *end;
	size_t		i, size = 0;

	start = p = (const char *)web.files[PAGE].bytes;
	end = p + web.files[PAGE].len;
	while (p < end) {
		if (!vg_web_starts(p, end, "{{")) {
			p++;
			continue;
		}
		i = 0;
		while (!vg_web_starts(p, end, marks[i].mark)) {
			if (++i == sizeof(marks) / sizeof(marks[0]))
				fatal("the page has a placeholder that nobody fills");
		}
		add_piece(PIECE_TEXT, start, (size_t)(p - start));
		add_piece(marks[i].kind, NULL, 0);
		start = p += strlen(marks[i].mark);
	}
	add_piece(PIECE_TEXT, start, (size_t)(end - start));
	for (i = 0; i < web.npieces; i++)
		size += web.pieces[i].kind == PIECE_TEXT ? web.pieces[i].len :
		    VG_WEB_NONCE_LEN + NUMBER_SIZE;
	web.page = kore_malloc(size);
}

static void
name_files(void)
{
	struct kore_buf	*all = kore_buf_alloc(65536);
	const char	*dot;
	size_t		i;
	int		n;

	for (i = 0; i < NFILES; i++)
		kore_buf_append(all, sources[i].bytes, *sources[i].len);
	for (i = 0; i < NMODULES; i++)
		kore_buf_append(all, modules[i].bytes, *modules[i].len);
	hex_id(web.id, all->data, all->offset);
	kore_buf_free(all);
	for (i = 0; i < NFILES; i++) {
		web.files[i].type = sources[i].type;
		if (i < PAGES)
			continue;
		dot = strrchr(sources[i].name, '.');
		n = snprintf(web.files[i].name, sizeof(web.files[i].name),
		    "%.*s.%s%s", (int)(dot - sources[i].name), sources[i].name,
		    web.id, dot);
		if (n < 0 || (size_t)n >= sizeof(web.files[i].name))
			fatal("%s: the name is too long", sources[i].name);
	}
}

void
vg_webfile_finish(struct vg_webfile *file)
{
	compress_file(file);
	hex_id(file->tag, file->bytes, file->len);
	(void)snprintf(file->gzip_tag, sizeof(file->gzip_tag), "%s-gzip",
	    file->tag);
}

/* As its source is, but the script: that has its modules before it. */
static void
prepare_file(size_t which)
{
	const struct source	*src = &sources[which];
	struct kore_buf		*all;
	size_t			i;

	if (strcmp(src->type, JAVASCRIPT)) {
		rewrite(which, src->bytes, *src->len);
		return;
	}
	all = kore_buf_alloc(65536);
	for (i = 0; i < NMODULES; i++)
		vg_web_script(all, modules[i].name, modules[i].bytes,
		    *modules[i].len);
	vg_web_script(all, src->name, src->bytes, *src->len);
	rewrite(which, all->data, all->offset);
	kore_buf_free(all);
}

void
vg_webfiles_prepare(void)
{
	size_t	i;

	name_files();
	for (i = PAGES; i < NFILES; i++) {
		prepare_file(i);
		vg_webfile_finish(&web.files[i]);
	}
	prepare_file(PAGE);
	cut_page();
	prepare_file(DOCS);
	vg_apidocs_prepare(&web.files[DOCS]);
}

const struct vg_webfile *
vg_webfile_find(const char *name)
{
	size_t	i;

	for (i = 0; i < NFILES; i++) {
		if (i != PAGE && !strcmp(web.files[i].name, name))
			return (&web.files[i]);
	}
	return (NULL);
}

void
vg_web_nonce(char nonce[VG_WEB_NONCE_LEN + 1])
{
	uint8_t	random[NONCE_BYTES];
	char	text[BASE64_SIZE(NONCE_BYTES)];
	size_t	i;

	vg_random(random, sizeof(random));
	(void)EVP_EncodeBlock((uint8_t *)text, random, NONCE_BYTES);
	for (i = 0; i < VG_WEB_NONCE_LEN; i++)
		nonce[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	nonce[i] = '\0';
}

void
vg_web_page_id(const struct vg_settings *s, char id[VG_WEB_ID_LEN + 1])
{
	char	text[VG_WEB_ID_LEN + 2 * NUMBER_SIZE + 1];
	int	n;

	n = snprintf(text, sizeof(text), "%s %" PRId64 " %" PRId64, web.id,
	    s->audio_ttl_h, s->transcript_retention_d);
	hex_id(id, text, (size_t)n);
}

const char *
vg_web_page(const struct vg_settings *s, const char *nonce, size_t *len)
{
	char	ttl[NUMBER_SIZE], retention[NUMBER_SIZE];
	char	*out = web.page;
	size_t	i, n;

	(void)snprintf(ttl, sizeof(ttl), "%" PRId64, s->audio_ttl_h);
	(void)snprintf(retention, sizeof(retention), "%" PRId64,
	    s->transcript_retention_d);
	for (i = 0; i < web.npieces; i++) {
		const char	*text = web.pieces[i].text;

		switch (web.pieces[i].kind) {
		case PIECE_NONCE:
			text = nonce;
			n = VG_WEB_NONCE_LEN;
			break;
		case PIECE_AUDIO_TTL:
			text = ttl;
			n = strlen(ttl);
			break;
		case PIECE_RETENTION:
			text = retention;
			n = strlen(retention);
			break;
		case PIECE_TEXT:
		default:
			n = web.pieces[i].len;
			break;
		}
		memcpy(out, text, n);
		out += n;
	}
	*len = (size_t)(out - web.page);
	return (web.page);
}
