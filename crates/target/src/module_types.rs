//! Types of modules: `btf_modules` lists a `struct btf` per module with `.BTF` (5.11 and later; kernel/bpf/btf.c). A module's own
//! pointer to it, `module.btf_data`, is cleared once it is loaded.

use std::sync::Arc;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::Btf;

use crate::list::list;
use crate::{Load, LoadError, Target};

/// No module's types are larger.
const MAX_SIZE: u32 = 64 << 20;

#[derive(Load)]
#[kernel(name = "btf_module")]
struct Entry {
    module: VirtAddr,
    btf: VirtAddr,
}

#[derive(Load)]
#[kernel(name = "btf")]
struct Table {
    data: VirtAddr,
    data_size: u32,
}

impl Target {
    /// The types of each module that has its own; read when first asked for.
    pub fn module_types(&self) -> &[(VirtAddr, Arc<Btf>)] {
        self.module_types.get_or_init(|| self.budget().whole(|| self.read_module_types()).unwrap_or_default())
    }

    fn read_module_types(&self) -> Result<Vec<(VirtAddr, Arc<Btf>)>, LoadError> {
        let head = self.need_symbol("btf_modules")?;
        let entries =
            list(self, head, self.offset_of("btf_module", "list")?).or_note(self, "types of modules");
        let read = |at: VirtAddr| {
            let entry: Entry = self.load(at)?;
            Ok((entry.module, self.read_table(entry.btf)?))
        };
        let found = entries.into_iter().map(|at| read(at).map_err(|e: LoadError| (at, e)));
        let keep = |r: Result<_, (VirtAddr, LoadError)>| {
            r.map_err(|(at, e)| self.note(format!("types of the module listed at {at:#x}: {e}"))).ok()
        };
        Ok(found.filter_map(keep).collect())
    }

    fn read_table(&self, at: VirtAddr) -> Result<Arc<Btf>, LoadError> {
        let table: Table = self.load(at)?;
        let bytes = self.memory.bytes(table.data, table.data_size.min(MAX_SIZE) as usize)?;
        let parsed = Btf::parse(bytes, self.abi, self.btf().cloned());
        let table = parsed.map_err(|e| {
            self.note(format!("the module types at {at:#x} are unusable: {e}"));
            LoadError::NoTypes
        })?;
        self.check_complete(&table);
        Ok(Arc::new(table))
    }
}
