/* bpfd: loads a socket filter that counts packets in an array, and keeps it. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_ATTACH_BPF
#define SO_ATTACH_BPF 50
#endif

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(__NR_bpf, command, attr, sizeof(*attr));
}

int main(void)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 16 };
	union bpf_attr prog = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
	int pair[2], counts, filter;

	strcpy(map.map_name, "packets");
	counts = bpf(BPF_MAP_CREATE, &map);
	/* key 0 on the stack; r0 = lookup(counts, &key); if (r0) ++*r0; return 0 */
	struct bpf_insn code[] = {
		{ .code = 0x62, .dst_reg = 10, .off = -4, .imm = 0 },
		{ .code = 0xbf, .dst_reg = 2, .src_reg = 10 },
		{ .code = 0x07, .dst_reg = 2, .imm = -4 },
		{ .code = 0x18, .dst_reg = 1, .src_reg = 1, .imm = counts },
		{ 0 },
		{ .code = 0x85, .imm = 1 },
		{ .code = 0x15, .dst_reg = 0, .off = 2 },
		{ .code = 0xb7, .dst_reg = 1, .imm = 1 },
		{ .code = 0xdb, .dst_reg = 0, .src_reg = 1 },
		{ .code = 0xb7, .dst_reg = 0, .imm = 0 },
		{ .code = 0x95 },
	};
	strcpy(prog.prog_name, "count_packets");
	prog.insns = (unsigned long)code;
	prog.insn_cnt = sizeof(code) / sizeof(*code);
	prog.license = (unsigned long)"GPL";
	filter = bpf(BPF_PROG_LOAD, &prog);
	if (counts < 0 || filter < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return 1;
	setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter));
	for (int i = 0; i < 5; i++)
		write(pair[1], "x", 1);
	puts("bpfd: ready");
	pause();
	return 0;
}
