//! A client of debuginfod, sharing its cache with the client of elfutils: `HEX/debuginfo` below the cache directory, an
//! empty file where no server had it.

#[cfg(feature = "debuginfod")]
mod http;
#[cfg(test)]
#[cfg(feature = "debuginfod")]
mod tests;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::hex;

/// What elfutils' client has: 100 KB in this time, or the server is given up.
const TIMEOUT: Duration = Duration::from_secs(90);
/// How long "nobody has it" is believed, unless the file `cache_miss_s` in the cache says otherwise.
const MISS: Duration = Duration::from_secs(600);
/// No debug file is larger.
const MAX_SIZE: u64 = 8 << 30;

/// Where to ask.
pub struct Debuginfod {
    /// Servers (`DEBUGINFOD_URLS`). Without any there is no network, but the cache is used.
    pub urls: Vec<String>,
    /// The cache's directory.
    pub cache: Option<PathBuf>,
    /// A server that sends less than 100 KB in this time is given up (`DEBUGINFOD_TIMEOUT`).
    pub timeout: Option<Duration>,
    /// No file may take longer (`DEBUGINFOD_MAXTIME`).
    pub max_time: Option<Duration>,
    /// No larger file is wanted (`DEBUGINFOD_MAXSIZE`).
    pub max_size: u64,
    /// Told while a file comes in.
    pub progress: Option<Listener>,
    /// Servers that did not answer: not asked again.
    silent: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for Debuginfod {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Debuginfod")
            .field("urls", &self.urls)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// Hears how far a download is.
pub type Listener = Box<dyn Fn(&Download) + Send + Sync>;

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The build ID, in hex.
    pub build_id: String,
    /// Bytes that came in.
    pub done: u64,
    /// Bytes in all, if the server says.
    pub total: Option<u64>,
    /// Whether this is the last word.
    pub over: bool,
}

/// What the cache has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cached {
    /// The file.
    Hit(PathBuf),
    /// No server had it a short while ago.
    Absent,
    /// Nothing.
    Unknown,
}

/// Why nothing was fetched, though somebody may have it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Servers failed.
    #[error("{0}")]
    Servers(String),
    /// The cache cannot be written.
    #[error("{}: {source}", path.display())]
    Cache {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no place for files.
    #[error("there is no cache directory: set DEBUGINFOD_CACHE_PATH or HOME")]
    NoCache,
    /// The program was built without it.
    #[error("this program was built without network access")]
    NotBuilt,
}

/// What a server says.
#[cfg_attr(not(feature = "debuginfod"), allow(dead_code))]
enum Answer {
    /// The whole file was sent.
    Sent,
    /// It does not have it.
    Absent,
}

/// Why a server gave nothing.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "debuginfod"), allow(dead_code))]
enum ServerError {
    /// It does not answer, or too slowly: no need to ask again.
    #[error("{0}")]
    Silent(String),
    /// It answers, but not with the file.
    #[error("{0}")]
    Refuses(String),
    /// What it sent cannot be kept.
    #[error(transparent)]
    Cache(#[from] std::io::Error),
}

impl Debuginfod {
    /// A client of these servers with this cache, and otherwise the usual limits.
    pub fn new(urls: Vec<String>, cache: Option<PathBuf>) -> Debuginfod {
        let (timeout, max_time, max_size) = (Some(TIMEOUT), None, MAX_SIZE);
        Debuginfod { urls, cache, timeout, max_time, max_size, progress: None, silent: Mutex::default() }
    }

    /// A client as the environment says: the same variables as for every other client.
    pub fn from_env(get: impl Fn(&str) -> Option<OsString>) -> Debuginfod {
        let text = |name| get(name).map(|v| v.to_string_lossy().into_owned()).unwrap_or_default();
        let number = |name| text(name).trim().parse::<u64>().ok();
        let urls = text("DEBUGINFOD_URLS");
        // Newer clients also take words like `ima:enforcing` between the addresses.
        let urls = urls.split_whitespace().filter(|u| u.contains("://")).map(str::to_owned).collect();
        let mut client = Debuginfod::new(urls, cache_dir(&get));
        // Zero means without limit.
        let limit = |n: u64| (n > 0).then(|| Duration::from_secs(n));
        client.timeout = number("DEBUGINFOD_TIMEOUT").map_or(client.timeout, limit);
        client.max_time = number("DEBUGINFOD_MAXTIME").and_then(limit);
        client.max_size = number("DEBUGINFOD_MAXSIZE").filter(|n| *n > 0).unwrap_or(MAX_SIZE);
        client
    }

    /// What the cache has.
    pub fn cached(&self, id: &[u8]) -> Cached {
        let Some(path) = self.path(id) else { return Cached::Unknown };
        match std::fs::metadata(&path) {
            Ok(meta) if meta.is_file() && meta.len() > 0 => Cached::Hit(path),
            Ok(meta) if meta.is_file() && self.is_fresh(meta.modified().ok()) => Cached::Absent,
            _ => Cached::Unknown,
        }
    }

