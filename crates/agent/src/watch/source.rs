//! Where the log comes from: /dev/kmsg, or a pipe or a file that stands in for it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// What is read at once: no record of /dev/kmsg is larger.
pub const CHUNK: usize = 64 << 10;

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A record per read; what is overwritten before it is read gives EPIPE.
    Device,
    /// What is read is gone.
    Pipe,
    /// It grows, and may be replaced.
    File,
}

/// What can be followed.
pub trait Log {
    /// What kind of thing it is.
    fn kind(&self) -> Kind;
    /// Reads what is there.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Got>;
    /// What can be waited on.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
    /// Which file it is.
    fn inode(&self) -> Option<u64>;
    /// Goes on where another run stopped.
    fn seek(&mut self, offset: u64) -> io::Result<()>;
}

/// An open source.
pub struct Source {
    kind: Kind,
    file: File,
    path: PathBuf,
}

/// What a read gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Records were overwritten: the next read gives the oldest that is left.
    Overrun,
    /// Another file is there under the name.
    Replaced,
    /// There will be no more.
    End,
}

impl Source {
    /// Opens it; `-` is standard input.
    pub fn open(path: &Path) -> io::Result<Source> {
        if path == Path::new("-") {
            let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
            rustix::fs::fcntl_setfl(&file, rustix::fs::fcntl_getfl(&file)? | OFlags::NONBLOCK)?;
            return Ok(Source { kind: Kind::Pipe, file, path: path.to_owned() });
        }
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let named_pipe = std::fs::metadata(path)?.file_type().is_fifo();
        // Who also holds a pipe's other end open never sees it end when a writer goes.
        let file = OpenOptions::new().read(true).write(named_pipe).custom_flags(flags).open(path)?;
        let kind = match file.metadata()?.file_type() {
            t if t.is_char_device() => Kind::Device,
            t if t.is_file() => Kind::File,
            _ => Kind::Pipe,
        };
        Ok(Source { kind, file, path: path.to_owned() })
    }

    /// Whether the file was cut off, or another has its name.
    fn renewed(&mut self) -> io::Result<Got> {
        let own = self.file.metadata()?;
        let at = self.file.stream_position()?;
        let Ok(named) = std::fs::metadata(&self.path) else { return Ok(Got::Nothing) };
        if named.ino() != own.ino() && named.is_file() {
            self.file = File::open(&self.path)?;
            return Ok(Got::Replaced);
        }
        if own.len() < at {
            self.file.seek(SeekFrom::Start(0))?;
            return Ok(Got::Replaced);
        }
        Ok(Got::Nothing)
    }
}

impl Log for Source {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Got> {
        match self.file.read(buffer) {
            Ok(0) if self.kind == Kind::File => self.renewed(),
            result => got(self.kind, result),
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        // A file can always be read, as `poll` sees it.
        (self.kind != Kind::File).then(|| self.file.as_fd())
    }

    fn inode(&self) -> Option<u64> {
        (self.kind == Kind::File).then(|| self.file.metadata().ok().map(|m| m.ino())).flatten()
    }

    fn seek(&mut self, offset: u64) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        // A file that is shorter than that was cut off: it begins again.
        self.file.seek(SeekFrom::Start(if offset <= length { offset } else { 0 }))?;
        Ok(())
    }
}

/// What a read's result means.
pub fn got(kind: Kind, result: io::Result<usize>) -> io::Result<Got> {
    match result {
        Ok(0) => Ok(Got::End),
        Ok(n) => Ok(Got::Bytes(n)),
        Err(e) => match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(Got::Nothing),
            // kernel/printk/printk.c, `devkmsg_read`: the reader goes on at the oldest record that is left.
            ErrorKind::BrokenPipe if kind == Kind::Device => Ok(Got::Overrun),
            _ => Err(e),
        },
    }
}
