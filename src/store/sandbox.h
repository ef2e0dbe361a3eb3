#ifndef VG_STORE_SANDBOX_H
#define VG_STORE_SANDBOX_H

/*
 * What a connection to PostgreSQL needs beyond Kore's own filter, as arguments
 * of KORE_SECCOMP_FILTER(). Include <kore/seccomp.h> first.
 *
 * socket, connect	libpq makes the connection in the worker, again and
 *			again; the families are those of a database host and
 *			of a local server's socket, nothing else (no raw, no
 *			netlink)
 * getsockopt		SO_ERROR tells how a non-blocking connect ended
 * getsockname		libpq notes its own address after connect
 */
#define VG_STORE_SECCOMP_RULES					\
	KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_INET),		\
	KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_INET6),		\
	KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_UNIX),		\
	KORE_SYSCALL_ALLOW(connect),				\
	KORE_SYSCALL_ALLOW(getsockopt),				\
	KORE_SYSCALL_ALLOW(getsockname)

#endif
