//! System V IPC: shared memory, semaphores, messages (ipc/util.c, ipc/shm.c, ipc/sem.c, ipc/msg.c).

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_target::{ArrayAt, Load, LoadError, Target};

use crate::containers;
use crate::tasks::Task;
use crate::vfs;

/// Places in `ipc_namespace.ids` (ipc/util.h).
const SEMAPHORES: u64 = 0;
const MESSAGES: u64 = 1;
const SHARED: u64 = 2;

/// What all three kinds have (`struct kern_ipc_perm`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// The object that holds it: `shmid_kernel`, `sem_array`, `msg_queue`.
    pub at: VirtAddr,
    /// The key it was made with.
    pub key: u32,
    /// Its identifier.
    pub id: u32,
    /// Its owner.
    pub uid: u32,
    /// Who may do what, and flags above.
    pub mode: u16,
}

/// A segment of shared memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Who may use it.
    pub permissions: Permissions,
    /// Bytes.
    pub size: u64,
    /// How often it is mapped.
    pub attached: u64,
    /// The inode of its file.
    pub inode: Option<VirtAddr>,
    /// Pages of it in memory.
    pub resident: Option<u64>,
    /// Pages of it in swap.
    pub swapped: Option<u64>,
}

/// A set of semaphores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Semaphores {
    /// Who may use it.
    pub permissions: Permissions,
    /// How many.
    pub count: u64,
}

/// A queue of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Who may use it.
    pub permissions: Permissions,
    /// Bytes in it.
    pub bytes: u64,
    /// Messages in it.
    pub messages: u64,
}

#[derive(Load)]
#[kernel(name = "task_struct")]
struct Of {
    nsproxy: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "nsproxy")]
struct Spaces {
    ipc_ns: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "ipc_namespace")]
struct Namespace {
    ids: ArrayAt,
}

#[derive(Load)]
#[kernel(name = "kern_ipc_perm")]
struct Perm {
    id: u32,
    key: u32,
    #[kernel(path = "uid.val")]
    uid: u32,
    mode: u16,
}

#[derive(Load)]
#[kernel(name = "shmid_kernel")]
struct Shm {
    shm_file: VirtAddr,
    shm_nattch: u64,
    shm_segsz: u64,
}

#[derive(Load)]
#[kernel(name = "file")]
struct File {
    f_inode: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "shmem_inode_info")]
struct ShmemInode {
    swapped: u64,
}

#[derive(Load)]
#[kernel(name = "sem_array")]
struct SemArray {
    sem_nsems: u32,
}

#[derive(Load)]
#[kernel(name = "msg_queue")]
struct MsgQueue {
    q_cbytes: u64,
    q_qnum: u64,
}

/// The IPC namespace of a task; `None` once it has let its namespaces go.
pub fn namespace_of(t: &Target, task: &Task) -> Result<Option<VirtAddr>, LoadError> {
    let of: Of = t.load(task.at)?;
    if of.nsproxy.is_null() {
        return Ok(None);
    }
    Ok(Some(t.load::<Spaces>(of.nsproxy)?.ipc_ns))
}

/// The objects of one kind, by identifier; what cannot be read costs a note.
fn objects<T>(
    t: &Target,
    namespace: VirtAddr,
    (kind, of, member): (u64, &str, &str),
    read: impl Fn(Permissions) -> Result<T, LoadError>,
) -> Result<Vec<T>, LoadError> {
    let Some(ids) = t.load::<Namespace>(namespace)?.ids.element(kind) else {
        return Ok(Vec::new());
    };
    // An IDR is an xarray since 4.20, a radix tree since 4.11.
    let root = t.offset_of("ipc_ids", "ipcs_idr.idr_rt.xa_head|ipcs_idr.idr_rt.rnode")?;
    let found = containers::xarray(t, t.memory().word(ids.offset(root))?)?.or_note(t, of);
    let into = t.offset_of(of, member)? as i64;
    let one = |at: VirtAddr| {
        let perm: Perm = t.load(at)?;
        let Perm { id, key, uid, mode } = perm;
        read(Permissions { at: at.moved(-into), key, id, uid, mode })
    };
    let noted = |(_, at): (u64, VirtAddr)| one(at).inspect_err(|e| t.note(format!("{of} {at:#x}: {e}"))).ok();
    Ok(found.into_iter().filter_map(noted).collect())
}

/// The segments of shared memory of a namespace.
pub fn segments(t: &Target, namespace: VirtAddr) -> Result<Vec<Segment>, LoadError> {
    objects(t, namespace, (SHARED, "shmid_kernel", "shm_perm"), |permissions| segment(t, permissions))
}

fn segment(t: &Target, permissions: Permissions) -> Result<Segment, LoadError> {
    let raw: Shm = t.load(permissions.at)?;
    let inode = t.load::<File>(raw.shm_file).ok().map(|f| f.f_inode).filter(|at| !at.is_null());
    let swapped = |at: VirtAddr| {
        let into = t.offset_of("shmem_inode_info", "vfs_inode").ok()?;
        Some(t.load::<ShmemInode>(at.moved(-(into as i64))).ok()?.swapped)
    };
    Ok(Segment {
        permissions,
        size: raw.shm_segsz,
        attached: raw.shm_nattch,
        inode,
        resident: inode.and_then(|at| vfs::inode(t, at).ok()).map(|i| i.cached),
        // Huge pages have an inode of another kind, and are never swapped.
        swapped: inode.filter(|_| is_shmem(t, raw.shm_file)).and_then(swapped),
    })
}

/// Whether a file of shared memory is one of shmem: not one of huge pages.
fn is_shmem(t: &Target, file: VirtAddr) -> bool {
    let operations = t.offset_of("file", "f_op").ok().and_then(|o| t.memory().ptr(file.offset(o)).ok());
    operations != t.symbol("hugetlbfs_file_operations") && operations != t.symbol("shm_file_operations_huge")
}

/// The sets of semaphores of a namespace.
pub fn semaphores(t: &Target, namespace: VirtAddr) -> Result<Vec<Semaphores>, LoadError> {
    objects(t, namespace, (SEMAPHORES, "sem_array", "sem_perm"), |permissions| {
        let raw: SemArray = t.load(permissions.at)?;
        Ok(Semaphores { permissions, count: raw.sem_nsems.into() })
    })
}

/// The queues of messages of a namespace.
pub fn queues(t: &Target, namespace: VirtAddr) -> Result<Vec<Queue>, LoadError> {
    objects(t, namespace, (MESSAGES, "msg_queue", "q_perm"), |permissions| {
        let raw: MsgQueue = t.load(permissions.at)?;
        Ok(Queue { permissions, bytes: raw.q_cbytes, messages: raw.q_qnum })
    })
}
