#ifndef TESTS_PORT_H
#define TESTS_PORT_H

/*
 * A port of loopback that nobody has and, until this process ends, no other
 * test is given: several programs run at once. None of those that the kernel
 * gives to outgoing connections, so that one of these cannot take it while a
 * server is away for a moment. Fails the test when there is none.
 */
int	free_port(void);

#endif
