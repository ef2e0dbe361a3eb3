/*
 * Who is connected, over all workers: one anonymous mapping that they share.
 *
 * Each worker writes its own row alone, so nothing is locked, and a worker that
 * died takes its numbers with it: its successor begins with an empty row. Reads
 * may be a moment old; a limit on connections may be missed by as many as there
 * are workers.
 *
 * A client's connections are counted in two cells of a row, chosen by two
 * halves of a keyed hash of its address (IPv6: of its prefix), and the lesser
 * sum counts: a client is mistaken for a busy one only where both cells collide,
 * and cannot aim for that, as the key is random (a count-min sketch).
 */

#include <sys/mman.h>
#include <sys/random.h>

#include <time.h>

#include "core/cidr.h"
#include "core/siphash.h"
#include "edge/edge_int.h"

#define CELLS		4096		/* of one half; a power of two */
#define HALVES		2
#define YIELD_US	1000		/* at most, then accept after all */
#define SLACK		8		/* nth part more than the other */
#define YIELD_GAP_US	500		/* after it, another took that one */

struct row {
	_Atomic uint32_t	connections;
	_Atomic uint32_t	waiting;	/* in epoll_wait(2), or nearly */
	_Atomic uint16_t	cell[HALVES][CELLS];
};

struct table {
	_Atomic uint32_t	workers;	/* highest id seen */
	uint8_t			key[VG_SIPHASH_KEY_SIZE];
	struct row		row[VG_EDGE_WORKERS_MAX];
};

static struct table	*table;
static struct row	*mine;
static uint64_t		yielding;	/* us: since when; 0: not */
static uint64_t		yielded;	/* us: last */

/* In the parent. 0 / -1. */
int
vg_table_create(void)
{
	if (table != NULL)
		return (0);
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table == MAP_FAILED) {
		table = NULL;
		return (-1);
	}
	if (getrandom(table->key, sizeof(table->key), 0) !=
	    (ssize_t)sizeof(table->key))
		return (-1);
	return (0);
}

/* In a worker, new or come again. */
void
vg_table_worker(uint16_t id)
{
	uint32_t	seen;
	size_t		i, j;

	mine = &table->row[id % VG_EDGE_WORKERS_MAX];
	atomic_store(&mine->connections, 0);
	atomic_store(&mine->waiting, 0);
	for (i = 0; i < HALVES; i++) {
		for (j = 0; j < CELLS; j++) {
			if (atomic_load_explicit(&mine->cell[i][j],
			    memory_order_relaxed) != 0)
				atomic_store(&mine->cell[i][j], 0);
		}
	}

	seen = atomic_load(&table->workers);
	while (seen < id &&
	    !atomic_compare_exchange_weak(&table->workers, &seen, id))
		;
}

/* Which cells count this client. */
void
vg_table_find(const struct connection *c, uint32_t cell[2])
{
	struct in6_addr	addr;
	uint64_t	hash;
	size_t		i, len = sizeof(addr);

	if (vg_addr_from_sockaddr(&addr,
	    (const struct sockaddr *)&c->addr) == -1)
		memset(&addr, 0, sizeof(addr));
	if (!vg_addr_is_v4(&addr)) {
		for (i = 0; i < len; i++) {
			if (i * 8 >= vg_door.limits.ipv6_bits)
				addr.s6_addr[i] = 0;
		}
	}

	hash = vg_siphash(table->key, &addr, len);
	cell[0] = (uint32_t)(hash % CELLS);
	cell[1] = (uint32_t)((hash >> 32) % CELLS);
}

/* The client's connections, over all workers. */
uint32_t
vg_table_client(const uint32_t cell[2])
{
	uint32_t	i, j, sum, least = UINT32_MAX;
	uint32_t	workers = atomic_load(&table->workers);

	for (i = 0; i < HALVES; i++) {
		sum = 0;
		for (j = 0; j <= workers && j < VG_EDGE_WORKERS_MAX; j++)
			sum += atomic_load_explicit(
			    &table->row[j].cell[i][cell[i]],
			    memory_order_relaxed);
		if (sum < least)
			least = sum;
	}

	return (least);
}

void
vg_table_add(struct vg_conn *conn)
{
	size_t	i;

	conn->counted = true;
	atomic_fetch_add(&mine->connections, 1);
	for (i = 0; i < HALVES; i++)
		atomic_fetch_add(&mine->cell[i][conn->cell[i]], 1);
}

void
vg_table_remove(struct vg_conn *conn)
{
	size_t	i;

	if (!conn->counted)
		return;
	conn->counted = false;
	atomic_fetch_sub(&mine->connections, 1);
	for (i = 0; i < HALVES; i++)
		atomic_fetch_sub(&mine->cell[i][conn->cell[i]], 1);
}

static uint64_t
microseconds(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

/*
 * All workers wait on the same sockets, and each new connection wakes those
 * that sleep. Whether this worker should leave it to another: one that has
 * clearly fewer connections and is just being woken, too. The level-triggered
 * socket keeps this one awake until somebody took it: for YIELD_US at most, a
 * sleeping processor's time to wake. (Measured with forty connections to two
 * workers: 40 and 0 without this, about 20 each with it.)
 */
bool
vg_table_yield(void)
{
	uint32_t	i, n, workers = atomic_load(&table->workers);
	uint32_t	own = atomic_load(&mine->connections);
	uint64_t	now;

	for (i = 0; i <= workers && i < VG_EDGE_WORKERS_MAX; i++) {
		if (&table->row[i] == mine ||
		    atomic_load(&table->row[i].waiting) == 0)
			continue;
		n = atomic_load(&table->row[i].connections);
		if (n + 1 + n / SLACK >= own)
			continue;
		now = microseconds();
		if (yielding == 0 || now - yielded > YIELD_GAP_US)
			yielding = now;
		yielded = now;
		if (now - yielding > YIELD_US)
			break;
		return (true);
	}

	yielding = 0;
	return (false);
}

void
vg_table_waiting(bool waiting)
{
	atomic_store_explicit(&mine->waiting, waiting ? 1 : 0,
	    memory_order_relaxed);
}
