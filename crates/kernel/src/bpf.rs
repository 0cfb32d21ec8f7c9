//! BPF programs and maps (kernel/bpf/syscall.c, include/linux/bpf.h).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Bytes, Load, LoadError, Target};

use crate::containers;

/// No program has more maps (`MAX_USED_MAPS` is 64).
const MAX_MAPS: u64 = 1 << 10;
/// Bytes of `struct bpf_insn`.
const INSTRUCTION: u64 = 8;
/// No program is longer (`BPF_COMPLEXITY_LIMIT_INSNS`).
const MAX_INSTRUCTIONS: u64 = 1_000_000;

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its identifier.
    pub id: u64,
    /// Its `struct bpf_prog`.
    pub at: VirtAddr,
    /// Its `struct bpf_prog_aux`.
    pub aux: VirtAddr,
    /// What it is for: `KPROBE`.
    pub kind: String,
    /// Its name, escaped.
    pub name: String,
    /// A sum over its instructions.
    pub tag: String,
    /// The machine code's length; 0 if it is interpreted.
    pub compiled: u64,
    /// Where that is.
    pub code: VirtAddr,
    /// How many instructions of BPF.
    pub instructions: u64,
    /// Where those are.
    pub instructions_at: VirtAddr,
    /// When it was loaded, in nanoseconds since boot.
    pub loaded: u64,
    /// Whether its licence is compatible with the GPL.
    pub gpl: bool,
    /// How many pages of memory its instructions take.
    pub pages: Option<u64>,
    /// The user who loaded it.
    pub uid: Option<u32>,
    /// The identifiers of its maps.
    pub maps: Vec<u64>,
}

/// A map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Its identifier.
    pub id: u64,
    /// Its `struct bpf_map`.
    pub at: VirtAddr,
    /// What it is: `HASH`.
    pub kind: String,
    /// Its name, escaped.
    pub name: String,
    /// Its flags.
    pub flags: u64,
    /// Bytes of a key.
    pub key: u64,
    /// Bytes of a value.
    pub value: u64,
    /// How many entries at most.
    pub entries: u64,
}

#[derive(Load)]
#[kernel(name = "bpf_prog")]
struct RawProgram {
    #[kernel(path = "type")]
    kind: u64,
    gpl_compatible: u64,
    pages: Option<u16>,
    len: u32,
    jited_len: u32,
    tag: Bytes<8>,
    aux: VirtAddr,
    bpf_func: VirtAddr,
    insnsi: At,
}

#[derive(Load)]
#[kernel(name = "bpf_prog_aux")]
struct Aux {
    used_map_cnt: u32,
    used_maps: VirtAddr,
    user: Option<VirtAddr>,
    load_time: u64,
    name: Bytes<16>,
}

#[derive(Load)]
#[kernel(name = "user_struct")]
struct User {
    #[kernel(path = "uid.val")]
    uid: u32,
}

#[derive(Load)]
#[kernel(name = "bpf_map")]
struct RawMap {
    map_type: u64,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    id: u32,
    name: Bytes<16>,
}

/// All programs by identifier; what cannot be read costs a note.
pub fn programs(t: &Target) -> Result<Vec<Program>, LoadError> {
    let found = objects(t, "prog_idr")?.into_iter();
    let noted = |(id, at): (u64, VirtAddr)| {
        program(t, id, at).inspect_err(|e| t.note(format!("BPF program {id}: {e}"))).ok()
    };
    Ok(found.filter_map(noted).collect())
}

/// All maps by identifier; what cannot be read costs a note.
pub fn maps(t: &Target) -> Result<Vec<Map>, LoadError> {
    let found = objects(t, "map_idr")?.into_iter();
    let noted =
        |(id, at): (u64, VirtAddr)| map(t, id, at).inspect_err(|e| t.note(format!("BPF map {id}: {e}"))).ok();
    Ok(found.filter_map(noted).collect())
}

fn objects(t: &Target, symbol: &str) -> Result<Vec<(u64, VirtAddr)>, LoadError> {
    let root = t.offset_of("idr", "idr_rt.xa_head|idr_rt.rnode")?;
    let base = t.offset_of("idr", "idr_base").ok();
    let at = t.need_symbol(symbol)?;
    let first = base.and_then(|o| t.memory().u32(at.offset(o)).ok()).unwrap_or(0);
    let found = containers::xarray(t, t.memory().word(at.offset(root))?)?.or_note(t, symbol);
    Ok(found.into_iter().map(|(i, at)| (i.wrapping_add(first.into()), at)).collect())
}

/// `BPF_PROG_TYPE_KPROBE` as `KPROBE`.
fn named(t: &Target, of: &str, prefix: &str, value: u64) -> String {
    let name = t.enumerator_named(of, value);
    name.map_or_else(|| value.to_string(), |n| n.strip_prefix(prefix).unwrap_or(&n).to_owned())
}

fn text(bytes: &[u8]) -> String {
    bytes.split(|b| *b == 0).next().unwrap_or_default().escape_ascii().to_string()
}

fn program(t: &Target, id: u64, at: VirtAddr) -> Result<Program, LoadError> {
    let raw: RawProgram = t.load(at)?;
    let aux: Aux = t.load(raw.aux)?;
    let own = |i: u64| -> Result<u64, LoadError> {
        let map = t.memory().ptr(aux.used_maps.offset(i * u64::from(t.abi().word)))?;
        Ok(t.load::<RawMap>(map)?.id.into())
    };
    let maps = (0..u64::from(aux.used_map_cnt).min(MAX_MAPS)).map_while(|i| own(i).ok()).collect();
    Ok(Program {
        id,
        at,
        aux: raw.aux,
        kind: named(t, "bpf_prog_type", "BPF_PROG_TYPE_", raw.kind),
        name: text(&aux.name.0),
        tag: raw.tag.0.iter().map(|b| format!("{b:02x}")).collect(),
        compiled: raw.jited_len.into(),
        code: raw.bpf_func,
        instructions: raw.len.into(),
        instructions_at: raw.insnsi.0,
        loaded: aux.load_time,
        gpl: raw.gpl_compatible != 0,
        pages: raw.pages.map(u64::from),
        uid: aux.user.and_then(|user| t.load::<User>(user).ok()).map(|user| user.uid),
        maps,
    })
}

fn map(t: &Target, id: u64, at: VirtAddr) -> Result<Map, LoadError> {
    let raw: RawMap = t.load(at)?;
    Ok(Map {
        id,
        at,
        kind: named(t, "bpf_map_type", "BPF_MAP_TYPE_", raw.map_type),
        name: text(&raw.name.0),
        flags: raw.map_flags.into(),
        key: raw.key_size.into(),
        value: raw.value_size.into(),
        entries: raw.max_entries.into(),
    })
}

/// The instructions of a program, eight bytes each, as far as they can be read.
pub fn instructions(t: &Target, program: &Program) -> Vec<u64> {
    let word = |i: u64| t.memory().word(program.instructions_at.offset(i * INSTRUCTION)).ok();
    (0..program.instructions.min(MAX_INSTRUCTIONS)).map_while(word).collect()
}
