//! How many files are open: by each process, and in all (fs/file.c, fs/file_table.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

use crate::mm;
use crate::tasks::Task;

/// No more are counted; `fs.nr_open` is a million unless somebody raises it.
const MAX_FILES: u64 = 1 << 26;
/// `RLIMIT_NOFILE` (include/uapi/asm-generic/resource.h).
const NOFILE: u64 = 7;

/// The files that a process has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// How many.
    pub count: u64,
    /// How many it may have; `None`: as many as it likes, or nobody says.
    pub limit: Option<u64>,
    /// Its `struct fdtable`.
    pub table: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Files {
    files: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "files_struct")]
struct Table {
    fdt: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "fdtable")]
struct Descriptors {
    max_fds: u32,
    open_fds: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "signal_struct")]
struct Limits {
    rlim: ArrayAt,
}

/// The files that a task's process has open; `None` if it has no table of them any more.
pub fn open_files(t: &Target, task: &Task) -> Result<Option<OpenFiles>, LoadError> {
    let files: Files = t.load(task.at)?;
    if files.files.is_null() {
        return Ok(None);
    }
    let table: Table = t.load(files.files)?;
    let descriptors: Descriptors = t.load(table.fdt)?;
    let bytes = u64::from(descriptors.max_fds).min(MAX_FILES).div_ceil(8);
    let bits = t.memory().bytes(descriptors.open_fds, bytes as usize)?;
    let count = bits.iter().map(|b| u64::from(b.count_ones())).sum();
    Ok(Some(OpenFiles { count, limit: limit(t, task), table: table.fdt }))
}

fn limit(t: &Target, task: &Task) -> Option<u64> {
    let limits: Limits = t.load(task.signal).ok()?;
    let soft = t.memory().word(limits.rlim.element(NOFILE)?).ok()?;
    (soft < u64::MAX / 2).then_some(soft)
}

/// How many files are open in all: `nr_files`.
pub fn all_open(t: &Target) -> Result<u64, LoadError> {
    let count = mm::percpu_counter(t, t.need_symbol("nr_files")?)?;
    Ok(count.max(0) as u64)
}
