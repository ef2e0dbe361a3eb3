#ifndef VG_CORE_SETTINGS_H
#define VG_CORE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/cidr.h"
#include "core/errors.h"
#include "core/logesc.h"
#include "core/origin.h"
#include "core/window.h"

#define VG_SETTINGS_MAX		96		/* rows of the table, at most */
#define VG_SETTING_VALUE_MAX	16384		/* bytes of a value */
#define VG_SECRET_FILE_MAX	16384		/* bytes of a secret's file */
#define VG_EXIT_CONFIG		78		/* sysexits(3): EX_CONFIG */

enum vg_fail_mode {
	VG_FAIL_LOCAL = 0,
	VG_FAIL_CLOSED,
	VG_FAIL_OPEN
};

/* Where the effective value came from. */
enum vg_source {
	VG_SOURCE_DEFAULT = 0,
	VG_SOURCE_ENV,
	VG_SOURCE_DOTENV,
	VG_SOURCE_FILE		/* NAME_FILE, wherever that was set */
};

/*
 * One provider. base_url is normalised (no slash and no /v1 at its end: append
 * "/v1/chat/completions") and never empty after a load: where none is set, it
 * is the offline speech server's and `offline` is true.
 */
struct vg_provider_settings {
	char	*base_url;
	char	*api_key;		/* "" for none */
	char	*model;
	int64_t	timeout_s;		/* seconds */
	bool	offline;
	bool	loopback;		/* on this machine: needs no key */
};

/*
 * The effective settings. Strings are owned by the struct and never NULL after
 * a load ("" for empty); integers are int64_t throughout, so that no sum or
 * product of them wraps. Seconds, bytes, hours and days as the names say.
 */
struct vg_settings {
	/* The door. */
	char			*host;
	int64_t			port;
	char			*tls_cert_file;
	char			*tls_key_file;
	int64_t			http_redirect_port;	/* 0: off */

	/* The process. */
	int64_t			workers;
	char			*run_as_user;
	char			*chroot_dir;
	int64_t			drain_s;

	/* The policy. */
	char			*allowed_origins;	/* as written */
	struct vg_origin_policy	*origins;		/* parsed, owned */
	char			*trusted_proxies;	/* as written */
	struct vg_cidr_list	proxies;		/* parsed, owned */
	bool			auth_required;
	bool			security_headers;

	/* The rate limits. */
	bool			rate_limit;
	int64_t			rate_per_minute;
	int64_t			rate_health_per_minute;
	/* Several at once, as vg_limits_parse() reads them; "": see the table. */
	char			*rate_session;
	char			*rate_voice;
	int64_t			rate_voice_cost;	/* units of a limit */
	char			*rate_health;
	char			*rate_audio;
	char			*rate_all;		/* "": none */
	int			rate_strategy;		/* enum vg_strategy */
	int			rate_fail_mode;		/* enum vg_fail_mode */
	int64_t			rate_ipv6_prefix;	/* bits */

	/* Connections. */
	int64_t			header_timeout_s;
	int64_t			body_timeout_s;
	int64_t			idle_timeout_s;
	int64_t			min_body_rate;		/* bytes a second */
	int64_t			max_connections;
	int64_t			max_connections_per_client; /* 0: no limit */
	int64_t			max_requests_per_connection;
	int64_t			max_uploads;		/* in flight */
	int64_t			max_uploads_per_client;	/* 0: no limit */
	int64_t			max_upload_bytes_in_flight;

	/* Storage. */
	char			*database_url;
	int64_t			max_upload_bytes;
	char			*upload_dir;
	char			*audio_dir;
	int64_t			audio_ttl_h;
	int64_t			session_ttl_h;
	int64_t			session_idle_min;	/* minutes; 0: no end */
	int64_t			transcript_retention_d;	/* 0: never stored */
	char			*transcript_key;	/* textkey.h; "": none */

	/* The providers. */
	char			*speech_url;
	struct vg_provider_settings stt;
	struct vg_provider_settings chat;
	struct vg_provider_settings tts;
	char			*tts_voice;
	char			*chat_system_prompt;
	int64_t			pipeline_timeout_s;
	bool			plaintext_providers;

	/* Alerts. */
	char			*alert_webhook_url;	/* "": none */
	char			*alert_webhook_secret;

	/* The log. */
	int			log_level;		/* enum vg_log_level */
	int			log_format;		/* enum vg_log_format */

	unsigned char		source[VG_SETTINGS_MAX]; /* enum vg_source */
};

enum vg_setting_type {
	VG_TYPE_BOOL,		/* bool */
	VG_TYPE_INT,		/* int64_t, min..max */
	VG_TYPE_CHOICE,		/* int, one of choices */
	VG_TYPE_TEXT,		/* char *, min..max bytes, one line or more */
	VG_TYPE_WORD,		/* char *, min..max bytes, printable, no blank */
	VG_TYPE_SECRET,		/* char *, as WORD, never shown */
	VG_TYPE_PATH,		/* char *, made absolute */
	VG_TYPE_USER,		/* char *, a user's name */
	VG_TYPE_ADDRESS,	/* char *, IPv4, IPv6 or localhost */
	VG_TYPE_URL,		/* char *, see baseurl.h */
	VG_TYPE_DATABASE,	/* char *, libpq URI, secret */
	VG_TYPE_ORIGINS,	/* char *, see origin.h */
	VG_TYPE_CIDRS,		/* char *, see cidr.h */
	VG_TYPE_LIMITS,		/* char *, see vg_limits_parse() */
	VG_TYPE_TEXTKEYS	/* char *, see textkey.h, secret */
};

