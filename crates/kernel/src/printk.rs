//! The kernel log as it lies in memory: the lockless ring buffer (5.10 and later), the record buffer (3.5 to 5.9), and the ring
//! of characters before.
//!
//! Layouts come from types, or from VMCOREINFO, which carries them for exactly this purpose.

mod byte_ring;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{LoadError, Target};

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number; 0 where the buffer keeps none.
    pub sequence: u64,
    /// Nanoseconds since boot.
    pub nanoseconds: u64,
    /// 0 (emergency) to 7 (debug).
    pub level: u8,
    /// 0 is the kernel itself.
    pub facility: u8,
    /// The thread or CPU that printed it (`CONFIG_PRINTK_CALLER`).
    pub caller: Option<Caller>,
    /// The text, without the line's prefix; may have several lines.
    pub text: Vec<u8>,
    /// `KEY=value` pairs of `dev_printk`.
    pub dictionary: Vec<(&'static str, Vec<u8>)>,
}

/// Who printed a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A thread.
    Thread(u32),
    /// A CPU outside of any thread.
    Cpu(u32),
}

/// The log and what was wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Oldest first.
    pub records: Vec<Record>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// More records than any buffer holds.
const MAX_RECORDS: u64 = 1 << 22;
/// No buffer is larger (`CONFIG_LOG_BUF_SHIFT` is at most 25).
const MAX_BUFFER: u64 = 1 << 26;

/// Reads the log.
pub fn log(t: &Target) -> Result<Log, LoadError> {
    match () {
        _ if t.symbol("prb").is_some() => ring(t),
        _ if t.symbol("log_first_idx").is_none() && t.symbol("logged_chars").is_some() => byte_ring::log(t),
        _ => records(t),
    }
}

/// Bytes from the start of `of` to `member`, by types or by VMCOREINFO.
fn offset(t: &Target, of: &str, member: &str) -> Result<u64, LoadError> {
    let key = format!("{of}.{member}");
    let info = || t.meta().vmcoreinfo.as_ref()?.offset(&key);
    t.offset_of(of, member).or_else(|e| info().ok_or(e))
}

fn size(t: &Target, of: &str) -> Result<u64, LoadError> {
    let info = || t.meta().vmcoreinfo.as_ref()?.size(of);
    t.size_of(of).or_else(|e| info().ok_or(e))
}

/// A block of consecutive structs, read once.
struct Table {
    bytes: Vec<u8>,
    stride: usize,
}

impl Table {
    fn read(t: &Target, at: VirtAddr, count: u64, stride: u64) -> Result<Table, LoadError> {
        let bytes = t.memory().bytes(at, (count * stride) as usize)?;
        Ok(Table { bytes, stride: stride as usize })
    }
    fn entry(&self, index: u64) -> Option<&[u8]> {
        let start = usize::try_from(index).ok()?.checked_mul(self.stride)?;
        self.bytes.get(start..start + self.stride)
    }
}

/// The lockless ring buffer (kernel/printk/printk_ringbuffer.h).
fn ring(t: &Target) -> Result<Log, LoadError> {
    let abi = t.abi();
    let rb = t.memory().ptr(t.need_symbol("prb")?)?;
    let word = |of: &str, member: &str, base: VirtAddr| -> Result<u64, LoadError> {
        Ok(t.memory().word(base.offset(offset(t, of, member)?))?)
    };
    let descs_at = rb.offset(offset(t, "printk_ringbuffer", "desc_ring")?);
    let text_at = rb.offset(offset(t, "printk_ringbuffer", "text_data_ring")?);
    let bits = t.memory().u32(descs_at.offset(offset(t, "prb_desc_ring", "count_bits")?))?;
    let text_bits = t.memory().u32(text_at.offset(offset(t, "prb_data_ring", "size_bits")?))?;
    if bits > 21 || text_bits > 26 {
        return Err(LoadError::NoVariant);
    }
    let count = 1u64 << bits;
    let counter = offset(t, "atomic_long_t", "counter").unwrap_or(0);
    let id_at = |member: &str| word("prb_desc_ring", member, descs_at.offset(counter));
    let (head, tail) = (id_at("head_id")?, id_at("tail_id")?);
    let descs =
        Table::read(t, VirtAddr(word("prb_desc_ring", "descs", descs_at)?), count, size(t, "prb_desc")?)?;
    let infos =
        Table::read(t, VirtAddr(word("prb_desc_ring", "infos", descs_at)?), count, size(t, "printk_info")?)?;
    let data = VirtAddr(word("prb_data_ring", "data", text_at)?);
    let text = read_text(t, data, 1 << text_bits);
    let shape = Shape::of(t)?;
    let state_at = offset(t, "prb_desc", "state_var")? as usize + counter as usize;
    let block_at = offset(t, "prb_desc", "text_blk_lpos")? as usize;
    let (begin_at, next_at) =
        (offset(t, "prb_data_blk_lpos", "begin")?, offset(t, "prb_data_blk_lpos", "next")?);
    let word_size = usize::from(abi.word);
    let id_mask = if abi.word == 8 { u64::MAX >> 2 } else { u64::from(u32::MAX >> 2) };

    let mut log = Log::default();
    if let Some(hole) = &text.hole {
        log.notes.push(format!("part of the log's text cannot be read: {hole}"));
    }
    let span = head.wrapping_sub(tail) & id_mask;
    for step in 0..=span.min(count - 1) {
        let id = tail.wrapping_add(step) & id_mask;
        let index = id % count;
        let (Some(desc), Some(info)) = (descs.entry(index), infos.entry(index)) else {
            break;
        };
        let Some(state) = abi.uint_at(desc, state_at, word_size) else {
            break;
        };
        // The top two bits: 0 reserved, 1 committed, 2 finalized, 3 reusable.
        let committed = matches!(state >> (word_size * 8 - 2), 1 | 2);
        if state & id_mask != id || !committed {
            continue;
        }
        let lpos = |at: u64| abi.uint_at(desc, block_at + at as usize, word_size).unwrap_or(1);
        let block = text.block(lpos(begin_at), lpos(next_at), word_size);
        if let Some(record) = shape.record(t, info, block) {
            log.records.push(record);
        }
    }
    Ok(log)
}

