use super::*;

const TEXT: &str = "OSRELEASE=6.1.0\nBUILD-ID=0123456789abcdef0123\nPAGESIZE=4096\nSYMBOL(a)=ffffffff81000000\n\
    NUMBER(n)=-236978176\nNUMBER(x)=0xffffc90000000000\nNUMBER(u)=18446744073709551615\nOFFSET(s.m)=24\nSIZE(s)=64\n\
    LENGTH(l)=11\nKERNELOFFSET=2a000000\nOSRELEASE=later\nno equals\n";

#[test]
fn every_kind_of_value() {
    let info = VmcoreInfo::from_text(TEXT.as_bytes());
    assert_eq!((info.osrelease(), info.page_size()), (Some("6.1.0"), Some(4096)));
    assert_eq!((info.symbol("a"), info.symbol("b")), (Some(0xffff_ffff_8100_0000), None));
    assert_eq!(info.number("n"), Some(-236_978_176));
    assert_eq!(info.number("x"), Some(0xffff_c900_0000_0000u64 as i64));
    assert_eq!(info.number("u"), Some(-1));
    assert_eq!((info.offset("s.m"), info.size("s"), info.length("l")), (Some(24), Some(64), Some(11)));
    assert_eq!(
        (info.hex("KERNELOFFSET"), info.build_id()),
        (Some(0x2a00_0000), Some("0123456789abcdef0123"))
    );
    assert_eq!((info.text(), info.truncated()), (TEXT, false));
}

#[test]
fn a_cut_line_counts_for_nothing() {
    let info = VmcoreInfo::from_text(b"PAGESIZE=4096\nSYMBOL(a)=ffffffff8100");
    assert!(info.truncated());
    assert_eq!((info.page_size(), info.symbol("a")), (Some(4096), None));
    let empty = VmcoreInfo::from_text(b"\0PAGESIZE=4096\n");
    assert_eq!((empty.text(), empty.truncated(), empty.get("")), ("", false, None));
}

#[test]
fn garbage_is_no_build_id() {
    for bad in ["BUILD-ID=\n", "BUILD-ID=0123\n", "BUILD-ID=zz23456789abcdef0123\n"] {
        assert_eq!(VmcoreInfo::from_text(bad.as_bytes()).build_id(), None);
    }
    assert_eq!(VmcoreInfo::from_text(b"PAGESIZE=4097\n").page_size(), None);
    assert_eq!(VmcoreInfo::from_text(b"BUILD-ID=\xff\xfe\n").build_id(), None);
}
