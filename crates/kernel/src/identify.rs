//! What a value is, as an address: code, a variable, a stack, an object, a page, a per-CPU area, user memory, or no address.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::Target;

use crate::slab::{self, Object};
use crate::tasks::Tasks;

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// In the first page: a small number, or a member of what NULL points to.
    Small,
    /// `ERR_PTR()`: a negative error number.
    ErrorCode(u16),
    /// A pattern that the kernel writes over dead memory.
    Poison(&'static str),
    /// In the kernel or a module, with the nearest symbol.
    Symbol(String),
    /// On the kernel stack of a task.
    Stack {
        /// Whose.
        pid: i32,
        /// Its name, escaped.
        comm: String,
    },
    /// In an object of the slab allocator.
    Slab(Object),
    /// In the per-CPU area of a CPU.
    PerCpu {
        /// Which.
        cpu: usize,
        /// The variable, if it is a static one.
        name: Option<String>,
    },
    /// A page frame of the memory that is mapped in a row.
    Page(u64),
    /// Kernel address space that the page tables map (vmalloc, modules, fixed mappings).
    Mapped,
    /// An address of the kernel's that is not mapped.
    Unmapped,
    /// An address that a user program may have.
    User,
    /// A value that no CPU accepts as an address.
    NoAddress,
}

/// Poison (include/linux/poison.h), by the whole value; the list's end has an offset where `CONFIG_ILLEGAL_POINTER_VALUE` is set.
const POISON: &[(u64, &str)] = &[
    (0xdead_0000_0000_0100, "LIST_POISON1: the next pointer of a deleted list entry"),
    (0xdead_0000_0000_0122, "LIST_POISON2: the previous pointer of a deleted list entry"),
    (0xdead_0000_0000_0200, "LIST_POISON2 of older kernels: the previous pointer of a deleted list entry"),
    (0xdead_0000_0000_0400, "PAGE_POISON mapping: a page that is free"),
    (0xdead_0000_0000_0044, "a timer entry that was detached"),
];

/// The same by bytes that repeat.
const FILLED: &[(u8, &str)] = &[
    (0x6b, "POISON_FREE: an object that was freed"),
    (0x5a, "POISON_INUSE: an object that was not initialised"),
    (0xbb, "red zone of an object that is free"),
    (0xcc, "red zone of an object, or init memory that was freed"),
    (0xaa, "a page that was freed"),
];

/// What `value` is. `tasks` names stacks.
pub fn identify(t: &Target, tasks: Option<&Tasks>, value: u64) -> What {
    let at = VirtAddr(value);
    let errno = value.wrapping_neg();
    match () {
        () if value < t.page_size() => What::Small,
        () if errno < 4096 => What::ErrorCode(errno as u16),
        () => poison(value).map(What::Poison).unwrap_or_else(|| place(t, tasks, at)),
    }
}

fn poison(value: u64) -> Option<&'static str> {
    let exact = POISON.iter().find(|(p, _)| *p == value).map(|(_, what)| *what);
    let bytes = value.to_le_bytes();
    // The lowest byte differs where a member behind the pointer was meant, or the object ended there.
    let same = bytes[1..].iter().all(|b| *b == bytes[1]);
    let filled = || FILLED.iter().find(|(b, _)| same && *b == bytes[1]).map(|(_, what)| *what);
    exact.or_else(filled)
}

fn place(t: &Target, tasks: Option<&Tasks>, at: VirtAddr) -> What {
    if !t.arch().is_kernel(at) {
        let canonical = t.kernel().is_none_or(|k| t.arch().is_canonical(at, &k.tables()));
        return if canonical { What::User } else { What::NoAddress };
    }
    if t.kernel().is_some_and(|k| !t.arch().is_canonical(at, &k.tables())) {
        return What::NoAddress;
    }
    if t.image().contains(&at.0) || t.modules().holding(at).is_some() {
        return What::Symbol(t.describe(at));
    }
    let on_stack = tasks.and_then(|all| all.all.iter().find(|task| task.stack_range(t).contains(&at.0)));
    if let Some(task) = on_stack {
        return What::Stack { pid: task.pid, comm: task.comm_text() };
    }
    if let Some(found) = percpu(t, at) {
        return found;
    }
    if let Some(object) = slab::object(t, at) {
        return What::Slab(object);
    }
    mapping(t, at)
}

/// A CPU's copy of the static variables: each CPU's area begins where its offset puts the first of them.
fn percpu(t: &Target, at: VirtAddr) -> Option<What> {
    let (start, end) = (t.symbol("__per_cpu_start")?, t.symbol("__per_cpu_end")?);
    let inside = |offset: u64| {
        let link = at.0.wrapping_sub(offset);
        (start.0..end.0).contains(&link).then_some(link)
    };
    let (cpu, link) = t.cpus().iter().find_map(|(cpu, offset)| Some((*cpu, inside(*offset)?)))?;
    let near = t.kallsyms().and_then(|table| {
        let index = table.at(link)?;
        Some((table.symbol(index)?.name.to_string(), table.address(index)?))
    });
    let name =
        near.filter(|(_, from)| (start.0..end.0).contains(from)).map(|(name, from)| match link - from {
            0 => name,
            by => format!("{name}+{by:#x}"),
        });
    Some(What::PerCpu { cpu, name })
}

fn mapping(t: &Target, at: VirtAddr) -> What {
    let Some(kernel) = t.kernel() else { return What::Unmapped };
    match kernel.to_phys(at) {
        Ok(_) if is_vmalloc(t, at) => What::Mapped,
        Ok(phys) => What::Page(phys.0 / t.page_size()),
        Err(_) => What::Unmapped,
    }
}

/// The direct mapping holds every page; what lies outside is mapped page by page.
fn is_vmalloc(t: &Target, at: VirtAddr) -> bool {
    let word = |name: &str| t.symbol(name).and_then(|s| t.memory().ptr(s).ok());
    word("vmalloc_base").is_some_and(|base| at >= base)
}

impl What {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            What::Small => "a small number".into(),
            What::ErrorCode(n) => format!("the error code -{n}"),
            What::Poison(what) => (*what).into(),
            What::Symbol(name) => name.clone(),
            What::Stack { pid, comm } => format!("stack of {comm} ({pid})"),
            What::Slab(o) => {
                let state = match o.free {
                    Some(true) => ", free",
                    Some(false) => ", allocated",
                    None => "",
                };
                format!("object of cache {} at {:#x} ({} bytes{state})", o.cache, o.start.0, o.size)
            }
            What::PerCpu { cpu, name: Some(name) } => format!("{name} of CPU {cpu}"),
            What::PerCpu { cpu, name: None } => format!("per-CPU area of CPU {cpu}"),
            What::Page(pfn) => format!("page {pfn:#x}"),
            What::Mapped => "mapped kernel memory (vmalloc)".into(),
            What::Unmapped => "a kernel address that is not mapped".into(),
            What::User => "a user address".into(),
            What::NoAddress => "no address".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poison_by_value_and_by_bytes() {
        assert!(poison(0xdead_0000_0000_0122).unwrap().contains("LIST_POISON2"));
        assert!(poison(0x6b6b_6b6b_6b6b_6b6b).unwrap().contains("freed"));
        assert!(poison(0x6b6b_6b6b_6b6b_6ba3).unwrap().contains("freed"));
        assert_eq!(poison(0x6b6b_6b6b_6b00_6b6b), None);
        assert_eq!(poison(0xffff_8880_1234_5678), None);
    }
}