/// The text area of the ring.
struct Text {
    bytes: Vec<u8>,
    hole: Option<String>,
}

/// A missing page costs the records on it, not the log.
fn read_text(t: &Target, at: VirtAddr, size: u64) -> Text {
    let mut text = Text { bytes: vec![0; size.min(MAX_BUFFER) as usize], hole: None };
    if t.memory().read(at, &mut text.bytes).is_ok() {
        return text;
    }
    for (i, page) in text.bytes.chunks_mut(4096).enumerate() {
        if let Err(e) = t.memory().read(at.offset(i as u64 * 4096), page) {
            text.hole = Some(e.to_string());
        }
    }
    text
}

impl Text {
    /// The bytes of the block from `begin` to `next`; a block that would wrap lies at the start of the area.
    fn block(&self, begin: u64, next: u64, word: usize) -> &[u8] {
        if begin & 1 == 1 || next & 1 == 1 || self.bytes.is_empty() {
            return &[]; // a record without text
        }
        let size = self.bytes.len() as u64;
        let wrapped = begin / size != next / size && !next.is_multiple_of(size);
        let start = if wrapped { 0 } else { begin % size } as usize;
        let end = if next.is_multiple_of(size) { size } else { next % size } as usize;
        self.bytes.get(start + word..end).unwrap_or_default()
    }
}

/// Where the fields of `struct printk_info` lie.
struct Shape {
    seq: usize,
    time: usize,
    len: usize,
    facility: usize,
    flags: usize,
    caller: Option<usize>,
    subsystem: Option<usize>,
    device: Option<usize>,
}

impl Shape {
    fn of(t: &Target) -> Result<Shape, LoadError> {
        let at = |member: &str| offset(t, "printk_info", member).map(|o| o as usize);
        let dev = at("dev_info").ok();
        let inner = |member: &str| Some(dev? + offset(t, "dev_printk_info", member).ok()? as usize);
        let facility = at("facility").or_else(|_| at("text_len").map(|o| o + 2))?;
        Ok(Shape {
            seq: at("seq")?,
            time: at("ts_nsec")?,
            len: at("text_len")?,
            facility,
            // `u8 flags:5, level:3` follow the facility and have no name that VMCOREINFO could carry.
            flags: facility + 1,
            caller: at("caller_id").ok(),
            subsystem: inner("subsystem"),
            device: inner("device"),
        })
    }

    fn record(&self, t: &Target, info: &[u8], block: &[u8]) -> Option<Record> {
        let abi = t.abi();
        let len = abi.uint_at(info, self.len, 2)? as usize;
        let text = block.get(..len.min(block.len())).unwrap_or_default().to_vec();
        let string = |at: Option<usize>, max: usize| {
            let bytes = info.get(at?..)?;
            let bytes = &bytes[..bytes.len().min(max)];
            let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            (end > 0).then(|| bytes[..end].to_vec())
        };
        let pairs = [("SUBSYSTEM", string(self.subsystem, 16)), ("DEVICE", string(self.device, 48))];
        Some(Record {
            sequence: abi.uint_at(info, self.seq, 8)?,
            nanoseconds: abi.uint_at(info, self.time, 8)?,
            level: level(abi.endian, *info.get(self.flags)?),
            facility: *info.get(self.facility)?,
            caller: self.caller.and_then(|at| caller(t, abi.uint_at(info, at, 4)? as u32)),
            text,
            dictionary: pairs.into_iter().filter_map(|(k, v)| Some((k, v?))).collect(),
        })
    }
}

