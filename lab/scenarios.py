"""What is done to a guest in each scenario, and what is true about it afterwards.

module    out-of-tree module (a file in modules/), loaded before the state report unless `late`
append    extra kernel command line
prepare   shell run before the state report
run       shell run as the trigger
classes   acceptable names of the cause
bugs      (role, function, marker): the line with the marker is the line in truth.json
frames    functions that must be on the stack of the task that died, innermost first
stack     all functions known to be on that stack, innermost first (when the stack itself is damaged)
task      whether the task that reported the problem is the one to name
monitor   lines for QEMU's monitor, two seconds after the trigger
initrd    whether there is an initramfs at all
early     whether it dies before a driver tells QEMU about VMCOREINFO: makedumpfile cannot filter that, the ELF file is kept
blamed    the module to blame, where no function of it can be named
requested whether the crash was asked for (None: does not matter)
dump      makedumpfile's dump level (31: all that can be left out)

Nothing of this but the shell scripts reaches the guest, so no name of a scenario can be found in its memory.
"""

SYSCALL = ["vfs_write", "ksys_write", "do_syscall_64"]
PROC = ["proc_reg_write", *SYSCALL]
WORKER = ["process_one_work", "worker_thread", "kthread", "ret_from_fork"]
HUNG = "echo 10 >/proc/sys/kernel/hung_task_timeout_secs; echo 1 >/proc/sys/kernel/hung_task_panic"
NULL = ["null-pointer-dereference"]
SMASH = ["stack-buffer-overflow"]

DEFAULTS = dict(module=None, late=False, append="oops=panic", prepare="", run="", bugs=[], frames=[], stack=[], classes=[],
                task=True, wait=150, smp=2, mem=384, mode="qemu", cpu=None, dump=31, old_makedumpfile=False, note="",
                monitor=(), initrd=True, early=False, blamed=None, requested=None)
CRASH = "; echo c >/proc/sysrq-trigger"

