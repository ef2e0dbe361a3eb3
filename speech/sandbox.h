/*
 * What a process of the speech server may still do once it is set up.
 */
#ifndef VG_SPEECH_SANDBOX_H
#define VG_SPEECH_SANDBOX_H

#include <sys/types.h>

/* Compiled under a sanitizer, whose runtime needs more than the program. */
#if defined(__SANITIZE_ADDRESS__)
#define VG_SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define VG_SANITIZED	1
#endif
#endif
#ifndef VG_SANITIZED
#define VG_SANITIZED	0
#endif

enum vg_role {
	VG_ROLE_KEEPER,
	VG_ROLE_FRONT,
	VG_ROLE_DECODE,
	VG_ROLE_STT,
	VG_ROLE_TTS,
	VG_ROLES
};

/*
 * Compiles the system call filter of every role, in the keeper, once: entering
 * one later costs a worker a single prctl().  0 or -1.
 */
int	vg_sandbox_prepare(void);

/*
 * Sets no_new_privs and enters the role's filter; there is no way back, and a
 * system call outside of it ends the process (SIGSYS).  0 or -1 with errno.
 */
int	vg_sandbox_enter(enum vg_role role);

/*
 * The role's resource limits.  cpu_seconds 0: no limit on processor time.
 * 0 or -1 with errno.
 */
int	vg_sandbox_limits(enum vg_role role, unsigned int cpu_seconds);

/*
 * For a child just after fork: dies with its parent, ignores what a terminal
 * sends to the whole group, holds no descriptor but 0-2 and the `nkeep` given.
 * 0, or -1 when the parent is already gone.
 */
int	vg_sandbox_child(pid_t parent, const char *name, const int *keep,
	    size_t nkeep);

/* Becomes `user` for good (groups, gid, uid).  0 or -1 with errno. */
int	vg_sandbox_drop(const char *user);

#endif
