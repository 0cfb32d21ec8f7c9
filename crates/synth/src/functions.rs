//! A kernel of functions and variables: their bytes, and the symbol table that names them.

use necropsy_base::{Abi, VirtAddr};

use crate::memory::SparseMemory;
use crate::names::{KallsymsBuilder, KallsymsImage, Order, Written};

/// Where the code begins.
pub const TEXT: u64 = 0xffff_ffff_8100_0000;
/// Where the variables begin.
pub const DATA: u64 = 0xffff_ffff_8200_0000;
/// Where the symbol table is.
pub const TABLES: u64 = 0xffff_ffff_8300_0000;
/// Where the kernel ends.
pub const END: u64 = 0xffff_ffff_8400_0000;
/// Bytes of code.
pub const CODE: u64 = 0x1000;

/// A kernel being made.
pub struct Functions {
    /// Its memory.
    pub memory: SparseMemory,
    /// Its symbols: address, letter, name.
    pub symbols: Vec<(u64, char, String)>,
}

impl Default for Functions {
    fn default() -> Functions {
        let symbols = vec![(TEXT, 'T', "_stext".into())];
        Functions { memory: SparseMemory::new(Abi::LE64), symbols }
    }
}

impl Functions {
    /// Adds a function at an offset in the code; its address.
    pub fn function(&mut self, offset: u64, name: &str, code: &[u8]) -> u64 {
        self.memory.put(VirtAddr(TEXT + offset), code);
        self.symbols.push((TEXT + offset, 't', name.into()));
        TEXT + offset
    }

    /// Adds a variable of 64-bit words at an offset in the data; its address.
    pub fn data(&mut self, offset: u64, name: &str, words: &[u64]) -> u64 {
        for (i, word) in words.iter().enumerate() {
            self.memory.put_uint(VirtAddr(DATA + offset + 8 * i as u64), *word, 8);
        }
        self.symbols.push((DATA + offset, 'd', name.into()));
        DATA + offset
    }

    /// The memory, the symbol table in it, and what finds that.
    pub fn build(mut self) -> (SparseMemory, KallsymsImage) {
        // All of the code must be there: holes are not looked at.
        self.memory.put(VirtAddr(TEXT + CODE - 1), &[0]);
        self.symbols.push((TEXT + CODE, 'T', "_etext".into()));
        self.symbols.push((END, 'B', "_end".into()));
        self.symbols.sort();
        let mut table = KallsymsBuilder::new(Abi::LE64);
        (table.written, table.order) = (Written::Absolute, Order::AddressesFirst);
        table.symbols.clone_from(&self.symbols);
        let image = table.build(VirtAddr(TABLES));
        self.memory.put(VirtAddr(TABLES), &image.bytes);
        (self.memory, image)
    }
}

/// An instruction of five bytes with a distance: a call (`0xe8`) or a jump (`0xe9`).
pub fn near_jump(opcode: u8, at: u64, to: u64) -> [u8; 5] {
    let [a, b, c, d] = (to.wrapping_sub(at + 5) as u32).to_le_bytes();
    [opcode, a, b, c, d]
}
