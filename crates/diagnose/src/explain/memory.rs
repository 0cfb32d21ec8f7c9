//! Accesses to memory, and damage to it.

use super::{Explanation, text};

const KASAN: &str = "CONFIG_KASAN: reports the first bad access, with who allocated and who freed";
const SLUB: &str = "slub_debug=FZPU (boot option): checks, red zones, poison, and who allocated and freed";
const INIT: &str = "init_on_alloc=1, or CONFIG_KMSAN: memory that nobody set shows at once";
const LISTS: &str = "CONFIG_DEBUG_LIST: checks the neighbours at each change of a list";
const VMAP: &str = "CONFIG_VMAP_STACK: a guard page below each stack";
const DEBUG_PAGES: &str = "debug_pagealloc=on: freed pages are unmapped, a late access faults";
const OBJECT: &str = "look at the object that the pointer was in: is it alive, whose is it? kmem -s ADDRESS, struct TYPE ADDRESS";

pub const TEXTS: &[Explanation] = &[
    text(
        "null-pointer-dereference",
        "Code used a pointer that was NULL, or the address of a member behind such a pointer. The pointer was never set, the function that \
         should have given it failed and nobody looked, or somebody cleared it meanwhile.",
        "The exception's registers and the faulting instruction give the address: near zero. The function is read backwards to where the \
         register was loaded, which names the pointer and the object it was in.",
        &[
            "find who should have set the pointer, and which path leaves it NULL",
            "check for a race: who clears it, under which lock?",
        ],
        &[KASAN, "sparse and smatch: unchecked returns, at build time"],
    ),
    text(
        "null-function-call",
        "Code called a function through a pointer that was NULL: an operation that the driver does not have, or a table that was not filled.",
        "The interrupted program counter is zero; the return address on the stack follows an indirect call, whose operand names the table.",
        &[
            "look at the table of operations that the call reads",
            "make the caller check, or the driver provide the function",
        ],
        &["CONFIG_CFI: checks the target of every indirect call"],
    ),
    text(
        "wild-pointer-dereference",
        "Code used a value that is no pointer: damaged, never set, freed and used again by something else, or simply another type.",
        "The address of the exception is not mapped by the dump's own page tables, or the CPU does not accept it; the value is compared with \
         poison, error codes and text.",
        &[OBJECT, "look for others who have the value: the same damage elsewhere names its writer"],
        &[KASAN, SLUB],
    ),
    text(
        "use-after-free",
        "Code used an object that had been freed. What it finds there belongs to somebody else, or is the poison that the allocator left.",
        "The pointer or what it led to holds the allocator's poison, or the object lies on a free list now, or its cache has given the memory to \
         another type. Who else points to it, and who freed it if the kernel keeps that, is read from memory.",
        &[
            "find who freed it while others had pointers: a reference is missing, or a timer or work item was not cancelled",
        ],
        &[KASAN, SLUB, DEBUG_PAGES],
    ),
    text(
        "error-pointer-dereference",
        "A function answered with an error code made a pointer (ERR_PTR), and nobody checked it with IS_ERR before it was used.",
        "The value used is among the last 4095 addresses; as a number it is an error code.",
        &[
            "check the return of the function that gave the pointer with IS_ERR()",
            "and find out why it failed: the error code says so",
        ],
        &["smatch and coccinelle: unchecked ERR_PTR, at build time"],
    ),
    text(
        "user-access-violation",
        "The kernel touched memory of user space where it must not: directly instead of by copy_from_user() and its kin, or by a pointer that \
         came from a program.",
        "The address is one of user space, it is mapped, and the fault's error code says that protection stopped it (SMAP, PAN).",
        &["see where the pointer came from: an ioctl or a structure copied from a program?"],
        &["sparse with __user annotations, at build time"],
    ),
    text(
        "nx-violation",
        "The CPU was to run code where data is: a function pointer that was overwritten, not set, or of another object.",
        "The interrupted program counter is in no code of the kernel or its modules; the page tables have memory there that may not be run.",
        &[
            "find where the function pointer is kept, and who wrote there",
            "think of an attack if the data there was chosen by somebody",
        ],
        &["CONFIG_CFI: checks the target of every indirect call", KASAN],
    ),
    text(
        "write-to-readonly",
        "Code wrote to memory that may only be read: constants, its own code, or data that is sealed after boot.",
        "The page tables map the address without the right to write; the fault's error code says that it was a write to a page that is there.",
        &[
            "see whose the object is: sym ADDRESS",
            "a constant that is written, or a pointer that leads to the wrong object?",
        ],
        &[KASAN],
    ),
    text(
        "page-table-corruption",
        "An entry of the page tables does not say what it should: damaged by a stray write, a device, or bad memory.",
        "An area mapped page by page has a list of its pages; the entry leads elsewhere, or nowhere. Or the entry has bits set that this CPU \
         reserves. A single differing bit is told.",
        &[
            "test the memory",
            "look at the entries around: a run of damaged ones has a writer",
            "look for a device that writes where it was not told to (IOMMU on)",
        ],
        &[
            "iommu.strict=1, intel_iommu=on: devices reach only what they were given",
            "CONFIG_PAGE_TABLE_CHECK",
        ],
    ),
    text(
        "stack-buffer-overflow",
        "A function wrote past the end of an array on the stack, over the canary behind it and often over return addresses.",
        "The canary of the frame that failed the check is not the task's; how far the damage goes and what was written is measured; which \
         function was handed the buffer and writes through it is read from the code.",
        &[
            "bound the length of the copy that the report names",
            "find where the data came from: a packet, a file, an ioctl? It may be an attack",
        ],
        &["CONFIG_FORTIFY_SOURCE", KASAN],
    ),
    text(
        "kernel-stack-overflow",
        "A task used up its kernel stack: recursion, large arrays on it, or layers of drivers on top of each other.",
        "The stack pointer lies outside of the task's stack, in its guard page; the frames above are counted: cycles and the largest ones are told.",
        &["end the recursion, or move the large local variables to kmalloc()"],
        &[VMAP, "CONFIG_FRAME_WARN=1024, at build time"],
    ),
    text(
        "slab-overflow",
        "Code wrote past the end of an object from the slab allocator into the next one, or before its start.",
        "A red zone or the neighbour holds what belongs to the object before it; its writer's pattern is searched in the rest of memory.",
        &[
            "see which cache and size it is, and who allocates there",
            "bound the writes to the object before the damage",
        ],
        &[KASAN, SLUB],
    ),
    text(
        "slab-corruption",
        "The allocator's own data in a slab is damaged: a free list that leads nowhere, wrong counts, overwritten poison.",
        "The free lists are followed: a link that is no object of the slab, or a loop, or poison with other bytes in it.",
        &[
            "see what stands in the damaged object and who used it last",
            "boot with slub_debug for the cache named",
        ],
        &[SLUB, KASAN],
    ),
    text(
        "double-free",
        "An object was freed twice: the allocator then gives it to two owners.",
        "The object is on a free list already when it is freed, or twice on one; the call that freed it last is on the stack.",
        &["find the two owners: error paths that free what the caller frees too are the usual ones"],
        &[KASAN, SLUB, "CONFIG_SLAB_FREELIST_HARDENED"],
    ),
    text(
        "list-corruption",
        "The links of a list do not fit: an entry was removed twice, freed while on the list, added twice, or changed without the lock.",
        "The kernel's own check, or the links as they are: an entry's neighbours do not point back; the values that list_del() leaves are known.",
        &["see which lock protects the list, and who changes it without", OBJECT],
        &[LISTS, KASAN],
    ),
    text(
        "page-corruption",
        "The description of a page of memory contradicts itself: mapped though free, counts below zero, flags that exclude each other.",
        "The kernel's check of the page names what is wrong; flags and counts are read from the page's description.",
        &["see who had the page last: page_owner", "look for a driver that frees pages it still uses"],
        &["page_owner=on", DEBUG_PAGES, "CONFIG_DEBUG_VM"],
    ),
    text(
        "refcount-bug",
        "A reference count was used after it had become zero, went below zero, or grew without end.",
        "The kernel's check of the count trapped; the count is read from the object, and who asked for the operation from the stack.",
        &["find the put without a get, or the get that comes too late", OBJECT],
        &[KASAN, "CONFIG_REF_TRACKER (network devices)"],
    ),
    text(
        "text-corruption",
        "Code of the kernel was overwritten, and not so that it does something else on purpose: a stray write, a device, bad memory.",
        "The function does not fit its unwind table and its own jumps any more, or differs from the kernel's file where the kernel does not patch \
         itself.",
        &[
            "compare with the kernel's file: analyze --vmlinux FILE",
            "look for a writer: what stands there, and where else does it stand?",
        ],
        &["CONFIG_STRICT_KERNEL_RWX (on by default)", "intel_iommu=on"],
    ),
    text(
        "uninitialised-use",
        "Code used memory that nobody had set: what it found is left over from earlier use.",
        "A report of the kernel's sanitizer (KMSAN keeps who allocated the memory, or which variable it is), or the allocator's poison for new \
         objects in what was used.",
        &["find the path on which the variable or member is not set"],
        &["CONFIG_KMSAN", INIT],
    ),
    text(
        "out-of-bounds-access",
        "Code accessed an object outside of its bounds, or asked for a copy longer than the object.",
        "The kernel's own check (usercopy, fortify, UBSAN, KASAN) names the object and the size; the caller that asked is read from the stack.",
        &["bound the index or length", "find where the number came from"],
        &[KASAN, "CONFIG_UBSAN_BOUNDS", "CONFIG_HARDENED_USERCOPY", "CONFIG_FORTIFY_SOURCE"],
    ),
    text(
        "data-race",
        "Two CPUs accessed the same memory at the same time, one of them writing, without anything that orders them.",
        "A report of the kernel's race detector: both accesses, the address and the other task stand in its table. Without it a dump rarely \
         proves one.",
        &["add the lock that is missing, or READ_ONCE() and WRITE_ONCE() where races are meant"],
        &["CONFIG_KCSAN"],
    ),
];
