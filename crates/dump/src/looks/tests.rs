use super::*;

#[test]
fn files_are_called_by_their_names() {
    assert_eq!(like(b""), "empty");
    assert_eq!(like("Grüße\n".as_bytes()), "a text file");
    // A character cut by the end of the head.
    assert_eq!(like(&"Grüße".as_bytes()[..3]), "a text file");
    assert!(like(b"\x1f\x8b\x08").contains("gzip"));
    assert_eq!(like(b"\0\x01"), "unknown data (it begins with 00 01)");
}

#[test]
fn memory_is_not_foreign() {
    assert!(is_foreign(b"") && is_foreign(b"text") && is_foreign(b"PAGEDU64\0"));
    assert!(!is_foreign(&[0; 4096]) && !is_foreign(b"\xf3\x53\xff\0\xf0"));
}
