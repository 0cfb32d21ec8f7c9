// SPDX-License-Identifier: GPL-2.0
/* sockd N: fills the buffers of N pairs of sockets that nobody reads. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rlimit files = { 200000, 200000 };
	static char data[4000];
	int n = argc > 1 ? atoi(argv[1]) : 100, size = 4 << 20;

	setrlimit(RLIMIT_NOFILE, &files);
	memset(data, 'q', sizeof(data));
	for (int i = 0; i < n; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
			break;
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		while (write(pair[0], data, sizeof(data)) > 0)
			;
	}
	pause();
	return 0;
}
