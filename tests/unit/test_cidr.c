/*
 * Addresses, ranges and client names.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "core/cidr.h"

static struct vg_errors	errs;

static struct in6_addr
addr(const char *text)
{
	struct in6_addr	a;

	if (vg_addr_parse(&a, text, strlen(text)) == -1)
		fail_msg("not an address: %s", text);

	return (a);
}

static bool
in_list(const char *list, const char *text)
{
	struct vg_cidr_list	l;
	struct in6_addr		a;
	bool			yes;

	vg_errors_init(&errs);
	assert_int_equal(vg_cidr_list_parse(&l, list, "T", &errs), 0);
	a = addr(text);
	yes = vg_cidr_list_match(&l, &a);
	vg_cidr_list_free(&l);

	return (yes);
}

static const char *
key(const char *text, unsigned bits)
{
	static char	buf[VG_CLIENT_SIZE];
	struct in6_addr	a;

	a = addr(text);
	assert_int_equal(vg_client_key(buf, sizeof(buf), &a, bits), 0);

	return (buf);
}

static void
literals_are_strict(void **unused)
{
	static const char	*const bad[] = {
		"", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256",
		"1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "0x7f.0.0.1", "1..2.3",
		"1.2.3.", ":", ":::", "1::2::3", "fe80::1%eth0", "[::1]",
		"::g", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"::ffff:1.2.3", "localhost", "1.2.3.4:80", "00.0.0.0"
	};
	struct in6_addr		a;
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (vg_addr_parse(&a, bad[i], strlen(bad[i])) == 0)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(vg_addr_parse(&a, "1.2.3.4\0", 8), -1);
	assert_int_equal(vg_addr_parse(&a, "::1\0", 4), -1);
}

static void
text_comes_back_canonical(void **unused)
{
	static const struct {
		const char	*in, *out;
	} pairs[] = {
		{ "1.2.3.4", "1.2.3.4" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "100.20.0.9", "100.20.0.9" },
		{ "::ffff:1.2.3.4", "1.2.3.4" },
		{ "::FFFF:0102:0304", "1.2.3.4" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "::", "::" },
		{ "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7" }
	};
	struct in6_addr		a;
	char			buf[VG_ADDR_SIZE];
	size_t			i;

	(void)unused;
	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		a = addr(pairs[i].in);
		assert_int_equal(vg_addr_format(buf, sizeof(buf), &a), 0);
		assert_string_equal(buf, pairs[i].out);
	}
	a = addr("1.2.3.4");
	assert_int_equal(vg_addr_format(buf, 7, &a), -1);
	assert_int_equal(vg_addr_format(buf, 8, &a), 0);
}

static void
loopback_is_known(void **unused)
{
	struct in6_addr	a;

	(void)unused;
	a = addr("127.255.0.1");
	assert_true(vg_addr_is_loopback(&a));
	a = addr("::1");
	assert_true(vg_addr_is_loopback(&a));
	a = addr("128.0.0.1");
	assert_false(vg_addr_is_loopback(&a));
	a = addr("::2");
	assert_false(vg_addr_is_loopback(&a));
}

static void
ranges_match_at_their_edges(void **unused)
{
	(void)unused;
	assert_true(in_list("10.0.0.0/8", "10.255.255.255"));
	assert_false(in_list("10.0.0.0/8", "11.0.0.0"));
	assert_true(in_list("10.1.2.128/25", "10.1.2.128"));
	assert_false(in_list("10.1.2.128/25", "10.1.2.127"));
	assert_true(in_list("192.0.2.1", "192.0.2.1"));
	assert_false(in_list("192.0.2.1", "192.0.2.0"));
	assert_true(in_list("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(in_list("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(in_list("0.0.0.0/0", "255.255.255.255"));
	assert_true(in_list("::/0", "ffff::"));
}

static void
every_prefix_length_agrees_with_arithmetic(void **unused)
{
	struct vg_cidr		c;
	struct in6_addr		a;
	uint32_t		net, host, mask;
	unsigned		bits, i;

	(void)unused;
	for (bits = 0; bits <= 32; bits++) {
		mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
		net = UINT32_C(0xc0a85aa5) & mask;
		c.net = addr("0.0.0.0");
		c.v4 = true;
		c.bits = bits;
		for (i = 0; i < 4; i++)
			c.net.s6_addr[12 + i] =
			    (uint8_t)(net >> (24 - 8 * i));
		for (i = 0; i < 32; i++) {
			host = UINT32_C(0xc0a85aa5) ^ (UINT32_C(1) << i);
			a = addr("0.0.0.0");
			a.s6_addr[12] = (uint8_t)(host >> 24);
			a.s6_addr[13] = (uint8_t)(host >> 16);
			a.s6_addr[14] = (uint8_t)(host >> 8);
			a.s6_addr[15] = (uint8_t)host;
			assert_int_equal(vg_cidr_match(&c, &a),
			    (host & mask) == net);
		}
	}
}

static void
families_do_not_mix(void **unused)
{
	(void)unused;
	assert_false(in_list("::/0", "1.2.3.4"));
	assert_false(in_list("::/0", "::ffff:1.2.3.4"));
	assert_false(in_list("0.0.0.0/0", "::1"));
	assert_true(in_list("10.0.0.0/8", "::ffff:10.0.0.1"));
	assert_true(in_list("::ffff:10.0.0.0/104", "10.9.9.9"));
	assert_false(in_list("::ffff:10.0.0.0/104", "11.0.0.0"));
}

static void
lists_take_commas_and_blanks(void **unused)
{
	struct vg_cidr_list	l;

	(void)unused;
	assert_true(in_list(" 10.0.0.0/8 , ::1\t192.0.2.0/24,", "::1"));
	assert_false(in_list("", "::1"));
	assert_false(in_list(" , ", "::1"));
	assert_int_equal(vg_cidr_list_parse(&l, "", "T", &errs), 0);
	assert_int_equal(l.count, 0);
}

static void
all_bad_ranges_are_told(void **unused)
{
	struct vg_cidr_list	l;

	(void)unused;
	vg_errors_init(&errs);
	assert_int_equal(vg_cidr_list_parse(&l,
	    "10.0.0.1/8,example.com,1.2.3.4/33,::1/129,1.2.3.4/,1.2.3.4/08,"
	    "10.0.0.0/8,::ffff:10.0.0.0/8", "TRUSTED_PROXIES", &errs), -1);
	assert_int_equal(l.count, 0);
	assert_null(l.item);
	assert_int_equal(errs.nerrors, 7);
	assert_string_equal(errs.error[0].name, "TRUSTED_PROXIES");
	assert_string_equal(errs.error[0].value, "10.0.0.1/8");
	assert_non_null(strstr(errs.error[0].text, "10.0.0.0/8 may be meant"));
	assert_non_null(strstr(errs.error[1].text, "host names"));
	assert_non_null(strstr(errs.error[2].text, "prefix length"));
}

static void
sockaddrs_match_too(void **unused)
{
	struct vg_cidr_list	l;
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;
	struct sockaddr		sa;
	struct in6_addr		a;

	(void)unused;
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, "10.1.2.3", &sin.sin_addr), 1);
	memset(&sin6, 0, sizeof(sin6));
	sin6.sin6_family = AF_INET6;
	sin6.sin6_addr = addr("::ffff:10.1.2.3");
	assert_int_equal(vg_cidr_list_parse(&l, "10.0.0.0/8", "T", NULL), 0);
	assert_true(vg_cidr_list_match_sockaddr(&l,
	    (const struct sockaddr *)&sin));
	assert_true(vg_cidr_list_match_sockaddr(&l,
	    (const struct sockaddr *)&sin6));
	vg_cidr_list_free(&l);

	memset(&sa, 0, sizeof(sa));
	sa.sa_family = AF_UNIX;
	assert_int_equal(vg_addr_from_sockaddr(&a, &sa), -1);
}

static void
a_client_is_an_ipv4_address_or_an_ipv6_prefix(void **unused)
{
	(void)unused;
	assert_string_equal(key("192.0.2.7", 64), "192.0.2.7");
	assert_string_equal(key("::ffff:192.0.2.7", 64), "192.0.2.7");
	assert_string_equal(key("2001:db8:1:2:3:4:5:6", 64),
	    "2001:db8:1:2::/64");
	assert_string_equal(key("2001:db8:1:2fff:3:4:5:6", 56),
	    "2001:db8:1:2f00::/56");
	assert_string_equal(key("2001:db8:1:2:3:4:5:6", 128),
	    "2001:db8:1:2:3:4:5:6");
	assert_string_equal(key("::1", 64), "::/64");
}

static void
the_longest_client_key_fits(void **unused)
{
	struct in6_addr	a;
	char		buf[VG_CLIENT_SIZE];

	(void)unused;
	memset(&a, 0xab, sizeof(a));
	assert_int_equal(vg_client_key(buf, sizeof(buf), &a, 127), 0);
	assert_int_equal(vg_client_key(buf, 10, &a, 127), -1);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(literals_are_strict),
		cmocka_unit_test(text_comes_back_canonical),
		cmocka_unit_test(loopback_is_known),
		cmocka_unit_test(ranges_match_at_their_edges),
		cmocka_unit_test(every_prefix_length_agrees_with_arithmetic),
		cmocka_unit_test(families_do_not_mix),
		cmocka_unit_test(lists_take_commas_and_blanks),
		cmocka_unit_test(all_bad_ranges_are_told),
		cmocka_unit_test(sockaddrs_match_too),
		cmocka_unit_test(a_client_is_an_ipv4_address_or_an_ipv6_prefix),
		cmocka_unit_test(the_longest_client_key_fits)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
