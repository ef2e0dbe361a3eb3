/* core/slots.c: limits that hold over processes, whatever becomes of those. */

#include <sys/mman.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "core/slots.h"

#define PROCESSES	4
#define ROUNDS		20000
#define KILLS		40

static struct vg_slots	*table;

static int
begin(void **unused)
{
	(void)unused;
	table = mmap(NULL, vg_slots_size(), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return (table == MAP_FAILED ? -1 : 0);
}

static int
end(void **unused)
{
	(void)unused;
	return (munmap(table, vg_slots_size()));
}

static void
places_run_out_and_come_back(void **unused)
{
	const struct vg_slots_limits	limits = { .all = 3 };
	uint64_t			bytes;
	uint32_t			slot[4];
	int				i;

	(void)unused;
	for (i = 0; i < 3; i++)
		assert_int_equal(vg_slots_take(table, 1, 7, 10, &limits,
		    &slot[i]), VG_SLOTS_TAKEN);
	assert_int_equal(vg_slots_take(table, 2, 8, 10, &limits, &slot[3]),
	    VG_SLOTS_FULL);
	assert_int_equal(vg_slots_taken(table, &bytes), 3);
	assert_int_equal(bytes, 30);
	vg_slots_give(table, slot[1]);
	assert_int_equal(vg_slots_take(table, 2, 8, 5, &limits, &slot[1]),
	    VG_SLOTS_TAKEN);
	assert_int_equal(vg_slots_taken(table, &bytes), 3);
	assert_int_equal(bytes, 25);
}

static void
a_client_has_its_share(void **unused)
{
	const struct vg_slots_limits	limits = { .all = 10, .client = 2 };
	uint32_t			one, two, slot;

	(void)unused;
	assert_int_equal(vg_slots_take(table, 1, 7, 1, &limits, &one),
	    VG_SLOTS_TAKEN);
	assert_int_equal(vg_slots_take(table, 2, 7, 1, &limits, &two),
	    VG_SLOTS_TAKEN);
	assert_int_equal(vg_slots_take(table, 2, 7, 1, &limits, &slot),
	    VG_SLOTS_CLIENT);
	assert_int_equal(vg_slots_take(table, 2, 8, 1, &limits, &slot),
	    VG_SLOTS_TAKEN);
	vg_slots_give(table, one);
	assert_int_equal(vg_slots_take(table, 2, 7, 1, &limits, &slot),
	    VG_SLOTS_TAKEN);
}

static void
bytes_are_put_by(void **unused)
{
	const struct vg_slots_limits	limits = { .all = 10, .bytes = 100 };
	uint64_t			bytes;
	uint32_t			slot;

	(void)unused;
	assert_int_equal(vg_slots_take(table, 1, 7, 60, &limits, &slot),
	    VG_SLOTS_TAKEN);
	assert_int_equal(vg_slots_take(table, 1, 8, 41, &limits, &slot),
	    VG_SLOTS_BYTES);
	assert_int_equal(vg_slots_take(table, 1, 8, 40, &limits, &slot),
	    VG_SLOTS_TAKEN);
	/* A refusal leaves nothing behind. */
	assert_int_equal(vg_slots_taken(table, &bytes), 2);
	assert_int_equal(bytes, 100);
}

static void
a_lowered_limit_holds_at_once(void **unused)
{
	struct vg_slots_limits	limits = { .all = 5 };
	uint32_t		slot[5], last;
	int			i;

	(void)unused;
	for (i = 0; i < 5; i++)
		(void)vg_slots_take(table, 1, 7, 1, &limits, &slot[i]);
	limits.all = 2;
	/* The first places are free, yet too many are taken behind them. */
	vg_slots_give(table, slot[0]);
	vg_slots_give(table, slot[1]);
	assert_int_equal(vg_slots_take(table, 1, 7, 1, &limits, &last),
	    VG_SLOTS_FULL);
	vg_slots_give(table, slot[2]);
	vg_slots_give(table, slot[3]);
	assert_int_equal(vg_slots_take(table, 1, 7, 1, &limits, &last),
	    VG_SLOTS_TAKEN);
}

static void
a_successor_frees_what_was_held(void **unused)
{
	const struct vg_slots_limits	limits = { .all = 4 };
	uint64_t			bytes;
	uint32_t			slot;
	int				i;

	(void)unused;
	for (i = 0; i < 4; i++)
		(void)vg_slots_take(table, i % 2 == 0 ? 1 : 2, 7, 1, &limits,
		    &slot);
	vg_slots_successor(table, 1);
	assert_int_equal(vg_slots_taken(table, &bytes), 2);
	vg_slots_successor(table, 2);
	assert_int_equal(vg_slots_taken(table, &bytes), 0);
	assert_int_equal(bytes, 0);
}

struct count {
	_Atomic uint32_t	inside;
	_Atomic uint32_t	worst;
	_Atomic uint32_t	entered;
};

static void
race(struct count *count, uint32_t owner)
{
	const struct vg_slots_limits	limits = { .all = 8, .client = 2 };
	uint32_t			slot, now, worst;
	int				i;

	for (i = 0; i < ROUNDS; i++) {
		if (vg_slots_take(table, owner, 7, 1, &limits, &slot) !=
		    VG_SLOTS_TAKEN)
			continue;
		now = atomic_fetch_add(&count->inside, 1) + 1;
		atomic_fetch_add(&count->entered, 1);
		worst = atomic_load(&count->worst);
		while (worst < now && !atomic_compare_exchange_weak(
		    &count->worst, &worst, now))
			;
		atomic_fetch_sub(&count->inside, 1);
		vg_slots_give(table, slot);
	}
}

static void
processes_never_pass_the_limit_together(void **unused)
{
	struct count	*count;
	pid_t		pid[PROCESSES];
	uint32_t	i;

	(void)unused;
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(count != MAP_FAILED);
	for (i = 0; i < PROCESSES; i++) {
		if ((pid[i] = fork()) == 0) {
			race(count, i + 1);
			_exit(0);
		}
	}
	for (i = 0; i < PROCESSES; i++)
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	assert_true(atomic_load(&count->entered) > ROUNDS / 10);
	assert_in_range(atomic_load(&count->worst), 1, 2);
	(void)munmap(count, sizeof(*count));
}

/* Wherever a process is when it is killed, its successor has all places. */
static void
a_killed_process_takes_nothing_with_it(void **unused)
{
	const struct vg_slots_limits	limits = { .all = 4, .bytes = 40 };
	uint64_t			bytes;
	uint32_t			slot[4], i;
	pid_t				pid;
	int				round;

	(void)unused;
	for (round = 0; round < KILLS; round++) {
		if ((pid = fork()) == 0) {
			for (;;) {
				for (i = 0; i < 4; i++)
					(void)vg_slots_take(table, 1, i, 10,
					    &limits, &slot[i]);
				for (i = 0; i < 4; i++)
					vg_slots_give(table, slot[i]);
			}
		}
		(void)usleep(500 + 37 * (useconds_t)round);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		vg_slots_successor(table, 1);
		assert_int_equal(vg_slots_taken(table, &bytes), 0);
		assert_int_equal(bytes, 0);
		for (i = 0; i < 4; i++)
			assert_int_equal(vg_slots_take(table, 1, i, 10, &limits,
			    &slot[i]), VG_SLOTS_TAKEN);
		vg_slots_successor(table, 1);
	}
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest	tests[] = {
		CASE(places_run_out_and_come_back),
		CASE(a_client_has_its_share),
		CASE(bytes_are_put_by),
		CASE(a_lowered_limit_holds_at_once),
		CASE(a_successor_frees_what_was_held),
		CASE(processes_never_pass_the_limit_together),
		CASE(a_killed_process_takes_nothing_with_it),
	};

	return (cmocka_run_group_tests_name("core: slots", tests, NULL, NULL));
}