SCENARIOS = {
    "null_deref": dict(
        kind="NULL pointer write",
        module="regmon", run="poke -n drv_test /proc/regmon ping", classes=NULL,
        bugs=[("culprit", "reg_store", "CULPRIT")], frames=["reg_store", "reg_handle", "reg_write"],
        note="slot is NULL, 42 (0x2a) is written to address 0"),
    "null_load_chain": dict(
        kind="NULL pointer read, second pointer of a chain",
        module="linkstat", run="poke -n link_poll /proc/linkstat 1", classes=NULL,
        bugs=[("culprit", "link_speed", "CULPRIT")], frames=["link_speed", "link_refresh", "link_write"],
        note="p->ops_table is NULL; its member entry (offset 8) is read"),
    "null_load_chain_last": dict(
        kind="NULL pointer read, last pointer of a chain",
        module="linkstat", run="poke -n link_poll /proc/linkstat 2", classes=NULL,
        bugs=[("culprit", "link_speed", "CULPRIT")], frames=["link_speed", "link_refresh", "link_write"],
        note="p->ops_table->entry is NULL; its member speed (offset 0x14) is read"),
    "null_index": dict(
        kind="NULL array read at a large index",
        module="chanmap", run="poke -n chan_meter /proc/chanmap 0x2345", classes=NULL,
        bugs=[("culprit", "chan_gain", "CULPRIT")], frames=["chan_gain", "chan_sample", "chan_write"],
        note="levels is NULL, index 0x2345, 8 bytes each: the address is 0x11a2c"),
    "freed_null": dict(
        kind="freed object used: a pointer in it reads as NULL",
        module="sessmgr", prepare="poke /proc/sessmgr o1; poke /proc/sessmgr o2; poke /proc/sessmgr s1; poke /proc/sessmgr c1",
        run="poke -n sess_tx /proc/sessmgr s1", classes=["use-after-free", *NULL],
        bugs=[("culprit", "sess_send", "CULPRIT"), ("culprit_free", "sess_close", "CULPRIT2")],
        frames=["sess_send", "sess_write"],
        note="table[1] points to a session that sess_close() wiped and freed; s->peer reads as NULL"),
    "null_call": dict(
        kind="call through a NULL function pointer",
        module="codecbus", run="poke -n codec_off /proc/codecbus 0", classes=["null-function-call"],
        bugs=[("culprit", "codec_drain", "CULPRIT")], frames=["codec_drain", "codec_shutdown", "codec_write"],
        note="line_ops.flush is NULL"),
    "stack_smash": dict(
        kind="stack buffer overflow by a helper, found by the stack protector",
        module="netpkt", run="poke -n pkt_sender -u 1000 -r 6 /dev/netpkt EVILPKT_ABCDEFGH", classes=SMASH,
        bugs=[("culprit", "copy_field", "CULPRIT"), ("victim", "parse_header", "VICTIM")],
        frames=["__stack_chk_fail", "parse_header"],
        stack=["__stack_chk_fail", "parse_header", "netpkt_write", *SYSCALL],
        note="96 bytes ('EVILPKT_ABCDEFGH' six times) into name[32]: canary, saved registers and the return address "
             "hold the pattern"),
    "stack_smash_memcpy": dict(
        kind="stack buffer overflow by memcpy() of the function itself",
        module="tlvdec", run="poke -n rec_import -r 8 /proc/tlvdec TzQRSUVWXY012345", classes=SMASH,
        bugs=[("culprit", "tlv_decode_name", "CULPRIT"), ("victim", "tlv_decode_name", "VICTIM")],
        frames=["__stack_chk_fail", "tlv_decode_name"],
        stack=["__stack_chk_fail", "tlv_decode_name", "tlv_decode", "tlv_write", *PROC],
        note="122 bytes into name[40]"),
    "stack_smash_work": dict(
        kind="stack buffer overflow in a kernel thread (work item)",
        module="fwload", run="poke -n fw_update -r 6 /proc/fwload FWSECT_z", classes=SMASH,
        bugs=[("culprit", "fw_copy_section", "CULPRIT"), ("victim", "fw_apply", "VICTIM")],
        frames=["__stack_chk_fail", "fw_apply"],
        stack=["__stack_chk_fail", "fw_apply", "fw_work", *WORKER],
        note="48 bytes ('FWSECT_z' six times) into section[24], on a kworker's stack"),
    "abba": dict(
        kind="ABBA deadlock of two mutexes, found by the hung task detector",
        module="jtable", late=True, append="hung_task_panic=1", wait=240, task=False, classes=["deadlock"],
        prepare=HUNG,
        run="modprobe jtable; lsmod | head -3",
        bugs=[("culprit", "update_inode", "CULPRIT"), ("culprit", "commit_journal", "CULPRIT2")],
        note="jt-inode holds inode_table_lock and waits for journal_lock; jt-commit the reverse; jt-scan waits for "
             "inode_table_lock; khungtaskd panics"),
    "rwsem_abba": dict(
        kind="ABBA deadlock of two rw_semaphores in one object, one task reading, found by the hung task detector",
        module="dirlist", late=True, append="hung_task_panic=1", wait=240, task=False, classes=["deadlock"],
        prepare=HUNG, run="modprobe dirlist; lsmod | head -3",
        bugs=[("culprit", "dir_rename", "CULPRIT"), ("culprit", "dir_reindex", "CULPRIT2")],
        note="dir-rename holds tree and waits for index; dir-index holds index and waits to read tree; dir-walk queues behind"),
    "self_deadlock": dict(
        kind="a task takes a mutex that it holds, found by the hung task detector",
        module="quotactl", append="hung_task_panic=1", wait=240, task=False, classes=["deadlock"],
        prepare=HUNG, run="poke -n quota_set /proc/quotactl 7",
        bugs=[("culprit", "quota_total", "CULPRIT"), ("victim", "quota_set", "VICTIM")],
        note="quota_set() holds quota_lock and calls quota_total(), which takes it again"),
    "hung_holder": dict(
        kind="tasks hang behind a lock whose holder sleeps for ever: no deadlock",
        module="fwqueue", late=True, append="hung_task_panic=1", wait=240, task=False, classes=["hung-task"],
        prepare=HUNG, run="modprobe fwqueue; lsmod | head -3",
        bugs=[("culprit", "await_ready", "CULPRIT"), ("victim", "take_turn", "VICTIM")],
        note="fwq-load holds load_lock and polls; fwq-one and fwq-two wait for it"),
    "soft_lockup": dict(
        kind="soft lockup: busy wait with preemption disabled",
        module="dmaxfer", append="softlockup_panic=1", wait=240, classes=["soft-lockup"],
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh",
        run="taskset 2 poke -n xfer_start /proc/dmaxfer go",
        bugs=[("culprit", "wait_for_device", "CULPRIT")], frames=["wait_for_device", "start_transfer", "xfer_write"],
        note="on CPU 1; device_ready never becomes non-zero"),
    "div_zero": dict(
        kind="division by zero",
        module="pwrmgr", run="poke -n pwr_poll /proc/pwrmgr 0", classes=["divide-error"],
        bugs=[("culprit", "domain_rate", "CULPRIT_DIV")], frames=["domain_rate", "pwr_write"],
        note="divisor of domain 0 is 0"),
    "bug_on": dict(
        kind="BUG_ON",
        module="pwrmgr", run="poke -n pwr_poll /proc/pwrmgr 1", classes=["bug-assertion"],
        bugs=[("culprit", "domain_put", "CULPRIT_BUG")], frames=["domain_put", "pwr_write"],
        note="users of domain 0 is 0"),
    "warn_panic": dict(
        kind="WARN_ON with panic_on_warn",
        module="pwrmgr", prepare="echo 1 >/proc/sys/kernel/panic_on_warn", run="poke -n pwr_poll /proc/pwrmgr 2",
        classes=["warning"], bugs=[("culprit", "domain_check", "CULPRIT_WARN")], frames=["domain_check", "pwr_write"],
        note="users of domain 1 is 9"),
    "err_ptr": dict(
        kind="error pointer dereference",
        module="pwrmgr", run="poke -n pwr_poll /proc/pwrmgr 3", classes=["error-pointer-dereference"],
        bugs=[("culprit", "domain_users", "CULPRIT_ERR")], frames=["domain_users", "pwr_write"],
        note="domain_get(3) returns ERR_PTR(-ENODEV), which nobody checks"),
    "list_poison": dict(
        kind="use of a list entry after list_del",
        module="pwrmgr", run="poke -n pwr_poll /proc/pwrmgr 4",
        classes=["list-corruption", "use-after-free", "wild-pointer-dereference"],
        bugs=[("culprit", "domain_next", "CULPRIT_POISON")], frames=["domain_next", "pwr_write"],
        note="table[1]->node.next is LIST_POISON1"),
    "list_del_twice": dict(
        kind="list entry removed twice",
        module="pwrmgr", run="poke -n pwr_poll /proc/pwrmgr 5", classes=["list-corruption"],
        bugs=[("culprit", "domain_unlink", "CULPRIT_LIST")], frames=["domain_unlink", "pwr_write"],
        note="the second list_del of table[0] finds LIST_POISON1"),
    "jump_data": dict(
        kind="call through a function pointer that points to data",
        module="pwrmgr", run="poke -n pwr_poll /proc/pwrmgr 6", classes=["nx-violation"],
        bugs=[("culprit", "domain_call", "CULPRIT_JUMP")], frames=["domain_call", "pwr_write"],
        note="notify points to the name of the domain"),
    "deep_recursion": dict(
        kind="recursion without end",
        module="pwrmgr", run="poke -n pwr_poll /proc/pwrmgr 7", classes=["kernel-stack-overflow"],
        bugs=[("culprit", "domain_walk", "CULPRIT_DEEP")], frames=["domain_walk"],
        note="domain_walk calls itself until the stack is used up"),
    "sysrq_c": dict(
        kind="sysrq-c on a healthy system",
        run="echo c >/proc/sysrq-trigger", classes=["requested-crash"], frames=["sysrq_handle_crash"],
        note="nothing is wrong; the shell (init, PID 1) wrote c"),
    "probed": dict(
        kind="sysrq-c on a healthy system with kprobes, a kretprobe and the function tracer",
        module="iostat2", prepare="mount -t tracefs tracefs /sys/kernel/tracing; cd /sys/kernel/tracing; echo 'vfs_* ksys_*' >set_ftrace_filter; "
        "echo function >current_tracer; echo 'p:opens do_sys_openat2' >kprobe_events; echo 1 >events/kprobes/enable; cd /",
        run="cat /proc/uptime; sync" + CRASH, classes=["requested-crash"], requested=True,
        note="every one of these changes the kernel's text, as it should"),
    "hidden_module": dict(
        kind="a module takes itself out of the module list; sysrq-c",
        module="thermmon", run="poke -n therm_set /proc/thermmon 1; lsmod | head -2" + CRASH, classes=["hidden-module"], task=False,
        blamed="thermmon", requested=True, note="still in sysfs, the look-up tree and the list of bug tables"),
    "hidden_module_deep": dict(
        kind="a module takes itself out of the module list and of sysfs; sysrq-c",
        module="thermmon", run="poke -n therm_set /proc/thermmon 2; ls /sys/module | wc -l" + CRASH, classes=["hidden-module"], task=False,
        blamed="thermmon", requested=True, note="still in the look-up tree and the list of bug tables"),
    "hidden_task": dict(
        kind="a process is taken out of the task list; sysrq-c",
        module="sessd", prepare="sleep 77777 & echo $! >/run/keep",
        run="poke -n sess_keep /proc/sessd $(cat /run/keep); ps | grep -c 77777" + CRASH, classes=["hidden-module"], task=False,
        requested=True, note="the task of `sleep 77777` is in the PID table and its parent's list of children only"),
    "syscall_hook": dict(
        kind="an entry of the system call table leads into a module; sysrq-c",
        module="auditfs", run="poke -n audit_set /proc/auditfs 1; mkdir /run/spool" + CRASH, classes=["syscall-table-hook"], task=False,
        bugs=[("culprit", "audit_mkdir", "CULPRIT")], requested=True, note="mkdir"),
    "inline_hook": dict(
        kind="a jump into a module stands at the beginning of a kernel function; sysrq-c",
        module="netacct", run="poke -n acct_set /proc/netacct 1; cat /proc/net/tcp" + CRASH,
        classes=["kernel-text-modified"], task=False, bugs=[("culprit", "acct_seq_show", "CULPRIT")], requested=True,
        note="tcp4_seq_show begins with a jump to acct_seq_show"),
    "text_flip": dict(
        kind="one bit of the kernel's code flips: the instruction is none any more",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber 'c uptime_proc_show'; cat /proc/uptime",
        classes=["bit-flip", "text-corruption"], note="0x41 became 0x61 in a push at the beginning of uptime_proc_show"),
    "list_flip": dict(
        kind="bit 46 of a list pointer flips: a walker faults",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber l46", classes=["bit-flip"],
        bugs=[("victim", "scrub_walk", "VICTIM_LIST")], note="next of the third entry"),
    "list_flip_high": dict(
        kind="bit 60 of a list pointer flips: a walker faults on a non-canonical address",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber l60", classes=["bit-flip"],
        bugs=[("victim", "scrub_walk", "VICTIM_LIST")], note="next of the third entry"),
    "pte_flip": dict(
        kind="the present bit of a page table entry of a vmalloc area flips",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber p0", classes=["page-table-corruption", "bit-flip"],
        bugs=[("victim", "scrub_read", "VICTIM_PTE")], note="the sixth page of eight"),
    "pte_flip_reserved": dict(
        kind="a reserved bit of a page table entry of a vmalloc area flips",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber p49", classes=["page-table-corruption", "bit-flip"],
        bugs=[("victim", "scrub_read", "VICTIM_PTE")], note="the sixth page of eight; bit 49 is beyond what the CPU can address"),
    "init_signal": dict(
        kind="init is killed by SIGSEGV",
        run="exec statd", classes=["init-killed"], note="exit code 0x0b"),
    "init_exit": dict(kind="init exits with status 3", run="exit 3", classes=["init-killed"], note="exit code 0x300"),
    "no_root": dict(
        kind="no initramfs and no root= that exists", initrd=False, early=True, append="root=/dev/vdz", classes=["no-root-filesystem"]),
    "no_init": dict(
        kind="the initramfs has no init that can be started", early=True, append="rdinit=/etc/passwd init=/sbin/none", classes=["no-init"]),
    "nmi": dict(
        kind="an NMI from outside, with unknown_nmi_panic", append="unknown_nmi_panic=1", run="sleep 100", monitor=("nmi",),
        classes=["nmi"], task=False, requested=True),
    "machine_check": dict(
        kind="a machine check that cannot be corrected", run="sleep 100", task=False,
        monitor=("mce 0 2 0xbe00000000800400 0x4 0x12345000 0x8c",), classes=["machine-check", "hardware-error"]),
    "ext4_panic": dict(
        kind="ext4 with errors=panic finds its inode table overwritten",
        run="mount -o remount,errors=panic /mnt/data; mkdir /mnt/data/spool; sync; dd if=/dev/zero of=/dev/vda bs=4096 count=1000 seek=1 "
        "conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; ls -lR /mnt/data; touch /mnt/data/spool/x /mnt/data/y; sync",
        classes=["filesystem-error", "io-error"], task=False),
}

