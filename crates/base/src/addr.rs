//! Newtypes for every kind of address, so that mixing them is a type error.

use std::fmt;

/// A number that names a place: lets [`crate::RangeSet`] serve all of them.
pub trait Address: Copy + Ord {
    /// The plain number.
    fn raw(self) -> u64;
    /// The place with this number.
    fn from_raw(raw: u64) -> Self;
}

macro_rules! address {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl Address for $name {
            fn raw(self) -> u64 {
                self.0
            }
            fn from_raw(raw: u64) -> Self {
                $name(raw)
            }
        }
        impl $name {
            /// This place and `bytes` further; wraps around like the machine does.
            pub fn offset(self, bytes: u64) -> Self {
                $name(self.0.wrapping_add(bytes))
            }
            /// This place moved by a signed distance; wraps around.
            pub fn moved(self, by: i64) -> Self {
                $name(self.0.wrapping_add(by as u64))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address! {
    /// A physical address of the dead machine.
    PhysAddr
}
address! {
    /// A virtual address; which address space is known from where it stands.
    VirtAddr
}
address! {
    /// A page frame number: physical address divided by the page size.
    Pfn
}
address! {
    /// An offset in a file.
    FileOff
}

impl VirtAddr {
    /// Whether this is NULL.
    pub fn is_null(self) -> bool {
        self.0 == 0
    }
}
