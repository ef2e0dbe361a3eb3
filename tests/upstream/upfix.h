#ifndef UPFIX_H
#define UPFIX_H

/* What the programs of this folder set up alike. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/patience.h"
#include "upstream/upstream.h"

/* Every provider at http://127.0.0.1:port; keys may be "". */
void	fix_settings(struct vg_settings *, int port, const char *keys);
/* Parent and worker in one, with the loop. */
int	fix_start(void **);
int	fix_stop(void **);
/* Other address and keys from now on, breakers closed. */
void	fix_use(int port, const char *keys);
/* An unnamed file of LEN bytes of 'a'..'z'. */
int	fix_recording(size_t len);
int	fix_open_files(void);
long	fix_rss_kib(void);
size_t	fix_size(int fd);

/* Whether this program was built with the address sanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#define FIX_ASAN	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIX_ASAN	1
#endif
#endif

extern unsigned	fix_events[VG_UP_KINDS][VG_UP_EVENTS];

#endif
