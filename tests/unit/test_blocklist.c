/*
 * Blocked networks: what is matched, until when, and against a plain walk.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/blocklist.h"

#define RANDOM_BLOCKS	300
#define RANDOM_ASKED	20000

static struct vg_block
block(const char *text, int64_t ends_us)
{
	struct vg_block	b = { .ends_us = ends_us };

	if (vg_cidr_parse(&b.net, text, strlen(text)) == -1)
		fail_msg("not a network: %s", text);
	return (b);
}

static bool
match(const struct vg_blocklist *list, const char *text, int64_t now_us)
{
	struct in6_addr	a;

	if (vg_addr_parse(&a, text, strlen(text)) == -1)
		fail_msg("not an address: %s", text);
	return (vg_blocklist_match(list, &a, now_us));
}

static void
networks_hold_what_is_in_them(void **unused)
{
	struct vg_block		b[] = { block("192.0.2.0/24", 0),
		block("198.51.100.7", 0), block("2001:db8::/32", 0),
		block("::1", 0), block("192.0.2.128/25", 0) };
	struct vg_blocklist	*list = vg_blocklist_new(b, 5);

	(void)unused;
	assert_non_null(list);
	assert_int_equal(vg_blocklist_count(list), 5);
	assert_true(match(list, "192.0.2.0", 1));
	assert_true(match(list, "192.0.2.255", 1));
	assert_false(match(list, "192.0.3.0", 1));
	assert_true(match(list, "198.51.100.7", 1));
	assert_false(match(list, "198.51.100.8", 1));
	assert_true(match(list, "2001:db8:1::5", 1));
	assert_false(match(list, "2001:db9::5", 1));
	assert_true(match(list, "::1", 1));
	vg_blocklist_free(list);
}

static void
one_that_ended_blocks_nobody(void **unused)
{
	struct vg_block		b[] = { block("192.0.2.0/24", 100),
		block("192.0.2.9", 0), block("203.0.113.0/24", 50),
		block("203.0.113.0/24", 200) };
	struct vg_blocklist	*list = vg_blocklist_new(b, 4);

	(void)unused;
	assert_true(match(list, "192.0.2.1", 99));
	assert_false(match(list, "192.0.2.1", 100));
	assert_true(match(list, "192.0.2.9", 100));
	/* Given twice: the longer one holds. */
	assert_int_equal(vg_blocklist_count(list), 3);
	assert_true(match(list, "203.0.113.5", 199));
	assert_false(match(list, "203.0.113.5", 200));
	vg_blocklist_free(list);
}

static void
nothing_blocks_nothing(void **unused)
{
	struct vg_blocklist	*list = vg_blocklist_new(NULL, 0);

	(void)unused;
	assert_false(match(list, "192.0.2.1", 1));
	assert_false(match(NULL, "192.0.2.1", 1));
	assert_int_equal(vg_blocklist_count(NULL), 0);
	vg_blocklist_free(list);
	vg_blocklist_free(NULL);
}

/* IPv6 networks say nothing of IPv4 addresses, however wide. */
static void
families_are_apart(void **unused)
{
	struct vg_block		b[] = { block("::/1", 0), block("0.0.0.0/1", 0) };
	struct vg_blocklist	*list = vg_blocklist_new(b, 2);

	(void)unused;
	assert_true(match(list, "1.2.3.4", 1));
	assert_false(match(list, "200.2.3.4", 1));
	assert_true(match(list, "2001:db8::1", 1));
	assert_false(match(list, "fe80::1", 1));
	vg_blocklist_free(list);
}

static uint32_t
next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
	return ((uint32_t)(*seed >> 33));
}

static struct in6_addr
random_address(uint64_t *seed)
{
	struct in6_addr	a;
	size_t		i;

	memset(&a, 0, sizeof(a));
	if (next(seed) & 1) {
		a.s6_addr[10] = a.s6_addr[11] = 0xff;
		for (i = 12; i < 16; i++)
			a.s6_addr[i] = (uint8_t)(next(seed) & 3);
	} else {
		a.s6_addr[0] = 0x20;
		for (i = 1; i < 16; i++)
			a.s6_addr[i] = (uint8_t)(next(seed) & 1);
	}
	return (a);
}

static void
it_finds_what_a_walk_finds(void **unused)
{
	struct vg_block		b[RANDOM_BLOCKS];
	struct vg_blocklist	*list;
	struct in6_addr		a;
	uint64_t		seed = 7;
	size_t			i, j, hits = 0;
	bool			yes;

	(void)unused;
	for (i = 0; i < RANDOM_BLOCKS; i++) {
		memset(&b[i], 0, sizeof(b[i]));
		b[i].net.net = random_address(&seed);
		b[i].net.v4 = vg_addr_is_v4(&b[i].net.net);
		b[i].net.bits = b[i].net.v4 ? 20 + next(&seed) % 13 :
		    20 + next(&seed) % 109;
		vg_addr_mask(&b[i].net.net, b[i].net.bits +
		    (b[i].net.v4 ? 96 : 0));
		b[i].ends_us = next(&seed) % 3 ? 0 : 10;
	}
	assert_non_null(list = vg_blocklist_new(b, RANDOM_BLOCKS));
	for (i = 0; i < RANDOM_ASKED; i++) {
		a = random_address(&seed);
		yes = false;
		for (j = 0; j < RANDOM_BLOCKS; j++)
			yes = yes || (vg_cidr_match(&b[j].net, &a) &&
			    (b[j].ends_us == 0 || b[j].ends_us > 20));
		hits += yes;
		assert_int_equal(vg_blocklist_match(list, &a, 20), yes);
	}
	assert_in_range(hits, RANDOM_ASKED / 100, RANDOM_ASKED - 100);
	vg_blocklist_free(list);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(networks_hold_what_is_in_them),
		cmocka_unit_test(one_that_ended_blocks_nobody),
		cmocka_unit_test(nothing_blocks_nothing),
		cmocka_unit_test(families_are_apart),
		cmocka_unit_test(it_finds_what_a_walk_finds)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
