//! TCP sockets by the descriptors of tasks, against the tables that `ss` and `netstat` show.
//!
//! A socket that listens or is connected hangs in one hash chain of `tcp_hashinfo` by its `skc_node` (include/net/sock.h; listening ones in
//! chains of their own). What takes it out leaves the link empty or poisoned; the kernel does so only on the way to `TCP_CLOSE`.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{At, Bytes, Load, Target};

use crate::net::{Socket, sockets_of};
use crate::tasks::{Task, Tasks};

/// `enum tcp_states` (include/net/tcp_states.h).
const ESTABLISHED: u8 = 1;
const LISTEN: u8 = 10;
/// `LIST_POISON2` without the offset of the architecture (include/linux/poison.h).
const POISON: [u64; 2] = [0x122, 0x200];

/// A live socket that no table has.
pub struct HiddenSocket {
    /// The socket.
    pub socket: Socket,
    /// Who has it open.
    pub task: Task,
    /// As which descriptor.
    pub fd: u64,
    /// Whether it listens; else it is connected.
    pub listens: bool,
}

#[derive(Load)]
#[kernel(name = "sock")]
struct Sock {
    #[kernel(path = "__sk_common.skc_state")]
    state: u8,
    #[kernel(path = "__sk_common.skc_prot")]
    prot: VirtAddr,
    #[kernel(path = "__sk_common.skc_node")]
    node: At,
}

#[derive(Load)]
#[kernel(name = "proto")]
struct Proto {
    name: Bytes<32>,
}

/// The sockets that tasks have open and that the kernel's tables do not show.
pub fn hidden_sockets(t: &Target, tasks: &Tasks) -> Vec<HiddenSocket> {
    let leaders = tasks.all.iter().filter(|task| task.pid == task.tgid && !task.is_kernel_thread());
    leaders.flat_map(|task| of_task(t, task)).collect()
}

fn of_task(t: &Target, task: &Task) -> Vec<HiddenSocket> {
    let open = sockets_of(t, task).unwrap_or_default();
    let hidden = open.into_iter().filter_map(|(fd, socket)| {
        let listens = hidden(t, &socket)?;
        Some(HiddenSocket { socket, task: task.clone(), fd, listens })
    });
    hidden.collect()
}

/// Whether a socket that should hang in a table and does not listens.
fn hidden(t: &Target, socket: &Socket) -> Option<bool> {
    let sock: Sock = t.load(socket.sock).ok()?;
    let name = t.load::<Proto>(sock.prot).ok()?.name;
    if !matches!(&name.0[..], b"TCP" | b"TCPv6") || !matches!(sock.state, ESTABLISHED | LISTEN) {
        return None;
    }
    let word = u64::from(t.abi().word);
    let back = t.memory().ptr(sock.node.0.offset(word)).ok()?;
    let poisoned = POISON.contains(&(back.0 & 0xffff)) && t.memory().ptr(back).is_err();
    (back.is_null() || poisoned).then_some(sock.state == LISTEN)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use necropsy_base::Abi;
    use necropsy_debuginfo::Btf;
    use necropsy_synth::memory::SparseMemory;
    use necropsy_synth::names::BtfBuilder;

    use super::*;
    use crate::net::Endpoint;

    const HEAP: u64 = 0xffff_8880_0100_0000;

    fn types() -> Btf {
        let mut b = BtfBuilder::new(Abi::LE64);
        let (byte, index) = (b.int("unsigned char", 1, false), b.int("unsigned int", 4, false));
        let pointer = b.pointer(0);
        let name = b.array(byte, index, 32);
        let node =
            b.structure(false, "hlist_node", 16, &[("next", pointer, 0, 0), ("pprev", pointer, 64, 0)]);
        let common = [("skc_state", byte, 0, 0), ("skc_prot", pointer, 64, 0), ("skc_node", node, 128, 0)];
        let common = b.structure(false, "sock_common", 32, &common);
        b.structure(false, "sock", 32, &[("__sk_common", common, 0, 0)]);
        b.structure(false, "proto", 32, &[("name", name, 0, 0)]);
        Btf::parse(b.build(), Abi::LE64, None).unwrap()
    }

    /// What is said of a socket of a protocol in a state whose link back is this.
    fn seen(protocol: &[u8], state: u8, back: u64) -> Option<bool> {
        let mut m = SparseMemory::new(Abi::LE64);
        m.put(VirtAddr(HEAP), &[0; 4096]).put(VirtAddr(HEAP), &[state]).put(VirtAddr(HEAP + 0x100), protocol);
        m.put_uint(VirtAddr(HEAP + 8), HEAP + 0x100, 8).put_uint(VirtAddr(HEAP + 24), back, 8);
        let t = Target::from_parts(&necropsy_arch::x86_64::X86_64, Arc::new(m), Arc::new(types()));
        let at = VirtAddr(HEAP);
        hidden(&t, &Socket { at, sock: at, family: 2, kind: 1, endpoint: Endpoint::Unknown })
    }

    #[test]
    fn out_of_the_table() {
        let (linked, poison) = (HEAP + 0x800, 0xdead_0000_0000_0122);
        assert_eq!([seen(b"TCP\0", 10, 0), seen(b"TCPv6\0", 10, poison)], [Some(true); 2]);
        assert_eq!(seen(b"TCP\0", 1, poison), Some(false));
        let fine =
            [seen(b"TCP\0", 10, linked), seen(b"TCP\0", 7, 0), seen(b"TCP\0", 2, 0), seen(b"UDP\0", 10, 0)];
        assert_eq!(fine, [None; 4], "linked, closed, about to connect, of another protocol");
    }
}
