//! What a bad access was, by the address and by what the kernel said of it.

#![allow(clippy::unwrap_used)]

use necropsy_klog::reports;

fn class(address: &str, access: &str, why: &str) -> String {
    let log = format!(
        "[   25.1] BUG: unable to handle page fault for address: {address}\n\
         [   25.1] #PF: {access} access in kernel mode\n\
         [   25.1] #PF: {why}\n\
         [   25.1] Oops: 0001 [#1] PREEMPT SMP NOPTI\n\
         [   25.1] CPU: 1 PID: 1500 Comm: fan_curve Tainted: G           OE      6.1.0-56-cloud-amd64 #1\n\
         [   25.1] RIP: 0010:fan_user_curve+0x5/0x20 [fanctl]\n\
         [   25.1] ---[ end trace 0000000000000000 ]---\n"
    );
    reports(log.as_bytes())[0].class.to_owned()
}

#[test]
fn by_address_and_error_code() {
    let (there, missing) =
        ("error_code(0x0001) - permissions violation", "error_code(0x0000) - not-present page");
    assert_eq!(class("00007ffc8f15f900", "supervisor read", there), "user-access-violation");
    assert_eq!(class("00007ffc8f15f900", "supervisor write", there), "user-access-violation");
    assert_eq!(class("00007ffc8f15f900", "supervisor read", missing), "wild-pointer-dereference");
    assert_eq!(class("ffffffffc02ea248", "supervisor write", there), "write-to-readonly");
}
