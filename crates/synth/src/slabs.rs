//! A kernel with one slab cache: types, `struct page`, the slab, chains of free objects, in the shapes of several kernels.

use necropsy_base::{Abi, VirtAddr};

use crate::memory::SparseMemory;
use crate::names::BtfBuilder;

/// Where all `struct page` are.
pub const VMEMMAP: u64 = 0xffff_ea00_0000_0000;
/// Where all memory is mapped.
pub const DIRECT: u64 = 0xffff_8880_0000_0000;
/// The slab's page frame.
pub const FRAME: u64 = 0x100;
/// Where the slab's memory is.
pub const SLAB: u64 = DIRECT + FRAME * 4096;
/// The cache's `struct kmem_cache`.
pub const CACHE: u64 = DIRECT + 0x20_0000;
/// What the links of free objects are masked with.
pub const RANDOM: u64 = 0x1122_3344_5566_7788;
/// How many objects the slab has.
pub const OBJECTS: u64 = 16;
const NODE: u64 = CACHE + 0x800;
const NAME: u64 = CACHE + 0xc00;
/// The sheaf of the one CPU.
pub const SHEAF: u64 = CACHE + 0xe00;
const VARIABLES: u64 = 0xffff_ffff_8200_0000;
/// What the one CPU's area is away from its variables' addresses.
const PERCPU: u64 = DIRECT + 0x30_0000;
const CPU_SLAB: u64 = 0x100;

/// Which kernel's shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// The state of a slab is in `struct page` (5.10).
    InPage,
    /// It is in `struct slab` (6.1).
    OwnStruct,
    /// And CPUs have sheaves (7.2).
    Sheaves,
}

/// How the cache's objects are laid out.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes from one object to the next.
    pub size: u64,
    /// Bytes that are the user's.
    pub object_size: u64,
    /// Bytes to the end of the red zone behind.
    pub inuse: u64,
    /// Where the link is.
    pub offset: u64,
    /// Bytes of the red zone before.
    pub left: u64,
    /// `kmem_cache.flags`.
    pub flags: u64,
}

/// Objects of 96 bytes, without anything around them.
pub const PLAIN: Shape = Shape { size: 96, object_size: 96, inuse: 96, offset: 48, left: 0, flags: 0 };
/// Objects of 40 bytes with red zones, poison and tracks of 32 bytes.
pub const GUARDED: Shape =
    Shape { size: 160, object_size: 40, inuse: 48, offset: 48, left: 16, flags: 0x8001_0d00 };

/// The kernel.
pub struct Slabs {
    /// All that was put so far.
    pub memory: SparseMemory,
    /// Which kernel's shapes.
    pub era: Era,
    /// How the objects are laid out.
    pub shape: Shape,
}

impl Slabs {
    /// A kernel whose only slab has no free object.
    pub fn new(era: Era, shape: Shape) -> Slabs {
        let mut s = Slabs { memory: SparseMemory::new(Abi::LE64), era, shape };
        s.memory.put(VirtAddr(CACHE), &[0; 4096]).put(VirtAddr(SLAB), &[0; 4096]);
        s.memory.put(VirtAddr(VMEMMAP + FRAME * 64), &[0; 64]).put(VirtAddr(VARIABLES), &[0; 4096]);
        s.memory.put(VirtAddr(PERCPU), &[0; 4096]);
        s.variables();
        s.cache();
        s.head(0, OBJECTS);
        s
    }

    fn word(&mut self, at: u64, value: u64) {
        self.memory.put_uint(VirtAddr(at), value, 8);
    }

    fn variables(&mut self) {
        self.word(VARIABLES, VMEMMAP);
        self.word(VARIABLES + 8, DIRECT);
        self.word(VARIABLES + 16, PERCPU);
        self.word(VARIABLES + 24, 1);
        self.word(VARIABLES + 32, CACHE + 104);
        self.word(VARIABLES + 40, CACHE + 104);
        self.word(CACHE + 104, VARIABLES + 32);
        self.word(CACHE + 112, VARIABLES + 32);
    }

