//! Finds the files with debugging information that belong to a kernel and its modules.
//!
//! A [`Search`] says where to look, a [`Wanted`] what for; [`Search::find`] gives the best file that was shown to be
//! the right one, and every file that was not, with the reason. Build IDs decide. Where a kernel is too old to tell its
//! own, the banner (kernel) or the release (module) does, and a stripped file recognised that way tells the build ID of
//! the file with the debugging information. [`same_text`] compares code.
//!
//! Places, in order: files given; directories given; the dump's directory; build ID trees; `/usr/lib/debug`; `/boot` and
//! `/lib/modules/RELEASE`; beside a stripped file (`.gnu_debuglink`); debuginfod's cache and servers. A file with DWARF
//! is preferred to one without; the search goes on until one is found. Names from a dump never become paths: module
//! names are compared with what directories hold, a release with a `/` in it is not looked for.

mod debuginfod;
mod examine;
mod index;
mod links;
pub mod packages;
mod places;
mod search;
#[cfg(test)]
mod tests;
mod text;

use std::path::PathBuf;

pub use debuginfod::{Cached, Debuginfod, Download, FetchError, Listener};
pub use links::{AltLink, alt_link};
pub use search::Search;
pub use text::{TextMatch, same_text};

/// What a file is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The kernel itself: a vmlinux.
    Kernel,
    /// A module, by its name.
    Module(String),
}

/// A file that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What for.
    pub what: What,
    /// The kernel's release (`uname -r`).
    pub release: String,
    /// The build ID, if the kernel tells.
    pub build_id: Option<Vec<u8>>,
    /// The text of `linux_banner`; it decides where there is no build ID.
    pub banner: Option<String>,
}

/// Where a file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// It was given.
    Given,
    /// In a directory that was given.
    DebugDir,
    /// Beside the dump.
    DumpDir,
    /// By its build ID, in a `.build-id` tree.
    BuildIdTree,
    /// Where a distribution's debug packages put it: `/usr/lib/debug`.
    UsrLibDebug,
    /// In `/boot`.
    Boot,
    /// In `/lib/modules/RELEASE`.
    Modules,
    /// In the tree that the kernel was built in: `/lib/modules/RELEASE/build`.
    ModulesBuild,
    /// Named by a stripped file (`.gnu_debuglink`, `.gnu_debugaltlink`).
    DebugLink,
    /// In the cache of debuginfod's clients.
    DebuginfodCache,
    /// From a debuginfod server, just now.
    Debuginfod,
}

impl How {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            How::Given => "given",
            How::DebugDir => "directory given",
            How::DumpDir => "beside the dump",
            How::BuildIdTree => "by build ID",
            How::UsrLibDebug => "debug package",
            How::Boot => "/boot",
            How::Modules => "installed modules",
            How::ModulesBuild => "build tree",
            How::DebugLink => "debug link",
            How::DebuginfodCache => "debuginfod's cache",
            How::Debuginfod => "debuginfod",
        }
    }
}

/// Why a file is believed to be the right one; later is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// It was given, and neither it nor the dump tells anything that could be compared.
    Unchecked,
    /// It lies where files of this release lie, and has nothing that could be compared.
    Place,
    /// A module for the same release.
    Release,
    /// A kernel with the same banner: release, compiler, builder and date.
    Banner,
    /// The same build ID.
    BuildId,
}

impl Identity {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Identity::Unchecked => "not checked: nothing to compare",
            Identity::Place => "by its place alone",
            Identity::Release => "same release",
            Identity::Banner => "same banner",
            Identity::BuildId => "same build ID",
        }
    }
}

/// Why a file is not the one wanted.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// Another build.
    #[error("its build ID is {found}, the dump's is {wanted}")]
    BuildId {
        /// The file's, in hex.
        found: String,
        /// The dump's.
        wanted: String,
    },
    /// No build ID, where the dump has one.
    #[error("it has no build ID, the dump's is {wanted}")]
    NoBuildId {
        /// The dump's, in hex.
        wanted: String,
    },
    /// Another kernel.
    #[error("its banner is {found:?}, the dump's is {wanted:?}")]
    Banner {
        /// The file's.
        found: String,
        /// The dump's.
        wanted: String,
    },
    /// A module for another release.
    #[error("it is for {found}, the dump's kernel is {wanted}")]
    Release {
        /// The file's.
        found: String,
        /// The dump's.
        wanted: String,
    },
    /// Nothing to compare, and its place says nothing.
    #[error("nothing in it can be compared with the dump")]
    Incomparable,
    /// No ELF file.
    #[error(transparent)]
    Elf(#[from] crate::ElfError),
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// A file that was looked at and is not the one wanted.
#[derive(Debug)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// Where it was found.
    pub how: How,
    /// Why not.
    pub why: Mismatch,
}

/// The answer of a search.
#[derive(Debug, Default)]
pub struct Found {
    /// The file to use.
    pub file: Option<FoundFile>,
    /// Files that are not the one wanted.
    pub refused: Vec<Refused>,
    /// Paths that were tried, in order (a bounded number is kept).
    pub tried: Vec<PathBuf>,
    /// What went wrong while searching.
    pub notes: Vec<String>,
}

/// A file that is the one wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// The file; it may be compressed as a whole ([`crate::FileBytes`] opens it).
    pub path: PathBuf,
    /// Where it was found.
    pub how: How,
    /// Why it is believed to be the right one.
    pub known_by: Identity,
    /// Whether it has DWARF.
    pub has_dwarf: bool,
    /// Whether it has code, and not only what describes it.
    pub has_code: bool,
    /// Its build ID.
    pub build_id: Option<Vec<u8>>,
}

impl Found {
    /// The file, if it has debugging information.
    pub fn with_dwarf(&self) -> Option<&FoundFile> {
        self.file.as_ref().filter(|f| f.has_dwarf)
    }

    /// The file that the user gave and that is not the dump's: an error, where a file found by searching is only refused.
    pub fn wrong_given(&self) -> Option<&Refused> {
        let given = self.file.as_ref().is_some_and(|f| f.how == How::Given);
        self.refused.iter().find(|r| r.how == How::Given && !given)
    }
}

/// Bytes in hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes of a build ID in hex; `None` if it is none.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks_exact(2).map(byte).collect()
}
