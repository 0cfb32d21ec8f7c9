//! The Rust types that a member may be loaded into.

use std::fmt;

use necropsy_base::VirtAddr;

use crate::{Fields, Load, LoadError, SlotKind};

/// A type that a kernel struct's member can become.
pub trait Member: Sized {
    /// A kernel without the member is fine.
    const OPTIONAL: bool = false;
    /// Only the member's address is wanted: it is not read.
    const ADDRESS: bool = false;
    /// Takes the value out.
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError>;
}

macro_rules! numbers {
    ($($ty:ident)*) => {$(
        impl Member for $ty {
            fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
                let slot = fields.need(index)?;
                if matches!(slot.kind, SlotKind::Array { .. }) || slot.size > 8 {
                    return Err(fields.unfit(index, "an array", stringify!($ty)));
                }
                let n = fields.number(index)?;
                $ty::try_from(n).map_err(|_| fields.unfit(index, n, stringify!($ty)))
            }
        }
    )*};
}
numbers!(i8 i16 i32 i64 u8 u16 u32 u64);

impl Member for bool {
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        Ok(fields.number(index)? != 0)
    }
}

/// A pointer, not followed.
impl Member for VirtAddr {
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        let slot = fields.need(index)?;
        match slot.size {
            1..=8 => Ok(VirtAddr(fields.abi().uint(&fields.bytes(index)?))),
            size => Err(fields.unfit(index, format!("{size} bytes"), "an address")),
        }
    }
}

/// `None`: this kernel has no such member. Never: it could not be read.
impl<M: Member> Member for Option<M> {
    const OPTIONAL: bool = true;
    const ADDRESS: bool = M::ADDRESS;
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        fields.slot(index).map(|_| M::take(fields, index)).transpose()
    }
}

/// A member whose loss does not cost the struct.
#[derive(Clone, Debug)]
pub struct Partial<M>(pub Result<M, LoadError>);

impl<M> Partial<M> {
    /// The value, if it could be read.
    pub fn ok(self) -> Option<M> {
        self.0.ok()
    }
    /// The value, if it could be read.
    pub fn get(&self) -> Option<&M> {
        self.0.as_ref().ok()
    }
}

impl<M: Copy> Partial<Option<M>> {
    /// The value, if this kernel has the member and it could be read.
    pub fn value(&self) -> Option<M> {
        self.get().copied().flatten()
    }
}

impl<M: Member> Member for Partial<M> {
    const OPTIONAL: bool = M::OPTIONAL;
    const ADDRESS: bool = M::ADDRESS;
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        Ok(Partial(M::take(fields, index)))
    }
}

/// The address of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(pub VirtAddr);

impl Member for At {
    const ADDRESS: bool = true;
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        Ok(At(fields.at().offset(fields.need(index)?.offset)))
    }
}

/// Where an array member lies and how it is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArrayAt {
    /// Its first element.
    pub at: VirtAddr,
    /// How many there are.
    pub len: u64,
    /// Bytes from one to the next.
    pub stride: u64,
}

impl ArrayAt {
    /// Address of the `index`th element.
    pub fn element(&self, index: u64) -> Option<VirtAddr> {
        (index < self.len).then(|| self.at.offset(index * self.stride))
    }
    /// Addresses of all elements.
    pub fn iter(&self) -> impl Iterator<Item = VirtAddr> + '_ {
        (0..self.len.min(1 << 20)).map(|i| self.at.offset(i * self.stride))
    }
}

impl Member for ArrayAt {
    const ADDRESS: bool = true;
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        let slot = fields.need(index)?;
        let SlotKind::Array { stride, len, .. } = slot.kind else {
            return Err(fields.unfit(index, format!("{:?}", slot.kind), "an array"));
        };
        Ok(ArrayAt { at: fields.at().offset(slot.offset), len, stride })
    }
}

/// Text of at most `N` bytes out of a `char` array, up to the first NUL. Not necessarily UTF-8.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes<const N: usize>(pub Vec<u8>);

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl<const N: usize> Member for Bytes<N> {
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        let mut bytes = fields.bytes(index)?;
        bytes.truncate(N);
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        bytes.truncate(end);
        Ok(Bytes(bytes))
    }
}

/// All numbers of an array, the sign extended; at most `N`.
impl<const N: usize> Member for [i64; N] {
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        let slot = fields.need(index)?;
        let SlotKind::Array { stride, len, signed } = slot.kind else {
            return Err(fields.unfit(index, format!("{:?}", slot.kind), "an array of numbers"));
        };
        if len != N as u64 || !(1..=8).contains(&stride) {
            return Err(fields.unfit(
                index,
                format!("{len} elements of {stride} bytes"),
                "an array of numbers",
            ));
        }
        let (bytes, abi) = (fields.bytes(index)?, fields.abi());
        let mut out = [0; N];
        for (n, chunk) in out.iter_mut().zip(bytes.chunks(stride as usize)) {
            *n = if signed { abi.int(chunk) } else { abi.uint(chunk) as i64 };
        }
        Ok(out)
    }
}

/// A struct inside the struct.
#[derive(Clone, Debug)]
pub struct In<L>(pub L);

impl<L: Load> Member for In<L> {
    const ADDRESS: bool = true;
    fn take(fields: &Fields<'_>, index: usize) -> Result<Self, LoadError> {
        let at = fields.at().offset(fields.need(index)?.offset);
        L::load(fields.target(), at).map(In)
    }
}
