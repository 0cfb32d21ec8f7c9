//! Which ways of unwinding are used.

/// The ways to get from a frame to its caller. All are used unless one is to be looked at alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods {
    /// The kernel's own unwind table.
    pub orc: bool,
    /// Call frame information of debug files.
    pub cfi: bool,
    /// The chain of frame pointers.
    pub frame_pointer: bool,
}

impl Default for Methods {
    fn default() -> Self {
        Methods { orc: true, cfi: true, frame_pointer: true }
    }
}
