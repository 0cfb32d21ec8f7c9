/* statd [SAMPLES]: reads the load now and then; its table of samples is never made. With SAMPLES it keeps as many files open. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sample { long when; double load; };
static struct sample *volatile table;

int main(int argc, char **argv)
{
	FILE *f = fopen("/proc/loadavg", "r");
	double load = 0;

	if (argc > 1) {
		for (int i = 0; i < atoi(argv[1]) && fopen("/proc/loadavg", "r"); i++)
			;
		pause();
	}
	if (f && fscanf(f, "%lf", &load) == 1)
		table[getppid() + 1].load = load;
	return 0;
}
