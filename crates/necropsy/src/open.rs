//! From paths to an opened kernel, and to where its debugging information is looked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use necropsy_base::Budget;
use necropsy_debuginfo::locate::{Debuginfod, Found, How, Mismatch, Search, Wanted, What, from_hex};
use necropsy_dump::VmcoreInfo;
use necropsy_kernel::modules::ModuleInfo;
use necropsy_kernel::{modules, system};
use necropsy_target::{Options, Target};

use crate::cli::OpenArgs;
use crate::progress;

/// Opens the dump among `files`. Files and directories with debugging information that were given are compared with it.
pub fn open(files: &[PathBuf], args: &OpenArgs) -> Result<(Arc<Target>, String)> {
    let (target, search, name) = open_with_search(files, args)?;
    check_kernel(&target, &search)?;
    if !args.no_debuginfo {
        check_modules(&target, &search);
    }
    Ok((target, name))
}

/// Opens the dump among `files`; says where to look for its debugging information.
pub fn open_with_search(files: &[PathBuf], args: &OpenArgs) -> Result<(Arc<Target>, Arc<Search>, String)> {
    let (given, dumps): (Vec<PathBuf>, Vec<PathBuf>) = files.iter().cloned().partition(|f| is_kernel(f));
    let first = dumps.first().context("no dump among the files given")?;
    let name = first.display().to_string();
    let source = necropsy_dump::open(&dumps).with_context(|| name.clone())?;
    let vmcoreinfo = given_vmcoreinfo(args.vmcoreinfo.as_deref())?;
    let search = Arc::new(search(args, given, &dumps)?);
    // A file that was given is meant to be used whatever else is not.
    let use_files = !args.no_debuginfo || !search.files.is_empty();
    let options = Options { vmcoreinfo, search: use_files.then(|| search.clone()), ..Options::default() };
    let target = Target::open(source, options).with_context(|| name.clone())?;
    Ok((target, search, name))
}

/// Opens the dump among `files` and nothing else.
pub fn open_bare(files: &[PathBuf], vmcoreinfo: Option<&Path>, budget: Budget) -> Result<Arc<Target>> {
    let dumps: Vec<PathBuf> = files.iter().filter(|f| !is_kernel(f)).cloned().collect();
    let options = Options { vmcoreinfo: given_vmcoreinfo(vmcoreinfo)?, budget, ..Options::default() };
    Ok(Target::open(necropsy_dump::open(&dumps)?, options)?)
}

fn given_vmcoreinfo(path: Option<&Path>) -> Result<Option<VmcoreInfo>> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    Ok(path.map(read).transpose()?.map(|text| VmcoreInfo::from_text(&text)))
}

/// Where to look for debugging information: what was given (`--vmlinux` and `files`, `--debug-dir`), beside the dumps, on
/// the system, and from debuginfod.
pub fn search(args: &OpenArgs, files: Vec<PathBuf>, dumps: &[PathBuf]) -> Result<Search> {
    let mut search = Search::default();
    search.files = files;
    search.files.extend(args.vmlinux.clone());
    if let Some(missing) = search.files.iter().find(|f| !f.is_file()) {
        bail!("{}: there is no such file", missing.display());
    }
    if args.no_debuginfo {
        return Ok(search);
    }
    if let Some(missing) = args.debug_dir.iter().find(|d| !d.is_dir()) {
        bail!("{}: there is no such directory", missing.display());
    }
    search.dirs = args.debug_dir.clone();
    let parent =
        |dump: &PathBuf| dump.parent().map(|p| if p == Path::new("") { Path::new(".") } else { p }.into());
    search.dump_dirs = dumps.iter().filter_map(parent).collect();
    search.dump_dirs.dedup();
    search.root = Some("/".into());
    search.debuginfod = (!args.no_debuginfod).then(|| {
        let mut client = Debuginfod::from_env(|name| std::env::var_os(name));
        client.progress = progress::bar();
        client
    });
    Ok(search)
}

/// An ELF file that is no core: a vmlinux or a module.
fn is_kernel(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; 20];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut head));
    let elf_type = if head[5] == 2 { [head[17], head[16]] } else { [head[16], head[17]] };
    read.is_ok() && head.starts_with(b"\x7fELF") && elf_type != [4, 0]
}

/// What the dump's kernel is known by.
pub fn wanted_kernel(target: &Target) -> Wanted {
    Wanted {
        what: What::Kernel,
        release: target.release(),
        build_id: target.kernel_build_id(),
        banner: system::banner(target),
    }
}

/// What a loaded module is known by.
pub fn wanted_module(module: &ModuleInfo, kernel: &Wanted) -> Wanted {
    let build_id = module.build_id.as_deref().and_then(from_hex);
    Wanted { what: What::Module(module.name.clone()), build_id, ..kernel.clone() }
}

/// Refuses a vmlinux that was given and is not the dump's.
fn check_kernel(target: &Target, search: &Search) -> Result<()> {
    if search.files.is_empty() {
        return Ok(());
    }
    let found = search.find_given(&wanted_kernel(target));
    refuse_wrong(&found)?;
    if let Some(file) = found.file.filter(|f| f.how == How::Given && !f.has_dwarf) {
        target.note(format!("{} has no debugging information", file.path.display()));
    }
    Ok(())
}

/// The error that a wrong vmlinux is, if one was given.
pub fn refuse_wrong(found: &Found) -> Result<()> {
    let Some(wrong) = found.wrong_given() else { return Ok(()) };
    let path = wrong.path.display();
    match &wrong.why {
        Mismatch::Elf(_) | Mismatch::Unreadable(_) => bail!("{path}: {}", wrong.why),
        _ => bail!("{path} is another kernel than the dump's: {}", wrong.why),
    }
}

/// Compares the module files that were given with the modules that were loaded; one of another build becomes a note.
fn check_modules(target: &Target, search: &Search) {
    if search.dirs.is_empty() && search.files.is_empty() {
        return;
    }
    let kernel = wanted_kernel(target);
    for module in modules::modules(target) {
        for wrong in search.find_given(&wanted_module(&module, &kernel)).refused {
            let (path, name) = (wrong.path.display(), &module.name);
            target.note(format!("{path} is not the module {name} that was loaded: {}", wrong.why));
        }
    }
}
