//! What is called how: an index of all named types and variables, made by a scan of all units when first asked for.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use gimli::constants as dw;

use super::entries::{Entry, sibling};
use super::units::Open;
use super::{DebugFile, DwarfError};
use crate::types::Kind;

/// Names of one file.
const MAX_NAMES: usize = 16 << 20;

/// A named entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    hash: u64,
    what: What,
    at: u32,
}

/// What a name names. Definitions of variables come before declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    Struct,
    Union,
    Enum,
    Typedef,
    Int,
    Func,
    Var,
    Declared,
}

/// A variable of the whole kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its entry in `.debug_info`.
    pub(crate) at: usize,
    /// Where it is, as the file has it.
    pub address: Option<u64>,
    /// Whether other files may use it.
    pub external: bool,
}

/// All names.
pub struct Names(Vec<Named>);

/// Calls `f` for each item on all cores, in order of the items.
pub(crate) fn in_parallel<I: Sync, T: Send>(items: &[I], f: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let threads =
        std::thread::available_parallelism().map_or(1, NonZero::get).min(items.len().max(1)).min(64);
    if threads <= 1 {
        return items.iter().map(f).collect();
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let work = || {
        let mut own = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(i) else { break };
            own.push((i, f(item)));
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, found)| found).collect()
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl DebugFile {
    pub(crate) fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let units = in_parallel(self.unit_offsets(), |unit| {
                self.in_skeleton(*unit, |dwarf, unit| {
                    let open = Open::whole(self, dwarf, unit);
                    let mut out = Vec::new();
                    // A unit that is damaged at its end still names what stands before.
                    let _ = open.names(&mut out);
                    Ok(out)
                })
                .unwrap_or_default()
            });
            // The same header in two thousand units: one entry each is enough, except for variables, which may differ.
            let mut seen = HashSet::new();
            let mut all: Vec<Named> = Vec::new();
            for named in units.into_iter().flatten() {
                if matches!(named.what, What::Var | What::Func) || seen.insert((named.hash, named.what)) {
                    all.push(named);
                }
                if all.len() >= MAX_NAMES {
                    break;
                }
            }
            all.sort_unstable();
            Names(all)
        })
    }

    /// The first entry of this kind and name.
    pub(crate) fn type_named(&self, kind: Kind, name: &str) -> Option<u32> {
        let kinds: &[What] = match kind {
            Kind::Struct => &[What::Struct],
            Kind::Union => &[What::Union],
            Kind::Enum => &[What::Enum],
            Kind::Typedef => &[What::Typedef],
            Kind::Int | Kind::Float => &[What::Int],
            Kind::Func => &[What::Func],
            Kind::Var => &[What::Var, What::Declared],
            Kind::DataSec => &[],
            Kind::Any => {
                &[What::Struct, What::Union, What::Enum, What::Typedef, What::Int, What::Func, What::Var]
            }
        };
        let listed = self.listed(name);
        let by_table =
            kinds.iter().find_map(|k| listed.iter().find(|(what, _)| what == k)).map(|(_, at)| *at);
        by_table.or_else(|| kinds.iter().find_map(|what| self.entries_named(*what, name).next()))
    }

    /// What `.debug_names` has under a name, as far as it is true.
    fn listed(&self, name: &str) -> Vec<(What, u32)> {
        let entry = |at: usize| {
            let found = self.at_info(at, &mut |open, entry| {
                Ok(what(entry).filter(|_| open.name(entry).is_some_and(|n| n == name)))
            });
            Some((found.ok().flatten()?, u32::try_from(at).ok()?))
        };
        self.listed_names(name).into_iter().filter_map(entry).collect()
    }

    fn entries_named<'n>(&'n self, what: What, name: &'n str) -> impl Iterator<Item = u32> + 'n {
        let names = &self.names().0;
        let wanted = hash(name.as_bytes());
        let start = names.partition_point(|n| (n.hash, n.what) < (wanted, what));
        let same = names[start..].iter().take_while(move |n| (n.hash, n.what) == (wanted, what));
        // Two names may have one hash.
        same.map(|n| n.at).filter(move |at| self.is_called(*at, name))
    }

    fn is_called(&self, at: u32, name: &str) -> bool {
        let called = self.at_info(at as usize, &mut |open, entry| Ok(open.name(entry)));
        called.ok().flatten().is_some_and(|n| n == name)
    }

    /// The variables of this name outside of functions: several files may have a static one.
    pub fn globals(&self, name: &str) -> Vec<Global> {
        let entries = self.entries_named(What::Var, name).take(64);
        let global = |at: u32| {
            let found = self.at_info(at as usize, &mut |open, entry| {
                let external =
                    open.along_origins(entry, &|_, e| e.attr_value(dw::DW_AT_external).map(drop)).is_some();
                Ok(Global { at: at as usize, address: open.static_address(entry), external })
            });
            found.ok()
        };
        entries.filter_map(global).collect()
    }
}

impl<'a> Open<'a> {
    /// Appends the names of a unit's own entries.
    fn names(&self, out: &mut Vec<Named>) -> Result<(), DwarfError> {
        let mut raw = self.unit.entries_raw(None)?;
        let mut entry = Entry::null();
        let base = self.unit.header.debug_info_offset().map_or(0, |o| o.0);
        while !raw.is_empty() {
            if !raw.read_entry(&mut entry)? {
                continue;
            }
            if let Some(what) = what(&entry)
                && let Some(name) = self.plain_name(&entry)
                && let Ok(at) = u32::try_from(base + entry.offset().0)
            {
                out.push(Named { hash: hash(&name), what, at });
            }
            let inside = matches!(
                entry.tag(),
                dw::DW_TAG_compile_unit | dw::DW_TAG_partial_unit | dw::DW_TAG_namespace | dw::DW_TAG_module
            );
            if let (false, true, Some(next)) = (inside, entry.has_children(), sibling(&entry)) {
                raw = self.unit.entries_raw(Some(next))?;
            }
        }
        Ok(())
    }

    /// The name as it is, or of the declaration that a definition completes.
    fn plain_name(&self, entry: &Entry<'a>) -> Option<Vec<u8>> {
        if let Some(name) = entry.attr_value(dw::DW_AT_name) {
            return Some(self.dwarf.attr_string(self.unit, name).ok()?.slice().to_vec());
        }
        entry.attr_value(dw::DW_AT_specification)?;
        self.name(entry).map(String::into_bytes)
    }
}

fn what(entry: &Entry<'_>) -> Option<What> {
    let declared = entry.has_attr(dw::DW_AT_declaration);
    Some(match entry.tag() {
        dw::DW_TAG_variable if declared => What::Declared,
        dw::DW_TAG_variable if entry.has_attr(dw::DW_AT_location) => What::Var,
        _ if declared => return None,
        dw::DW_TAG_structure_type | dw::DW_TAG_class_type => What::Struct,
        dw::DW_TAG_union_type => What::Union,
        dw::DW_TAG_enumeration_type => What::Enum,
        dw::DW_TAG_typedef => What::Typedef,
        dw::DW_TAG_base_type => What::Int,
        dw::DW_TAG_subprogram => What::Func,
        _ => return None,
    })
}
