/*
 * The cipher of kept texts: known answers, made by another program; every byte
 * that is changed, and every other place, is refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/base64.h"
#include "store/seal.h"

#define SESSION	"d42d60a6-9c90-4df2-8000-231fff37cd0e"
#define OTHER	"d42d60a6-9c90-4df2-8000-231fff37cd0f"
#define KEY	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NEXT	"f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_ID	"662a881aeff7aead"

static const struct vg_sealed_place	first = { SESSION, 1, 't' };

static void
ring_of(struct vg_seal_ring *ring, const char *keys)
{
	const char	*why = "";

	memset(ring, 0, sizeof(*ring));
	if (vg_seal_init(ring, keys, &why) == -1)
		fail_msg("%s", why);
}

static void
known_answers(void **unused)
{
	/* By Node.js: its crypto module, from the description in sealed.c. */
	static const struct {
		struct vg_sealed_place	place;
		const char		*stored;
		const char		*text;
	} known[] = {
		{ { SESSION, 1, 't' }, "v1:CgsMDQ4PEBESExQVJp1SqR249xfTYbYtuMmA"
		    "JJRwuA/MC5qUmDCl9TR9sZoJBzHFy+Gwd/w4k5g4bcOgerOzS8t5arOZinO3",
		    "I have been feeling sad since my father died" },
		{ { SESSION, 2, 'r' },
		    "v1:/+7dzLuqmYh3ZlVEm3Dotdlcebpu6oMYaynVpQ==", "" },
		{ { SESSION, 258, 'r' }, "v1:AAAAAAAAAAAAAAABZrXXP/KaVT5JXJKFLzlf"
		    "6kVUHfzZD0MIqGny9kXh6Q==",
		    "sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f" "e" }
	};
	struct vg_seal_ring	ring;
	char			*text;
	size_t			i;

	(void)unused;
	ring_of(&ring, KEY);
	assert_string_equal(vg_seal_id(&ring), KEY_ID);
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(vg_seal_open(&ring, KEY_ID, &known[i].place,
		    known[i].stored, &text), VG_SEAL_OK);
		assert_string_equal(text, known[i].text);
		vg_seal_forget(text);
	}
	vg_seal_clear(&ring);
	assert_null(vg_seal_id(&ring));
}

static void
what_was_encrypted_comes_back(void **unused)
{
	struct vg_seal_ring	ring;
	char			*text, *stored, *again, *back;
	size_t			n;

	(void)unused;
	ring_of(&ring, KEY);
	for (n = 0; n < 70000; n = n * 3 + 1) {
		text = malloc(n + 1);
		assert_non_null(text);
		memset(text, 'w', n);
		text[n] = '\0';
		assert_int_equal(vg_seal_text(&ring, &first, text, &stored),
		    VG_SEAL_OK);
		assert_int_equal(strlen(stored) + 1, vg_sealed_size(n));
		assert_true(n < 4 || strstr(stored, "wwww") == NULL);
		/* Never twice the same: a nonce each. */
		assert_int_equal(vg_seal_text(&ring, &first, text, &again),
		    VG_SEAL_OK);
		assert_memory_not_equal(stored + 3, again + 3, 16);
		assert_int_equal(vg_seal_open(&ring, KEY_ID, &first, stored,
		    &back), VG_SEAL_OK);
		assert_string_equal(back, text);
		vg_seal_forget(back);
		vg_seal_forget(stored);
		vg_seal_forget(again);
		free(text);
	}
}

static void
what_is_no_utf8_is_replaced_as_elsewhere(void **unused)
{
	struct vg_seal_ring	ring;
	char			*stored, *back;

	(void)unused;
	ring_of(&ring, KEY);
	assert_int_equal(vg_seal_text(&ring, &first, "a\xff\xc3" "b\xc3\xa9",
	    &stored), VG_SEAL_OK);
	assert_int_equal(vg_seal_open(&ring, KEY_ID, &first, stored, &back),
	    VG_SEAL_OK);
	assert_string_equal(back, "a\xef\xbf\xbd\xef\xbf\xbd" "b\xc3\xa9");
	vg_seal_forget(back);
	vg_seal_forget(stored);
}

