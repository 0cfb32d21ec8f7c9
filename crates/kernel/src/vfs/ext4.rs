//! What ext4 notes of the first error it met (fs/ext4/super.c, `save_error_info`): in its own memory since 5.11, before in the super block
//! that is written back, by numbers of its own (`EXT4_ERR_*`, fs/ext4/ext4.h).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{Target, Value};

/// `EIO`, and what stands for it in the super block.
const EIO: i128 = 5;
const EIO_STORED: i128 = 2;
/// Names of functions are not longer.
const NAME: usize = 64;

/// The first error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstError {
    /// The structure that has it, and its type's name.
    pub of: &'static str,
    /// Where.
    pub at: VirtAddr,
    /// The name of the member with the code.
    pub member: &'static str,
    /// The code as it stands there.
    pub code: i128,
    /// Whether that means that a disk did not read or write.
    pub io: bool,
    /// The function of ext4 that met it, escaped.
    pub function: String,
    /// Its line.
    pub line: u32,
    /// The block it was about; 0 if none.
    pub block: u64,
}

/// The first error of the file system with this private part (`s_fs_info` of its super block); `None` if it met none.
pub fn first_error(t: &Target, info: VirtAddr) -> Option<FirstError> {
    let info = Value::new(t.type_named("struct ext4_sb_info")?, info);
    in_memory(t, &info).or_else(|| stored(t, &info))
}

fn number(t: &Target, of: &Value, member: &str) -> Option<i128> {
    of.member(member).ok()?.number(t).ok()
}

fn in_memory(t: &Target, info: &Value) -> Option<FirstError> {
    let function =
        number(t, info, "s_first_error_func").map(|at| VirtAddr(at as u64)).filter(|at| !at.is_null())?;
    let code = number(t, info, "s_first_error_code")?;
    Some(FirstError {
        of: "ext4_sb_info",
        at: info.at,
        member: "s_first_error_code",
        code,
        io: code == EIO,
        function: t.memory().cstr(function, NAME).ok()?.escape_ascii().to_string(),
        line: number(t, info, "s_first_error_line")? as u32,
        block: number(t, info, "s_first_error_block").unwrap_or(0) as u64,
    })
}

fn stored(t: &Target, info: &Value) -> Option<FirstError> {
    let at = VirtAddr(number(t, info, "s_es")? as u64);
    let block = Value::new(t.type_named("struct ext4_super_block")?, at);
    let function =
        t.memory().cstr(block.member("s_first_error_func").ok()?.at, 32).ok().filter(|f| !f.is_empty())?;
    let code = number(t, &block, "s_first_error_errcode")?;
    Some(FirstError {
        of: "ext4_super_block",
        at,
        member: "s_first_error_errcode",
        code,
        io: code == EIO_STORED,
        function: function.escape_ascii().to_string(),
        line: number(t, &block, "s_first_error_line")? as u32,
        block: number(t, &block, "s_first_error_block").unwrap_or(0) as u64,
    })
}
