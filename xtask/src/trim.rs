//! `trim IN OUT`: a dump with only those pages that necropsy reads.
//!
//! All questions of [`questions`] are put to the dump while a [`Recorder`] notes the page frames that are read. The new dump
//! has the old one's header, notes, VMCOREINFO and bitmap of RAM, and of the pages the noted ones; the others count as
//! filtered. Then the same questions are put to the new dump: every answer must be the same.

mod file;
mod questions;
mod recorder;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use necropsy_dump::Source;
use necropsy_synth::dump::Codec;
use necropsy_target::{Options, Target};

use file::Original;
use questions::Answer;
use recorder::Recorder;

const USAGE: &str = "usage: cargo xtask trim [--compress zlib|lzo|snappy|zstd|none] [--whole | --tight] IN OUT
  --compress  how pages are stored; without it, pages of a kdump-compressed dump stay as they are
  --whole     keeps every page that is not all zeros: only converts
  --tight     also leaves out pages that are read and make no difference: those that something was searched in";

/// Pages left out together when trying what makes no difference.
const TOGETHER: usize = 64;

/// What was asked for.
struct Job {
    codec: Option<Codec>,
    whole: bool,
    tight: bool,
    input: PathBuf,
    output: PathBuf,
}

/// Runs the chore.
pub fn run(words: &[&str]) -> Result<()> {
    let job = parse(words)?;
    let original = Original::open(&job.input)?;
    let (target, recorder) = open(&job.input)?;
    if job.whole {
        keep_all(&recorder);
        println!("{}", write(&job, &original, &recorder, target.as_deref().ok())?);
        return Ok(());
    }
    let target = target.map_err(anyhow::Error::from)?;
    let before = questions::ask(&target, &recorder);
    questions::touch(&target);
    if job.tight {
        tighten(&job, &original, &recorder, &target, &before)?;
    }
    println!("{}", write(&job, &original, &recorder, Some(&target))?);
    verify(&job.output, &before)
}

/// Leaves out one group of pages after the other, as long as no answer changes.
fn tighten(
    job: &Job,
    original: &Original,
    recorder: &Recorder,
    target: &Target,
    before: &[Answer],
) -> Result<()> {
    let kept: Vec<u64> = (0..recorder.frames()).filter(|pfn| recorder.has(*pfn)).collect();
    for group in kept.chunks(TOGETHER) {
        let marks = recorder.marks();
        group.iter().for_each(|pfn| recorder.forget(*pfn));
        write(job, original, recorder, Some(target))?;
        if differences(&job.output, before).is_ok_and(|found| found.wrong == 0) {
            continue;
        }
        recorder.restore(&marks);
    }
    Ok(())
}

fn parse(words: &[&str]) -> Result<Job> {
    let (mut codec, mut whole, mut tight, mut files) = (None, false, false, Vec::new());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            "--whole" => whole = true,
            "--tight" => tight = true,
            "--compress" => codec = Some(codec_named(rest.next().copied().unwrap_or_default())?),
            file => files.push(PathBuf::from(file)),
        }
    }
    match files.as_slice() {
        [input, output] => Ok(Job { codec, whole, tight, input: input.clone(), output: output.clone() }),
        _ => bail!("{USAGE}"),
    }
}

fn codec_named(name: &str) -> Result<Codec> {
    Ok(match name {
        "none" => Codec::Raw,
        "zlib" => Codec::Zlib,
        "lzo" => Codec::Lzo,
        "snappy" => Codec::Snappy,
        "zstd" => Codec::Zstd,
        _ => bail!("{USAGE}"),
    })
}

type Opened = (Result<Arc<Target>, necropsy_target::OpenError>, Arc<Recorder>);

/// Opens a dump with a recorder between its memory and everything else.
fn open(path: &Path) -> Result<Opened> {
    let source = necropsy_dump::open(&[path.to_path_buf()]).with_context(|| path.display().to_string())?;
    let phys = source.physical.clone().context("no physical memory in this dump")?;
    let recorder = Arc::new(Recorder::new(phys, source.meta.page_size));
    let source = Source { physical: Some(recorder.clone()), ..source };
    Ok((Target::open(source, Options::default()), recorder))
}

/// Marks every page that is there and not all zeros.
fn keep_all(recorder: &Recorder) {
    let mut at = necropsy_base::PhysAddr(0);
    let mut page = vec![0; recorder.page_size() as usize];
    while let Some(run) = recorder.inner().present(at) {
        let mut here = run.start;
        while here < run.end {
            if recorder.inner().read(here, &mut page).is_ok() && page.iter().any(|b| *b != 0) {
                recorder.mark(here, 1);
            }
            here = here.offset(page.len() as u64);
        }
        at = run.end;
    }
}

/// Writes the dump and says how large it became.
fn write(job: &Job, original: &Original, recorder: &Recorder, target: Option<&Target>) -> Result<String> {
    let keep = |pfn| recorder.has(pfn);
    // Converting leaves out zeros; in a trimmed dump a missing page may be anything.
    let level = if job.whole { original.level() | 1 } else { 31 };
    let (bytes, kept) = original.rewrite(recorder.inner().as_ref(), target, job.codec, level, &keep)?;
    std::fs::write(&job.output, &bytes).with_context(|| job.output.display().to_string())?;
    Ok(format!(
        "{}: {kept} pages, {:.1} MB (of {:.1} MB)",
        job.output.display(),
        bytes.len() as f64 / 1e6,
        original.len() as f64 / 1e6
    ))
}

/// Puts the questions to the new dump; all answers must be the same.
fn verify(path: &Path, before: &[Answer]) -> Result<()> {
    let found = differences(path, before)?;
    found.lines.iter().for_each(|line| println!("{line}"));
    if found.wrong > 0 {
        bail!("{} of {} answers differ on the trimmed dump", found.wrong, before.len());
    }
    println!("{} answers are the same", before.len());
    Ok(())
}

/// What a trimmed dump answers differently.
struct Differences {
    /// How many answers must not differ and do.
    wrong: usize,
    /// In words.
    lines: Vec<String>,
}

fn differences(path: &Path, before: &[Answer]) -> Result<Differences> {
    let (target, recorder) = open(path)?;
    let after = questions::ask(&target?, &recorder);
    let (mut wrong, mut lines) = (0, Vec::new());
    for old in before {
        let new = after.iter().find(|new| new.line == old.line);
        if old.left_out {
            lines.push(format!("left out (reads too much): {}", old.line));
        } else if new.is_none_or(|new| new.text != old.text) {
            let kind = if old.scans { "differs, it searches memory" } else { "DIFFERS" };
            lines.push(format!(
                "{kind}: {}{}",
                old.line,
                first_difference(&old.text, new.map_or("", |n| &n.text))
            ));
            wrong += usize::from(!old.scans);
        }
    }
    Ok(Differences { wrong, lines })
}

fn first_difference(old: &str, new: &str) -> String {
    let mut pairs = old.lines().zip(new.lines().chain(std::iter::repeat("")));
    let found = pairs.find(|(old, new)| old != new);
    found.map_or(String::new(), |(old, new)| format!("\n  before: {old}\n  after:  {new}"))
}