#define VG_SETTING_RELOAD	0x01	/* SIGHUP puts a change into effect */
#define VG_SETTING_SECRET	0x02	/* shown as ***, NAME_FILE accepted */

struct vg_choice {
	const char	*name;
	int		value;
};

/* One row of the table. */
struct vg_setting {
	const char		*group;		/* heading in .env.example */
	const char		*name;
	enum vg_setting_type	type;
	size_t			offset;		/* in struct vg_settings */
	const char		*dflt;		/* as written, "" for empty */
	int64_t			min, max;	/* value, or bytes of a text */
	const struct vg_choice	*choices;	/* ends with a NULL name */
	unsigned		flags;
	const char		*unit;		/* "seconds", ... or "" */
	const char		*under_var;	/* name in VAR that "" means */
	const char		*help;
};

/* Where settings come from; every pointer is borrowed for the call. */
struct vg_settings_input {
	/* The environment: the value of NAME, or NULL. */
	const char	*(*env)(void *ctx, const char *name);
	/*
	 * The whole file PATH into BUF: 0 and *LEN, or -1 with errno set
	 * (EFBIG when it has more than SIZE bytes).
	 */
	int		(*read_file)(void *ctx, const char *path, char *buf,
			    size_t size, size_t *len);
	/* See origin.h; may be NULL. */
	vg_public_suffix_fn	public_suffix;
	void		*ctx;		/* handed to all three */
	const char	*cwd;		/* absolute: what relative paths mean */
	const char	*var_dir;	/* absolute: base of "under VAR" */
	const char	*dotenv;	/* text of .env, or NULL */
	size_t		dotenv_len;
};

struct vg_settings_change {
	const struct vg_setting	*setting;
	bool			reloadable;
};

/* settings_table.c: the one table. */
const struct vg_setting	*vg_setting_at(size_t index);	/* NULL at its end */
const struct vg_setting	*vg_setting_find(const char *name);
/* settings_nearest.c */

/* The name nearest to a misspelt one, or NULL when none is near. */
const char	*vg_setting_nearest(const char *name);

/* settings.c */

/*
 * Fills the struct from the environment, .env and the defaults, in that order.
 * An empty value means unset. Returns 0, or -1 with every error in the list at
 * once (warnings may come with either). Call vg_settings_free() after both.
 * var_dir/database.url is read where neither DATABASE_URL nor
 * DATABASE_URL_FILE is set.
 */
int	vg_settings_load(struct vg_settings *, const struct vg_settings_input *,
	    struct vg_errors *);
void	vg_settings_free(struct vg_settings *);

/* settings_process.c */

/*
 * As vg_settings_load() from the process: getenv(3), open(2), the file .env in
 * the working directory (if there is one) and VAR_DIR (NULL: ./var).
 */
int	vg_settings_load_process(struct vg_settings *, const char *var_dir,
	    vg_public_suffix_fn, void *ctx, struct vg_errors *);

/*
 * What was read of files, in order: so that a process without the right to read
 * them (a worker that gave root up) can load what its parent read. Zero it
 * first; vg_settings_seen_free() wipes it, for secrets are in it.
 */
struct vg_settings_seen {
	uint8_t	*bytes;		/* path NUL, length (uint64_t), content; ... */
	size_t	len;
	size_t	size;
};

/*
 * As vg_settings_load_process(). SEEN NULL: the same. REPLAY false: notes what
 * was read in SEEN. REPLAY true: reads from SEEN and from no file.
 */
int	vg_settings_load_seen(struct vg_settings *, const char *var_dir,
	    vg_public_suffix_fn, void *ctx, struct vg_settings_seen *,
	    bool replay, struct vg_errors *);
void	vg_settings_seen_free(struct vg_settings_seen *);

/* settings_print.c */

/* One value as text, *** for a secret that is set; 0, or -1 if SIZE is short. */
int	vg_setting_format(char *buf, size_t size, const struct vg_setting *,
	    const struct vg_settings *);
/* Every setting as `NAME=value  # source`, in the order of the table. */
void	vg_settings_print(const struct vg_settings *, FILE *);
/* The text of .env.example. */
void	vg_settings_print_example(FILE *);
/* What is allowed, in words: "a whole number from 1 to 64". */
int	vg_setting_allowed(char *buf, size_t size, const struct vg_setting *);
const char	*vg_source_name(enum vg_source);

/* settings_reload.c */

/* What differs, in the order of the table: how many, at most MAX filled in. */
size_t	vg_settings_reload_diff(const struct vg_settings *old,
	    const struct vg_settings *new, struct vg_settings_change *, size_t max);
/*
 * Makes NEW what may be put into effect without a restart: everything that is
 * not reloadable is taken from OLD. 0, or -1 when memory is short.
 */
int	vg_settings_carry_over(struct vg_settings *new,
	    const struct vg_settings *old);

#endif
