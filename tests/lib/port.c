#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "port.h"

/* Below net.ipv4.ip_local_port_range as Linux has it, and Kore's 8888. */
#define FIRST_PORT	10000
#define LAST_PORT	31999
#define TRIES		1000

/*
 * A lock on a file of the port's name, kept open: it goes with the process,
 * however that ends. A server that the test starts does not inherit it.
 */
static int
claim(int port)
{
	const char	*tmp = getenv("TEST_TMP");
	char		path[300];
	int		fd;

	if (tmp == NULL)
		return (0);
	(void)snprintf(path, sizeof(path), "%s/ports", tmp);
	if (mkdir(path, 0755) == -1 && errno != EEXIST)
		fail_msg("%s: %s", path, strerror(errno));
	(void)snprintf(path, sizeof(path), "%s/ports/%d", tmp, port);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return (0);
	(void)close(fd);
	return (-1);
}

static int
is_free(int port)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	int			fd, bound;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bound = bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	(void)close(fd);
	return (bound == 0);
}

int
free_port(void)
{
	uint32_t	random;
	int		i, port;

	for (i = 0; i < TRIES; i++) {
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			fail_msg("getrandom: %s", strerror(errno));
		port = FIRST_PORT + (int)(random % (LAST_PORT - FIRST_PORT + 1));
		if (is_free(port) && claim(port) == 0)
			return (port);
	}
	fail_msg("no free port of %d-%d", FIRST_PORT, LAST_PORT);
	return (-1);
}
