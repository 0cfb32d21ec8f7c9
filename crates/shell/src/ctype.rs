//! C types that the type table need not have: pointers to and arrays of what it does have.

use necropsy_base::{Memory, MemoryExt, VirtAddr};
use necropsy_debuginfo::{Type, TypeId};
use necropsy_target::{LoadError, Target, TypeRef, Value};

/// A type of the table with pointers and array bounds around it.
#[derive(Clone)]
pub struct CType {
    /// The table's type.
    pub base: TypeRef,
    /// How many pointers lead to it.
    pub stars: u32,
    /// Array bounds, outermost first; 0 for an unknown one.
    pub dims: Vec<u64>,
}

/// What a type is, seen from outside.
pub enum View {
    /// An address of that.
    Pointer(CType),
    /// So many of that.
    Array(CType, u64),
    /// Anything else.
    Plain(Type),
}

impl CType {
    /// The table's own type.
    pub fn of(base: TypeRef) -> CType {
        CType { base, stars: 0, dims: Vec::new() }
    }

    /// A type as C writes it: `struct list_head *`, `unsigned long [3]`, `char []`.
    pub fn parse(t: &Target, text: &str) -> Option<CType> {
        let (name, bounds) = text.split_at(text.find('[').unwrap_or(text.len()));
        let stars = name.matches('*').count() as u32;
        let bound = |b: &str| {
            let digits = b.trim().strip_prefix('[')?.trim();
            match digits.split_once('.') {
                _ if digits.is_empty() => Some(0),
                // `enum.ENUMERATOR`: a bound that differs between kernels.
                Some((of, name)) => t.enumerator(of, name),
                None => digits.parse().ok(),
            }
        };
        let dims: Option<Vec<u64>> = bounds.split(']').filter(|b| !b.trim().is_empty()).map(bound).collect();
        let words: Vec<&str> =
            name.split([' ', '*', '\t']).filter(|w| !matches!(*w, "" | "const" | "volatile")).collect();
        Some(CType { base: base(t, &words)?, stars, dims: dims? })
    }

    /// What it is, without typedefs and qualifiers.
    pub fn view(&self) -> Result<View, LoadError> {
        if let Some((len, inner)) = self.dims.split_first() {
            let elem = CType { dims: inner.to_vec(), ..self.clone() };
            return Ok(View::Array(elem, *len));
        }
        if self.stars > 0 {
            return Ok(View::Pointer(CType { stars: self.stars - 1, ..self.clone() }));
        }
        Ok(match self.base.strip()? {
            Type::Pointer(to) => View::Pointer(CType::of(self.base.other(to))),
            Type::Array { elem, len } => View::Array(CType::of(self.base.other(elem)), len),
            other => View::Plain(other),
        })
    }

    /// A pointer to it.
    pub fn pointer(self) -> CType {
        // A pointer to an array cannot be said here; one to its first element serves as well.
        let inner = match self.dims.len() {
            0 => self,
            _ => CType { dims: Vec::new(), ..self },
        };
        CType { stars: inner.stars + 1, ..inner }
    }

    /// Size in bytes.
    pub fn size(&self, t: &Target) -> Result<u64, LoadError> {
        let one = if self.stars > 0 { u64::from(t.abi().word) } else { self.base.size()? };
        Ok(self.dims.iter().fold(one, |n, d| n.saturating_mul(*d)))
    }

    /// As C writes it.
    pub fn name(&self) -> String {
        let stars = "*".repeat(self.stars as usize);
        let dims: String = self.dims.iter().map(|d| format!("[{d}]")).collect();
        let name = crate::values::plain_name(&self.base.name());
        let blank = if (stars.is_empty() && dims.is_empty()) || name.ends_with('*') { "" } else { " " };
        format!("{name}{blank}{stars}{dims}")
    }
}

/// The table's type that the words name.
fn base(t: &Target, words: &[&str]) -> Option<TypeRef> {
    let name = words.join(" ");
    if name == "void" {
        let table = t.types().ok()?.clone();
        return Some(TypeRef { table, id: TypeId::VOID });
    }
    t.type_named(&name).or_else(|| t.type_named(&integer_name(words)?))
}

/// How BTF writes an integer type: `unsigned long` is `long unsigned int` there.
fn integer_name(words: &[&str]) -> Option<String> {
    const PARTS: [&str; 6] = ["unsigned", "signed", "long", "short", "int", "char"];
    if words.is_empty() || !words.iter().all(|w| PARTS.contains(w)) {
        return None;
    }
    let unsigned = words.contains(&"unsigned");
    let size = match words.iter().filter(|w| **w == "long").count() {
        _ if words.contains(&"char") => {
            return Some(if unsigned { "unsigned char" } else { "char" }.into());
        }
        0 if words.contains(&"short") => "short ",
        0 => "",
        1 => "long ",
        _ => "long long ",
    };
    Some(match (unsigned, size) {
        (true, "") => "unsigned int".into(),
        (true, size) => format!("{size}unsigned int"),
        (false, size) => format!("{size}int"),
    })
}

/// A typed place in memory.
#[derive(Clone)]
pub struct Place {
    /// What lies there.
    pub ty: CType,
    /// Where.
    pub at: VirtAddr,
    /// Lowest bit and width, when it is a bit-field.
    pub bits: Option<(u64, u32)>,
}

impl Place {
    /// A whole object.
    pub fn new(ty: CType, at: VirtAddr) -> Place {
        Place { ty, at, bits: None }
    }

    /// A member by path.
    pub fn member(&self, path: &str) -> Result<Place, LoadError> {
        let v = Value::new(self.ty.base.clone(), self.at).member(path)?;
        Ok(Place { ty: CType::of(v.ty), at: v.at, bits: v.bits })
    }

    /// The number that lies there.
    pub fn number(&self, t: &Target) -> Result<i128, LoadError> {
        self.number_in(t.memory())
    }

    /// The same, read from `memory`.
    pub fn number_in(&self, memory: &dyn Memory) -> Result<i128, LoadError> {
        if self.ty.stars > 0 {
            return Ok(i128::from(memory.word(self.at)?));
        }
        let value = Value { ty: self.ty.base.clone(), at: self.at, bits: self.bits };
        value.number_in(memory)
    }
}
