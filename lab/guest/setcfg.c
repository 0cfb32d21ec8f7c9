/* setcfg FILE OFFSET VALUE: writes four bytes into a PCI device's configuration. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uint32_t value;
	int fd;

	if (argc != 4)
		return 2;
	value = strtoul(argv[3], NULL, 0);
	fd = open(argv[1], O_WRONLY);
	if (fd < 0 || pwrite(fd, &value, sizeof(value), strtoul(argv[2], NULL, 0)) != sizeof(value)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
