//! The opened kernel.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use necropsy_arch::Arch;
use necropsy_base::{Abi, Budget, Memory, PhysMem, VirtAddr};
use necropsy_debuginfo::locate::Search;
use necropsy_debuginfo::{Btf, Kallsyms, OrcTable, Types};
use necropsy_dump::{CpuNote, DumpMeta, VmcoreInfo};

use crate::debug::DebugFiles;
use crate::filed::Filed;
use crate::load::Plan;
use crate::unwind::Methods;
use crate::{Fields, KernelMemory, Load, LoadError, Modules, Spec};

/// Something the user must know about the dump: what is missing or does not fit.
pub type Note = String;

/// An opened kernel. Cheap to open: types, modules and unwind tables are read when first asked for.
pub struct Target {
    pub(crate) meta: DumpMeta,
    pub(crate) arch: &'static dyn Arch,
    pub(crate) abi: Abi,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) kernel: Option<Arc<KernelMemory>>,
    pub(crate) kallsyms: Option<Kallsyms>,
    pub(crate) btf: OnceLock<Option<Arc<Btf>>>,
    pub(crate) types: OnceLock<Result<Arc<dyn Types>, LoadError>>,
    pub(crate) debug: DebugFiles,
    pub(crate) filed: OnceLock<Filed>,
    pub(crate) modules: OnceLock<Modules>,
    pub(crate) module_types: OnceLock<Vec<(VirtAddr, Arc<Btf>)>>,
    pub(crate) orc: OnceLock<Option<OrcTable>>,
    pub(crate) text: OnceLock<Vec<Range<u64>>>,
    pub(crate) boot_image: Range<u64>,
    pub(crate) percpu: OnceLock<Vec<(usize, u64)>>,
    plans: RwLock<HashMap<usize, Arc<Plan>>>,
    notes: Mutex<Vec<Note>>,
    recent: Mutex<Vec<Note>>,
    pub(crate) methods: Methods,
    budget: Budget,
}

/// Notes that are kept.
const MAX_NOTES: usize = 1000;

fn keep(notes: &Mutex<Vec<Note>>, text: &Note) {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    if notes.len() < MAX_NOTES && !notes.contains(text) {
        notes.push(text.clone());
    }
}

impl Target {
    pub(crate) fn new(
        meta: DumpMeta,
        arch: &'static dyn Arch,
        memory: Arc<dyn Memory>,
        kernel: Option<Arc<KernelMemory>>,
        budget: Budget,
    ) -> Target {
        Target {
            abi: memory.abi(),
            meta,
            arch,
            memory,
            kernel,
            kallsyms: None,
            btf: OnceLock::new(),
            types: OnceLock::new(),
            debug: DebugFiles::default(),
            filed: OnceLock::new(),
            modules: OnceLock::new(),
            module_types: OnceLock::new(),
            orc: OnceLock::new(),
            text: OnceLock::new(),
            boot_image: 0..0,
            percpu: OnceLock::new(),
            plans: RwLock::default(),
            notes: Mutex::default(),
            recent: Mutex::default(),
            methods: Methods::default(),
            budget,
        }
    }

    /// A kernel out of a piece of memory and a type table alone: for tests and for data that is no dump.
    pub fn from_parts(arch: &'static dyn Arch, memory: Arc<dyn Memory>, types: Arc<dyn Types>) -> Target {
        let meta = DumpMeta {
            format: "memory".into(),
            abi: memory.abi(),
            machine: None,
            page_size: 4096,
            vmcoreinfo: None,
            cpus: Vec::new(),
            devices: Vec::new(),
            dump_level: None,
            complete: true,
            live: false,
            uts: None,
            timestamp: None,
            phys_base: None,
            segments: Vec::new(),
            notes: Vec::new(),
        };
        let target = Target::new(meta, arch, memory, None, Budget::default());
        let _ = target.types.set(Ok(types));
        let _ = target.modules.set(Modules::default());
        target
    }

    /// The same with a VMCOREINFO, whose symbols count where there is no symbol table.
    pub fn with_vmcoreinfo(mut self, info: VmcoreInfo) -> Target {
        self.meta.vmcoreinfo = Some(info);
        self
    }

    /// The same with the CPUs' notes of a dump's file.
    pub fn with_cpu_notes(mut self, cpus: Vec<CpuNote>) -> Target {
        self.meta.cpus = cpus;
        self
    }

    /// The same with a symbol table.
    pub fn with_kallsyms(mut self, table: Kallsyms) -> Target {
        self.kallsyms = Some(table);
        self
    }

    /// The same with files that have debugging information.
    pub fn with_search(mut self, search: Arc<Search>) -> Target {
        self.debug.finder = Some(search);
        self
    }

    /// The same with only some ways of unwinding.
    pub fn with_methods(mut self, methods: Methods) -> Target {
        self.methods = methods;
        self
    }

    /// What the dump file says about itself.
    pub fn meta(&self) -> &DumpMeta {
        &self.meta
    }
    /// The CPU's kind.
    pub fn arch(&self) -> &'static dyn Arch {
        self.arch
    }
    /// Byte order and pointer width.
    pub fn abi(&self) -> Abi {
        self.abi
    }
    /// Kernel virtual memory.
    pub fn memory(&self) -> &dyn Memory {
        self.memory.as_ref()
    }
    /// Kernel virtual memory with its translation; `None` only for a [`Target::from_parts`].
    pub fn kernel(&self) -> Option<&Arc<KernelMemory>> {
        self.kernel.as_ref()
    }
    /// Physical memory.
    pub fn phys(&self) -> Option<&Arc<dyn PhysMem>> {
        self.kernel.as_ref().map(|k| k.phys())
    }
    /// The ways of unwinding that are used.
    pub fn methods(&self) -> Methods {
        self.methods
    }
    /// Limits on long work.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
    /// Size of a page in bytes.
    pub fn page_size(&self) -> u64 {
        match self.meta.page_size {
            0 => 4096,
            n => n,
        }
    }

    /// Adds a line that the user must see; the same line only once.
    ///
    /// What goes wrong because somebody pressed Ctrl-C is no news.
    pub fn note(&self, text: impl Into<Note>) {
        if self.budget.is_cancelled() {
            return;
        }
        let text = text.into();
        keep(&self.recent, &text);
        keep(&self.notes, &text);
    }

    /// What was noted since this was last asked, whether or not it had been noted before.
    pub fn take_recent_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.recent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All that was noted so far, the dump's own notes first.
    pub fn notes(&self) -> Vec<Note> {
        let own = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        self.meta.notes.iter().chain(own.iter()).cloned().collect()
    }

    /// Loads a struct.
    pub fn load<L: Load>(&self, at: VirtAddr) -> Result<L, LoadError> {
        L::load(self, at)
    }

    /// Where a struct's members lie in this kernel; worked out once. For code that `#[derive(Load)]` writes.
    pub fn plan(&self, spec: &'static Spec) -> Result<Arc<Plan>, LoadError> {
        let key = std::ptr::from_ref(spec) as usize;
        if let Some(plan) = self.plans.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(plan.clone());
        }
        let types = self.types()?.as_ref();
        self.check_layout(types, spec.name);
        let plan = Arc::new(Plan::resolve(types, spec)?);
        self.plans.write().unwrap_or_else(PoisonError::into_inner).insert(key, plan.clone());
        Ok(plan)
    }

    /// Reads the members of `spec`. For code that `#[derive(Load)]` writes.
    pub fn load_fields(&self, spec: &'static Spec, at: VirtAddr) -> Result<Fields<'_>, LoadError> {
        Ok(Fields::read(self, spec, self.plan(spec)?, at))
    }
}
