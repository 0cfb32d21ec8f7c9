//! Hardware errors, down to the part: what firmware (CPER records of GHES and BERT), EDAC drivers, PCIe's advanced error
//! reporting and machine check banks name.
//!
//! Forms: drivers/firmware/efi/cper.c and cper-arm.c, drivers/edac/edac_mc.c, drivers/pci/pcie/aer.c,
//! arch/x86/kernel/cpu/mce/core.c and drivers/edac/mce_amd.c.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::detect::Line;

/// An error that hardware or firmware reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HardwareError {
    /// The part to look at: `DIMM CPU_SrcID#0_Ha#0_Chan#1_DIMM#0`, `PCIe device 0000:01:00.0`, `CPU 4 (socket 0)`.
    pub part: Option<String>,
    /// `corrected`, `recoverable`, `fatal`, as reported.
    pub severity: Option<String>,
    /// What went wrong: `single-bit ECC`, `Transaction Layer`, `memory read error`.
    pub kind: Option<String>,
    /// Bits of PCIe's error status, by their names: `CmpltTO (First)`.
    pub errors: Vec<String>,
    /// Where exactly: `node`, `card`, `rank`, `bank`, `row`, `channel`, `slot`, `page`, `physical_address` …
    pub place: BTreeMap<String, String>,
}

const MANY: usize = 32;

/// Reads the lines of a report; `None` where they name nothing.
pub(crate) fn of(lines: &[Line]) -> Option<HardwareError> {
    let mut reader = Reader::default();
    lines.iter().for_each(|l| reader.read(&l.text));
    let mut found = reader.finish();
    found.place.retain(|_, v| !v.is_empty());
    (found != HardwareError::default()).then_some(found)
}

/// Whether a line goes on with what another of the same error began.
pub(crate) fn continues(first: &str, text: &str) -> bool {
    if of_last_boot(first) {
        return of_last_boot(text) || text.starts_with("[Hardware Error]:");
    }
    match (text.contains("[Hardware Error]:"), device(first), device(text)) {
        (true, ..) => first.contains("[Hardware Error]:"),
        (false, Some(_), Some((_, rest))) => {
            let rest = rest.trim_start();
            rest.starts_with("device [")
                || rest.starts_with('[')
                || rest.starts_with("AER:")
                || rest.starts_with("PCIe Bus")
                || rest.starts_with("TLP Header")
        }
        _ => false,
    }
}

/// Whether a line begins what firmware recorded before this boot (drivers/acpi/apei/bert.c, all versions). Its records are printed like
/// those of errors that happen now, but these have a number in front: `{1}[Hardware Error]: …` (drivers/acpi/apei/ghes.c).
pub(crate) fn of_last_boot(text: &str) -> bool {
    text.starts_with("BERT: ")
}

#[derive(Default)]
struct Reader {
    found: HardwareError,
    section: String,
    cpu: Option<String>,
    socket: Option<String>,
    dimm: Option<String>,
    pci: Option<String>,
    identity: Option<String>,
}

/// Keys of a record that say where.
const PLACES: &[&str] = &[
    "node",
    "card",
    "module",
    "rank",
    "bank",
    "device",
    "row",
    "column",
    "bit_position",
    "channel",
    "slot",
    "page",
    "offset",
    "socket",
    "csrow",
    "physical_address",
    "bank_group",
    "chip_id",
    "err_code",
    "syndrome",
    "grain",
];

/// How bad a record is, as drivers/firmware/efi/cper.c says it, the worst last.
const SEVERITIES: &[&str] = &["info", "corrected", "recoverable", "fatal"];

impl Reader {
    fn read(&mut self, text: &str) {
        match text.split_once("[Hardware Error]:") {
            Some((_, rest)) => self.record(rest.trim()),
            None if text.trim_start().starts_with("EDAC ") => self.edac(text),
            None => self.pcie(text),
        }
    }

    fn record(&mut self, text: &str) {
        if text.starts_with("CPU ") || text.starts_with("CPU:") {
            self.machine_check(text);
        } else if text.starts_with("PROCESSOR ") {
            self.socket = after(text, "SOCKET ").map(str::to_owned);
        } else if text.starts_with("TSC ") {
            set(&mut self.found.place, "physical_address", after(text, "ADDR "));
        } else if let Some(address) = text.strip_prefix("Error Addr: ") {
            set(&mut self.found.place, "physical_address", Some(address.trim()));
        } else if let Some((_, kind)) = text.split_once("Error Code: ").and_then(|(_, r)| r.split_once(", "))
        {
            self.found.kind.get_or_insert(kind.trim_end_matches('.').to_owned());
        } else if let Some((key, value)) = text.split_once(": ") {
            self.field(key.trim(), value.trim(), text);
        } else {
            self.words(text);
        }
    }

