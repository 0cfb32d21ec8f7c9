/* statd: reads the load now and then; its table of samples is never made. */
#include <stdio.h>
#include <unistd.h>

struct sample { long when; double load; };
static struct sample *volatile table;

int main(void)
{
	FILE *f = fopen("/proc/loadavg", "r");
	double load = 0;

	if (f && fscanf(f, "%lf", &load) == 1)
		table[getppid() + 1].load = load;
	return 0;
}
