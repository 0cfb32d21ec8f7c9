//! Flags of a cache.
//!
//! Since 6.9 they are an enum (`_slab_flag_bits`); before, constants of include/linux/slab.h that did not change from 4.x on.

use necropsy_target::Target;

/// Name, and its bit before there was an enum.
const BITS: &[(&str, u32)] = &[
    ("CONSISTENCY_CHECKS", 8),
    ("RED_ZONE", 10),
    ("POISON", 11),
    ("KMALLOC", 12),
    ("HWCACHE_ALIGN", 13),
    ("CACHE_DMA", 14),
    ("CACHE_DMA32", 15),
    ("STORE_USER", 16),
    ("RECLAIM_ACCOUNT", 17),
    ("PANIC", 18),
    ("TYPESAFE_BY_RCU", 19),
    ("TRACE", 21),
    ("NOLEAKTRACE", 23),
    ("NO_MERGE", 24),
    ("ACCOUNT", 26),
    ("OBJECT_POISON", 31),
];

/// What the bits of a cache's flags mean in this kernel.
#[derive(Clone, Debug)]
pub struct FlagBits(Vec<(&'static str, u32)>);

impl FlagBits {
    /// Those of this kernel.
    pub fn of(t: &Target) -> FlagBits {
        let by_enum = |name: &str| Some(t.enumerator("_slab_flag_bits", &format!("_SLAB_{name}"))? as u32);
        let named = t.enumerator("_slab_flag_bits", "_SLAB_FLAGS_LAST_BIT").is_some();
        let bit = |(name, old): &(&'static str, u32)| {
            let bit = if named { by_enum(name) } else { Some(*old) };
            bit.filter(|bit| *bit < 64).map(|bit| (*name, bit))
        };
        FlagBits(BITS.iter().filter_map(bit).collect())
    }

    /// Which of them are set.
    pub fn decode(&self, bits: u64) -> Flags {
        let has = |name: &str| self.0.iter().any(|(n, bit)| *n == name && bits >> bit & 1 == 1);
        Flags {
            bits,
            checked: has("CONSISTENCY_CHECKS"),
            red_zone: has("RED_ZONE"),
            poisoned: has("POISON"),
            object_poisoned: has("OBJECT_POISON"),
            tracked: has("STORE_USER"),
            reclaimable: has("RECLAIM_ACCOUNT"),
            kmalloc: has("KMALLOC"),
            freed_by_rcu: has("TYPESAFE_BY_RCU"),
        }
    }

    /// Names of the bits that are set.
    pub fn names(&self, bits: u64) -> Vec<&'static str> {
        self.0.iter().filter(|(_, bit)| bits >> bit & 1 == 1).map(|(name, _)| *name).collect()
    }
}

/// Flags of a cache that say how its objects look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// All bits.
    pub bits: u64,
    /// `SLAB_CONSISTENCY_CHECKS`: frees are checked.
    pub checked: bool,
    /// `SLAB_RED_ZONE`: there are bytes before and behind each object that nobody may write.
    pub red_zone: bool,
    /// `SLAB_POISON`: what is free is filled.
    pub poisoned: bool,
    /// The same, and objects too: they have no constructor and are not looked at after they were freed.
    pub object_poisoned: bool,
    /// `SLAB_STORE_USER`: who allocated and who freed is kept.
    pub tracked: bool,
    /// `SLAB_RECLAIM_ACCOUNT`: counted as memory that can be had back.
    pub reclaimable: bool,
    /// `SLAB_KMALLOC`, where this kernel marks the general caches.
    pub kmalloc: bool,
    /// `SLAB_TYPESAFE_BY_RCU`: objects may be looked at after they were freed.
    pub freed_by_rcu: bool,
}
