/* Temporary files: who may see them, what is left of them, what is counted. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/tempfile.h"

/* The sanitizer makes system calls of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED	1
#endif
#endif

#ifndef SANITIZED
#define SANITIZED	0
#endif

#define UUID	"0b8f1a52-3c4d-4e5f-8a9b-0c1d2e3f4a5b"
#define UUID2	"1b8f1a52-3c4d-4e5f-8a9b-0c1d2e3f4a5b"
#define TEMP	"vgtmp-00112233445566778899aabbccddeeff"

struct fixture {
	char	base[64];
	char	path[96];	/* base/files: the folder under test */
	int	dirfd;
};

static const uint8_t	random_bytes[VG_TEMPFILE_RANDOM] = {
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
	0xbb, 0xcc, 0xdd, 0xee, 0xff
};

static int
setup(void **state)
{
	struct fixture	*f = calloc(1, sizeof(*f));

	if (f == NULL)
		return (-1);
	(void)snprintf(f->base, sizeof(f->base), "/tmp/vg-test-XXXXXX");
	if (mkdtemp(f->base) == NULL)
		return (-1);
	(void)snprintf(f->path, sizeof(f->path), "%s/files", f->base);
	f->dirfd = vg_tempdir_open(f->path, geteuid());
	*state = f;

	return (f->dirfd != -1 ? 0 : -1);
}

static int
teardown(void **state)
{
	struct fixture	*f = *state;
	char		command[128];

	(void)close(f->dirfd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->base);
	if (system(command) != 0)
		return (-1);
	free(f);

	return (0);
}

static size_t
entries(const struct fixture *f)
{
	struct dirent	*e;
	DIR		*d = opendir(f->path);
	size_t		n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.')
			n++;
	}
	(void)closedir(d);

	return (n);
}

static void
put(const struct fixture *f, const char *name, time_t age)
{
	struct timespec	t[2] = { { 0, 0 }, { 0, 0 } };
	int		fd;

	fd = openat(f->dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_not_equal(fd, -1);
	t[0].tv_sec = t[1].tv_sec = 1000000 - age;
	assert_int_equal(futimens(fd, t), 0);
	(void)close(fd);
}

static bool
there(const struct fixture *f, const char *name)
{
	struct stat	st;

	return (fstatat(f->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
}

static void
test_the_folder_is_made_for_its_owner_alone(void **state)
{
	struct fixture	*f = *state;
	struct stat	st;
	mode_t		old;
	char		path[128];
	int		fd;

	assert_int_equal(fstat(f->dirfd, &st), 0);
	assert_int_equal(st.st_mode & ALLPERMS, 0700);

	/* Whatever the umask takes away. */
	(void)snprintf(path, sizeof(path), "%s/other", f->base);
	old = umask(0377);
	fd = vg_tempdir_open(path, geteuid());
	(void)umask(old);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & ALLPERMS, 0700);
	(void)close(fd);

	/* And it can be opened again. */
	fd = vg_tempdir_open(path, geteuid());
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	(void)close(fd);
}

static void
test_a_folder_that_others_may_use_is_refused(void **state)
{
	static const mode_t	modes[] = { 0755, 0750, 0701, 0720, 01700,
	    02700, 0500, 0 };
	struct fixture		*f = *state;
	size_t			i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(f->path, modes[i]), 0);
		assert_int_equal(vg_tempdir_open(f->path, geteuid()), -1);
		assert_int_equal(errno, EACCES);
	}
	assert_int_equal(chmod(f->path, 0700), 0);

	assert_int_equal(vg_tempdir_open(f->path, geteuid() + 1), -1);
	assert_int_equal(errno, EPERM);
}