static void
every_byte_that_is_changed_is_seen(void **unused)
{
	struct vg_seal_ring	ring;
	struct vg_sealed	s;
	uint8_t			raw[512];
	char			*stored, *back, bad[512];
	size_t			i, len;
	int			bit;

	(void)unused;
	ring_of(&ring, KEY);
	assert_int_equal(vg_seal_text(&ring, &first, "what I said", &stored),
	    VG_SEAL_OK);
	assert_int_equal(vg_sealed_read(&s, raw, stored, strlen(stored)), 0);
	len = VG_SEALED_NONCE + s.len + VG_SEALED_TAG;
	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			raw[i] ^= (uint8_t)(1 << bit);
			vg_sealed_write(bad, raw, s.len);
			assert_int_equal(vg_seal_open(&ring, KEY_ID, &first,
			    bad, &back), VG_SEAL_ALTERED);
			assert_null(back);
			raw[i] ^= (uint8_t)(1 << bit);
		}
	}
	/* Shorter, at each character of its stored form, and longer. */
	for (i = 0; i < strlen(stored); i++) {
		memcpy(bad, stored, i);
		bad[i] = '\0';
		assert_int_equal(vg_seal_open(&ring, KEY_ID, &first, bad,
		    &back), VG_SEAL_ALTERED);
	}
	assert_int_equal(vg_seal_open(&ring, KEY_ID, &first, "in the clear",
	    &back), VG_SEAL_ALTERED);
	assert_int_equal(vg_seal_open(&ring, KEY_ID, &first, stored, &back),
	    VG_SEAL_OK);
	vg_seal_forget(back);
	vg_seal_forget(stored);
}

static void
a_text_opens_in_its_place_alone(void **unused)
{
	static const struct vg_sealed_place	elsewhere[] = {
		{ SESSION, 1, 'r' }, { SESSION, 2, 't' }, { OTHER, 1, 't' },
		{ "not a session", 1, 't' }
	};
	struct vg_seal_ring	ring;
	char			*stored, *back;
	size_t			i;

	(void)unused;
	ring_of(&ring, KEY);
	assert_int_equal(vg_seal_text(&ring, &first, "what I said", &stored),
	    VG_SEAL_OK);
	for (i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		assert_int_equal(vg_seal_open(&ring, KEY_ID, &elsewhere[i],
		    stored, &back), VG_SEAL_ALTERED);
	vg_seal_forget(stored);
	/* And is encrypted for a place alone. */
	assert_int_equal(vg_seal_text(&ring, &elsewhere[3], "x", &stored),
	    VG_SEAL_FAILED);
	assert_null(stored);
}

static void
the_first_key_encrypts_and_all_decrypt(void **unused)
{
	struct vg_seal_ring	old, both, new;
	char			*stored, *back, id[VG_SEAL_ID_SIZE];

	(void)unused;
	ring_of(&old, KEY);
	ring_of(&both, NEXT "," KEY);
	ring_of(&new, NEXT);
	assert_string_equal(vg_seal_id(&both), vg_seal_id(&new));
	assert_string_not_equal(vg_seal_id(&both), KEY_ID);
	memcpy(id, vg_seal_id(&new), sizeof(id));

	assert_int_equal(vg_seal_text(&old, &first, "said", &stored), VG_SEAL_OK);
	assert_int_equal(vg_seal_open(&both, KEY_ID, &first, stored, &back),
	    VG_SEAL_OK);
	assert_string_equal(back, "said");
	vg_seal_forget(back);
	assert_int_equal(vg_seal_open(&new, KEY_ID, &first, stored, &back),
	    VG_SEAL_NO_KEY);
	/* The id says which key is tried, and does not vouch for it. */
	assert_int_equal(vg_seal_open(&both, id, &first, stored, &back),
	    VG_SEAL_ALTERED);
	vg_seal_forget(stored);

	assert_int_equal(vg_seal_text(&both, &first, "said", &stored),
	    VG_SEAL_OK);
	assert_int_equal(vg_seal_open(&new, id, &first, stored, &back),
	    VG_SEAL_OK);
	vg_seal_forget(back);
	assert_int_equal(vg_seal_open(&old, KEY_ID, &first, stored, &back),
	    VG_SEAL_ALTERED);
	vg_seal_forget(stored);
}

static void
without_a_key_nothing_is_encrypted(void **unused)
{
	struct vg_seal_ring	ring;
	const char		*why = NULL;
	char			*stored;

	(void)unused;
	ring_of(&ring, NULL);
	assert_null(vg_seal_id(&ring));
	assert_int_equal(vg_seal_text(&ring, &first, "x", &stored),
	    VG_SEAL_NO_KEY);
	assert_null(stored);
	assert_int_equal(vg_seal_init(&ring, "short", &why), -1);
	assert_non_null(why);
	assert_null(vg_seal_id(&ring));
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(what_was_encrypted_comes_back),
		cmocka_unit_test(what_is_no_utf8_is_replaced_as_elsewhere),
		cmocka_unit_test(every_byte_that_is_changed_is_seen),
		cmocka_unit_test(a_text_opens_in_its_place_alone),
		cmocka_unit_test(the_first_key_encrypts_and_all_decrypt),
		cmocka_unit_test(without_a_key_nothing_is_encrypted),
	};

	return (cmocka_run_group_tests_name("store: cipher", tests, NULL, NULL));
}
