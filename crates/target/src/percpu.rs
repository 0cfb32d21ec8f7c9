//! CPUs and the variables that each has a copy of.

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Kind, Type, Types};

use crate::{LoadError, Target};

/// No kernel is built for more (`NR_CPUS` of the largest distribution kernels is 8192).
const MAX_CPUS: u64 = 16384;

impl Target {
    /// The possible CPUs, each with the distance of its per-CPU area.
    pub fn cpus(&self) -> &[(usize, u64)] {
        self.percpu.get_or_init(|| self.find_cpus().unwrap_or_else(|_| vec![(0, 0)]))
    }

    fn find_cpus(&self) -> Result<Vec<(usize, u64)>, LoadError> {
        let table = self.need_symbol("__per_cpu_offset")?;
        let word = u64::from(self.abi.word);
        let mask = self.cpu_mask("__cpu_possible_mask|cpu_possible_bits")?;
        let offset = |cpu: usize| Ok((cpu, self.memory.word(table.offset(cpu as u64 * word))?));
        mask.into_iter().map(offset).collect()
    }

    /// The CPUs in a mask such as `__cpu_online_mask`; `a|b` for alternatives.
    pub fn cpu_mask(&self, names: &str) -> Result<Vec<usize>, LoadError> {
        let at = names.split('|').find_map(|n| self.symbol(n));
        let at = at.ok_or_else(|| LoadError::NoSymbol(names.to_owned()))?;
        let count = self.symbol("nr_cpu_ids").and_then(|n| self.memory.u32(n).ok());
        let count = u64::from(count.unwrap_or(64)).clamp(1, MAX_CPUS);
        let (mut cpus, bits) = (Vec::new(), u64::from(self.abi.word) * 8);
        for index in 0..count.div_ceil(bits) {
            let word = self.memory.word(at.offset(index * bits / 8))?;
            cpus.extend((0..bits).filter(|b| word >> b & 1 == 1).map(|b| (index * bits + b) as usize));
        }
        Ok(cpus)
    }

    /// Where `cpu`'s copy of a per-CPU variable is; `at` is the variable's link address or offset.
    pub fn percpu(&self, at: VirtAddr, cpu: usize) -> Option<VirtAddr> {
        let area = self.cpus().iter().find(|(n, _)| *n == cpu)?.1;
        Some(at.offset(area))
    }

    /// Where `cpu`'s copy of the variable `name` is.
    pub fn percpu_symbol(&self, name: &str, cpu: usize) -> Option<VirtAddr> {
        self.percpu(self.symbol(name)?, cpu)
    }

    /// Where `cpu`'s copy of the member `path` of the per-CPU struct variable `name` is.
    pub fn percpu_member(&self, name: &str, of: &str, path: &str, cpu: usize) -> Result<VirtAddr, LoadError> {
        let at = self.percpu_symbol(name, cpu).ok_or_else(|| LoadError::NoSymbol(name.to_owned()))?;
        Ok(at.offset(self.offset_of(of, path)?))
    }

    /// Bytes from the start of `struct of` to its member; `a|b` for alternatives.
    pub fn offset_of(&self, of: &str, paths: &str) -> Result<u64, LoadError> {
        let types = self.types()?;
        let ty = types.find(Kind::Struct, of).ok_or_else(|| LoadError::NoStruct(of.to_owned()))?;
        let mut failed = None;
        for path in paths.split('|') {
            match types.member(ty, path) {
                Ok(m) => return Ok(m.offset()),
                Err(e) => failed = Some(e),
            }
        }
        Err(failed.map_or(LoadError::NoTypes, LoadError::Type))
    }

    /// Size of a member; `None` if there is no such struct or member.
    pub fn member_size(&self, of: &str, path: &str) -> Option<u64> {
        let types = self.types().ok()?;
        let member = types.member(types.find(Kind::Struct, of)?, path).ok()?;
        types.size_of(member.ty).ok()
    }

    /// Size of `struct name`.
    pub fn size_of(&self, name: &str) -> Result<u64, LoadError> {
        let types = self.types()?;
        let ty = types.find(Kind::Struct, name).ok_or_else(|| LoadError::NoStruct(name.to_owned()))?;
        Ok(types.size_of(ty)?)
    }

    /// All names of an enum with their values.
    pub fn enumerators(&self, of: &str) -> Vec<(String, i128)> {
        let named = |types: &dyn Types| types.get(types.find(Kind::Enum, of)?).ok();
        match self.types().ok().and_then(|types| named(types.as_ref())) {
            Some(Type::Enum { values, .. }) => values.into_iter().map(|(n, v)| (n.to_string(), v)).collect(),
            _ => Vec::new(),
        }
    }

    /// Value of an enumerator.
    pub fn enumerator(&self, of: &str, name: &str) -> Option<u64> {
        let types = self.types().ok()?;
        let ty = types.find(Kind::Enum, of)?;
        let necropsy_debuginfo::Type::Enum { values, .. } = types.get(ty).ok()? else {
            return None;
        };
        values.iter().find(|(n, _)| n.as_str() == name).map(|(_, v)| *v as u64)
    }

    /// Name of the enumerator with a value.
    pub fn enumerator_named(&self, of: &str, value: u64) -> Option<String> {
        let types = self.types().ok()?;
        let necropsy_debuginfo::Type::Enum { values, .. } = types.get(types.find(Kind::Enum, of)?).ok()?
        else {
            return None;
        };
        values.iter().find(|(_, v)| *v as u64 == value).map(|(name, _)| name.as_str().to_owned())
    }
}
