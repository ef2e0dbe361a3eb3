#ifndef KORESHIM_H
#define KORESHIM_H

/*
 * As much of Kore's event loop as src/upstream uses, so that its programs can be
 * tested alone, under sanitizers. Events come in batches and timers as in Kore.
 */

#include <stdbool.h>
#include <stdint.h>

void	shim_init(void);
void	shim_cleanup(void);
/* Turns the loop until *done or for at most ms milliseconds; *done then. */
bool	shim_run(const bool *done, uint64_t ms);
/* Turns the loop for ms milliseconds. */
void	shim_run_for(uint64_t ms);
unsigned	shim_timers(void);	/* pending */
unsigned	shim_events(void);	/* descriptors watched */
/* The longest time, in milliseconds, that one turn's work took; then 0. */
uint64_t	shim_longest(void);

#endif
