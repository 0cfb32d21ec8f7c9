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
monitor   lines for QEMU's monitor, after the trigger
after     how many seconds after
initrd    whether there is an initramfs at all
early     whether it dies before a driver tells QEMU about VMCOREINFO: makedumpfile cannot filter that, the ELF file is kept
blamed    the module to blame, where no function of it can be named
requested whether the crash was asked for (None: does not matter)
dump      makedumpfile's dump level (31: all that can be left out)
blameless nobody in the kernel is to blame: a culprit would be wrong
devices   further options for QEMU
spare     a second disk for one of them: `well` or `sick` (run.py)
acpi      a table of the firmware's (a file in acpi/) that the guest gets
record    the address where the firmware leaves a record of a fatal error of memory, after the trigger
firmware  a loader that changes the firmware (a file in firmware/): the guest is started by UEFI

Nothing of this but the shell scripts reaches the guest, so no name of a scenario can be found in its memory.
"""

SYSCALL = ["vfs_write", "ksys_write", "do_syscall_64"]
PROC = ["proc_reg_write", *SYSCALL]
WORKER = ["process_one_work", "worker_thread", "kthread", "ret_from_fork"]
HUNG = "echo 10 >/proc/sys/kernel/hung_task_timeout_secs; echo 1 >/proc/sys/kernel/hung_task_panic"
NULL = ["null-pointer-dereference"]
SMASH = ["stack-buffer-overflow"]
OOM = "echo 2 >/proc/sys/vm/panic_on_oom; echo 1 >/proc/sys/vm/overcommit_memory"
EATER = "dd if=/dev/zero of=/dev/null bs=4000M count=1"
TITLES = "; ".join(f"poke /proc/mboxdrv t{c}{'ABCDEFGHIJKLMNOP' * 3}" for c in "3579")

DEFAULTS = dict(module=None, late=False, append="oops=panic", prepare="", run="", bugs=[], frames=[], stack=[], classes=[],
                task=True, wait=150, smp=2, mem=384, mode="qemu", cpu=None, dump=31, old_makedumpfile=False,
                blameless=False, note="", monitor=(), after=2, initrd=True, early=False, blamed=None, requested=None,
                devices=(), spare=None, acpi=None, record=None, firmware=None)
CRASH = "; echo c >/proc/sysrq-trigger"
# A card whose slot no longer forwards anything. Where nothing is, a PCI bus answers all ones and QEMU's zeros: `edu`, which answers all ones
# where it has no register, takes the slot's place.
CARD = ("-device", "pcie-root-port,id=slot1,chassis=1,slot=1,addr=0x10", "-device", "e1000e,bus=slot1,id=card1", "-device", "edu,addr=0x11")
FORGET = "d=/sys/bus/pci/devices; read a b <$(echo /sys/bus/pci/drivers/sensehub/0*)/resource; setcfg $d/0000:00:10.0/config 4 0; " \
    "setcfg $d/0000:00:11.0/config 0x10 $((a & ~0xfffff)); setcfg $d/0000:00:11.0/config 4 2"
# Sets a variable of UEFI: four bytes of attributes and the data.
SETVAR = "modprobe efivarfs; mount -t efivarfs none /sys/firmware/efi/efivars; printf '\\007' >/tmp/v; " \
    "dd if=/dev/zero bs={} count=1 2>/dev/null >>/tmp/v; cat /tmp/v >/sys/firmware/efi/efivars/Panel-3d5b5e35-93ca-11d2-aa0d-00e098032b8c"

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
    "spin_holder": dict(
        kind="soft lockup of a CPU that waits for a spin lock whose holder, on another CPU, does not let go",
        module="portmux", append="softlockup_panic=1", wait=240, task=False, classes=["soft-lockup"],
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="taskset 2 poke -n mux_count /proc/portmux 0",
        bugs=[("culprit", "port_settle", "CULPRIT_HOLDER"), ("victim", "port_count", "CULPRIT_SELF")],
        note="mux-scan on CPU 0 holds ports[0]->lock and polls, touching its watchdog; mux_count on CPU 1 waits for the lock"),
    "spin_self": dict(
        kind="a CPU takes a spin lock that it holds",
        module="portmux", append="softlockup_panic=1", wait=240, classes=["deadlock", "soft-lockup"],
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="taskset 2 poke -n mux_update /proc/portmux 1",
        bugs=[("culprit", "port_count", "CULPRIT_SELF")], frames=["port_count", "port_update", "mux_write"],
        note="port_update() holds ports[1]->lock and calls port_count(), which takes it again"),
    "spin_abba": dict(
        kind="ABBA deadlock of two spin locks on two CPUs",
        module="portmux", append="softlockup_panic=1", wait=240, task=False, classes=["deadlock"],
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="taskset 2 poke -n mux_route /proc/portmux 2",
        bugs=[("culprit", "route_add", "CULPRIT_AB"), ("culprit", "stats_dump", "CULPRIT_BA")],
        note="mux_route holds route_lock and waits for stats_lock; mux-stats the reverse"),
    "rcu_loop": dict(
        kind="RCU stall: a loop inside of a read-side critical section",
        module="portmux", append="rcupdate.rcu_cpu_stall_timeout=8", wait=240, classes=["rcu-stall"],
        prepare="echo 1 >/proc/sys/kernel/panic_on_rcu_stall", run="taskset 2 poke -n mux_walk /proc/portmux 3",
        task=False, bugs=[("culprit", "route_walk", "CULPRIT_RCU")],
        note="route_walk() polls in rcu_read_lock(), touching the soft lockup watchdog"),
    "never_complete": dict(
        kind="a task waits for a completion that never comes",
        module="portmux", append="hung_task_panic=1", wait=240, task=False, classes=["hung-task"],
        prepare=HUNG, run="poke -n mux_await /proc/portmux 4", bugs=[("culprit", "port_await", "CULPRIT_AWAIT")],
        note="nobody completes ports[0]->ready"),
    "sleep_atomic": dict(
        kind="a task sleeps while it holds a spin lock",
        module="portmux", prepare="echo 1 >/proc/sys/kernel/panic_on_warn", run="poke -n mux_reset /proc/portmux 5",
        classes=["sleep-in-atomic"], bugs=[("culprit", "port_reset", "CULPRIT_SLEEP")],
        frames=["port_reset", "mux_write"], note="msleep() with ports[0]->lock held"),
    "flush_self": dict(
        kind="a work item waits for another that is queued behind it",
        module="portmux", append="hung_task_panic=1", wait=240, task=False, classes=["deadlock", "hung-task"],
        prepare=HUNG, run="poke -n mux_drain /proc/portmux 6", bugs=[("culprit", "mux_drain", "CULPRIT_FLUSH")],
        note="the ordered queue `mux` runs mux_drain, which flushes mux_settle, queued behind it"),
    "stuck_disk": dict(
        kind="a task hangs behind a disk that never answers",
        module="spoold", append="hung_task_panic=1", wait=240, task=False, classes=["hung-task"],
        prepare=HUNG, run="mknod /tmp/s b $(awk '/spoold/ {print $1}' /proc/devices) 0; mkdir /tmp/m; mount -t ext4 /tmp/s /tmp/m",
        bugs=[("culprit", "spool_take", "CULPRIT"), ("culprit", "spool_submit", "CULPRIT")],
        note="the driver keeps the bio and never ends it; readers of files would be killable, which the detector leaves alone: mount is not"),
    "user_pointer": dict(
        kind="kernel reads user memory directly (SMAP)",
        module="fanctl", run="poke -n fan_curve /proc/fanctl 0", classes=["user-access-violation"],
        bugs=[("culprit", "fan_user_curve", "CULPRIT_USER")], frames=["fan_user_curve", "fan_write"],
        note="the user's pointer is followed without get_user()"),
    "write_const": dict(
        kind="write to read-only data",
        module="fanctl", run="poke -n fan_limit /proc/fanctl 1", classes=["write-to-readonly"],
        bugs=[("culprit", "fan_limit", "CULPRIT_CONST")], frames=["fan_limit", "fan_write"], note="limits[] is const"),
    "usercopy": dict(
        kind="copy to user space longer than the object",
        module="fanctl", run="poke -n fan_label /proc/fanctl 2", classes=["out-of-bounds-access"],
        bugs=[("culprit", "fan_read_label", "CULPRIT_EXPOSE")], frames=["fan_read_label", "fan_write"],
        note="512 bytes out of an object of 64"),
    "fortify": dict(
        kind="memcpy longer than the array, caught by FORTIFY_SOURCE",
        module="fanctl", run="poke -n fan_name /proc/fanctl 3abcdefghijklmnopqrstuvwxyz", classes=["out-of-bounds-access"],
        bugs=[("culprit", "fan_name", "CULPRIT_FORTIFY")], frames=["fan_name", "fan_write"],
        note="27 bytes into name[16]; where the compiler cannot tell the size at run time, nothing happens"),
    "null_race": dict(
        kind="a pointer becomes NULL between the check and the use",
        module="fanctl", run="poke -n fan_speed /proc/fanctl 4", classes=NULL,
        bugs=[("culprit", "zone_speed", "CULPRIT_RACE")], frames=["zone_speed", "fan_write"],
        note="fan-unplug clears zone->fan while zone_speed() waits"),
    "old_warning": dict(
        kind="NULL pointer read long after a harmless WARNING of the same driver",
        module="fanctl", prepare="poke -n fan_check /proc/fanctl 5; sleep 8", run="poke -n fan_curve /proc/fanctl 6",
        classes=NULL, bugs=[("culprit", "fan_curve", "CULPRIT_OLD")], frames=["fan_curve", "fan_write"],
        note="spare->curve is NULL; the WARNING in fan_check() has nothing to do with it"),
    "null_timer": dict(
        kind="NULL pointer read in a timer, in another task's interrupt",
        module="fanctl", run="poke -n fan_timer /proc/fanctl 7", classes=NULL, task=False,
        bugs=[("culprit", "fan_poll", "CULPRIT_TIMER")], frames=["fan_poll"], note="spare->curve is NULL"),
    "smash_dma": dict(
        kind="stack buffer overwritten by another thread that was given its address, as a device would",
        module="fanctl", run="poke -n fan_sample /proc/fanctl 8", classes=SMASH,
        bugs=[("culprit", "fan_sampler", "CULPRIT_DMA"), ("culprit", "fan_sample", "VICTIM_DMA")],
        frames=["__stack_chk_fail", "fan_sample"],
        note="fan-sampler writes 80 bytes into window[32] while fan_sample() sleeps: no call on the stack wrote it"),
    "slab_leak": dict(
        kind="out of memory: a driver's slab cache leaks, a program takes the rest",
        module="flowtab", append="", prepare="sleep 8; " + OOM, run=EATER, classes=["out-of-memory", "memory-leak"], wait=300,
        bugs=[("culprit", "flow_insert", "CULPRIT")], task=False,
        note="cache flow_entry has about 45 % of memory"),
    "slab_leak_merged": dict(
        kind="out of memory: a driver's slab cache leaks that is one with others of its size",
        module="connpool", append="", prepare="sleep 8; " + OOM, run=EATER, classes=["out-of-memory", "memory-leak"], wait=300,
        bugs=[("culprit", "conn_reconnect", "CULPRIT")], task=False,
        note="the cache has another name than peer_conn"),
    "vmalloc_leak": dict(
        kind="out of memory: a driver loses what it takes with vmalloc",
        module="capring", append="", prepare="sleep 5; " + OOM, run=EATER, classes=["out-of-memory", "memory-leak"], wait=300,
        bugs=[("culprit", "ring_attach", "CULPRIT")], task=False,
        note="areas of 256 KiB, about 45 % of memory"),
    "page_leak": dict(
        kind="out of memory: a driver loses pages",
        module="rxpool", append="", prepare="sleep 5; " + OOM, run=EATER, classes=["out-of-memory", "memory-leak"], wait=300,
        bugs=[("culprit", "rx_refill", "CULPRIT")], task=False,
        note="about 45 % of memory is in no statistics"),
    "tmpfs_full": dict(
        kind="out of memory: files in a tmpfs; nobody in the kernel is to blame",
        append="", prepare=OOM + "; mount -t tmpfs -o size=2g tmpfs /mnt/scratch",
        run="dd if=/dev/zero of=/mnt/scratch/spool.bin bs=64k", classes=["out-of-memory"], wait=300, task=False, blameless=True,
        note="/mnt/scratch/spool.bin has most of the memory"),
    "user_eats": dict(
        kind="out of memory: a program takes it all; nobody in the kernel is to blame",
        append="", prepare=OOM, run=EATER, classes=["out-of-memory"], wait=300, task=False, blameless=True,
        note="dd has a buffer larger than the memory"),
    "fork_bomb": dict(
        kind="out of memory: a shell starts programs without end; nobody in the kernel is to blame", prepare=OOM,
        run="ulimit -u 100000; echo 100000 >/proc/sys/kernel/pid_max; while :; do sleep 9999 & done", classes=["out-of-memory"], task=False,
        blameless=True, wait=300, mem=256, note="stacks, page tables, task structs and a little memory of each"),
    "socket_fill": dict(
        kind="out of memory: a program fills sockets that nobody reads; nobody in the kernel is to blame", prepare=OOM,
        run="echo 2000 >/proc/sys/net/unix/max_dgram_qlen; sockd 50000", classes=["out-of-memory", "memory-leak"], task=False, blameless=True,
        wait=200, mem=256, note="socket buffers in slab caches and pages"),
    "huge_reserved": dict(
        kind="out of memory: most of it was set aside as huge pages; nobody in the kernel is to blame", prepare=OOM,
        run="echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory; echo 90 >/proc/sys/vm/nr_hugepages; "
        "grep Huge /proc/meminfo >/dev/console; " + EATER, classes=["out-of-memory"], task=False, blameless=True, wait=200,
        note="as many huge pages of 2 MiB as could be had, unused"),
    "cgroup_full": dict(
        kind="a memory cgroup reaches its limit; nobody in the kernel is to blame",
        append="", wait=300, task=False, blameless=True, classes=["out-of-memory"],
        prepare=OOM + "; echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir -p /sys/fs/cgroup/jobs/night; "
                "echo +memory >/sys/fs/cgroup/jobs/cgroup.subtree_control; echo 24M >/sys/fs/cgroup/jobs/night/memory.max",
        run="echo $$ >/sys/fs/cgroup/jobs/night/cgroup.procs; dd if=/dev/zero of=/dev/null bs=100M count=1",
        note="/jobs/night may use 24 MiB"),
    "uaf_poison": dict(
        kind="freed object used: it is poisoned",
        module="iotrack", append="oops=panic slub_debug=P", prepare="poke /proc/iotrack o1; poke /proc/iotrack s1",
        run="poke /proc/iotrack f1; poke -n io_flush /proc/iotrack s1", classes=["use-after-free"],
        bugs=[("culprit", "req_submit", "CULPRIT"), ("culprit_free", "req_finish", "CULPRIT2")],
        frames=["req_submit", "io_write"], note="table[1]->target is 0x6b6b6b6b6b6b6b6b"),
    "uaf_tracked": dict(
        kind="freed object used: it is poisoned, and the allocator knows who freed it",
        module="iotrack", append="oops=panic slub_debug=FZPU", prepare="poke /proc/iotrack o1; poke /proc/iotrack s1",
        run="poke /proc/iotrack f1; poke -n io_flush /proc/iotrack s1", classes=["use-after-free"],
        bugs=[("culprit", "req_submit", "CULPRIT"), ("culprit_free", "req_finish", "CULPRIT2")],
        frames=["req_submit", "io_write"], note="the track of the object names req_finish"),
    "uaf_reused": dict(
        kind="freed object used: by now it is another object",
        module="iotrack", prepare="taskset 1 poke /proc/iotrack o1; taskset 1 poke /proc/iotrack s1",
        run="taskset 1 poke /proc/iotrack f1; taskset 1 poke /proc/iotrack nMAINTENANCE-WINDOW-TONIGHT; "
            "poke -n io_flush /proc/iotrack s1",
        classes=["use-after-free", "wild-pointer-dereference"],
        bugs=[("culprit", "req_submit", "CULPRIT"), ("culprit_free", "req_finish", "CULPRIT2")],
        frames=["req_submit", "io_write"], note="table[1] and one of notes[] point to the same object, which holds the note's text"),
    "uaf_write": dict(
        kind="freed object written to: who allocates next is the victim",
        module="iotrack", prepare="taskset 1 poke /proc/iotrack o1; taskset 1 poke /proc/iotrack u1",
        run="taskset 1 poke /proc/iotrack f1; taskset 1 poke /proc/iotrack u1; taskset 1 poke -n io_note /proc/iotrack nDONE",
        classes=["slab-corruption", "use-after-free"], task=False,
        bugs=[("culprit", "req_update", "CULPRIT_WRITE"), ("victim", "note_add", "VICTIM_NOTE")],
        note="the link in the free request is changed by 8"),
    "slab_overflow": dict(
        kind="overflow of a slab object into the next, found when that is used",
        module="mboxdrv", prepare="poke /proc/mboxdrv O", run=TITLES + "; poke -n mail_post /proc/mboxdrv p",
        classes=["slab-overflow"], bugs=[("culprit", "mbox_title", "CULPRIT"), ("victim", "mbox_post", "VICTIM_POST")],
        frames=["mbox_post", "mbox_write"], note="a title of 48 bytes in title[32]: route of the next object is text"),
    "slab_overflow_redzone": dict(
        kind="overflow of a slab object, found by its red zone when it is freed",
        module="mboxdrv", append="slub_debug=FZ panic_on_taint=0x20", prepare="poke /proc/mboxdrv O",
        run=TITLES + "; poke -n mail_shut /proc/mboxdrv c3", classes=["slab-overflow"],
        bugs=[("culprit", "mbox_title", "CULPRIT"), ("victim", "mbox_close", "VICTIM_FREE")],
        note="a title of 48 bytes in title[32]"),
    "freelist_smashed": dict(
        kind="overflow of a slab object into a free one: who allocates next is the victim",
        module="mboxdrv", prepare="poke /proc/mboxdrv O; poke /proc/mboxdrv C",
        run="; ".join(f"poke /proc/mboxdrv t{c}{'ABCDEFGHIJKLMNOP' * 11}" for c in "02468BDF") + "; poke -n mail_open /proc/mboxdrv O",
        classes=["slab-overflow", "slab-corruption"],
        bugs=[("culprit", "mbox_title", "CULPRIT"), ("victim", "mbox_open", "VICTIM_ALLOC")],
        note="the links of free objects are text; kmem_cache_alloc() takes one for an object"),
    "double_free": dict(
        kind="object freed twice",
        module="bufmgr", run="poke -n buf_drop /proc/bufmgr 0", classes=["double-free"],
        bugs=[("culprit", "buffer_drop", "CULPRIT_DROP")], frames=["buffer_drop", "buffer_write"],
        note="the hardened allocator sees that the object is the first free one"),
    "double_free_checked": dict(
        kind="object freed twice, found by the allocator's checks",
        module="bufmgr", append="slub_debug=FZPU panic_on_taint=0x20", run="poke -n buf_drop /proc/bufmgr 0",
        classes=["double-free"], bugs=[("culprit", "buffer_drop", "CULPRIT_DROP")], note="Object already free"),
    "refcount_underflow": dict(
        kind="reference dropped once too often",
        module="bufmgr", prepare="echo 1 >/proc/sys/kernel/panic_on_warn", run="poke -n buf_put /proc/bufmgr 1",
        classes=["refcount-bug"], bugs=[("culprit", "buffer_put", "CULPRIT_PUT")], frames=["buffer_put", "buffer_write"],
        note="the count of the buffer is saturated"),
    "page_freed_in_use": dict(
        kind="pages given back that a file seems to have",
        module="bufmgr", append="page_poison=1 panic_on_taint=0x20", run="poke -n buf_page /proc/bufmgr 2",
        classes=["page-corruption"], bugs=[("culprit", "buffer_page_drop", "CULPRIT_PAGE")],
        note="mapping of the first of 16 pages is not NULL"),
    "vmalloc_overflow": dict(
        kind="an array in vmalloc memory is written past its end", module="ringlog", run="poke -n ring_clear /proc/ringlog v64",
        classes=["out-of-bounds-access"], bugs=[("culprit", "ring_clear", "CULPRIT_VMALLOC")], frames=["ring_clear", "ring_write"],
        note="64 records fill the area; the 65th is on the page behind, which is never mapped"),
    "negative_copy": dict(
        kind="memcpy() with a length that wrapped", module="ringlog", run="poke -n ring_copy /proc/ringlog n8",
        classes=["out-of-bounds-access", "wild-pointer-dereference"], bugs=[("culprit", "ring_copy", "CULPRIT_NEGATIVE")],
        frames=["ring_copy", "ring_write"], note="8 - 16 bytes; the copy runs into the page behind the area"),
    "wrong_index": dict(
        kind="an index that is not checked: the pointer taken there is none", module="ringlog", run="poke -n sink_sum /proc/ringlog s123456",
        classes=["wild-pointer-dereference", "null-pointer-dereference", "out-of-bounds-access"],
        bugs=[("culprit", "sink_written", "CULPRIT_INDEX")], frames=["sink_written", "ring_write"], note="sinks has 4 entries, 123456 is taken"),
    "global_overflow": dict(
        kind="a buffer among the module's data is overrun; the operations behind it are used",
        module="ringlog", run="poke -n sink_log /proc/ringlog pABCDEFGHIJKLMNOPQRSTUVWXabcdefgh",
        classes=["wild-pointer-dereference", "out-of-bounds-access"], bugs=[("culprit", "sink_prefix", "CULPRIT_GLOBAL"), ("victim", "sink_log", "VICTIM_GLOBAL")],
        frames=["sink_log", "ring_write"], note="console_sink.ops became 0x6867666564636261, text"),
    "lost_lock": dict(
        kind="a function returns with a mutex held; its task has ended since",
        module="cfgsrv", append="hung_task_panic=1", prepare=HUNG, run="poke -n cfg_set /proc/cfgsrv s99; poke -n cfg_sum /proc/cfgsrv r",
        classes=["deadlock", "hung-task", "lock-misuse"], wait=240, task=False,
        bugs=[("culprit", "cfg_store", "CULPRIT_LOST"), ("victim", "cfg_sum", "VICTIM_LOST")], note="cfg_lock is owned by a task that is gone"),
    "timer_lock": dict(
        kind="a spin lock held while a timer on the same CPU wants it", module="cfgsrv", append="softlockup_panic=1",
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="taskset 2 poke -n stat_fold /proc/cfgsrv t400000",
        classes=["deadlock", "soft-lockup", "rcu-stall"], wait=240, task=False,
        bugs=[("culprit", "stat_fold", "CULPRIT_TICK"), ("victim", "stat_tick", "VICTIM_TICK")], note="stat_fold() was interrupted with stat_lock held"),
    "irqs_off": dict(
        kind="a busy wait with interrupts off; another CPU notices", module="cfgsrv", append="softlockup_panic=1",
        prepare="echo 1 >/proc/sys/kernel/panic_on_rcu_stall; echo 5 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout",
        run="taskset 2 poke -n cfg_quiesce /proc/cfgsrv q & sleep 200", classes=["rcu-stall", "hard-lockup", "soft-lockup"], wait=300, task=False,
        bugs=[("culprit", "cfg_quiesce", "CULPRIT_OFF")], note="CPU 1 spins for cfg_values[15]"),
    "irqs_off_nmi": dict(
        kind="a busy wait with interrupts off; somebody presses the NMI button", module="cfgsrv", append="unknown_nmi_panic=1",
        run="taskset 2 poke -n cfg_quiesce /proc/cfgsrv q & sleep 200", monitor=("nmi",), after=15, classes=["hard-lockup", "nmi"], wait=200,
        task=False, bugs=[("culprit", "cfg_quiesce", "CULPRIT_OFF")], requested=None, note="CPU 1 spins for cfg_values[15]"),
    "soft_nmi": dict(
        kind="a busy wait with preemption off; somebody presses the NMI button before any watchdog barks", module="cfgsrv",
        append="unknown_nmi_panic=1", run="poke -n cfg_scan /proc/cfgsrv w; sleep 200", monitor=("nmi",), after=15,
        classes=["soft-lockup", "nmi", "rcu-stall"], wait=200, task=False, bugs=[("culprit", "cfg_scan", "CULPRIT_SCAN")], note="a worker of CPU 1"),
    "work_loop": dict(
        kind="a work item that never ends", module="cfgsrv", append="softlockup_panic=1",
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="poke -n cfg_scan /proc/cfgsrv w; sleep 200",
        classes=["soft-lockup", "rcu-stall"], wait=300, bugs=[("culprit", "cfg_scan", "CULPRIT_SCAN")], task=False,
        note="a worker of CPU 1 is in cfg_scan()"),
    "timer_freed": dict(
        kind="an object is freed while its timer runs; its memory is poisoned", module="beacon", append="oops=panic slub_debug=P",
        run="poke -n beacon /proc/beacon t; sleep 20", classes=["use-after-free"], task=False,
        note="the timer's function is poison, or its list; beacon_drop() freed it, which nothing in memory tells"),
    "work_freed": dict(
        kind="an object is freed while its delayed work waits; its memory is poisoned", module="beacon", append="oops=panic slub_debug=P",
        run="poke -n beacon /proc/beacon w; sleep 20", classes=["use-after-free"], task=False,
        note="the timer of the work is in freed memory; beacon_drop() freed it, which nothing in memory tells"),
    "guarded_stale": dict(
        kind="an object is read after it was freed; KFENCE guards its page", module="beacon", append="oops=panic kfence.sample_interval=1",
        prepare="echo 1 >/proc/sys/kernel/panic_on_warn", run="poke -n beacon /proc/beacon u2000", classes=["use-after-free"],
        bugs=[("culprit", "beacon_stale", "CULPRIT_STALE"), ("culprit", "beacon_sent", "VICTIM_STALE")], frames=["beacon_sent", "beacon_stale"],
        note="kernels with KFENCE only (6.12, 7.2)"),
    "wrong_free": dict(
        kind="kfree() of what vmalloc() gave", module="beacon", run="poke -n beacon /proc/beacon k3",
        classes=["bug-assertion", "null-pointer-dereference", "wild-pointer-dereference", "slab-corruption", "page-corruption", "double-free"],
        bugs=[("culprit", "beacon_pages", "CULPRIT_KFREE")], frames=["beacon_pages", "beacon_write"], note="the address is 64 bytes into an area of 3 pages"),
    "own_panic": dict(
        kind="a module calls panic()", module="beacon", run="poke -n beacon /proc/beacon p7", classes=["bug-assertion", "unknown"],
        bugs=[("culprit", "beacon_check", "CULPRIT_PANIC")], frames=["panic", "beacon_check", "beacon_write"], note="a driver's own check"),
    "unloaded_timer": dict(
        kind="a module is unloaded while its timer runs", module="beacon", run="poke -n beacon /proc/beacon s; rmmod beacon; sleep 20",
        classes=["nx-violation", "wild-pointer-dereference", "use-after-free"], task=False, blamed="beacon",
        note="scan_timer's function was in memory that is not mapped any more"),
    "flush_holding": dict(
        kind="a work item is waited for with a mutex held that it wants", module="pumpctl", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n pump_halt /proc/pumpctl h", classes=["deadlock"], wait=240, task=False,
        bugs=[("culprit", "pump_halt", "CULPRIT_FLUSH"), ("victim", "pump_refresh", "VICTIM_FLUSH")], note="pump_lock, and the end of refresh_work"),
    "thread_stop": dict(
        kind="a thread is stopped with a mutex held that it wants", module="pumpctl", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n pump_stop /proc/pumpctl k", classes=["deadlock"], wait=240, task=False,
        bugs=[("culprit", "pump_stop", "CULPRIT_STOP"), ("victim", "pump_turn", "VICTIM_STOP")], note="pump_lock, and the end of the thread pump_turn"),
    "timer_sync": dict(
        kind="the end of a timer is waited for with a spin lock held that it wants", module="pumpctl", append="softlockup_panic=1",
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="taskset 2 poke -n beat_stop /proc/pumpctl b",
        classes=["deadlock", "soft-lockup", "rcu-stall"], wait=240, task=False,
        bugs=[("culprit", "beat_stop", "CULPRIT_BEAT"), ("victim", "beat_tick", "VICTIM_BEAT")], note="CPU 0 spins for beat_lock in the timer, CPU 1 waits for the timer"),
    "rwsem_upgrade": dict(
        kind="a reader of a rw_semaphore becomes a writer", module="pumpctl", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n map_update /proc/pumpctl u7", classes=["deadlock", "hung-task"], wait=240, task=False,
        bugs=[("culprit", "map_update", "CULPRIT_UPGRADE")], note="map_sem has one reader, the waiter itself"),
    "rcu_self": dict(
        kind="synchronize_rcu() inside of a read-side critical section", module="pumpctl", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n zones_swap /proc/pumpctl r", classes=["deadlock", "hung-task", "rcu-stall"], wait=240, task=False,
        bugs=[("culprit", "zones_swap", "CULPRIT_READER")], note="kernels with preemptible RCU"),
    "seq_stuck": dict(
        kind="a writer of a seqcount left it odd; a reader waits for ever", module="clkmap", append="softlockup_panic=1",
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="poke -n clk_set /proc/clkmap a2000; poke -n clk_read /proc/clkmap r",
        classes=["soft-lockup", "lock-misuse", "deadlock"], wait=240,
        bugs=[("culprit", "clk_adjust", "CULPRIT_SEQ"), ("victim", "clk_read", "VICTIM_SEQ")], note="clk_seq is odd; nobody writes"),
    "bit_stuck": dict(
        kind="a bit spin lock that was not given back", module="clkmap", append="softlockup_panic=1",
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="poke -n slot_set /proc/clkmap c3; poke -n slot_read /proc/clkmap s3",
        classes=["soft-lockup", "lock-misuse", "deadlock"], wait=240,
        bugs=[("culprit", "slot_claim", "CULPRIT_BIT"), ("victim", "slot_read", "VICTIM_BIT")], note="bit 0 of slots[3].marks is set; nobody has it"),
    "vfree_used": dict(
        kind="vmalloc memory is read after vfree()", module="clkmap", run="poke -n map_sum /proc/clkmap m",
        classes=["use-after-free", "wild-pointer-dereference", "out-of-bounds-access"], bugs=[("culprit", "map_sum", "CULPRIT_MAP")],
        frames=["map_sum", "clk_write"], note="map still points to the area"),
    "irq_storm": dict(
        kind="an interrupt that nobody handles is switched off; sysrq-c", module="linedrv", run="poke -n line_test /proc/linedrv p" + CRASH,
        classes=["irq-storm", "requested-crash"], requested=True, task=False,
        note="line_irq() says IRQ_NONE 100,000 times; __report_bad_irq()"),
    "unloaded_file": dict(
        kind="a module is unloaded and leaves its file in /proc; somebody opens it", module="clkmap", run="rmmod clkmap; poke -n clk_read /proc/clkmap r",
        classes=["nx-violation", "wild-pointer-dereference", "use-after-free"], task=False, blamed="clkmap",
        note="the table of operations was in memory that is not mapped any more"),
    "work_hog": dict(
        kind="a work item keeps its CPU; others wait behind it (workqueue watchdog)", module="flowctl",
        append="workqueue.watchdog_thresh=8 workqueue.panic_on_stall=1 watchdog_thresh=30", run="poke -n flow_set /proc/flowctl w",
        classes=["workqueue-stall", "soft-lockup"], wait=240, task=False, bugs=[("culprit", "flow_grind", "CULPRIT_GRIND")],
        note="6.12-check; report_fn waits behind grind_fn on CPU 1"),
    "work_starved": dict(
        kind="a system call keeps a CPU; work items wait for it (workqueue watchdog)", module="flowctl",
        append="workqueue.watchdog_thresh=8 workqueue.panic_on_stall=1 watchdog_thresh=30", run="taskset 2 poke -n flow_set /proc/flowctl p",
        classes=["workqueue-stall", "soft-lockup"], wait=240, task=False, bugs=[("culprit", "flow_poll", "CULPRIT_POLL")],
        note="6.12-check; no worker of CPU 1 runs: flow_poll, with preemption off, does not let them"),
    "data_race": dict(
        kind="two threads change a counter without a lock, found by KCSAN", module="flowctl",
        prepare="mount -t debugfs debugfs /sys/kernel/debug; echo '!flow_account' >/sys/kernel/debug/kcsan; echo whitelist >/sys/kernel/debug/kcsan",
        run="echo 1 >/proc/sys/kernel/panic_on_warn; echo on >/sys/kernel/debug/kcsan; poke -n flow_set /proc/flowctl r",
        classes=["data-race"], task=False,
        bugs=[("culprit", "flow_account", "CULPRIT_RACE")], note="6.1-kcsan; both are in flow_account"),
    "kasan_outlived": dict(
        kind="an overflow that KASAN reports and the kernel outlives; sysrq-c", module="mboxdrv", append="oops=panic kasan.fault=report",
        prepare="poke /proc/mboxdrv O", run=TITLES + CRASH, classes=["requested-crash"], requested=True,
        note="6.12-check; the titles went over red zones only"),
    "race_outlived": dict(
        kind="a data race that KCSAN reports and the kernel outlives; sysrq-c", module="flowctl",
        prepare="mount -t debugfs debugfs /sys/kernel/debug; echo '!flow_account' >/sys/kernel/debug/kcsan; echo whitelist >/sys/kernel/debug/kcsan",
        run="echo on >/sys/kernel/debug/kcsan; poke -n flow_set /proc/flowctl r; sleep 5; echo off >/sys/kernel/debug/kcsan" + CRASH,
        classes=["requested-crash"], requested=True, note="6.1-kcsan"),
    "unlock_stranger": dict(
        kind="a mutex is unlocked by a task that does not have it, found by its debugging", module="flowctl",
        run="echo 1 >/proc/sys/kernel/panic_on_warn; poke -n flow_set /proc/flowctl s", classes=["lock-misuse"],
        bugs=[("culprit", "flow_release", "CULPRIT_STRANGER")], note="6.1-kcsan; flow_hold has gate_lock"),
    "lock_unmade": dict(
        kind="a mutex is locked that was never initialised, found by its debugging", module="flowctl",
        append="oops=panic panic_on_warn=1", run="poke -n flow_set /proc/flowctl u", classes=["lock-misuse"],
        bugs=[("culprit", "flow_limit", "CULPRIT_UNMADE")], note="6.12-check; the object is all zeros"),
    "free_twice": dict(
        kind="an object freed twice, at once, found by KASAN or the allocator", module="flowctl", run="poke -n flow_set /proc/flowctl d",
        classes=["double-free"], bugs=[("culprit", "flow_close", "CULPRIT_FREE")], note="both times in flow_close"),
    "unset_member": dict(
        kind="a decision by a member that nobody wrote, found by KMSAN", module="flowctl", mem=1024, append="oops=panic kmsan.panic=1",
        run="poke -n flow_set /proc/flowctl n", classes=["uninitialised-use"],
        bugs=[("culprit", "flow_mode", "CULPRIT_UNSET")], note="6.12-clang; mode of an object of kmalloc()"),
    "call_type": dict(
        kind="a call by a pointer of another type, found by control-flow integrity", module="flowctl", mem=1024,
        run="poke -n flow_set /proc/flowctl c", classes=["control-flow-violation"],
        bugs=[("culprit", "flow_dispatch", "CULPRIT_TYPE")], note="6.12-clang; flow_open takes other arguments than a flow_step"),
    "bad_insn": dict(
        kind="an instruction that the CPU does not have", module="biosrv", run="poke -n bios_ask /proc/biosrv p", classes=["invalid-opcode"],
        cpu="Skylake-Client-noTSX-IBRS", bugs=[("culprit", "bios_probe", "CULPRIT_INSN")], note="RDPRU, of AMD's only"),
    "stack_gone": dict(
        kind="double fault: a call on a stack that was given back", module="biosrv",
        run="poke -n bios_ask /proc/biosrv x; poke -n bios_ask /proc/biosrv c", classes=["double-fault"],
        bugs=[("culprit", "bios_thunk", "CULPRIT")], note="the stack pointer is at the end of a vmalloc area that is free"),
    "init_null": dict(
        kind="NULL pointer read while a module starts", module="meshnet", late=True, run="modprobe meshnet", classes=NULL,
        bugs=[("culprit", "mesh_link", "CULPRIT")], frames=["mesh_link", "mesh_init", "do_one_initcall"],
        note="the module is still being loaded: its code is in the part that goes away afterwards"),
    "hash_loop": dict(
        kind="a list entry is added twice; who walks the list never comes to its end", module="gridmon", append="softlockup_panic=1",
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="poke -n grid_set /proc/gridmon l", classes=["soft-lockup", "list-corruption"],
        wait=240, bugs=[("culprit", "feeder_add", "CULPRIT_TWICE"), ("victim", "feeder_sum", "VICTIM_LOOP")],
        note="north > south > north"),
    "rwlock_upgrade": dict(
        kind="a reader of a spinning rwlock becomes a writer", module="gridmon", append="softlockup_panic=1",
        prepare="echo 5 >/proc/sys/kernel/watchdog_thresh", run="poke -n grid_set /proc/gridmon r", classes=["deadlock", "soft-lockup"],
        wait=240, bugs=[("culprit", "grid_update", "CULPRIT_RWLOCK")], note="grid_lock has one reader, the one that waits"),
    "sema_stuck": dict(
        kind="a semaphore that was not given back", module="gridmon", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n grid_set /proc/gridmon s", classes=["hung-task", "deadlock", "lock-misuse"], wait=240, task=False,
        bugs=[("culprit", "line_claim", "CULPRIT_SEMA")], note="line_claim() returns with it where the load is 0"),
    "sema_held": dict(
        kind="a task hangs behind a semaphore whose holder waits for what never comes", module="gridmon", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n grid_set /proc/gridmon o", classes=["hung-task"], wait=240, task=False,
        bugs=[("culprit", "line_hold", "CULPRIT_HOLD")], note="semaphores have no owner; thread grid_hold has line_sem"),
    "never_woken": dict(
        kind="a task waits for a condition that nobody makes true", module="gridmon", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n grid_set /proc/gridmon w", classes=["hung-task"], wait=240, task=False,
        bugs=[("culprit", "grid_wait", "CULPRIT_WAKE")], note="ready stays 0"),
    "thread_deaf": dict(
        kind="a thread that never looks whether it should stop is stopped", module="gridmon", append="hung_task_panic=1", prepare=HUNG,
        run="poke -n grid_set /proc/gridmon d", classes=["hung-task"], wait=240, task=False,
        bugs=[("culprit", "grid_sample", "CULPRIT_DEAF"), ("victim", "sampler_stop", "VICTIM_DEAF")], note="grid_sample sleeps and counts for ever"),
    "call_user": dict(
        kind="call through a function pointer that user space gave", module="gridmon", run="poke -n grid_set /proc/gridmon u",
        classes=["user-access-violation", "nx-violation", "wild-pointer-dereference"], bugs=[("culprit", "feeder_rate", "CULPRIT_USER")],
        frames=["feeder_rate", "grid_write"], note="north.rate is the address of write()'s buffer: SMEP, or no execution there"),
    "ret_smash": dict(
        kind="stack buffer overflow over the return address, without a canary", module="gridmon", run="poke -n grid_set /proc/gridmon habcdefghijklmno",
        classes=["stack-buffer-overflow"], bugs=[("culprit", "label_store", "CULPRIT_RETURN"), ("victim", "label_hash", "CULPRIT_RETURN")],
        note="96 bytes into label[24]: label_hash returns to what was written"),
    "big_frame": dict(
        kind="a stack is used up by three large frames", module="gridmon", run="poke -n grid_set /proc/gridmon f", classes=["kernel-stack-overflow"],
        bugs=[("culprit", "curve_fit", "CULPRIT_FRAME")], note="6 KiB each"),
    "sysrq_c": dict(
        kind="sysrq-c on a healthy system",
        run="echo c >/proc/sysrq-trigger", classes=["requested-crash"], frames=["sysrq_handle_crash"],
        note="nothing is wrong; the shell (init, PID 1) wrote c"),
    "swapping": dict(
        kind="sysrq-c while a program's pages are in two swap areas", append="",
        prepare="cd /mnt/data; dd if=/dev/zero of=disk bs=1M count=12; dd if=/dev/zero of=swapfile bs=1M count=20; chmod 600 disk swapfile; "
        "losetup /dev/loop0 disk; mkswap /dev/loop0; mkswap swapfile; sync; swapon /dev/loop0; swapon swapfile; cd /; "
        "echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir /sys/fs/cgroup/jobs; echo 8M >/sys/fs/cgroup/jobs/memory.max; "
        "pagerd 5000 1000 & for i in 1 2 3 4 5 6 7 8; do [ -f /run/pages ] || sleep 4; done; sleep 1; cat /proc/swaps",
        run="echo c >/proc/sysrq-trigger", classes=["requested-crash"], requested=True, wait=300,
        note="a child of pagerd has 6000 pages in a cgroup of 8 MiB: /run/pages, in the report, has where each went"),
    "bpf_loaded": dict(
        kind="sysrq-c while a BPF program and a map are loaded", run="bpfd & sleep 3" + CRASH, classes=["requested-crash"], requested=True,
        note="the socket filter count_packets of bpfd, and its array packets"),
    "fd_leak": dict(
        kind="a program opens files until it may open no more; sysrq-c", run="statd 100000 & sleep 4" + CRASH,
        classes=["fd-leak", "requested-crash"], requested=True, task=False, blameless=True, note="statd has 1024 files open, its limit"),
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
    "hidden_socket": dict(
        kind="a listening socket is taken out of the table that ss shows; sysrq-c",
        module="sessd", run="poke -n sess_keep -- /proc/sessd -7070; cat /proc/net/tcp" + CRASH, classes=["hidden-module"], task=False,
        requested=True, note="the socket of labd on port 7070 listens and hangs in no chain"),
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
    "module_text_flip": dict(
        kind="one bit of a module's code flips: the instruction is none any more",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber 'c scrub_banks'; poke -n scrub_mem /proc/scrubber 'n bank'",
        classes=["bit-flip", "text-corruption"], note="0x41 became 0x61 in a push at the beginning of scrub_banks"),
    "module_text_flip_asked": dict(
        kind="one bit of a module's code flips and nothing runs into it; sysrq-c",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber 'c scrub_banks'" + CRASH,
        classes=["bit-flip", "text-corruption", "requested-crash"], requested=True, task=False,
        note="0x41 became 0x61 in a push of scrub_banks: the module's file tells"),
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
    "softdog": dict(
        kind="nobody feeds the software watchdog", run="modprobe softdog soft_margin=5 soft_panic=1; exec 9>/dev/watchdog; sleep 100",
        classes=["watchdog-reset"], task=False, note="opened, and never written to again"),
    "machine_check": dict(
        kind="a machine check that cannot be corrected", run="sleep 100", task=False,
        monitor=("mce 0 2 0xbe00000000800400 0x4 0x12345000 0x8c",), classes=["machine-check", "hardware-error"]),
    "ext4_panic": dict(
        kind="ext4 with errors=panic finds its inode table overwritten",
        run="mount -o remount,errors=panic /mnt/data; mkdir /mnt/data/spool; sync; dd if=/dev/zero of=/dev/vda bs=4096 count=1000 seek=1 "
        "conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; ls -lR /mnt/data; touch /mnt/data/spool/x /mnt/data/y; sync",
        classes=["filesystem-error", "io-error"], task=False),
    "aml_write": dict(
        kind="the firmware's own code (AML) writes to the kernel's",
        acpi="panel.asl", append="oops=panic nokaslr", classes=["firmware-error"], blameless=True, task=False,
        run="i=0; while [ $i -lt 40 ]; do cat /sys/bus/acpi/devices/MAKR0001:00/status; i=$((i+1)); done",
        note="\\_SB.PNL0.PUTL, called by _STA, stores into SystemMemory at 0x1200000"),
    "disk_sick": dict(
        kind="a disk cannot read a block that ext4 with errors=panic needs",
        spare="sick", devices=("-device", "virtio-blk-pci,drive=spare"), classes=["io-error"], task=False, blameless=True,
        run="mkdir /mnt/spare; mount -t ext4 -o errors=panic /dev/vdb /mnt/spare; ls -l /mnt/spare; sync", note="the block with inode 40"),
    "disk_pulled": dict(
        kind="a disk is pulled out while ext4 with errors=panic is mounted (kernels since 6.8 shut the file system down instead)",
        spare="well", devices=("-device", "pcie-root-port,id=slot1,chassis=1,slot=1", "-device", "virtio-blk-pci,drive=spare,bus=slot1,id=spare1"),
        classes=["device-failure"], task=False, blameless=True, monitor=("device_del spare1",), wait=100,
        run="mkdir /mnt/spare; mount -t ext4 -o errors=panic /dev/vdb /mnt/spare; "
        "while :; do read -t 1 x <>/run/never; date >>/mnt/spare/log; mkdir /mnt/spare/$((n=n+1)); sync; done"),
    "disk_offline": dict(
        kind="a SCSI disk is taken off line while ext4 with errors=panic is mounted",
        spare="well", devices=("-device", "virtio-scsi-pci,id=scsi0", "-device", "scsi-hd,drive=spare,bus=scsi0.0"),
        classes=["device-failure"], task=False, blameless=True, prepare="modprobe virtio_scsi; modprobe sd_mod",
        run="mkdir /mnt/spare; mount -t ext4 -o errors=panic /dev/sda /mnt/spare; date >/mnt/spare/log; sync; "
        "echo offline >/sys/block/sda/device/state; while :; do date >>/mnt/spare/log; mkdir /mnt/spare/$((n=n+1)); sync; done"),
    "efi_divide": dict(
        kind="a runtime service of UEFI divides by zero",
        firmware="setvar.c", mem=768, wait=300, classes=["firmware-error"], blameless=True, task=False,
        run=SETVAR.format(8),
        note="SetVariable() of five bytes"),
    "efi_stray": dict(
        kind="a runtime service of UEFI reads at an address that is not mapped; panic_on_warn",
        firmware="setvar.c", mem=768, wait=300, classes=["firmware-error"], blameless=True, task=False,
        prepare="echo 1 >/proc/sys/kernel/panic_on_warn", run=SETVAR.format(9), note="SetVariable() of six bytes"),
    "text_scribble": dict(
        kind="a run of the kernel's code is written over, with no instructions",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber 'x uptime_proc_show'; cat /proc/uptime",
        classes=["text-corruption"], note="24 bytes at the sixteenth of uptime_proc_show became 0xd6 0x0e by turns"),
    "memory_record": dict(
        kind="the firmware reports a fatal error of memory (GHES)",
        acpi="errors.asl", record=0x10000000, append="memmap=64K$0x10000000", run="read -t 200 x <>/run/never", task=False,
        classes=["hardware-error"], blameless=True, note="DIMM_A2, node 1, module 3, bank 2, physical address 0xabcd000"),
    "text_zeroed": dict(
        kind="a run of the kernel's code becomes zeros, which are instructions",
        module="scrubber", run="poke -n scrub_mem /proc/scrubber 'z uptime_proc_show'; cat /proc/uptime",
        classes=["text-corruption"], note="24 bytes at the sixteenth of uptime_proc_show"),
    "list_unmade": dict(
        kind="the first entry of a list that was never initialised is used: NULL minus an offset",
        module="evtqueue", run="poke -n evt_ctl /proc/evtqueue n", classes=NULL,
        bugs=[("culprit", "evt_first", "CULPRIT_FIRST"), ("culprit", "evt_deliver", "CULPRIT_DELIVER")],
        frames=["evt_deliver", "evt_first", "evt_write"], note="pending.next is NULL; node is at 0x10 of struct evt"),
    "queue_unmade": dict(
        kind="a wait queue that was never initialised is woken",
        module="evtqueue", run="poke -n evt_ctl /proc/evtqueue y", classes=NULL,
        bugs=[("culprit", "evt_notify", "CULPRIT_NOTIFY")], note="readers.head.next is NULL"),
    "work_unmade": dict(
        kind="work without a function is queued",
        module="evtqueue", run="poke -n evt_ctl /proc/evtqueue q; sleep 5", classes=["null-function-call", *NULL], task=False,
        bugs=[("culprit", "evt_flush", "CULPRIT_FLUSH")], note="flusher.func is NULL; the worker calls it"),
    "percpu_raw": dict(
        kind="a per-CPU pointer is used as it is",
        module="evtqueue", run="poke -n evt_ctl /proc/evtqueue p", classes=["wild-pointer-dereference", "user-access-violation", *NULL],
        bugs=[("culprit", "evt_account", "CULPRIT_ACCOUNT")], frames=["evt_account", "evt_write"]),
    "skb_over": dict(
        kind="more is put into a packet than it has room for",
        module="evtqueue", run="poke -n evt_ctl /proc/evtqueue s", classes=["bug-assertion", "out-of-bounds-access"],
        bugs=[("culprit", "evt_fill", "CULPRIT_FILL")], note="500 bytes into 64"),
    "tree_twice": dict(
        kind="nodes are taken out of a red-black tree twice",
        module="evtqueue", run="poke -n evt_ctl /proc/evtqueue b", classes=[*NULL, "list-corruption", "wild-pointer-dereference", "use-after-free"],
        bugs=[("culprit", "evt_drop", "CULPRIT_DROP")]),
    "frozen_fs": dict(
        kind="a file system was frozen and is never thawed; who writes hangs", task=False, append="hung_task_panic=1", wait=240,
        prepare=HUNG, run="fsfreeze --freeze /mnt/data; poke -n spooled /mnt/data/log x & touch /mnt/data/y", classes=["hung-task"], blameless=True),
    "hrtimer_loop": dict(
        kind="a high-resolution timer that is started again without being moved on: its CPU never leaves the interrupt", task=False,
        module="tickdev", append="rcupdate.rcu_cpu_stall_timeout=10", prepare="echo 1 >/proc/sys/kernel/panic_on_rcu_stall", wait=240,
        run="taskset 2 poke -n ticker /proc/tickdev h; sleep 100", classes=["rcu-stall", "hard-lockup", "soft-lockup"],
        bugs=[("culprit", "tick_fire", "CULPRIT_FIRE")]),
    "ipi_loop": dict(
        kind="a function called on another CPU by interrupt does not come back", task=False,
        module="tickdev", append="rcupdate.rcu_cpu_stall_timeout=10", prepare="echo 1 >/proc/sys/kernel/panic_on_rcu_stall", wait=240,
        run="taskset 1 poke -n ticker /proc/tickdev i; sleep 100", classes=["rcu-stall", "hard-lockup", "soft-lockup"],
        bugs=[("culprit", "tick_remote", "CULPRIT_REMOTE")]),
    "console_flood": dict(
        kind="a driver prints without end while interrupts are off", task=False,
        module="tickdev", append="rcupdate.rcu_cpu_stall_timeout=10", prepare="echo 1 >/proc/sys/kernel/panic_on_rcu_stall", wait=240,
        run="taskset 2 poke -n ticker /proc/tickdev c", classes=["rcu-stall", "hard-lockup", "soft-lockup"],
        bugs=[("culprit", "tick_report", "CULPRIT_REPORT")]),
    "stack_end": dict(
        kind="the last words of a stack are written over, found when the task sleeps", task=False,
        module="tickdev", run="poke -n ticker /proc/tickdev s", classes=["kernel-stack-overflow", "stack-buffer-overflow"],
        bugs=[("culprit", "tick_wide", "CULPRIT_WIDE")]),
    "probe_null": dict(
        kind="NULL pointer read in the handler of a probe",
        module="tickdev", run="poke -n ticker /proc/tickdev k; poke -n ticker /proc/tickdev x", classes=NULL,
        bugs=[("culprit", "tick_seen", "CULPRIT_SEEN")], frames=["tick_seen", "tick_before"]),
    "null_under_probe": dict(
        kind="NULL pointer read below a function whose return is probed",
        module="tickdev", run="poke -n ticker /proc/tickdev r; poke -n ticker /proc/tickdev n", classes=NULL,
        bugs=[("culprit", "tick_seen", "CULPRIT_SEEN")], frames=["tick_seen", "tick_write"]),
    "kmalloc_leak": dict(
        kind="out of memory: a driver loses buffers of kmalloc()", task=False, append="oops=panic", prepare=OOM,
        module="tickdev", run="poke -n ticker /proc/tickdev l", classes=["out-of-memory", "memory-leak"],
        bugs=[("culprit", "tick_keep", "CULPRIT_KEEP")]),
    "many_files": dict(
        kind="out of memory: empty files in a tmpfs; nobody in the kernel is to blame", task=False, prepare=OOM, blameless=True,
        classes=["out-of-memory"], run="mount -t tmpfs -o size=100%,nr_inodes=0 none /mnt/scratch; cd /mnt/scratch; "
        "i=0; while :; do mkdir $i; cd $i; i=$((i+1)); j=0; while [ $j -lt 500 ]; do : >f$j; j=$((j+1)); done; cd ..; done"),
    "card_gone": dict(
        kind="a card no longer answers, and its driver takes what it reads for an index",
        module="sensehub", devices=CARD, run=FORGET + "; poke -n sampled /proc/sensehub t", classes=["device-failure"],
        bugs=[("culprit", "hub_take", "CULPRIT_TAKE")], frames=["hub_take", "hub_write"],
        note="the register reads 0xffffffff"),
    "card_gone_copy": dict(
        kind="a card no longer answers, and its driver copies as much as it reads",
        module="sensehub", devices=CARD, run=FORGET + "; poke -n sampled /proc/sensehub c", classes=["device-failure"],
        bugs=[("culprit", "hub_copy", "CULPRIT_COPY")], note="the length is 0xffffffff times 16; read by a helper of the driver"),
    "card_gone_panic": dict(
        kind="a card no longer answers, and its driver panics for that",
        module="sensehub", devices=CARD, run=FORGET + "; poke -n sampled /proc/sensehub s", classes=["device-failure"],
        bugs=[("culprit", "hub_state", "CULPRIT_STATE")], note="read by a helper of the driver"),
    "card_gone_loop": dict(
        kind="a card no longer answers while its driver waits for it, with preemption disabled and without an end",
        module="sensehub", devices=CARD, append="softlockup_panic=1", wait=240, prepare="echo 5 >/proc/sys/kernel/watchdog_thresh",
        run=FORGET + "; poke -n sampled /proc/sensehub l", classes=["soft-lockup", "device-failure"],
        bugs=[("culprit", "hub_settle", "CULPRIT_SETTLE")], note="bit 1 of 0xffffffff never becomes 0"),
    "card_gone_bug": dict(
        kind="a card no longer answers, and its driver has a BUG_ON() for a bit of what it reads",
        module="sensehub", devices=CARD, run=FORGET + "; poke -n sampled /proc/sensehub i", classes=["device-failure"],
        bugs=[("culprit", "hub_identify", "CULPRIT_IDENTIFY")], frames=["hub_identify", "hub_write"],
        note="the register reads 0xffffffff"),
    "card_well": dict(
        kind="a driver takes its own -1 for an index, while its card is well",
        module="sensehub", devices=CARD, run="poke -n sampled /proc/sensehub wnone",
        classes=["wild-pointer-dereference", "out-of-bounds-access"],
        bugs=[("culprit", "hub_named", "CULPRIT_NAMED")], frames=["hub_named", "hub_write"], note="the index is 0xffffffff"),
    "card_error": dict(
        kind="a card signals a fatal error, which the kernel has not reported so far, and later is gone",
        module="sensehub", devices=CARD, prepare="setcfg /sys/bus/pci/devices/0000:00:10.0/config 0x3c 0x20100",
        run="read -t 20 x <>/run/never; " + FORGET + "; poke -n sampled /proc/sensehub s",
        monitor=("pcie_aer_inject_error card1 DLP",), classes=["device-failure"],
        bugs=[("culprit", "hub_state", "CULPRIT_STATE")]),
}

# The same story under other conditions.
VARIANTS = {
    # KASAN sees first that the function reads the freed object, before it frees it again.
    "double_free_kasan": ("double_free", dict(classes=["use-after-free", "double-free"])),
    "wrong_index_checked": ("wrong_index", dict(prepare="echo 1 >/proc/sys/kernel/panic_on_warn", classes=["undefined-behaviour", "out-of-bounds-access"])),
    "null_deref_kdump": ("null_deref", dict(mode="kdump", mem=512)),
    "null_deref_nokaslr": ("null_deref", dict(append="oops=panic nokaslr")),
    "stack_smash_kdump": ("stack_smash", dict(mode="kdump", mem=512)),
    "stack_smash_work_kdump": ("stack_smash_work", dict(mode="kdump", mem=512)),
    "abba_kdump": ("abba", dict(mode="kdump", mem=512)),
    "null_call_kdump": ("null_call", dict(mode="kdump", mem=512)),
    "slab_leak_asked": ("slab_leak", dict(run="echo c >/proc/sysrq-trigger", classes=["requested-crash", "memory-leak"], bugs=[])),
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
