//! What can go wrong when opening a kernel or reading a struct of it.

use necropsy_base::{ReadError, VirtAddr};
use necropsy_debuginfo::TypeError;

/// A kernel struct that could not be loaded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// No type information at all.
    #[error("this kernel has no type information (BTF)")]
    NoTypes,
    /// The kernel has no such struct.
    #[error("this kernel has no struct {0}")]
    NoStruct(String),
    /// The struct has none of these members.
    #[error("struct {of} of this kernel has no member {path}")]
    NoMember {
        /// The struct.
        of: &'static str,
        /// The member, with its alternatives.
        path: &'static str,
    },
    /// An enum of alternatives without any.
    #[error("no shape of this struct is known")]
    NoVariant,
    /// The kernel has no such symbol.
    #[error("this kernel has no symbol {0}")]
    NoSymbol(String),
    /// A member could not be read.
    #[error("{of}.{path} of {at:#x}: {cause}")]
    Read {
        /// The struct.
        of: &'static str,
        /// The member.
        path: &'static str,
        /// Address of the struct.
        at: VirtAddr,
        /// Why.
        cause: ReadError,
    },
    /// The member's value does not fit the Rust type.
    #[error("{of}.{path} of {at:#x}: {found} does not fit {wanted}")]
    Unfit {
        /// The struct.
        of: &'static str,
        /// The member.
        path: &'static str,
        /// Address of the struct.
        at: VirtAddr,
        /// The value or the type that was found.
        found: String,
        /// The Rust type.
        wanted: &'static str,
    },
    /// A plain read failed.
    #[error(transparent)]
    Memory(#[from] ReadError),
    /// The type information is damaged or lacks something.
    #[error(transparent)]
    Type(#[from] TypeError),
}

/// A dump in which no kernel could be found.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The dump is for a CPU that is not supported.
    #[error("kernels for {0} are not supported yet")]
    Machine(String),
    /// The dump holds no VMCOREINFO.
    #[error(
        "the dump has no VMCOREINFO: nothing says where the kernel lies (was it taken from a guest without \
         `-device vmcoreinfo`? give the text of the guest's VMCOREINFO with --vmcoreinfo)"
    )]
    NoVmcoreinfo,
    /// VMCOREINFO lacks a key that nothing can replace.
    #[error("VMCOREINFO lacks {0}: the kernel's memory cannot be translated")]
    MissingKey(&'static str),
    /// The dump has no physical memory (a live kcore or a user-space core file).
    #[error("the file holds no physical memory: not a kernel dump")]
    NoMemory,
}
