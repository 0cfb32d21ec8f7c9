//! Source lines of addresses, and addresses of source lines.

use gimli::{FileEntry, LineProgramHeader};
use necropsy_base::VirtAddr;

use super::entries::text;
use super::scopes::{Scope, ScopeKind};
use super::units::Open;
use super::{DebugFile, DwarfError, R};

/// A place in a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file: relative to the directory the kernel was built in, where it is inside; else as the compiler was told.
    pub file: String,
    /// The line, from 1; 0 where the compiler could not say.
    pub line: u32,
    /// The column, from 1; 0 if unknown.
    pub column: u32,
}

/// What the source says about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line of the instruction.
    pub line: Option<Line>,
    /// The function, then what was inlined there, outermost first.
    pub scopes: Vec<Scope>,
}

/// One of the functions at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFrame {
    /// Its name.
    pub function: Option<String>,
    /// Where in it.
    pub line: Option<Line>,
    /// Whether its code lies inside of the function that calls it.
    pub inlined: bool,
}

impl Place {
    /// The functions at the address, innermost first, each with the line that is being executed in it.
    pub fn frames(&self) -> Vec<SourceFrame> {
        let mut line = self.line.clone();
        let mut out = Vec::new();
        for scope in self.scopes.iter().rev() {
            let (inlined, call) = match &scope.kind {
                ScopeKind::Function => (false, None),
                ScopeKind::Inlined { call } => (true, call.clone()),
            };
            out.push(SourceFrame {
                function: scope.name.clone(),
                line: std::mem::replace(&mut line, call),
                inlined,
            });
        }
        if out.is_empty() && line.is_some() {
            out.push(SourceFrame { function: None, line, inlined: false });
        }
        out
    }
}

impl DebugFile {
    /// What the source says about an address of this file. `None`: the file does not describe it.
    pub fn place(&self, address: u64) -> Result<Option<Place>, DwarfError> {
        let Some(unit) = self.unit_of(address) else { return Ok(None) };
        self.in_unit(unit, |open| {
            let line = open.line_of(address)?;
            let scopes = open.scopes_at(address)?;
            Ok((line.is_some() || !scopes.is_empty()).then_some(Place { line, scopes }))
        })
    }

    /// Addresses that begin `line` of `file`, which may be given by its last path components.
    pub fn addresses_of(&self, file: &str, line: u32) -> Vec<(VirtAddr, Line)> {
        let found = super::names::in_parallel(self.unit_offsets(), |unit| {
            self.in_unit(*unit, |open| open.addresses_of(file, line)).unwrap_or_default()
        });
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        found.sort_by_key(|(at, _)| *at);
        found.dedup();
        found
    }
}

/// Whether `path` ends with all components of `wanted`.
pub(crate) fn is_file(path: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_start_matches("./");
    let start = path.len().checked_sub(wanted.len());
    start.is_some_and(|at| path.ends_with(wanted) && (at == 0 || path.as_bytes().get(at - 1) == Some(&b'/')))
}

impl<'a> Open<'a> {
    /// The line of the instruction at `address`.
    pub fn line_of(&self, address: u64) -> Result<Option<Line>, DwarfError> {
        let Some(program) = self.lines.line_program.clone() else { return Ok(None) };
        let mut rows = program.rows();
        let mut before: Option<(u64, u64, u32, u32)> = None;
        while let Some((header, row)) = rows.next_row()? {
            let here = row.address();
            if let Some((_, file, line, column)) = before.filter(|b| b.0 <= address && address < here) {
                let file = self.line_path(header, header.file(file));
                return Ok(Some(Line { file, line, column }));
            }
            before = (!row.end_sequence()).then(|| {
                let column = match row.column() {
                    gimli::ColumnType::LeftEdge => 0,
                    gimli::ColumnType::Column(n) => n.get().try_into().unwrap_or(0),
                };
                let line = row.line().map_or(0, |n| n.get().try_into().unwrap_or(0));
                (here, row.file_index(), line, column)
            });
        }
        Ok(None)
    }

