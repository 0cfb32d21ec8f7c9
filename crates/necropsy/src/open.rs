//! From paths to an opened kernel.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use necropsy_dump::VmcoreInfo;
use necropsy_target::{Options, Target};

use crate::cli::OpenArgs;

/// Opens the dump among `files`; a vmlinux among them is checked against it.
pub fn open(files: &[PathBuf], args: &OpenArgs) -> Result<(Arc<Target>, String)> {
    let (kernels, dumps): (Vec<&PathBuf>, Vec<&PathBuf>) = files.iter().partition(|f| is_kernel(f));
    if dumps.is_empty() {
        bail!("no dump among the files given");
    }
    let dumps: Vec<PathBuf> = dumps.into_iter().cloned().collect();
    let name = dumps[0].display().to_string();
    let source = necropsy_dump::open(&dumps).with_context(|| name.clone())?;
    let vmcoreinfo = match &args.vmcoreinfo {
        Some(path) => {
            Some(VmcoreInfo::from_text(&std::fs::read(path).with_context(|| path.display().to_string())?))
        }
        None => None,
    };
    let target =
        Target::open(source, Options { vmcoreinfo, ..Options::default() }).with_context(|| name.clone())?;
    for kernel in kernels {
        check_kernel(&target, kernel)?;
    }
    if !args.no_debuginfo {
        args.debug_dir.iter().try_for_each(|dir| check_modules(&target, dir))?;
    }
    Ok((target, name))
}

/// An ELF file that is no core: a vmlinux.
fn is_kernel(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; 20];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut head));
    let elf_type = if head[5] == 2 { [head[17], head[16]] } else { [head[16], head[17]] };
    read.is_ok() && head.starts_with(b"\x7fELF") && elf_type != [4, 0]
}

/// Compares the module files in a directory with the modules that were loaded; one of another build becomes a note.
fn check_modules(target: &Target, dir: &Path) -> Result<()> {
    let loaded = necropsy_kernel::modules::modules(target);
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().replace('-', "_")).unwrap_or_default();
        let module = name.strip_suffix(".ko").or(name.strip_suffix(".ko.debug"));
        let Some(wanted) =
            loaded.iter().find(|m| Some(m.name.as_str()) == module).and_then(|m| m.build_id.clone())
        else {
            continue;
        };
        let store = necropsy_dump::FileStore::open(&path)?;
        let Ok(file) = necropsy_debuginfo::elf::File::open(&store) else { continue };
        let found = file.build_id(&store).map(hex);
        if let Some(found) = found.filter(|found| *found != wanted) {
            let path = path.display();
            target.note(format!(
                "{path} is another build than the module that was loaded: {found}, not {wanted}"
            ));
        }
    }
    Ok(())
}

fn hex(bytes: Vec<u8>) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Refuses a vmlinux that is not the dump's.
pub fn check_kernel(target: &Target, path: &Path) -> Result<()> {
    let named = || path.display().to_string();
    let store = necropsy_dump::FileStore::open(path).with_context(named)?;
    let file = necropsy_debuginfo::elf::File::open(&store).with_context(named)?;
    let wanted = target.meta().vmcoreinfo.as_ref().and_then(|i| i.build_id().map(str::to_lowercase));
    let found = file.build_id(&store).map(hex);
    target.note(format!("{}: checked; source lines are not read from it yet", path.display()));
    match (wanted, found) {
        (Some(wanted), Some(found)) if wanted != found => bail!(
            "{} is another kernel than the dump's: its build ID is {found}, the dump's is {wanted}",
            path.display()
        ),
        _ => Ok(()),
    }
}