    fn cache(&mut self) {
        let shape = self.shape;
        let cpu = if self.era == Era::Sheaves { CPU_SLAB } else { 0 };
        let own = if self.era == Era::Sheaves { 0 } else { CPU_SLAB };
        self.word(CACHE, own);
        self.word(CACHE + 8, shape.flags);
        for (at, value) in [
            (16, shape.size),
            (20, shape.object_size),
            (24, shape.inuse),
            (28, shape.offset),
            (32, shape.left),
            (36, OBJECTS),
            (40, 1),
        ] {
            self.memory.put_uint(VirtAddr(CACHE + at), value, 4);
        }
        self.word(CACHE + 48, NAME);
        self.word(CACHE + 56, RANDOM);
        self.word(CACHE + 64, cpu);
        self.word(CACHE + 72, NODE);
        self.memory.put(VirtAddr(NAME), b"made_cell\0");
        self.word(NODE, 0);
        self.word(NODE + 8, NODE + 8);
        self.word(NODE + 16, NODE + 8);
        self.word(NODE + 24, 1);
        self.word(NODE + 32, OBJECTS);
        self.word(PERCPU + CPU_SLAB, 0);
        self.word(PERCPU + CPU_SLAB + 8, VMEMMAP + FRAME * 64);
        if self.era == Era::Sheaves {
            self.word(PERCPU + CPU_SLAB, SHEAF);
            self.word(PERCPU + CPU_SLAB + 8, 0);
        }
    }

    /// Where object number `index` begins.
    pub fn object(&self, index: u64) -> u64 {
        SLAB + self.shape.left + index * self.shape.size
    }

    /// Writes the slab's first free object, and how many it counts as in use.
    fn head(&mut self, first: u64, inuse: u64) {
        let page = VMEMMAP + FRAME * 64;
        self.word(page, 1 << 9); // PG_slab
        self.word(page + 24, CACHE);
        self.word(page + 32, first);
        self.memory.put_uint(VirtAddr(page + 40), inuse | OBJECTS << 16 | 1 << 31, 4);
        self.memory.put_uint(VirtAddr(page + 48), 0xffff_ffff, 4).put_uint(VirtAddr(page + 52), 1, 4);
    }

    /// Writes the masked link of an object.
    pub fn link(&mut self, object: u64, next: u64) {
        let place = object + self.shape.offset;
        self.word(place, next ^ RANDOM ^ place.swap_bytes());
    }

    fn chain(&mut self, of: &[u64]) -> u64 {
        let objects: Vec<u64> = of.iter().map(|i| self.object(*i)).collect();
        for (i, at) in objects.iter().enumerate() {
            self.link(*at, objects.get(i + 1).copied().unwrap_or(0));
        }
        objects.first().copied().unwrap_or(0)
    }

    /// The slab's own chain of free objects.
    pub fn free(&mut self, of: &[u64]) {
        let first = self.chain(of);
        self.head(first, OBJECTS - of.len() as u64);
    }

    /// The chain of the CPU that works with the slab; on kernels with sheaves, what is in its sheaf.
    pub fn free_on_cpu(&mut self, of: &[u64]) {
        if self.era != Era::Sheaves {
            let first = self.chain(of);
            return self.word(PERCPU + CPU_SLAB, first);
        }
        self.memory.put_uint(VirtAddr(SHEAF + 24), of.len() as u64, 4);
        for (i, index) in of.iter().enumerate() {
            let at = self.object(*index);
            self.word(SHEAF + 32 + 8 * i as u64, at);
        }
    }

    /// Fills what lies around and in an object as the allocator does.
    pub fn guard(&mut self, index: u64, free: bool) {
        let (at, shape) = (self.object(index), self.shape);
        let red = if free { 0xbb } else { 0xcc };
        self.memory.put(VirtAddr(at - shape.left), &vec![red; shape.left as usize]);
        self.memory
            .put(VirtAddr(at + shape.object_size), &vec![red; (shape.inuse - shape.object_size) as usize]);
        if free {
            self.memory.put(VirtAddr(at), &vec![0x6b; shape.object_size as usize - 1]);
            self.memory.put(VirtAddr(at + shape.object_size - 1), &[0xa5]);
        }
        let end = at + shape.size - shape.left;
        let info = at + shape.inuse + 8 + 2 * 32 + 8;
        self.memory.put(VirtAddr(info), &vec![0x5a; (end - info) as usize]);
    }