    fn field(&mut self, key: &str, value: &str, text: &str) {
        match key {
            "event severity" => self.severity(value),
            "section_type" => self.section = value.to_owned(),
            "fru_text" => set(&mut self.found.place, "fru_text", Some(value)),
            "error_type" => self.found.kind = Some(named(value)),
            "DIMM location" if !value.starts_with("not present") => self.dimm = Some(value.to_owned()),
            "device_id" if value.contains(':') => self.pci = Some(value.to_owned()),
            "vendor_id" => {
                let device = after(text, "device_id: ").unwrap_or_default();
                let plain = |t: &str| t.trim_start_matches("0x").trim_end_matches(',').to_owned();
                self.identity =
                    Some(format!("{}:{}", plain(value.split(',').next().unwrap_or_default()), plain(device)));
            }
            "slot" if value != "0" => set(&mut self.found.place, "slot", Some(value)),
            "processor_id" | "MPIDR" => self.cpu = Some(value.to_owned()),
            "physical_address" => set(&mut self.found.place, key, Some(value)),
            "aer_uncor_status" => self.found.errors.extend(uncorrectable(value)),
            _ => self.words(text),
        }
    }

    /// The worst of several records is what the report is about.
    fn severity(&mut self, value: &str) {
        let rank = |s: &str| SEVERITIES.iter().position(|k| *k == s);
        if self.found.severity.as_deref().is_none_or(|known| rank(known) < rank(value)) {
            self.found.severity = Some(value.to_owned());
        }
    }

    /// `node:1 card:2 module:3`, `(channel:1 slot:0 page:0x12345)`.
    fn words(&mut self, text: &str) {
        for word in text.split([' ', '(', ')', ',']) {
            if let Some((key, value)) = word.split_once(':')
                && PLACES.contains(&key)
            {
                set(&mut self.found.place, key, Some(value));
            }
        }
    }

    /// `CPU 4: Machine Check Exception: 5 Bank 7: be0…`, `CPU:2 (17:31:0) MC17_STATUS[…]: 0x…`.
    fn machine_check(&mut self, text: &str) {
        let number: String = text[4..].trim_start().chars().take_while(char::is_ascii_digit).collect();
        self.cpu = Some(number).filter(|n| !n.is_empty());
        set(&mut self.found.place, "bank", after(text, "Bank ").map(|b| b.trim_end_matches(':')));
    }

    /// `EDAC MC0: 1 UE memory read error on LABEL (channel:1 …)`.
    fn edac(&mut self, text: &str) {
        let Some((_, rest)) = text.split_once(": ") else { return };
        let (what, more) = rest.split_once(" on ").unwrap_or((rest, ""));
        let mut words = what.splitn(3, ' ');
        let severity = match words.nth(1) {
            Some("CE") => "corrected",
            Some("UE") => "uncorrected",
            _ => return,
        };
        self.found.severity = Some(severity.into());
        self.found.kind = words.next().map(|k| k.trim().to_owned()).filter(|k| !k.is_empty());
        let (label, places) = more.split_once(" (").unwrap_or((more, ""));
        self.dimm = Some(label.trim().to_owned())
            .filter(|l| !l.is_empty() && l != "unknown memory" && l != "any memory");
        self.words(places);
    }

    fn pcie(&mut self, text: &str) {
        let Some((at, rest)) = device(text) else { return };
        if let Some((_, detail)) = rest.split_once("PCIe Bus Error: ") {
            self.pci = Some(at.to_owned());
            self.found.severity = after_until(detail, "severity=", ',').map(str::to_owned);
            self.found.kind = after_until(detail, "type=", ',').map(str::to_owned);
        } else if let Some((_, source)) =
            rest.split_once("error received: ").or(rest.split_once("message received from "))
        {
            self.pci.get_or_insert(source.trim().to_owned());
        } else if let Some(identity) = after_until(rest, "device [", ']') {
            self.pci.get_or_insert(at.to_owned());
            self.identity = Some(identity.to_owned());
        } else if let Some((bit, name)) = rest.trim_start().strip_prefix('[').and_then(|r| r.split_once(']'))
            && bit.trim().parse::<u8>().is_ok()
            && self.found.errors.len() < MANY
        {
            let name = name.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            self.found.errors.push(name);
        }
    }