/// Three bits, above five of flags on little-endian machines, below on big-endian ones.
fn level(endian: necropsy_base::Endian, byte: u8) -> u8 {
    match endian {
        necropsy_base::Endian::Little => byte >> 5,
        necropsy_base::Endian::Big => byte & 7,
    }
}

/// The caller is only kept with `CONFIG_PRINTK_CALLER`; elsewhere the field is there since 5.10 and set all the same, but
/// the kernel does not show it.
fn caller(_t: &Target, id: u32) -> Option<Caller> {
    const CPU: u32 = 0x8000_0000;
    Some(if id & CPU != 0 { Caller::Cpu(id & !CPU) } else { Caller::Thread(id) })
}

/// The record buffer of 3.5 to 5.9: `struct printk_log` headers, each followed by its text and dictionary.
fn records(t: &Target) -> Result<Log, LoadError> {
    let abi = t.abi();
    let of = if offset(t, "printk_log", "ts_nsec").is_ok() { "printk_log" } else { "log" };
    let buffer = t.memory().ptr(t.need_symbol("log_buf")?)?;
    let length = u64::from(t.memory().u32(t.need_symbol("log_buf_len")?)?).min(MAX_BUFFER);
    let index =
        |name: &str| -> Result<u64, LoadError> { Ok(u64::from(t.memory().u32(t.need_symbol(name)?)?)) };
    let (mut at, end) = (index("log_first_idx")?, index("log_next_idx")?);
    let field = |member: &str| offset(t, of, member).map(|o| o as usize);
    let (time, len, text_len) = (field("ts_nsec")?, field("len")?, field("text_len")?);
    let dict_len = field("dict_len")?;
    let header = size(t, of)? as usize;
    let text = read_text(t, buffer, length);
    let mut log = Log { records: Vec::new(), notes: text.hole.clone().into_iter().collect() };
    let (mut walked, mut wrapped) = (0, false);
    for sequence in 0..MAX_RECORDS {
        if at == end {
            break;
        }
        let Some(head) = text.bytes.get(at as usize..).and_then(|b| b.get(..header)) else {
            break;
        };
        let number = |o: usize, n: usize| abi.uint_at(head, o, n).unwrap_or(0);
        let total = number(len, 2);
        walked += total;
        if walked > length {
            log.notes.push("the log's records do not end where they should".into());
            break;
        }
        if total == 0 {
            if wrapped {
                break;
            }
            wrapped = true;
            if at == 0 {
                break; // a wrap at the start would go round for ever
            }
            at = 0;
            continue;
        }
        let body = text.bytes.get(at as usize + header..).unwrap_or_default();
        let take = |from: u64, n: u64| body.get(from as usize..(from + n) as usize).unwrap_or_default();
        let (text_n, dict_n) = (number(text_len, 2), number(dict_len, 2));
        log.records.push(Record {
            sequence,
            nanoseconds: number(time, 8),
            level: level(abi.endian, number(dict_len + 3, 1) as u8),
            facility: number(dict_len + 2, 1) as u8,
            caller: None,
            text: take(0, text_n).to_vec(),
            dictionary: dictionary(take(text_n, dict_n)),
        });
        at += total;
    }
    Ok(log)
}

fn dictionary(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let pair = |part: &[u8]| {
        let eq = part.iter().position(|b| *b == b'=')?;
        let key = match &part[..eq] {
            b"SUBSYSTEM" => "SUBSYSTEM",
            b"DEVICE" => "DEVICE",
            _ => return None,
        };
        Some((key, part[eq + 1..].to_vec()))
    };
    bytes.split(|b| *b == 0).filter_map(pair).collect()
}

/// Lines that printk kept back in NMI context, per CPU (`safe_print_seq`, `nmi_print_seq`; 4.7 to 5.14). Each is
/// `struct printk_safe_seq_buf`: the length, two counters, and the text.
pub fn safe_buffers(t: &Target) -> Vec<(usize, Vec<u8>)> {
    let mut out = Vec::new();
    let header = t.offset_of("printk_safe_seq_buf", "buffer").unwrap_or(32);
    for name in ["nmi_print_seq", "safe_print_seq"] {
        for (cpu, _) in t.cpus() {
            let Some(at) = t.percpu_symbol(name, *cpu) else {
                continue;
            };
            let len = t.memory().u32(at).unwrap_or(0).min(1 << 16);
            let text = t.memory().bytes(at.offset(header), len as usize);
            out.extend(text.ok().filter(|b| !b.is_empty()).map(|b| (*cpu, b)));
        }
    }
    out
}
