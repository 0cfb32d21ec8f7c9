mod ids;
mod packages;
mod trees;

use std::path::{Path, PathBuf};

use necropsy_base::Abi;
use necropsy_synth::names::{ElfBuilder, elf_note};

use super::*;

const RELEASE: &str = "6.1.0-50-amd64";
const ID: [u8; 20] = [0xab; 20];
const OTHER: [u8; 20] = [0xcd; 20];

/// An ELF file in the making.
struct Elf(ElfBuilder);

fn elf(id: Option<&[u8]>) -> Elf {
    let mut elf = ElfBuilder::new(Abi::LE64, 1, 62);
    if let Some(id) = id {
        elf.section(".note.gnu.build-id", 7, 0, &elf_note(Abi::LE64, "GNU", 3, id));
    }
    Elf(elf)
}

impl Elf {
    fn with(mut self, name: &str, bytes: &[u8]) -> Elf {
        self.0.section(name, 1, 0, bytes);
        self
    }
    fn dwarf(self) -> Elf {
        self.with(".debug_info", b"dwarf")
    }
    fn bytes(&self) -> Vec<u8> {
        self.0.build()
    }
}

/// A tree of files in a temporary directory.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Tree {
        Tree(tempfile::tempdir().unwrap())
    }
    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }
    fn put(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
    fn system(&self) -> Search {
        let mut search = Search::default();
        search.root = Some(self.0.path().into());
        search
    }
}

fn kernel(id: Option<&[u8]>) -> Wanted {
    Wanted { what: What::Kernel, release: RELEASE.into(), build_id: id.map(<[u8]>::to_vec), banner: None }
}

fn module(name: &str, id: Option<&[u8]>) -> Wanted {
    Wanted { what: What::Module(name.into()), ..kernel(id) }
}

/// Path, place and certainty of what was found.
fn short(found: &Found) -> Option<(&Path, How, Identity, bool)> {
    found.file.as_ref().map(|f| (f.path.as_path(), f.how, f.known_by, f.has_dwarf))
}