    /// The path of a file by its number in the unit's own table, as declarations and calls give it.
    pub fn file_name(&self, index: u64) -> Option<String> {
        if let Some(program) = self.unit.line_program.as_ref() {
            let header = program.header();
            return Some(self.path(self.dwarf, self.unit, header, header.file(index)?));
        }
        let header = self.lines.line_program.as_ref()?.header();
        Some(self.line_path(header, header.file(index)))
    }

    /// The path of a file in the line table.
    fn line_path(&self, header: &LineProgramHeader<R<'a>>, file: Option<&FileEntry<R<'a>>>) -> String {
        file.map(|file| self.path(self.lines_dwarf, self.lines, header, file)).unwrap_or_default()
    }

    fn path(
        &self,
        dwarf: &gimli::Dwarf<R<'a>>,
        unit: &gimli::Unit<R<'a>>,
        header: &LineProgramHeader<R<'a>>,
        file: &FileEntry<R<'a>>,
    ) -> String {
        let own = |value| dwarf.attr_string(unit, value).map(text).unwrap_or_default();
        let name = own(file.path_name());
        let directory = match file.directory(header) {
            // The compiler's own directory is what all paths are relative to.
            Some(_) if file.directory_index() == 0 => String::new(),
            Some(directory) => own(directory),
            None => String::new(),
        };
        relative(&self.comp_dir(), &join(&directory, &name))
    }

    fn addresses_of(&self, file: &str, line: u32) -> Result<Vec<(VirtAddr, Line)>, DwarfError> {
        let Some(program) = self.lines.line_program.clone() else { return Ok(Vec::new()) };
        let header = program.header();
        let wanted: Vec<(u64, String)> = (0..=header.file_names().len() as u64)
            .filter_map(|i| Some((i, self.line_path(header, Some(header.file(i)?)))))
            .filter(|(_, path)| is_file(path, file))
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = program.rows();
        let (mut out, mut last) = (Vec::new(), None);
        while let Some((_, row)) = rows.next_row()? {
            let here = row.line().map(|n| (row.file_index(), n.get()));
            let starts = row.is_stmt() && !row.end_sequence() && here != last;
            last = here.filter(|_| !row.end_sequence());
            let path = wanted.iter().find(|(i, _)| *i == row.file_index());
            if let (true, Some((_, path)), Some((_, n))) = (starts, path, here)
                && n == u64::from(line)
            {
                out.push((VirtAddr(row.address()), Line { file: path.clone(), line, column: 0 }));
            }
        }
        Ok(out)
    }
}

fn join(directory: &str, name: &str) -> String {
    match name.starts_with('/') || directory.is_empty() {
        true => name.to_owned(),
        false => format!("{}/{name}", directory.trim_end_matches('/')),
    }
}

/// The path without the build directory, and without `.` and `..` where they say nothing.
fn relative(comp_dir: &str, path: &str) -> String {
    let comp_dir = comp_dir.trim_end_matches('/');
    let inside = path.strip_prefix(comp_dir).filter(|_| !comp_dir.is_empty());
    let path = inside.and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
    let mut out: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if out.last().is_some_and(|last| !matches!(*last, "" | "..")) => drop(out.pop()),
            part => out.push(part),
        }
    }
    out.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(relative("/b/linux", "/b/linux/./kernel/panic.c"), "kernel/panic.c");
        assert_eq!(relative("/b/linux", "/b/linux-2/x.c"), "/b/linux-2/x.c");
        assert_eq!(relative("", "a/../b/./c.h"), "b/c.h");
        assert_eq!(relative("/b", "/b/../x.c"), "../x.c");
        assert_eq!(join("include/linux", "list.h"), "include/linux/list.h");
        assert_eq!(join("x", "/y/list.h"), "/y/list.h");
        assert!(is_file("kernel/panic.c", "panic.c") && is_file("kernel/panic.c", "./kernel/panic.c"));
        assert!(!is_file("kernel/dontpanic.c", "panic.c"));
    }
}
