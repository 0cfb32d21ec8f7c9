//! Types, and whether what the dump says about itself fits together.

use std::sync::Arc;

use necropsy_base::{MemoryExt, VirtAddr};
use necropsy_debuginfo::{Btf, Kind, Types};
use necropsy_dump::VmcoreInfo;

use crate::load::find_struct;
use crate::{LoadError, Target};

/// No kernel's type table comes near this.
const MAX_BTF: u64 = 64 << 20;

/// How notes of failed checks begin.
const INCONSISTENT: &str = "inconsistent:";

impl Target {
    /// The kernel's types; read when first asked for.
    pub fn types(&self) -> Result<&Arc<dyn Types>, LoadError> {
        self.types.get_or_init(|| self.find_types()).as_ref().map_err(Clone::clone)
    }

    /// The dump's own types; without them those of the kernel's file.
    fn find_types(&self) -> Result<Arc<dyn Types>, LoadError> {
        if let Some(btf) = self.btf() {
            return Ok(btf.clone());
        }
        let types: Arc<dyn Types> = self.kernel_debug().ok_or(LoadError::NoTypes)?.types.clone();
        self.check_sizes(types.as_ref());
        self.check_first_task(types.as_ref());
        Ok(types)
    }

    /// The kernel's type table in the dump, if it has one.
    pub fn btf(&self) -> Option<&Arc<Btf>> {
        self.btf.get_or_init(|| self.read_btf().ok()).as_ref()
    }

    fn read_btf(&self) -> Result<Arc<Btf>, LoadError> {
        let (start, end) = self.btf_bounds().ok_or(LoadError::NoTypes)?;
        let bytes = self.memory.bytes(start, (end - start.0) as usize)?;
        match Btf::parse(bytes, self.abi, None) {
            Ok(btf) => {
                self.check_complete(&btf);
                self.check_sizes(&btf);
                self.check_first_task(&btf);
                Ok(Arc::new(btf))
            }
            Err(e) => {
                self.note(format!("the kernel's type information (BTF) is unusable: {e}"));
                Err(LoadError::NoTypes)
            }
        }
    }

    fn btf_bounds(&self) -> Option<(VirtAddr, u64)> {
        let start = self.symbol("__start_BTF");
        let end = self.symbol("__stop_BTF").map(|e| e.0);
        match (start, end) {
            (Some(s), Some(e)) if e > s.0 && e - s.0 < MAX_BTF => Some((s, e)),
            _ => self.scan_for_btf(),
        }
    }

    /// Without data symbols (`KALLSYMS_ALL=n`): the header's magic at an aligned place in the image's data.
    fn scan_for_btf(&self) -> Option<(VirtAddr, u64)> {
        let magic = self.abi.bytes(0xeb9f, 2);
        let found = self.find_in_data(&magic, |at| {
            let head = self.memory.bytes(at, 24).ok().filter(|_| at.0.is_multiple_of(4))?;
            let size = Btf::size_in_header(&head, self.abi).filter(|n| (1 << 16..MAX_BTF).contains(n))?;
            Some((at, at.0.saturating_add(size)))
        });
        if found.is_some() {
            self.note("this kernel names only its code (KALLSYMS_ALL=n): types were found by their shape");
        }
        found
    }

