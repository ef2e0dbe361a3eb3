#ifndef TESTS_STORE_LAB_H
#define TESTS_STORE_LAB_H

/*
 * The store by itself, without Kore: a PostgreSQL of the test's own, which may
 * be stopped and killed, and an event loop made of poll(2).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libpq-fe.h>

#include "lib/patience.h"
#include "store/migrate.h"
#include "store/store.h"

#define LAB_DEADLINE_MS	20000	/* for whatever is waited for */

/* Creates the cluster and a database with the schema. 0 / -1 (cmocka group). */
int	lab_setup(void **);
int	lab_teardown(void **);
/* The database's URL. */
const char	*lab_url(void);
int	lab_port(void);
void	lab_pg_start(void);
/* MODE as pg_ctl has it: fast, immediate. */
void	lab_pg_stop(const char *mode);
/* SIGSTOP to every process of the cluster (it accepts and hangs), SIGCONT. */
void	lab_pg_freeze(bool);

/* A fresh, empty database; its URL into URL. */
void	lab_database(char *url, size_t size);
/* Statements on a connection of their own; fail the test on errors. */
void	lab_sql(const char *url, const char *sql);
/* One value as text; "" for null or no row. */
const char	*lab_value(const char *url, const char *sql);
long	lab_long(const char *url, const char *sql);

/* Settings with sensible values; change what the test is about. */
void	lab_settings(struct vg_settings *, char *url);
/* Prepares and starts the store, waits until it is connected. */
void	lab_store_start(struct vg_settings *, const struct vg_store_hooks *);
void	lab_store_stop(void);
/* One turn of the loop, at most so many milliseconds. */
void	lab_turn(int ms);
/* Turns until *FLAG; false after LAB_DEADLINE_MS. */
bool	lab_until(const volatile bool *flag);
bool	lab_until_connected(bool);
int64_t	lab_ms(void);
/* The longest that one handler of the loop ran, in milliseconds, since asked. */
int64_t	lab_longest_ms(void);

/* A fresh UUIDv4. */
void	lab_uuid(char out[VG_UUID_SIZE]);

#endif
