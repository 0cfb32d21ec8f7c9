//! The firmware's part in a running kernel: UEFI's runtime services, and ACPI's methods.
//!
//! Where UEFI's memory is mapped is in `efi.memmap` (drivers/firmware/efi/memmap.c; a descriptor is of the UEFI specification, 2.10, 7.2.3); what
//! is called there in `efi_rts_work` (drivers/firmware/efi/runtime-wrappers.c). A method of ACPI that runs has a `struct acpi_walk_state`
//! (drivers/acpi/acpica/acstruct.h), which its interpreter's functions keep on their stack.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Load, LoadError, Target};

/// No firmware describes more memory.
const MAX_DESCRIPTORS: u32 = 1 << 14;
/// `EFI_MEMORY_RUNTIME`.
const RUNTIME: u64 = 1 << 63;
/// Members of a memory descriptor.
const PHYS: i64 = 8;
const VIRT: i64 = 16;
const PAGES: i64 = 24;
const ATTRIBUTE: i64 = 32;
/// UEFI's pages.
const PAGE: u64 = 4096;
/// `ACPI_DESC_TYPE_WALK`, `ACPI_DESC_TYPE_NAMED` (drivers/acpi/acpica/acobject.h), `ACPI_TYPE_METHOD` (include/acpi/actypes.h).
const WALK: u8 = 0x0c;
const NAMED: u8 = 0x0f;
const METHOD: u8 = 8;
/// No name in ACPI's tree has more parts.
const MAX_PARTS: usize = 64;
/// Words of a stack that are looked through.
const MAX_WORDS: u64 = 1 << 12;

/// Memory that UEFI's runtime services use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeArea {
    /// Its descriptor.
    pub descriptor: VirtAddr,
    /// Where the services see it.
    pub virt: VirtAddr,
    /// Where it is.
    pub phys: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Its kind: 5 is code, 6 data (`EfiRuntimeServicesCode`, `EfiRuntimeServicesData`).
    pub kind: u32,
}

#[derive(Load)]
#[kernel(name = "efi")]
struct Efi {
    #[kernel(path = "memmap.map")]
    map: VirtAddr,
    #[kernel(path = "memmap.nr_map")]
    count: u32,
    #[kernel(path = "memmap.desc_size")]
    size: u64,
}

/// The memory of UEFI's runtime services; empty where the machine was not started by UEFI.
pub fn runtime_areas(t: &Target) -> Result<Vec<RuntimeArea>, LoadError> {
    let Some(at) = t.symbol("efi") else { return Ok(Vec::new()) };
    let efi: Efi = t.load(at)?;
    if efi.map.is_null() || efi.size < ATTRIBUTE as u64 + 8 || efi.size > PAGE {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for i in 0..u64::from(efi.count.min(MAX_DESCRIPTORS)) {
        let at = efi.map.offset(i.wrapping_mul(efi.size));
        let word = |by: i64| t.memory().u64(at.moved(by));
        if word(ATTRIBUTE)? & RUNTIME == 0 {
            continue;
        }
        found.push(RuntimeArea {
            descriptor: at,
            virt: VirtAddr(word(VIRT)?),
            phys: word(PHYS)?,
            bytes: word(PAGES)?.saturating_mul(PAGE),
            kind: t.memory().u32(at)?,
        });
    }
    Ok(found)
}

/// The runtime service that the kernel calls or called last: the name of its number, `EFI_GET_TIME`.
pub fn runtime_service(t: &Target) -> Option<String> {
    #[derive(Load)]
    #[kernel(name = "efi_runtime_work")]
    struct Work {
        efi_rts_id: u32,
    }
    let work: Work = t.load(t.symbol("efi_rts_work")?).ok()?;
    t.enumerator_named("efi_rts_ids", u64::from(work.efi_rts_id))
}

/// A method of ACPI that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its `struct acpi_walk_state`.
    pub walk: VirtAddr,
    /// Its `struct acpi_namespace_node`.
    pub node: VirtAddr,
    /// Its name from the root, escaped: `\_SB.PCI0._CRS`.
    pub path: String,
}

#[derive(Load)]
#[kernel(name = "acpi_walk_state")]
struct WalkState {
    descriptor_type: u8,
    method_node: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "acpi_namespace_node")]
struct Node {
    descriptor_type: u8,
    #[kernel(path = "type")]
    kind: u8,
    name: At,
    parent: VirtAddr,
}

/// The methods whose walk states the words of a stack between two addresses lead to: the innermost first.
pub fn methods_on(t: &Target, from: VirtAddr, to: VirtAddr) -> Vec<Method> {
    let word = u64::from(t.abi().word);
    let words = (to.0.saturating_sub(from.0) / word).min(MAX_WORDS);
    let mut found: Vec<Method> = Vec::new();
    for i in 0..words {
        let walk = t.memory().ptr(from.offset(i * word)).ok().filter(|at| t.arch().is_kernel(*at));
        let Some(walk) = walk.filter(|at| found.iter().all(|m| m.walk != *at)) else { continue };
        found.extend(method(t, walk));
    }
    found
}

fn method(t: &Target, walk: VirtAddr) -> Option<Method> {
    let state: WalkState = t.load(walk).ok().filter(|w: &WalkState| w.descriptor_type == WALK)?;
    let node: Node = t.load(state.method_node).ok()?;
    (node.descriptor_type == NAMED && node.kind == METHOD).then_some(())?;
    Some(Method { walk, node: state.method_node, path: path(t, node)? })
}

/// A name with those of its parents: each has four characters.
fn path(t: &Target, mut node: Node) -> Option<String> {
    let mut parts = Vec::new();
    while !node.parent.is_null() && parts.len() < MAX_PARTS {
        let name = t.memory().bytes(node.name.0, 4).ok()?;
        name.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == b'_').then_some(())?;
        let text = String::from_utf8_lossy(&name).into_owned();
        parts.push(text);
        node = t.load(node.parent).ok()?;
    }
    parts.reverse();
    (!parts.is_empty()).then(|| format!("\\{}", parts.join(".")))
}
