/*
 * pagerd OWN SHARED: its child joins the memory cgroup /jobs, which is too small for that many pages of its own and shared ones, so that
 * most of them go to swap. The parent, which is outside, writes to /run/pages where they ended up.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define STEP 8

static void fill(char *at, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		for (unsigned long j = 0; j < PAGE; j += 64)
			snprintf(at + i * PAGE + j, 64, "page %lu line %lu", i, j / 64);
}

/* Every STEP-th page of an area as /proc/PID/pagemap has it: its number in memory, or the swap area's and the place in it. */
static void tell(FILE *out, int map, const char *name, char *at, unsigned long pages)
{
	unsigned long present = 0, swapped = 0;
	uint64_t entry;

	for (unsigned long i = 0; i < pages; i++) {
		unsigned long where = (unsigned long)at / PAGE + i;

		if (pread(map, &entry, 8, where * 8) != 8)
			continue;
		present += entry >> 63;
		swapped += entry >> 62 & 1;
		if (i % STEP)
			continue;
		if (entry >> 63)
			fprintf(out, "%s %lx memory %lx\n", name, where * PAGE, (unsigned long)(entry & ((1UL << 55) - 1)));
		else if (entry >> 62 & 1)
			fprintf(out, "%s %lx swap %lu %lu\n", name, where * PAGE, (unsigned long)(entry & 31),
				(unsigned long)(entry >> 5 & ((1UL << 50) - 1)));
		else
			fprintf(out, "%s %lx none\n", name, where * PAGE);
	}
	fprintf(out, "%s total %lu present %lu swapped %lu\n", name, pages, present, swapped);
}

int main(int argc, char **argv)
{
	unsigned long own = argc > 1 ? atol(argv[1]) : 0, shared = argc > 2 ? atol(argv[2]) : 0;
	char *mine = mmap(NULL, own * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *ours = mmap(NULL, shared * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char name[64], ready = 0;
	int done[2], map;
	pid_t child;
	FILE *out;

	if (mine == MAP_FAILED || ours == MAP_FAILED || pipe(done))
		return 1;
	child = fork();
	if (!child) {
		int procs = open("/sys/fs/cgroup/jobs/cgroup.procs", O_WRONLY);

		if (procs < 0 || write(procs, "0", 1) != 1)
			return 1;
		close(procs);
		fill(ours, shared);
		fill(mine, own);
		if (write(done[1], &ready, 1) != 1)
			return 1;
		for (;;)
			pause();
	}
	if (read(done[0], &ready, 1) != 1)
		return 1;
	snprintf(name, sizeof(name), "/proc/%d/pagemap", child);
	map = open(name, O_RDONLY);
	out = fopen("/run/pages.new", "w");
	if (map < 0 || !out)
		return 1;
	fprintf(out, "pid %d\n", child);
	tell(out, map, "own", mine, own);
	tell(out, map, "shared", ours, shared);
	fclose(out);
	rename("/run/pages.new", "/run/pages");
	for (;;)
		pause();
}