static void
test_a_link_or_a_file_is_no_folder(void **state)
{
	struct fixture	*f = *state;
	char		path[128];

	(void)snprintf(path, sizeof(path), "%s/link", f->base);
	assert_int_equal(symlink(f->path, path), 0);
	assert_int_equal(vg_tempdir_open(path, geteuid()), -1);
	assert_true(errno == ELOOP || errno == ENOTDIR);

	(void)snprintf(path, sizeof(path), "%s/dangling", f->base);
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(vg_tempdir_open(path, geteuid()), -1);

	(void)snprintf(path, sizeof(path), "%s/files/file", f->base);
	put(f, "file", 0);
	assert_int_equal(vg_tempdir_open(path, geteuid()), -1);
	assert_int_equal(errno, ENOTDIR);

	(void)snprintf(path, sizeof(path), "%s/no/parent", f->base);
	assert_int_equal(vg_tempdir_open(path, geteuid()), -1);
	assert_int_equal(errno, ENOENT);
}

static void
test_an_upload_has_no_name_and_is_for_its_owner_alone(void **state)
{
	struct fixture		*f = *state;
	struct vg_tempfile	t;
	struct stat		st;
	char			back[5];

	assert_int_equal(vg_tempfile_create(&t, f->dirfd, random_bytes, 100),
	    0);
	assert_string_equal(t.name, "");
	assert_int_equal(entries(f), 0);
	assert_int_equal(fstat(t.fd, &st), 0);
	assert_int_equal(st.st_mode & ALLPERMS, 0600);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(fcntl(t.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

	assert_int_equal(vg_tempfile_write(&t, "hel", 3), 0);
	assert_int_equal(vg_tempfile_write(&t, "", 0), 0);
	assert_int_equal(vg_tempfile_write(&t, "lo", 2), 0);
	assert_int_equal(t.size, 5);
	assert_int_equal(vg_tempfile_rewind(&t), 0);
	assert_int_equal(read(t.fd, back, sizeof(back)), 5);
	assert_memory_equal(back, "hello", 5);

	vg_tempfile_discard(&t);
	assert_int_equal(t.fd, -1);
	vg_tempfile_discard(&t);
	assert_int_equal(entries(f), 0);
}

static void
test_a_named_one_is_exclusive_and_follows_no_link(void **state)
{
	struct fixture		*f = *state;
	struct vg_tempfile	t, second;
	struct stat		st;

	assert_int_equal(vg_tempfile_create_named(&t, f->dirfd, random_bytes,
	    100), 0);
	assert_string_equal(t.name, TEMP);
	assert_int_equal(fstat(t.fd, &st), 0);
	assert_int_equal(st.st_mode & ALLPERMS, 0600);

	assert_int_equal(vg_tempfile_create_named(&second, f->dirfd,
	    random_bytes, 100), -1);
	assert_int_equal(second.error, EEXIST);
	/* What is not its own it does not remove. */
	vg_tempfile_discard(&second);
	assert_true(there(f, TEMP));
	vg_tempfile_discard(&t);
	assert_false(there(f, TEMP));

	assert_int_equal(symlinkat("target", f->dirfd, TEMP), 0);
	assert_int_equal(vg_tempfile_create_named(&t, f->dirfd, random_bytes,
	    100), -1);
	assert_false(there(f, "target"));
}

static void
test_no_more_is_written_than_is_allowed(void **state)
{
	struct fixture		*f = *state;
	struct vg_tempfile	t;

	assert_int_equal(vg_tempfile_create(&t, f->dirfd, random_bytes, 5),
	    0);
	assert_int_equal(vg_tempfile_write(&t, "12345", 5), 0);
	assert_int_equal(vg_tempfile_write(&t, "6", 1), -1);
	assert_int_equal(t.error, EFBIG);
	assert_int_equal(t.size, 5);
	assert_int_equal(lseek(t.fd, 0, SEEK_END), 5);
	/* The first error stays. */
	assert_int_equal(vg_tempfile_write(&t, "", 0), -1);
	assert_int_equal(errno, EFBIG);
	vg_tempfile_discard(&t);
}

static void
test_a_full_disk_is_told_and_the_count_stays_exact(void **state)
{
	struct fixture		*f = *state;
	struct vg_tempfile	t;
	int			full;

	assert_int_equal(vg_tempfile_create(&t, f->dirfd, random_bytes, 100),
	    0);
	assert_int_equal(vg_tempfile_write(&t, "abc", 3), 0);
	full = open("/dev/full", O_WRONLY);
	assert_int_not_equal(full, -1);
	assert_int_not_equal(dup2(full, t.fd), -1);
	assert_int_equal(vg_tempfile_write(&t, "def", 3), -1);
	assert_int_equal(t.error, ENOSPC);
	assert_int_equal(t.size, 3);
	assert_int_equal(vg_tempfile_trouble(t.error), VG_TEMPFILE_FULL);
	assert_int_equal(vg_tempfile_publish(&t, UUID ".wav"), -1);
	assert_int_equal(entries(f), 0);
	vg_tempfile_discard(&t);
	(void)close(full);
}

static void
test_no_descriptors_left_is_told(void **state)
{
	struct fixture		*f = *state;
	struct vg_tempfile	t;
	struct rlimit		old, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(vg_tempfile_create(&t, f->dirfd, random_bytes, 5),
	    -1);
	assert_int_equal(t.error, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(vg_tempfile_trouble(EMFILE),
	    VG_TEMPFILE_DESCRIPTORS);
	assert_int_equal(vg_tempfile_create(&t, f->dirfd, random_bytes, 5),
	    0);
	vg_tempfile_discard(&t);
}

static void
test_troubles_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(vg_tempfile_trouble(EDQUOT), VG_TEMPFILE_FULL);
	assert_int_equal(vg_tempfile_trouble(EFBIG), VG_TEMPFILE_FULL);
	assert_int_equal(vg_tempfile_trouble(ENFILE),
	    VG_TEMPFILE_DESCRIPTORS);
	assert_int_equal(vg_tempfile_trouble(EROFS), VG_TEMPFILE_DENIED);
	assert_int_equal(vg_tempfile_trouble(ENOENT), VG_TEMPFILE_GONE);
	assert_int_equal(vg_tempfile_trouble(EIO), VG_TEMPFILE_OTHER);
}

static void
publish(struct fixture *f, bool named)
{
	struct vg_tempfile	t;
	uint64_t		size = 0;
	char			name[VG_TEMPFILE_NAME_SIZE], back[8];
	int			fd;

	assert_int_equal(vg_tempfile_name(name, UUID, "wav"), 0);
	assert_int_equal(named ? vg_tempfile_create_named(&t, f->dirfd,
	    random_bytes, 100) : vg_tempfile_create(&t, f->dirfd,
	    random_bytes, 100), 0);
	assert_int_equal(vg_tempfile_write(&t, "hello", 5), 0);
	assert_false(there(f, name));
	assert_int_equal(vg_tempfile_publish(&t, name), 0);
	vg_tempfile_discard(&t);
	assert_int_equal(entries(f), 1);

	fd = vg_tempfile_open(f->dirfd, name, &size);
	assert_int_not_equal(fd, -1);
	assert_int_equal(size, 5);
	assert_int_equal(read(fd, back, sizeof(back)), 5);
	assert_memory_equal(back, "hello", 5);
	assert_int_equal(write(fd, "x", 1), -1);
	(void)close(fd);

	/* Another one does not replace it, and leaves nothing. */
	assert_int_equal(named ? vg_tempfile_create_named(&t, f->dirfd,
	    random_bytes, 100) : vg_tempfile_create(&t, f->dirfd,
	    random_bytes, 100), 0);
	assert_int_equal(vg_tempfile_publish(&t, name), -1);
	assert_int_equal(t.error, EEXIST);
	vg_tempfile_discard(&t);
	assert_int_equal(entries(f), 1);

	assert_int_equal(vg_tempfile_remove(f->dirfd, name), 0);
	assert_int_equal(vg_tempfile_remove(f->dirfd, name), 0);
	assert_int_equal(entries(f), 0);
	assert_int_equal(vg_tempfile_open(f->dirfd, name, &size), -1);
	assert_int_equal(errno, ENOENT);
}

static void
test_what_nobody_was_told_of_is_taken_back(void **state)
{
	struct fixture		*f = *state;
	struct vg_tempfile	t;
	uint64_t		size = 0;
	char			name[VG_TEMPFILE_NAME_SIZE];
	int			fd;

	assert_int_equal(vg_tempfile_name(name, UUID, "wav"), 0);
	assert_int_equal(vg_tempfile_create_named(&t, f->dirfd, random_bytes,
	    100), 0);
	assert_int_equal(vg_tempfile_write(&t, "hello", 5), 0);
	assert_int_equal(vg_tempfile_publish(&t, name), 0);
	assert_int_equal(vg_tempfile_retract(&t, name, random_bytes), 0);
	assert_false(there(f, name));
	assert_int_equal(entries(f), 1);
	assert_int_equal(vg_tempfile_publish(&t, name), 0);
	fd = vg_tempfile_open(f->dirfd, name, &size);
	assert_int_not_equal(fd, -1);
	assert_int_equal(size, 5);
	(void)close(fd);

	/* It was removed meanwhile: there is nothing to publish. */
	assert_int_equal(vg_tempfile_remove(f->dirfd, name), 0);
	assert_int_equal(vg_tempfile_retract(&t, name, random_bytes), -1);
	assert_int_equal(t.error, ENOENT);
	assert_int_equal(vg_tempfile_publish(&t, name), -1);
	vg_tempfile_discard(&t);
	assert_int_equal(entries(f), 0);
}

static void
test_a_reply_appears_whole_and_once(void **state)
{
	publish(*state, true);
}

static void
test_an_unnamed_file_can_be_published_too(void **state)
{
	publish(*state, false);
}

static void
test_only_names_of_ours_are_touched(void **state)
{
	static const char	*const bad[] = { "", ".", "..", "x.wav",
	    "../" UUID ".wav", UUID, UUID ".", UUID ".WAV", UUID ".wav/",
	    UUID ".w.v", UUID ".123456789", "/" UUID ".wav",
	    "0B8F1A52-3C4D-4E5F-8A9B-0C1D2E3F4A5B.wav",
	    "0b8f1a52-3c4d-1e5f-8a9b-0c1d2e3f4a5b.wav", TEMP };
	struct fixture		*f = *state;
	struct vg_tempfile	t;
	uint64_t		size;
	char			name[VG_TEMPFILE_NAME_SIZE];
	size_t			i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(vg_tempfile_is_published(bad[i]));
		assert_int_equal(vg_tempfile_open(f->dirfd, bad[i], &size),
		    -1);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(vg_tempfile_remove(f->dirfd, bad[i]), -1);
		assert_int_equal(vg_tempfile_create(&t, f->dirfd,
		    random_bytes, 9), 0);
		assert_int_equal(vg_tempfile_publish(&t, bad[i]), -1);
		vg_tempfile_discard(&t);
	}

	assert_int_equal(vg_tempfile_name(name, UUID, ""), -1);
	assert_int_equal(vg_tempfile_name(name, UUID, "../x"), -1);
	assert_int_equal(vg_tempfile_name(name, "../../etc/passwd", "wav"),
	    -1);
	assert_true(vg_tempfile_is_temporary(TEMP));
	assert_false(vg_tempfile_is_temporary(TEMP "0"));
	assert_false(vg_tempfile_is_temporary("vgtmp-"));
	assert_false(vg_tempfile_is_temporary(
	    "vgtmp-00112233445566778899AABBCCDDEEFF"));
}

static void
test_opening_follows_no_link_and_waits_for_no_fifo(void **state)
{
	struct fixture	*f = *state;
	uint64_t	size;

	assert_int_equal(symlinkat("/etc/passwd", f->dirfd, UUID ".wav"), 0);
	assert_int_equal(vg_tempfile_open(f->dirfd, UUID ".wav", &size), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(mkfifoat(f->dirfd, UUID2 ".wav", 0600), 0);
	assert_int_equal(vg_tempfile_open(f->dirfd, UUID2 ".wav", &size), -1);
}

static bool
keep_second(void *arg, const char *name, const char *uuid)
{
	size_t	*asked = arg;

	(*asked)++;
	assert_non_null(name);

	return (uuid != NULL && strcmp(uuid, UUID2) == 0);
}

static void
test_the_janitor_takes_what_is_old_and_ours_and_nothing_else(void **state)
{
	struct fixture	*f = *state;
	size_t		removed, asked = 0;
	const struct timespec	old[2] = { { 999900, 0 }, { 999900, 0 } };

	put(f, UUID ".wav", 100);
	put(f, UUID2 ".wav", 100);
	put(f, TEMP, 100);
	put(f, UUID ".mp3", 99);	/* too young */
	put(f, UUID ".ogg", -5);	/* of the future */
	put(f, "README", 100);
	put(f, ".hidden", 100);
	put(f, UUID ".wav.bak", 100);
	assert_int_equal(symlinkat("README", f->dirfd, UUID2 ".ogg"), 0);
	assert_int_equal(mkdirat(f->dirfd, UUID2 ".mp3", 0700), 0);
	assert_int_equal(utimensat(f->dirfd, UUID2 ".ogg", old,
	    AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(f->dirfd, UUID2 ".mp3", old, 0), 0);

	assert_int_equal(vg_tempdir_sweep(f->dirfd, 1000000, 100, keep_second,
	    &asked, 0, &removed), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(asked, 3);
	assert_false(there(f, UUID ".wav"));
	assert_false(there(f, TEMP));
	assert_true(there(f, UUID2 ".wav"));
	assert_true(there(f, UUID ".mp3"));
	assert_true(there(f, UUID ".ogg"));
	assert_true(there(f, "README"));
	assert_true(there(f, ".hidden"));
	assert_true(there(f, UUID ".wav.bak"));
	assert_true(there(f, UUID2 ".mp3"));

	/* A link of our name is neither followed nor taken. */
	assert_int_equal(vg_tempdir_sweep(f->dirfd, 2000000, 0, NULL, NULL, 0,
	    &removed), 0);
	assert_int_equal(removed, 3);
	assert_true(there(f, UUID2 ".ogg"));
	assert_true(there(f, UUID2 ".mp3"));
	assert_true(there(f, "README"));
}

static void
test_the_janitor_can_be_held_to_a_number(void **state)
{
	struct fixture	*f = *state;
	size_t		removed;

	put(f, UUID ".a", 10);
	put(f, UUID ".b", 10);
	put(f, UUID ".c", 10);
	assert_int_equal(vg_tempdir_sweep(f->dirfd, 1000000, 1, NULL, NULL, 2,
	    &removed), 1);
	assert_int_equal(removed, 2);
	assert_int_equal(vg_tempdir_sweep(f->dirfd, 1000000, 1, NULL, NULL, 2,
	    &removed), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(vg_tempdir_sweep(-1, 0, 0, NULL, NULL, 0, &removed),
	    -1);
	assert_int_equal(removed, 0);
}

/* What the worker's filter allows, as far as this file could want it. */
static void
sandbox(const unsigned int *extra, size_t n)
{
	static const unsigned int	base[] = {
		SYS_openat, SYS_read, SYS_write, SYS_lseek, SYS_close,
		SYS_exit_group, SYS_brk, SYS_mmap, SYS_munmap, SYS_fcntl
	};
	struct sock_filter	code[64];
	struct sock_fprog	prog = { 0, code };
	size_t			i;

	code[prog.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W |
	    BPF_ABS, offsetof(struct seccomp_data, nr));
	for (i = 0; i < sizeof(base) / sizeof(base[0]) + n; i++) {
		code[prog.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP |
		    BPF_JEQ | BPF_K, i < n ? extra[i] : base[i - n], 0, 1);
		code[prog.len++] = (struct sock_filter)BPF_STMT(BPF_RET |
		    BPF_K, SECCOMP_RET_ALLOW);
	}
	code[prog.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_KILL_PROCESS);

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == -1)
		_exit(2);
}

static void
child_upload(struct fixture *f)
{
	struct vg_tempfile	t;
	bool			ok;

	sandbox(NULL, 0);
	ok = vg_tempfile_create(&t, f->dirfd, random_bytes, 100) == 0 &&
	    vg_tempfile_write(&t, "abc", 3) == 0 &&
	    vg_tempfile_rewind(&t) == 0;
	vg_tempfile_discard(&t);
	_exit(ok ? 0 : 1);
}

static void
child_reply(struct fixture *f)
{
	static const unsigned int	extra[] = { SYS_linkat, SYS_unlinkat };
	struct vg_tempfile		t;
	uint64_t			size;
	bool				ok;

	sandbox(extra, sizeof(extra) / sizeof(extra[0]));
	ok = vg_tempfile_create_named(&t, f->dirfd, random_bytes, 100) == 0 &&
	    vg_tempfile_write(&t, "abc", 3) == 0 &&
	    vg_tempfile_publish(&t, UUID ".wav") == 0;
	vg_tempfile_discard(&t);
	ok = ok && vg_tempfile_open(f->dirfd, UUID ".wav", &size) != -1 &&
	    vg_tempfile_remove(f->dirfd, UUID ".wav") == 0;
	_exit(ok ? 0 : 1);
}

static void
child_sweep(struct fixture *f)
{
	static const unsigned int	extra[] = { SYS_unlinkat,
	    SYS_getdents64, SYS_newfstatat };
	size_t				removed;

	put(f, TEMP, 100);
	sandbox(extra, sizeof(extra) / sizeof(extra[0]));
	_exit(vg_tempdir_sweep(f->dirfd, 1000000, 1, NULL, NULL, 0,
	    &removed) == 0 && removed == 1 ? 0 : 1);
}

static void
test_only_the_named_system_calls_are_made(void **state)
{
	void	(*const children[])(struct fixture *) = {
		child_upload, child_reply, child_sweep
	};
	pid_t	pid;
	size_t	i;
	int	status;

	if (SANITIZED)
		skip();

	for (i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0)
			children[i](*state);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		TEST(test_the_folder_is_made_for_its_owner_alone),
		TEST(test_a_folder_that_others_may_use_is_refused),
		TEST(test_a_link_or_a_file_is_no_folder),
		TEST(test_an_upload_has_no_name_and_is_for_its_owner_alone),
		TEST(test_a_named_one_is_exclusive_and_follows_no_link),
		TEST(test_no_more_is_written_than_is_allowed),
		TEST(test_a_full_disk_is_told_and_the_count_stays_exact),
		TEST(test_no_descriptors_left_is_told),
		TEST(test_troubles_are_told_apart),
		TEST(test_a_reply_appears_whole_and_once),
		TEST(test_an_unnamed_file_can_be_published_too),
		TEST(test_what_nobody_was_told_of_is_taken_back),
		TEST(test_only_names_of_ours_are_touched),
		TEST(test_opening_follows_no_link_and_waits_for_no_fifo),
		TEST(test_the_janitor_takes_what_is_old_and_ours_and_nothing_else),
		TEST(test_the_janitor_can_be_held_to_a_number),
		TEST(test_only_the_named_system_calls_are_made),
	};

	return (cmocka_run_group_tests_name("tempfile", tests, NULL, NULL));
}
