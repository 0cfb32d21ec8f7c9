//! Any bytes as a kernel's log.

use necropsy_klog::{
    Limits, Live, Prefix, disassemble, parse_code, parse_frames, parse_modules, read_records, read_reports,
};

/// One input.
pub fn run(data: &[u8]) {
    let mut lines = 0;
    let _ = read_records(data, |record| lines = lines.max(record.line));
    let _ = read_reports(data, |report| {
        assert!(report.first_line <= report.last_line && report.title.len() <= 160);
        assert!(!report.title.contains('\n'));
    });
    // As it grows, in pieces.
    let mut live = Live::new(Limits::default());
    for piece in data.chunks(1000) {
        let _ = live.take(piece);
        let _ = live.settle(Some(0.3));
    }
    let _ = live.settle(None);
    assert_eq!(live.first_open(), None);
    for line in String::from_utf8_lossy(data).lines() {
        let rest = Prefix::of(line).rest(line);
        for frame in parse_frames(rest) {
            assert!(rest.get(frame.span()).is_some() && !frame.name(rest).is_empty());
            let _ = (frame.module(rest), frame.build_id(rest));
        }
        if let Some(code) = parse_code(rest) {
            assert!(rest.get(code.at.clone()).is_some());
            for machine in ["x86_64", "i686", "aarch64", "armv7l", "ppc64le", "ppc64", "riscv64", "s390x"] {
                let _ = disassemble(&code, machine);
            }
        }
        let _ = parse_modules(rest);
    }
}
