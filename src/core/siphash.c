/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012).
 *
 * Tables that are indexed by what strangers send need a hash that strangers
 * cannot compute: with a plain one, an attacker picks addresses that all fall
 * into one set of the table, and thereby throws out whom he likes. SipHash is
 * a pseudo-random function of a secret key, quick on the short inputs we have,
 * and small enough to be read in one sitting. The two test vectors of its paper
 * are in the unit test.
 */

#include <string.h>

#include "core/siphash.h"

#define ROTL(x, b)	(((x) << (b)) | ((x) >> (64 - (b))))

static uint64_t	load_le(const uint8_t *, size_t);
static void	sip_rounds(uint64_t v[4], int);

uint64_t
vg_siphash(const uint8_t key[VG_SIPHASH_KEY_SIZE], const void *data, size_t len)
{
	const uint8_t	*p;
	uint64_t	v[4], k0, k1, m;
	size_t		left;

	k0 = load_le(key, 8);
	k1 = load_le(key + 8, 8);
	v[0] = k0 ^ UINT64_C(0x736f6d6570736575);
	v[1] = k1 ^ UINT64_C(0x646f72616e646f6d);
	v[2] = k0 ^ UINT64_C(0x6c7967656e657261);
	v[3] = k1 ^ UINT64_C(0x7465646279746573);

	p = data;
	for (left = len; left >= 8; left -= 8, p += 8) {
		m = load_le(p, 8);
		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}

	m = load_le(p, left) | ((uint64_t)(len & 0xff) << 56);
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;

	v[2] ^= 0xff;
	sip_rounds(v, 4);

	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}

static uint64_t
load_le(const uint8_t *p, size_t n)
{
	uint64_t	x;
	size_t		i;

	x = 0;
	for (i = 0; i < n; i++)
		x |= (uint64_t)p[i] << (8 * i);

	return (x);
}

static void
sip_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[1] = ROTL(v[1], 13);
		v[1] ^= v[0];
		v[0] = ROTL(v[0], 32);
		v[2] += v[3];
		v[3] = ROTL(v[3], 16);
		v[3] ^= v[2];
		v[0] += v[3];
		v[3] = ROTL(v[3], 21);
		v[3] ^= v[0];
		v[2] += v[1];
		v[1] = ROTL(v[1], 17);
		v[1] ^= v[2];
		v[2] = ROTL(v[2], 32);
	}
}
