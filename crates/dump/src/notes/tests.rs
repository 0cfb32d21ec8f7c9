use super::*;

fn note(name: &[u8], kind: u32, data: &[u8]) -> Vec<u8> {
    let mut out = [name.len() as u32, data.len() as u32, kind].map(u32::to_le_bytes).concat();
    out.extend_from_slice(name);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn parse(data: &[u8]) -> Notes {
    let mut notes = Notes::default();
    notes.parse(data, Abi::LE64);
    notes
}

#[test]
fn zeros_of_offline_cpus_are_crossed() {
    let cpu = note(b"CORE\0", 1, &[7; 336]);
    let notes = parse(&[cpu.clone(), vec![0; 24], cpu].concat());
    assert_eq!((notes.cpus.len(), notes.cpus[1].cpu, notes.cut), (2, 1, false));
    assert_eq!(notes.cpus[0].pid, Some(0x0707_0707));
}

#[test]
fn a_cut_note_is_told() {
    let data = [note(b"VMCOREINFO\0", 0, b"A=1\n"), note(b"CORE\0", 1, &[0; 336])].concat();
    let notes = parse(&data[..data.len() - 1]);
    assert!(notes.cut && notes.cpus.is_empty());
    assert_eq!(notes.vmcoreinfo.and_then(|i| i.get("A").map(str::to_owned)), Some("1".into()));
}

#[test]
fn a_short_state_has_no_pid() {
    assert_eq!(parse(&note(b"CORE\0", 1, &[1; 20])).cpus[0].pid, None);
}

#[test]
fn what_drivers_saved() {
    let mut saved = b"cxgb4_0000:02:00.4".to_vec();
    saved.resize(44, 0);
    saved.extend([1, 2, 3]);
    let notes = parse(&[note(b"LINUX\0", 0x700, &saved), note(b"LINUX\0", 0x700, &[0; 43])].concat());
    let [one] = notes.devices.as_slice() else { panic!("{:?}", notes.devices) };
    assert_eq!((one.name.as_slice(), one.data.as_slice()), (&b"cxgb4_0000:02:00.4"[..], &[1, 2, 3][..]));
}
