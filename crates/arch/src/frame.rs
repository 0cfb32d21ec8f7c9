//! What a function has done with the stack at one of its instructions.

/// How far a function has got with its frame pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameSetup {
    /// Not known on this CPU.
    #[default]
    Unknown,
    /// The function makes no frame record; the frame pointer is another's.
    Never,
    /// It will make one. The return address lies so many bytes above the stack pointer.
    Before(u64),
    /// The frame pointer names its record.
    Done,
    /// It is about to return: the record is taken down, the stack pointer is at the return address.
    Gone,
}