    /// Fetches the debugging information of a build ID. `accept` looks at what was sent before it is kept. `None`: no
    /// server has it.
    pub fn fetch(&self, id: &[u8], accept: &dyn Fn(&Path) -> bool) -> Result<Option<PathBuf>, FetchError> {
        let silent = || self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if self.urls.is_empty() || self.cached(id) == Cached::Absent {
            return Ok(None);
        }
        if cfg!(not(feature = "debuginfod")) {
            return Err(FetchError::NotBuilt);
        }
        let path = self.path(id).ok_or(FetchError::NoCache)?;
        let mut errors = Vec::new();
        for url in &self.urls {
            if silent().contains(url) {
                errors.push(format!("{url} did not answer before"));
                continue;
            }
            match self.ask(url, id, &path, accept) {
                Ok(Answer::Sent) => return Ok(Some(path)),
                Ok(Answer::Absent) => {}
                Err(ServerError::Cache(source)) => return Err(FetchError::Cache { path, source }),
                Err(e) => {
                    if matches!(e, ServerError::Silent(_)) {
                        silent().insert(url.clone());
                    }
                    errors.push(format!("{url}: {e}"));
                }
            }
        }
        if errors.is_empty() {
            remember_absent(&path).map_err(|source| FetchError::Cache { path, source })?;
            return Ok(None);
        }
        Err(FetchError::Servers(errors.join("; ")))
    }

    fn ask(
        &self,
        url: &str,
        id: &[u8],
        path: &Path,
        accept: &dyn Fn(&Path) -> bool,
    ) -> Result<Answer, ServerError> {
        let dir = path.parent().unwrap_or(path);
        make_dir(dir)?;
        let mut file = tempfile::Builder::new().prefix("debuginfo.").tempfile_in(dir)?;
        let build_id = hex(id);
        let address = format!("{}/buildid/{build_id}/debuginfo", url.trim_end_matches('/'));
        let mut said = Download { build_id, done: 0, total: None, over: false };
        let answer = self.transfer(&address, &mut |bytes, total| {
            file.write_all(bytes)?;
            said.done += bytes.len() as u64;
            said.total = total;
            self.tell(&said);
            Ok(())
        });
        if said.done > 0 {
            said.over = true;
            self.tell(&said);
        }
        if let Answer::Absent = answer? {
            return Ok(Answer::Absent);
        }
        file.flush()?;
        if !accept(file.path()) {
            return Err(ServerError::Refuses("what it sent is not the file with this build ID".into()));
        }
        // Like elfutils: what is in the cache is not written to.
        file.as_file().set_permissions(Permissions::from_mode(0o400))?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(Answer::Sent)
    }

    fn tell(&self, said: &Download) {
        if let Some(progress) = &self.progress {
            progress(said);
        }
    }

    #[cfg(not(feature = "debuginfod"))]
    fn transfer(&self, _: &str, _: &mut Sink) -> Result<Answer, ServerError> {
        Ok(Answer::Absent)
    }

    /// Where a file is in the cache.
    fn path(&self, id: &[u8]) -> Option<PathBuf> {
        (3..=64).contains(&id.len()).then_some(())?;
        Some(self.cache.as_ref()?.join(hex(id)).join("debuginfo"))
    }

    fn is_fresh(&self, since: Option<SystemTime>) -> bool {
        let said = self.cache.as_ref().and_then(|dir| std::fs::read_to_string(dir.join("cache_miss_s")).ok());
        let limit = said.and_then(|s| s.trim().parse().ok()).map_or(MISS, Duration::from_secs);
        since.is_some_and(|at| SystemTime::now().duration_since(at).unwrap_or_default() < limit)
    }
}

/// Takes the bytes of a file as they come, and how many there will be.
type Sink<'a> = dyn FnMut(&[u8], Option<u64>) -> std::io::Result<()> + 'a;

/// The cache of elfutils' client: by its own variable, by its old name in the home directory, or by the XDG rules.
fn cache_dir(get: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let dir = |name| get(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let old = dir("HOME").map(|home| home.join(".debuginfod_client_cache")).filter(|old| old.is_dir());
    dir("DEBUGINFOD_CACHE_PATH")
        .or(old)
        .or_else(|| Some(dir("XDG_CACHE_HOME")?.join("debuginfod_client")))
        .or_else(|| Some(dir("HOME")?.join(".cache/debuginfod_client")))
}

fn make_dir(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Leaves an empty file, as new.
fn remember_absent(path: &Path) -> std::io::Result<()> {
    make_dir(path.parent().unwrap_or(path))?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    if file.metadata()?.len() == 0 { file.set_modified(SystemTime::now()) } else { Ok(()) }
}
