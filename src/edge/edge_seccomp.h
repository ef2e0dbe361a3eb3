#ifndef VG_EDGE_SECCOMP_H
#define VG_EDGE_SECCOMP_H

/*
 * What the door asks of a worker's sandbox beyond Kore's own list, for
 * KORE_SECCOMP_FILTER(); <kore/seccomp.h> must come first.
 *
 *	accept4		takes a connection non-blocking and close-on-exec in one
 *			call (Kore: accept and three of fcntl)
 *	shutdown	our FIN before the last bytes of a client are thrown
 *			away, so that no RST overtakes the answer
 *
 * Besides these, the door uses what Kore allows: recvfrom, sendto, poll,
 * epoll_*, setsockopt (SO_LINGER, SO_RCVLOWAT), close, getrandom,
 * clock_gettime.
 */

#define VG_EDGE_SECCOMP			\
	KORE_SYSCALL_ALLOW(accept4),	\
	KORE_SYSCALL_ALLOW(shutdown)

#endif
