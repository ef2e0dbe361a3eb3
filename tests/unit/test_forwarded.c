/*
 * Who the client is behind proxies: the cases are in tests/cases/forwarded.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "casefile.h"
#include "core/forwarded.h"

#define LINES_MAX	8
#define CASES_MIN	45

static size_t
lines(struct vg_field *out, const struct casefile *c, const char *key)
{
	size_t		n;

	for (n = 0; n < LINES_MAX; n++) {
		out[n].text = case_get(c, key, n, &out[n].len);
		if (out[n].text == NULL)
			break;
	}

	return (n);
}

static void
check_case(const struct casefile *c)
{
	struct vg_field			fwd[LINES_MAX], xff[LINES_MAX];
	struct vg_field			xfp[LINES_MAX];
	struct vg_forwarded_fields	fields;
	struct vg_cidr_list		trusted;
	struct vg_client		client;
	struct in6_addr			peer;
	const char			*want, *text;
	char				got[VG_ADDR_SIZE];
	static const char		*const protos[] = {
		"unknown", "http", "https"
	};

	text = case_get(c, "trusted", 0, NULL);
	assert_int_equal(vg_cidr_list_parse(&trusted, text != NULL ? text : "",
	    "T", NULL), 0);
	text = case_get(c, "peer", 0, NULL);
	assert_int_equal(vg_addr_parse(&peer, text, strlen(text)), 0);

	fields.forwarded = fwd;
	fields.nforwarded = lines(fwd, c, "forwarded");
	fields.xff = xff;
	fields.nxff = lines(xff, c, "x-forwarded-for");
	fields.xfp = xfp;
	fields.nxfp = lines(xfp, c, "x-forwarded-proto");
	vg_client_resolve(&client, &trusted, &peer, &fields);
	vg_cidr_list_free(&trusted);

	assert_int_equal(vg_addr_format(got, sizeof(got), &client.addr), 0);
	want = case_get(c, "client", 0, NULL);
	if (strcmp(got, want) != 0)
		fail_msg("%s: client is %s, not %s", c->name, got, want);

	want = case_get(c, "proto", 0, NULL);
	if (want != NULL && strcmp(protos[client.proto], want) != 0) {
		fail_msg("%s: proto is %s, not %s", c->name,
		    protos[client.proto], want);
	}

	want = case_get(c, "flags", 0, NULL);
	if (want == NULL)
		want = "";
	if ((strstr(want, "malformed") != NULL) != client.malformed)
		fail_msg("%s: malformed is %d", c->name, client.malformed);
	if ((strstr(want, "conflict") != NULL) != client.conflict)
		fail_msg("%s: conflict is %d", c->name, client.conflict);
}

static void
every_case_names_the_right_client(void **unused)
{
	(void)unused;
	assert_true(case_each("forwarded", check_case) >= CASES_MIN);
}

static void
a_long_chain_of_trusted_hops_ends(void **unused)
{
	struct vg_forwarded_fields	fields;
	struct vg_cidr_list		trusted;
	struct vg_client		client;
	struct in6_addr			peer;
	struct vg_field			line;
	static char			text[64 * 10];
	size_t				i;

	(void)unused;
	for (i = 0; i < 64; i++)
		memcpy(text + i * 10, "10.0.0.1, ", 10);
	line.text = text;
	line.len = sizeof(text);
	memset(&fields, 0, sizeof(fields));
	fields.xff = &line;
	fields.nxff = 1;
	assert_int_equal(vg_cidr_list_parse(&trusted, "10.0.0.0/8", "T", NULL),
	    0);
	assert_int_equal(vg_addr_parse(&peer, "10.0.0.2", 8), 0);
	vg_client_resolve(&client, &trusted, &peer, &fields);
	assert_true(client.malformed);
	vg_cidr_list_free(&trusted);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(every_case_names_the_right_client),
		cmocka_unit_test(a_long_chain_of_trusted_hops_ends)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