    /// The first aligned pair of pointers in the image's data, a list head perhaps, that `accept` agrees to.
    pub fn find_pair_in_data<T>(&self, accept: impl Fn(VirtAddr, u64, u64) -> Option<T>) -> Option<T> {
        let (page, word) = (self.page_size(), usize::from(self.abi.word));
        let range = self.image_data();
        let mut buf = vec![0; page as usize];
        for start in (range.start / page * page..range.end).step_by(page as usize) {
            self.budget().step().ok()?;
            if self.memory.read(VirtAddr(start), &mut buf).is_err() {
                continue;
            }
            let pairs = buf.windows(2 * word).step_by(word).zip((start..).step_by(word));
            let found = pairs.into_iter().find_map(|(pair, at)| {
                accept(VirtAddr(at), self.abi.uint(&pair[..word]), self.abi.uint(&pair[word..]))
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The first place in the image's data where `bytes` stand and `accept` agrees. Pages that are not there are passed over.
    pub fn find_in_data<T>(&self, bytes: &[u8], accept: impl Fn(VirtAddr) -> Option<T>) -> Option<T> {
        let page = self.page_size();
        let range = self.image_data();
        let mut buf = vec![0; page as usize];
        for start in (range.start / page * page..range.end).step_by(page as usize) {
            self.budget().step().ok()?;
            if self.memory.read(VirtAddr(start), &mut buf).is_err() {
                continue;
            }
            let hits = memchr::memmem::find_iter(&buf, bytes).map(|i| VirtAddr(start + i as u64));
            if let Some(found) = hits.into_iter().find_map(&accept) {
                return Some(found);
            }
        }
        None
    }

    /// A pass over the types that did not reach the end: what stands behind cannot be found.
    pub(crate) fn check_complete(&self, btf: &Btf) {
        if let Some(damage) = btf.damage() {
            self.note(format!("{INCONSISTENT} only {} types could be read: {damage}", btf.len()));
        }
    }

    /// Whether the struct that members are looked up in can be as BTF describes it.
    pub(crate) fn check_layout(&self, types: &dyn Types, name: &str) {
        let Some(ty) = find_struct(types, name) else { return };
        if let Some(problem) = types.contradiction(ty) {
            self.note(format!("{INCONSISTENT} {} by its type: {problem}", types.name_of(ty)));
        }
    }

    /// Sizes and offsets by BTF against those in VMCOREINFO: they come from the same build.
    fn check_sizes(&self, btf: &dyn Types) {
        let Some(info) = &self.meta.vmcoreinfo else { return };
        for (key, value) in info.iter() {
            let Some((what, name)) = key.strip_suffix(')').and_then(|k| k.split_once('(')) else { continue };
            let (of, member) = name.split_once('.').unwrap_or((name, ""));
            let Some(ty) = btf.find(Kind::Struct, of) else { continue };
            let here = match what {
                "SIZE" => btf.size_of(ty).ok(),
                "OFFSET" => btf.member(ty, member).ok().map(|m| m.offset()),
                _ => None,
            };
            if let (Some(a), Some(b)) = (here, value.parse::<u64>().ok())
                && a != b
            {
                self.note(format!("{INCONSISTENT} {key} is {a} by BTF, {b} by VMCOREINFO"));
            }
        }
    }

    /// The first task is called `swapper`: symbols, types and memory agree on where that stands.
    fn check_first_task(&self, btf: &dyn Types) {
        let comm = btf.find(Kind::Struct, "task_struct").and_then(|ty| btf.member(ty, "comm").ok());
        let Some((at, comm)) = self.symbol("init_task").zip(comm) else { return };
        match self.memory.cstr(at.offset(comm.offset()), 16) {
            Ok(name) if name.starts_with(b"swapper") => {}
            Ok(name) => {
                self.note(format!("{INCONSISTENT} init_task is called {:?}", String::from_utf8_lossy(&name)))
            }
            Err(e) => self.note(format!("the first task's name: {e}")),
        }
    }

    /// Whether a check found that the dump contradicts itself.
    pub fn is_inconsistent(&self) -> bool {
        self.notes().iter().any(|n| n.starts_with(INCONSISTENT))
    }

    /// Cheap checks that the image is the one that VMCOREINFO describes.
    pub(crate) fn cross_check(&self, info: &VmcoreInfo) {
        if let (Some(a), Some(b)) = (self.symbol("_stext"), info.symbol("_stext"))
            && a.0 != b
        {
            self.note(format!("{INCONSISTENT} _stext is at {a:#x} by kallsyms, at {b:#x} by VMCOREINFO"));
        }
        let Some(release) = info.osrelease() else { return };
        if let Some(banner) = self.symbol("linux_banner") {
            let text = self.memory.cstr(banner, 256).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            if !text.starts_with("Linux version ") || !text.contains(release) {
                self.note(format!("{INCONSISTENT} linux_banner is {text:?}, VMCOREINFO says {release}"));
            }
        }
    }
}
