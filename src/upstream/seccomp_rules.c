/*
 * What this room needs of the kernel beyond Kore's own rules for workers and
 * for libcurl (flavor CURL=1): found by running every kind of call, with and
 * without names to look up, under the sandbox.
 */

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include <kore/kore.h>
#include <kore/seccomp.h>

#include "upstream/upstream.h"

static struct sock_filter	rules[] = {
	/*
	 * Names are looked up in a thread. glibc starts one with clone3, whose
	 * arguments lie in memory where no filter can judge them; told that
	 * there is no such call it takes clone, which Kore allows.
	 */
	KORE_SYSCALL_DENY(clone3, ENOSYS),

	/* The sockets are watched by an instance of our own (uploop.c). */
	KORE_SYSCALL_ALLOW(epoll_create1),

	/*
	 * The thread wakes the loop through a pair of sockets; libcurl's multi
	 * handle has another.
	 */
	KORE_SYSCALL_ALLOW_ARG(socketpair, 0, AF_UNIX),

	/* glibc registers restartable sequences for each new thread. */
	KORE_SYSCALL_ALLOW(rseq),
};

void
vg_upstream_seccomp(void)
{
	(void)kore_seccomp_filter("upstream", rules, KORE_FILTER_LEN(rules));
}
