/* Messages between processes: whole, bounded, with their descriptors. */
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "speech/ipc.h"

static int	pair[2];
static char	in[VG_IPC_PAYLOAD], out[VG_IPC_PAYLOAD];

static int
setup(void **state)
{
	(void)state;
	return (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
}

static int
teardown(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return (0);
}

static void
header_payload_and_descriptors_arrive(void **state)
{
	struct vg_ipc	m = { .kind = VG_IPC_JOB, .id = 7, .milli = 1500 }, r;
	int		send[2], fds[VG_IPC_FDS];
	size_t		len;
	char		c;

	(void)state;
	send[0] = memfd_create("a", MFD_CLOEXEC);
	send[1] = memfd_create("b", MFD_CLOEXEC);
	assert_int_equal(write(send[1], "x", 1), 1);
	assert_int_equal(vg_ipc_send(pair[0], &m, "hello", 5, send, 2), 0);
	assert_int_equal(vg_ipc_recv(pair[1], &r, in, sizeof(in), &len, fds),
	    1);
	assert_memory_equal(&r, &m, sizeof(m));
	assert_int_equal(len, 5);
	assert_memory_equal(in, "hello", 5);
	assert_int_not_equal(fds[0], -1);
	assert_int_equal(pread(fds[1], &c, 1, 0), 1);
	assert_int_equal(c, 'x');
	close(send[0]);
	close(send[1]);
	close(fds[0]);
	close(fds[1]);
}

static void
the_largest_payload_arrives_and_no_larger_is_sent(void **state)
{
	struct vg_ipc	m = { .kind = VG_IPC_RESULT }, r;
	int		fds[VG_IPC_FDS];
	size_t		len;

	(void)state;
	memset(out, 'z', sizeof(out));
	assert_int_equal(vg_ipc_send(pair[0], &m, out, sizeof(out) + 1, NULL,
	    0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(vg_ipc_send(pair[0], &m, out, sizeof(out), NULL, 0),
	    0);
	assert_int_equal(vg_ipc_recv(pair[1], &r, in, sizeof(in), &len, fds),
	    1);
	assert_int_equal(len, sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
}

static void
nothing_there_and_the_end_differ(void **state)
{
	struct vg_ipc	r;
	int		fds[VG_IPC_FDS];
	size_t		len;

	(void)state;
	assert_int_equal(vg_ipc_recv(pair[1], &r, in, sizeof(in), &len, fds),
	    -1);
	assert_int_equal(errno, EAGAIN);
	close(pair[0]);
	assert_int_equal(vg_ipc_recv(pair[1], &r, in, sizeof(in), &len, fds),
	    0);
	pair[0] = dup(pair[1]);
}

/* The lowest free descriptor: rises when one leaks. */
static int
lowest(void)
{
	int	fd = dup(STDERR_FILENO);

	close(fd);
	return (fd);
}

static void
foreign_messages_are_refused_and_leak_no_descriptor(void **state)
{
	struct vg_ipc	m = { .kind = VG_IPC_JOB }, r;
	int		fds[VG_IPC_FDS], before, send[2];
	size_t		len;

	(void)state;
	assert_int_equal(write(pair[0], "short", 5), 5);
	assert_int_equal(vg_ipc_recv(pair[1], &r, in, sizeof(in), &len, fds),
	    -1);
	assert_int_equal(errno, EPROTO);

	before = lowest();
	send[0] = send[1] = STDERR_FILENO;
	assert_int_equal(vg_ipc_send(pair[0], &m, out, 100, send, 2), 0);
	assert_int_equal(vg_ipc_recv(pair[1], &r, in, 10, &len, fds), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(fds[0], -1);
	assert_int_equal(lowest(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    header_payload_and_descriptors_arrive, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_largest_payload_arrives_and_no_larger_is_sent, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    nothing_there_and_the_end_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    foreign_messages_are_refused_and_leak_no_descriptor, setup,
		    teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
