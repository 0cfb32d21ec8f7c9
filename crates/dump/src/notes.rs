//! ELF notes: CPU states, device dumps and VMCOREINFO.

use necropsy_base::{Abi, Cursor, OutOfBounds};

use crate::{CpuNote, CpuNoteKind, DeviceDump, VmcoreInfo};

/// More notes than any machine has CPUs and kinds of registers.
const MAX_CPUS: usize = 65_536;

/// What the notes say.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) cpus: Vec<CpuNote>,
    pub(crate) devices: Vec<DeviceDump>,
    pub(crate) vmcoreinfo: Option<VmcoreInfo>,
    /// The last note was cut.
    pub(crate) cut: bool,
}

impl Notes {
    /// Adds what `data`, the contents of a PT_NOTE, says.
    pub(crate) fn parse(&mut self, data: &[u8], abi: Abi) {
        let mut cursor = Cursor::new(data, abi);
        while cursor.remaining() >= 12 && self.cpus.len() < MAX_CPUS {
            match next(&mut cursor) {
                Ok(note) => self.add(note, abi),
                Err(_) => {
                    self.cut = true;
                    return;
                }
            }
        }
    }

    fn add(&mut self, note: Note<'_>, abi: Abi) {
        match (note.name, note.kind) {
            (b"CORE", 1) => self.cpu(CpuNoteKind::Prstatus, pid(note.data, abi), note.data),
            (b"QEMU", 0) => self.cpu(CpuNoteKind::Qemu, None, note.data),
            (b"LINUX", NT_VMCOREDD) if self.devices.len() < MAX_DEVICES => {
                self.devices.extend(device(note.data))
            }
            (b"VMCOREINFO", 0) if self.vmcoreinfo.is_none() => {
                self.vmcoreinfo = Some(VmcoreInfo::from_text(note.data)).filter(|i| !i.text().is_empty());
            }
            _ => {}
        }
    }

    fn cpu(&mut self, kind: CpuNoteKind, pid: Option<i32>, data: &[u8]) {
        let cpu = self.cpus.iter().filter(|c| c.kind == kind).count();
        self.cpus.push(CpuNote { cpu, kind, pid, data: data.to_vec() });
    }
}

/// `NT_VMCOREDD` (include/uapi/linux/elf.h), since 4.18.
const NT_VMCOREDD: u32 = 0x700;
/// `VMCOREDD_MAX_NAME_BYTES`.
const DEVICE_NAME: usize = 44;
/// No machine has more that save something.
const MAX_DEVICES: usize = 1024;

/// The name, then whatever the driver saved.
fn device(data: &[u8]) -> Option<DeviceDump> {
    let (name, data) = data.split_at_checked(DEVICE_NAME)?;
    Some(DeviceDump { name: crate::text::until_nul(name).to_vec(), data: data.to_vec() })
}

struct Note<'a> {
    name: &'a [u8],
    kind: u32,
    data: &'a [u8],
}

/// The next note; zeros between notes (slots of offline CPUs) count as empty ones.
fn next<'a>(cursor: &mut Cursor<'a>) -> Result<Note<'a>, OutOfBounds> {
    let (name_len, data_len, kind) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let name = crate::text::until_nul(cursor.bytes(name_len as usize)?);
    cursor.align(4);
    let data = cursor.bytes(data_len as usize)?;
    cursor.align(4);
    Ok(Note { name, kind, data })
}

/// `pr_pid` of `struct elf_prstatus` (include/linux/elfcore.h): after the signal masks, which are `long`s.
fn pid(data: &[u8], abi: Abi) -> Option<i32> {
    let at = 16 + 2 * usize::from(abi.word);
    abi.uint_at(data, at, 4).map(|n| n as i32)
}

#[cfg(test)]
mod tests;