# The same story under other conditions.
VARIANTS = {
    "null_deref_kdump": ("null_deref", dict(mode="kdump", mem=512)),
    "null_deref_nokaslr": ("null_deref", dict(append="oops=panic nokaslr")),
    "stack_smash_kdump": ("stack_smash", dict(mode="kdump", mem=512)),
    "stack_smash_work_kdump": ("stack_smash_work", dict(mode="kdump", mem=512)),
    "abba_kdump": ("abba", dict(mode="kdump", mem=512)),
    "null_call_kdump": ("null_call", dict(mode="kdump", mem=512)),
    "sysrq_c_d1": ("sysrq_c", dict(dump=1)),
    "sysrq_c_old_makedumpfile": ("sysrq_c", dict(old_makedumpfile=True)),
    "sysrq_c_la57": ("sysrq_c", dict(cpu="max", smp=4, mem=512)),
    "sysrq_c_pti": ("sysrq_c", dict(cpu="Skylake-Client-noTSX-IBRS")),
    "sysrq_c_pac": ("sysrq_c", dict(cpu="max,pauth-impdef=on,sve=off")),
}


def names():
    """All scenarios and variants."""
    return [*SCENARIOS, *VARIANTS]


def get(name):
    """The full definition of a scenario or variant."""
    of, extra = VARIANTS.get(name, (name, {}))
    return {**DEFAULTS, **SCENARIOS[of], **extra, "of": of}