    fn finish(mut self) -> HardwareError {
        let slot = |place: &BTreeMap<String, String>| {
            place.get("slot").map(|s| format!(", slot {s}")).unwrap_or_default()
        };
        let identity = self.identity.as_ref().map(|i| format!(" [{i}]")).unwrap_or_default();
        let socket = self.socket.as_ref().map(|s| format!(" (socket {s})")).unwrap_or_default();
        self.found.part = match (self.dimm, self.pci, self.cpu) {
            (Some(dimm), ..) => Some(format!("DIMM {dimm}")),
            (_, Some(pci), _) => Some(format!("PCIe device {pci}{identity}{}", slot(&self.found.place))),
            (.., Some(cpu)) => Some(format!("CPU {cpu}{socket}")),
            _ => memory_module(&self.section, &self.found.place),
        };
        if self.found.kind.is_none() && !self.section.is_empty() {
            self.found.kind = Some(self.section);
        }
        self.found.errors.truncate(MANY);
        self.found
    }
}

/// The module by its numbers, where firmware gives no name.
fn memory_module(section: &str, place: &BTreeMap<String, String>) -> Option<String> {
    let parts: Vec<String> =
        ["node", "card", "module"].iter().filter_map(|k| Some(format!("{k} {}", place.get(*k)?))).collect();
    let fru = place.get("fru_text").map(|f| format!("part {f}"));
    fru.or_else(|| {
        (section.starts_with("memory") && !parts.is_empty())
            .then(|| format!("memory module at {}", parts.join(", ")))
    })
}

fn set(place: &mut BTreeMap<String, String>, key: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|v| (1..=64).contains(&v.len()) && place.len() < MANY) {
        place.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
}

/// `2, single-bit ECC` and `0x02: cache error`: the words.
fn named(value: &str) -> String {
    let words = value.split_once(", ").or(value.split_once(": ")).map_or(value, |(_, w)| w);
    words.trim().to_owned()
}

fn after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_once(key)?.1.split_ascii_whitespace().next()
}

fn after_until<'a>(text: &'a str, key: &str, end: char) -> Option<&'a str> {
    text.split_once(key)?.1.split(end).next().map(str::trim)
}

/// `e1000e 0000:01:00.0: …`: the device and what is said about it.
fn device(text: &str) -> Option<(&str, &str)> {
    let (head, rest) = text.split_once(": ")?;
    let at = head.rsplit(' ').next()?;
    let shape = at.len() >= 12 && at.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
    (shape && at.matches(':').count() == 2 && at.contains('.')).then_some((at, rest))
}

