//! The classes of failures.

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident $slug:literal)*) => {
        /// What kind of failure it was. The slugs are a contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Class { $($(#[$doc])* $name),* }
        impl Class {
            /// All of them.
            pub const ALL: &'static [Class] = &[$(Class::$name),*];
            /// The name in JSON.
            pub fn slug(self) -> &'static str {
                match self { $(Class::$name => $slug),* }
            }
        }
    };
}

classes! {
    /// An access through a pointer that is NULL, or near it.
    NullPointerDereference "null-pointer-dereference"
    /// A call through a pointer that is NULL.
    NullFunctionCall "null-function-call"
    /// An access to an object that was freed.
    UseAfterFree "use-after-free"
    /// A write past a buffer on the stack.
    StackBufferOverflow "stack-buffer-overflow"
    /// An access through an address that is none.
    WildPointerDereference "wild-pointer-dereference"
    /// An access through an error code taken for a pointer.
    ErrorPointerDereference "error-pointer-dereference"
    /// A write to memory that may only be read.
    WriteToReadonly "write-to-readonly"
    /// Code was to be run where there is none.
    NxViolation "nx-violation"
    /// The kernel touched user memory where it must not.
    UserAccessViolation "user-access-violation"
    /// A list whose links do not fit.
    ListCorruption "list-corruption"
    /// A reference count that went wrong.
    RefcountBug "refcount-bug"
    /// A write past the end of a slab object.
    SlabOverflow "slab-overflow"
    /// A slab's own data was written over.
    SlabCorruption "slab-corruption"
    /// A page whose state cannot be.
    PageCorruption "page-corruption"
    /// An access or a copy that goes past its object.
    OutOfBoundsAccess "out-of-bounds-access"
    /// An object freed twice.
    DoubleFree "double-free"
    /// The stack is used up.
    KernelStackOverflow "kernel-stack-overflow"
    /// What the language leaves undefined: a shift by too much, an overflow.
    UndefinedBehaviour "undefined-behaviour"
    /// Memory that was read before anybody wrote it.
    UninitialisedUse "uninitialised-use"
    /// Two that touch the same memory at the same time, at least one writing, without a lock.
    DataRace "data-race"
    /// A jump or call to where none may lead.
    ControlFlowViolation "control-flow-violation"
    /// An exception while another was delivered.
    DoubleFault "double-fault"
    /// A division by zero.
    DivideError "divide-error"
    /// Bytes that are no instruction.
    InvalidOpcode "invalid-opcode"
    /// `BUG()`.
    BugAssertion "bug-assertion"
    /// `WARN()`, with panic_on_warn.
    Warning "warning"
    /// A CPU that did not schedule.
    SoftLockup "soft-lockup"
    /// A CPU that took no interrupts.
    HardLockup "hard-lockup"
    /// A grace period that did not end.
    RcuStall "rcu-stall"
    /// Work that waits for a worker, while none of its pool takes it.
    WorkqueueStall "workqueue-stall"
    /// An interrupt that came without end, and that nobody wanted.
    IrqStorm "irq-storm"
    /// A lock that was given back by others than took it, or used in a way that it is not made for.
    LockMisuse "lock-misuse"
    /// No memory, and nothing to kill.
    OutOfMemory "out-of-memory"
    /// Memory that was taken and never given back.
    MemoryLeak "memory-leak"
    /// A process that opens files and never closes them.
    FdLeak "fd-leak"
    /// The first process ended.
    InitKilled "init-killed"
    /// No root file system.
    NoRootFilesystem "no-root-filesystem"
    /// No first process.
    NoInit "no-init"
    /// The hardware reported an error.
    MachineCheck "machine-check"
    /// An interrupt that nobody knows.
    Nmi "nmi"
    /// Tasks that wait for each other, or one for itself: none can ever go on.
    Deadlock "deadlock"
    /// Tasks that wait for too long, for something that is no circle.
    HungTask "hung-task"
    /// A task slept where it must not.
    SleepInAtomic "sleep-in-atomic"
    /// A bit of memory that is not as it was written.
    BitFlip "bit-flip"
    /// Page tables that do not say what they should.
    PageTableCorruption "page-table-corruption"
    /// Code of the kernel that was written over.
    TextCorruption "text-corruption"
    /// Code of the kernel that was changed so that it does something else.
    KernelTextModified "kernel-text-modified"
    /// Entries of the kernel's tables of calls and traps that lead out of it.
    SyscallTableHook "syscall-table-hook"
    /// Modules and tasks that are there but not in the lists that show them.
    HiddenModule "hidden-module"
    /// The hardware reported an error by other ways than a machine check.
    HardwareError "hardware-error"
    /// The firmware failed.
    FirmwareError "firmware-error"
    /// A disk or its connection failed.
    IoError "io-error"
    /// A file system found itself damaged.
    FilesystemError "filesystem-error"
    /// A device failed, and its driver gave up.
    DeviceFailure "device-failure"
    /// A watchdog device was not fed.
    WatchdogReset "watchdog-reset"
    /// A cluster shut the machine out.
    Fencing "fencing"
    /// Somebody asked for the dump.
    RequestedCrash "requested-crash"
    /// Nothing that is known here.
    Unknown "unknown"
}