    /// Variables by name.
    pub fn vmcoreinfo(&self) -> String {
        let named = [
            ("vmemmap_base", 0),
            ("page_offset_base", 8),
            ("__per_cpu_offset", 16),
            ("__cpu_possible_mask", 24),
            ("slab_caches", 32),
        ];
        let lines = named.iter().map(|(name, at)| format!("SYMBOL({name})={:x}\n", VARIABLES + at));
        lines.chain(std::iter::once("NUMBER(PG_slab)=9\n".to_owned())).collect()
    }

    /// The types, as BTF.
    pub fn types(&self) -> Vec<u8> {
        let mut b = BtfBuilder::new(Abi::LE64);
        let uint = b.int("unsigned int", 4, false);
        let int = b.int("int", 4, true);
        let ulong = b.int("unsigned long", 8, false);
        let pointer = b.pointer(0);
        let list = b.structure(false, "list_head", 16, &[("next", pointer, 0, 0), ("prev", pointer, 64, 0)]);
        let pointers = b.array(pointer, uint, 4);
        let none = b.array(pointer, uint, 0);
        let order = b.structure(false, "kmem_cache_order_objects", 4, &[("x", uint, 0, 0)]);
        let long = b.structure(false, "atomic64_t", 8, &[("counter", ulong, 0, 0)]);
        let state = [
            ("slab_list", list, 64, 0),
            ("slab_cache", pointer, 192, 0),
            ("freelist", pointer, 256, 0),
            ("inuse", uint, 320, 16),
            ("objects", uint, 336, 15),
            ("frozen", uint, 351, 1),
        ];
        let page = [("flags", ulong, 0, 0), ("compound_head", ulong, 64, 0), ("page_type", uint, 384, 0)];
        match self.era {
            Era::InPage => b.structure(false, "page", 64, &[page.as_slice(), &state].concat()),
            _ => {
                b.structure(false, "page", 64, &page);
                b.structure(false, "slab", 64, &state)
            }
        };
        let mut cache = vec![
            ("flags", uint, 64, 0),
            ("size", uint, 128, 0),
            ("object_size", uint, 160, 0),
            ("inuse", uint, 192, 0),
            ("offset", uint, 224, 0),
            ("red_left_pad", uint, 256, 0),
            ("oo", order, 288, 0),
            ("refcount", int, 320, 0),
            ("name", pointer, 384, 0),
            ("random", ulong, 448, 0),
            ("node", pointers, 576, 0),
            ("list", list, 832, 0),
        ];
        if self.era == Era::Sheaves {
            cache.push(("cpu_sheaves", pointer, 512, 0));
            b.structure(
                false,
                "slub_percpu_sheaves",
                16,
                &[("main", pointer, 0, 0), ("spare", pointer, 64, 0)],
            );
            let sheaf = [("size", uint, 192, 0), ("objects", none, 256, 0)];
            b.structure(false, "slab_sheaf", 32, &sheaf);
        } else {
            cache.push(("cpu_slab", pointer, 0, 0));
            let name = if self.era == Era::InPage { "page" } else { "slab" };
            b.structure(false, "kmem_cache_cpu", 16, &[("freelist", pointer, 0, 0), (name, pointer, 64, 0)]);
        }
        b.structure(false, "kmem_cache", 256, &cache);
        let node = [
            ("nr_partial", ulong, 0, 0),
            ("partial", list, 64, 0),
            ("nr_slabs", long, 192, 0),
            ("total_objects", long, 256, 0),
        ];
        b.structure(false, "kmem_cache_node", 64, &node);
        let track =
            [("addr", pointer, 0, 0), ("cpu", int, 96, 0), ("pid", int, 128, 0), ("when", ulong, 192, 0)];
        b.structure(false, "track", 32, &track);
        b.build()
    }
}
