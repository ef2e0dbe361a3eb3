/* The energy gate: what moves like speech passes, what hums or hisses does not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "speech/energy.h"

#define RATE	16000
#define SECONDS	3
#define N	(RATE * SECONDS)
#define TAU	6.283185307179586

static int16_t	pcm[N];

static int16_t
clip(double v)
{
	return ((int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v));
}

/* A fixed noise, so that a failure can be seen again. */
static double
noise(void)
{
	static uint32_t	x = 1;

	x = x * 1664525u + 1013904223u;
	return ((double)(x >> 8) / (double)(1 << 23) - 1.0);
}

static void
silence_is_not_speech(void **state)
{
	(void)state;
	memset(pcm, 0, sizeof(pcm));
	assert_int_equal(vg_energy_speech(pcm, N), 0);
	assert_int_equal(vg_energy_speech(pcm, 0), 0);
}

static void
mains_hum_is_not_speech(void **state)
{
	size_t	i;

	(void)state;
	for (i = 0; i < N; i++)
		pcm[i] = clip(9000 * sin(TAU * 50 * (double)i / RATE) +
		    2000 * sin(TAU * 150 * (double)i / RATE));
	assert_int_equal(vg_energy_speech(pcm, N), 0);
}

static void
steady_noise_is_not_speech(void **state)
{
	size_t	i;

	(void)state;
	for (i = 0; i < N; i++)
		pcm[i] = clip(1000 * noise());
	assert_int_equal(vg_energy_speech(pcm, N), 0);
}

static void
a_constant_offset_is_not_speech(void **state)
{
	size_t	i;

	(void)state;
	for (i = 0; i < N; i++)
		pcm[i] = 12000;
	assert_int_equal(vg_energy_speech(pcm, N), 0);
}

static void
one_click_is_not_speech(void **state)
{
	(void)state;
	memset(pcm, 0, sizeof(pcm));
	pcm[N / 2] = 32767;
	pcm[N / 2 + 1] = -32768;
	assert_int_equal(vg_energy_speech(pcm, N), 0);
}

/* Syllables: a tone of 200 Hz with overtones, four times a second. */
static void
syllables(double level)
{
	double	t, on;
	size_t	i;

	for (i = 0; i < N; i++) {
		t = (double)i / RATE;
		on = fmod(t * 4, 1.0) < 0.6 ? sin(TAU / 2 * fmod(t * 4, 1.0) /
		    0.6) : 0;
		pcm[i] = clip(level * on * (sin(TAU * 200 * t) +
		    sin(TAU * 600 * t) + sin(TAU * 1400 * t)) + 3 * noise());
	}
}

static void
syllables_are_speech(void **state)
{
	(void)state;
	syllables(4000);
	assert_int_equal(vg_energy_speech(pcm, N), 1);
}

static void
quiet_syllables_are_speech(void **state)
{
	(void)state;
	syllables(120);
	assert_int_equal(vg_energy_speech(pcm, N), 1);
}

static void
one_short_word_is_speech(void **state)
{
	(void)state;
	syllables(4000);
	assert_int_equal(vg_energy_speech(pcm, RATE / 2), 1);
}

static void
less_than_a_word_is_not(void **state)
{
	(void)state;
	syllables(4000);
	assert_int_equal(vg_energy_speech(pcm, RATE / 10), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_not_speech),
		cmocka_unit_test(mains_hum_is_not_speech),
		cmocka_unit_test(steady_noise_is_not_speech),
		cmocka_unit_test(a_constant_offset_is_not_speech),
		cmocka_unit_test(one_click_is_not_speech),
		cmocka_unit_test(syllables_are_speech),
		cmocka_unit_test(quiet_syllables_are_speech),
		cmocka_unit_test(one_short_word_is_speech),
		cmocka_unit_test(less_than_a_word_is_not),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