/// The uncorrectable error status register (PCI Express Base Specification, 7.8.4.2; names as in aer.c).
fn uncorrectable(value: &str) -> Vec<String> {
    const NAMES: &[(u32, &str)] = &[
        (4, "DLP"),
        (5, "SDES"),
        (12, "TLP"),
        (13, "FCP"),
        (14, "CmpltTO"),
        (15, "CmpltAbrt"),
        (16, "UnxCmplt"),
        (17, "RxOF"),
        (18, "MalfTLP"),
        (19, "ECRC"),
        (20, "UnsupReq"),
        (21, "ACSViol"),
        (22, "UncorrIntErr"),
        (24, "AtomicOpBlocked"),
        (26, "PoisonTLPBlocked"),
    ];
    let digits = value.split(',').next().unwrap_or_default().trim_start_matches("0x");
    let bits = u32::from_str_radix(digits, 16).unwrap_or(0);
    NAMES.iter().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> HardwareError {
        let lines: Vec<Line> = text
            .lines()
            .enumerate()
            .map(|(i, t)| Line { number: i as u64 + 1, text: t.to_owned() })
            .collect();
        of(&lines).unwrap()
    }

    #[test]
    fn firmware_names_the_memory_module() {
        let e = read(
            "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4\n\
             {1}[Hardware Error]: event severity: fatal\n\
             {1}[Hardware Error]:  Error 0, type: fatal\n\
             {1}[Hardware Error]:   section_type: memory error\n\
             {1}[Hardware Error]:   error_status: 0x0000000000000400\n\
             {1}[Hardware Error]:   physical_address: 0x0000000123456000\n\
             {1}[Hardware Error]:   node:1 card:2 module:0 rank:1 bank:3 row:812 column:24\n\
             {1}[Hardware Error]:   error_type: 3, multi-bit ECC\n\
             {1}[Hardware Error]:   DIMM location: CPU1 DIMM_C1",
        );
        assert_eq!(e.part.as_deref(), Some("DIMM CPU1 DIMM_C1"));
        assert_eq!((e.severity.as_deref(), e.kind.as_deref()), (Some("fatal"), Some("multi-bit ECC")));
        assert_eq!(
            (e.place["rank"].as_str(), e.place["physical_address"].as_str()),
            ("1", "0x0000000123456000")
        );
        let e = read(
            "{1}[Hardware Error]:   section_type: memory error\n{1}[Hardware Error]:   node:1 card:2 module:0 rank:1",
        );
        assert_eq!(e.part.as_deref(), Some("memory module at node 1, card 2, module 0"));
    }

    #[test]
    fn firmware_names_the_device() {
        let e = read(
            "{2}[Hardware Error]: event severity: recoverable\n\
             {2}[Hardware Error]:   section_type: PCIe error\n\
             {2}[Hardware Error]:   port_type: 4, root port\n\
             {2}[Hardware Error]:   device_id: 0000:3a:00.0\n\
             {2}[Hardware Error]:   slot: 7\n\
             {2}[Hardware Error]:   vendor_id: 0x8086, device_id: 0x2030\n\
             {2}[Hardware Error]:   aer_uncor_status: 0x00004020, aer_uncor_mask: 0x00000000",
        );
        assert_eq!(e.part.as_deref(), Some("PCIe device 0000:3a:00.0 [8086:2030], slot 7"));
        assert_eq!(e.errors, ["SDES", "CmpltTO"]);
        assert_eq!(e.kind.as_deref(), Some("PCIe error"));
    }

    #[test]
    fn edac_names_the_module() {
        let e = read(
            "EDAC MC0: 1 UE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x12345 offset:0x0 grain:32)",
        );
        assert_eq!(e.part.as_deref(), Some("DIMM CPU_SrcID#0_Ha#0_Chan#1_DIMM#0"));
        assert_eq!(
            (e.severity.as_deref(), e.kind.as_deref()),
            (Some("uncorrected"), Some("memory read error"))
        );
        assert_eq!(e.place["page"], "0x12345");
        assert_eq!(read("EDAC MC0: 1 CE on mc#0csrow#1channel#2 (csrow:1 channel:2)").kind, None);
    }

    #[test]
    fn pcie_names_the_device() {
        let e = read(
            "pcieport 0000:00:1c.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0\n\
             e1000e 0000:01:00.0: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer, (Requester ID)\n\
             e1000e 0000:01:00.0:   device [8086:10d3] error status/mask=00004000/00400000\n\
             e1000e 0000:01:00.0:    [14] CmpltTO                (First)",
        );
        assert_eq!(e.part.as_deref(), Some("PCIe device 0000:01:00.0 [8086:10d3]"));
        assert_eq!((e.errors[0].as_str(), e.kind.as_deref()), ("CmpltTO (First)", Some("Transaction Layer")));
    }

    #[test]
    fn machine_checks_name_the_cpu() {
        let e = read(
            "mce: [Hardware Error]: CPU 4: Machine Check Exception: 5 Bank 7: be00000000800400\n\
             mce: [Hardware Error]: TSC 1a2b3c ADDR 12345680 MISC 140400086\n\
             mce: [Hardware Error]: PROCESSOR 0:306f2 TIME 1454 SOCKET 1 APIC 8 microcode 2b",
        );
        assert_eq!(e.part.as_deref(), Some("CPU 4 (socket 1)"));
        assert_eq!((e.place["bank"].as_str(), e.place["physical_address"].as_str()), ("7", "12345680"));
        let e = read(
            "[Hardware Error]: Corrected error, no action required.\n\
             [Hardware Error]: CPU:2 (17:31:0) MC17_STATUS[-|CE|MiscV|AddrV|-|-|SyndV|CECC|-|-|-]: 0x9c2040000000011b\n\
             [Hardware Error]: Error Addr: 0x000000021c3ca580\n\
             [Hardware Error]: Unified Memory Controller Ext. Error Code: 0, DRAM ECC error.",
        );
        assert_eq!((e.part.as_deref(), e.kind.as_deref()), (Some("CPU 2"), Some("DRAM ECC error")));
    }
}
