//! Hardware errors that take several lines are one report, with the part they name.

#![allow(clippy::unwrap_used)]

use necropsy_klog::{Report, Role, reports};

fn part(r: &Report) -> Option<&str> {
    r.hardware_error.as_ref()?.part.as_deref()
}

#[test]
fn corrected_errors_of_firmware_are_counted_by_part() {
    let one = |n: u32, dimm: &str| {
        format!(
            "[ {n}.000000] {{{n}}}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4\n\
             [ {n}.000001] {{{n}}}[Hardware Error]: It has been corrected by h/w and requires no further action\n\
             [ {n}.000002] {{{n}}}[Hardware Error]: event severity: corrected\n\
             [ {n}.000003] {{{n}}}[Hardware Error]:  Error 0, type: corrected\n\
             [ {n}.000004] eth0: link is up\n\
             [ {n}.000005] {{{n}}}[Hardware Error]:   section_type: memory error\n\
             [ {n}.000006] {{{n}}}[Hardware Error]:   error_type: 2, single-bit ECC\n\
             [ {n}.000007] {{{n}}}[Hardware Error]:   DIMM location: CPU0 {dimm}\n"
        )
    };
    let found = reports((one(100, "A1") + &one(200, "B1") + &one(300, "A1")).as_bytes());
    let seen: Vec<_> = found.iter().map(|r| (r.title.as_str(), r.count, part(r), r.role)).collect();
    let title = "GHES: corrected hardware error";
    assert_eq!(
        seen,
        [
            (title, 2, Some("DIMM CPU0 A1"), Role::Precursor),
            (title, 1, Some("DIMM CPU0 B1"), Role::Precursor)
        ]
    );
    assert_eq!(
        (found[0].first_line, found[0].hardware_error.as_ref().unwrap().kind.as_deref()),
        (1, Some("single-bit ECC"))
    );
}

#[test]
fn a_fatal_one_is_the_cause_with_its_part() {
    let found = reports(
        b"[  5.1] {1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 1\n\
          [  5.1] {1}[Hardware Error]: event severity: fatal\n\
          [  5.1] {1}[Hardware Error]:  Error 0, type: fatal\n\
          [  5.1] {1}[Hardware Error]:   section_type: PCIe error\n\
          [  5.1] {1}[Hardware Error]:   device_id: 0000:3a:00.0\n\
          [  5.1] {1}[Hardware Error]:   vendor_id: 0x8086, device_id: 0x2030\n\
          [  5.2] Kernel panic - not syncing: Fatal hardware error!\n",
    );
    assert_eq!(found.len(), 1);
    let r = &found[0];
    assert_eq!((r.title.as_str(), r.role, r.panicked), ("GHES: fatal hardware error", Role::Cause, true));
    assert_eq!((r.first_line, part(r)), (1, Some("PCIe device 0000:3a:00.0 [8086:2030]")));
}

#[test]
fn bus_errors_of_one_device_are_one_report() {
    let found = reports(
        b"[ 9.0] pcieport 0000:00:1c.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0\n\
          [ 9.0] e1000e 0000:01:00.0: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer, (Requester ID)\n\
          [ 9.0] e1000e 0000:01:00.0:   device [8086:10d3] error status/mask=00004000/00400000\n\
          [ 9.0] e1000e 0000:01:00.0:    [14] CmpltTO                (First)\n\
          [ 9.5] nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10\n",
    );
    let first = &found[0];
    assert_eq!((first.title.as_str(), first.first_line, first.count), ("PCIe: fatal bus error", 1, 1));
    assert_eq!(part(first), Some("PCIe device 0000:01:00.0 [8086:10d3]"));
    assert_eq!(first.hardware_error.as_ref().unwrap().errors, ["CmpltTO (First)"]);
    assert_eq!(found[1].title, "nvme: controller nvme0 failed");
}

const BERT: &str = "[    1.500000] BERT: Error records from previous boot:
[    1.500001] [Hardware Error]: event severity: fatal
[    1.500002] [Hardware Error]:  Error 0, type: fatal
[    1.500003] [Hardware Error]:   section_type: PCIe error
[    1.500004] [Hardware Error]:   port_type: 4, root port
[    1.500007] [Hardware Error]:   device_id: 0000:00:1c.0
[    1.500008] [Hardware Error]:   slot: 0
[    1.500010] [Hardware Error]:   vendor_id: 0x8086, device_id: 0x9d10
[    1.500012] [Hardware Error]:   aer_uncor_status: 0x00040000, aer_uncor_mask: 0x00000000
[    1.500013] [Hardware Error]: event severity: corrected
[    1.500014] [Hardware Error]:  Error 0, type: corrected
[    1.500015] [Hardware Error]:  fru_text: Card01, ChnA, DIMM0
[    1.500016] BERT: [Hardware Error]: Skipped 1 error records
[    1.500017] BERT: Total records found: 3
";

#[test]
fn what_firmware_recorded_before_this_boot_is_no_cause_in_it() {
    let log = BERT.to_owned()
        + "[    1.600000] {1}[Hardware Error]: event severity: corrected\n\
           [    1.600001] {1}[Hardware Error]:   section_type: memory error\n\
           [  900.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008\n\
           [  900.000001] RIP: 0010:poke+0x12/0x34 [mine]\n";
    let found = reports(log.as_bytes());
    let seen: Vec<_> = found.iter().map(|r| (r.pattern, r.role, r.first_line, r.last_line)).collect();
    use Role::{Cause, Precursor};
    assert_eq!(
        seen,
        [("bert", Precursor, 1, 13), ("ghes.ce", Precursor, 15, 16), ("pf.null.x86", Cause, 17, 18)]
    );
    let error = found[0].hardware_error.as_ref().unwrap();
    assert_eq!(
        (error.severity.as_deref(), error.part.as_deref()),
        (Some("fatal"), Some("PCIe device 0000:00:1c.0 [8086:9d10]"))
    );
    // Of records that are too long to be printed, only their number is told.
    let found = reports(
        b"[ 1.5] BERT: [Hardware Error]: Skipped 1 error records\n[ 1.5] BERT: Total records found: 1\n",
    );
    assert_eq!((found.len(), found[0].pattern, found[0].hardware_error.is_none()), (1, "bert", true));
}
