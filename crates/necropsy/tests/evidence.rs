//! Each piece of evidence names a command; that command shows what the claim says: the addresses, names, tasks and texts of the claim
//! stand in its answer.
//!
//! On the dumps of the corpus, and on all dumps below the directories in `NECROPSY_DUMPS` (separated by `:`). With `NECROPSY_FACTS=1` every fact
//! that an answer lacks is told.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use necropsy_diagnose::{Case, CaseOptions};
use necropsy_report::Evidence;
use necropsy_shell::{Context, Mode, run_line};
use necropsy_target::{Options, Target};

/// Something that a claim says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    /// A number: an address, a value, a thread ID.
    Number(u64),
    /// A function, a variable, a structure.
    Name(String),
    /// Text in quotation marks.
    Quoted(String),
}

/// What a claim says that can be looked for.
fn facts(claim: &str) -> BTreeSet<Fact> {
    // The words of the log are a fact of their own.
    for begin in ["the log says: ", "the log says before: "] {
        if let Some(text) = claim.strip_prefix(begin) {
            return [Fact::Quoted(text.to_owned())].into();
        }
    }
    let mut found = BTreeSet::new();
    for (i, part) in claim.split('"').enumerate() {
        if i % 2 == 1 {
            found.insert(Fact::Quoted(part.to_owned()));
        } else {
            // The instruction in a claim is text for people; its registers and constants are none of its facts.
            for plain in part.split('`').step_by(2) {
                found.extend(plain.split_whitespace().filter_map(fact));
            }
        }
    }
    found
}

fn fact(word: &str) -> Option<Fact> {
    let inner = word.trim_matches(|c: char| "()[],;:.<>".contains(c));
    if let Some(hex) = inner.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().filter(|n| *n > 0xfff).map(Fact::Number);
    }
    if let Ok(number) = inner.parse::<u64>() {
        return (word.starts_with('(') && word.contains(')')).then_some(Fact::Number(number));
    }
    let (name, offset) = inner.split_once("+0x").map_or((inner, false), |(name, _)| (name, true));
    let identifier = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (identifier && (offset || name.contains('_'))).then(|| Fact::Name(name.to_owned()))
}

/// What an answer shows.
struct Shown {
    text: String,
    numbers: HashSet<u64>,
    ascii: String,
}

impl Shown {
    fn of(command: &str, answer: &str) -> Shown {
        let text = format!("{command}\n{answer}");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
        let mut numbers = HashSet::new();
        for word in words {
            let hex = word.strip_prefix("0x").unwrap_or(word);
            numbers.extend(u64::from_str_radix(hex, 16).ok());
            numbers.extend(word.parse::<u64>().ok());
            numbers.extend(word.parse::<i64>().ok().map(|n| n as u64));
        }
        // What a memory dump has on its right, in a row; and its bytes.
        let ascii = answer.lines().filter_map(|l| l.split("   ").last()).map(str::trim).collect();
        Shown { text, numbers, ascii }
    }

    fn has(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Number(n) => self.numbers.contains(n) || self.has_bytes(*n),
            Fact::Name(name) => self.text.contains(name.as_str()),
            Fact::Quoted(text) => {
                let begin: String = text.chars().take(16).collect();
                self.text.contains(text.as_str()) || self.ascii.contains(&begin) || self.has_word(text)
            }
        }
    }

    /// Eight bytes of text as the number that they are in a register.
    fn has_word(&self, text: &str) -> bool {
        let bytes = <[u8; 8]>::try_from(text.as_bytes());
        bytes.is_ok_and(|b| self.numbers.contains(&u64::from_le_bytes(b)))
    }

    /// A number as bytes in a row.
    fn has_bytes(&self, number: u64) -> bool {
        let bytes: Vec<String> = number.to_le_bytes().iter().map(|b| format!("{b:02x}")).collect();
        self.text.contains(&bytes.join(" "))
    }
}

fn dumps() -> Vec<PathBuf> {
    let mut roots = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../corpus")];
    roots.extend(std::env::var("NECROPSY_DUMPS").iter().flat_map(|v| v.split(':')).map(PathBuf::from));
    let mut found: Vec<PathBuf> = roots.iter().flat_map(|root| below(root, 3)).collect();
    found.sort();
    found
}

fn below(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    let deeper = |path: PathBuf| match path.file_name().is_some_and(|n| n == "vmcore") {
        true => vec![path],
        false if depth > 0 && path.is_dir() => below(&path, depth - 1),
        false => Vec::new(),
    };
    entries.flat_map(deeper).collect()
}

/// What is wrong with a piece of evidence: `None` if its command shows it.
fn wrong(cx: &Context, e: &Evidence) -> Option<String> {
    let command = e.reproduce.as_deref()?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ran = run_line(cx, command, Mode::Text, &mut out, &mut err);
    if !ran || out.is_empty() {
        return Some(format!("`{command}` failed: {}", String::from_utf8_lossy(&err).trim()));
    }
    let (facts, answer) = (facts(&e.claim), Shown::of(command, &String::from_utf8_lossy(&out)));
    let missing: Vec<&Fact> = facts.iter().filter(|fact| !answer.has(fact)).collect();
    if std::env::var_os("NECROPSY_FACTS").is_some() && !missing.is_empty() {
        println!("{command} | {} | lacks {missing:?}", e.claim);
    }
    // What follows from the rest (a difference, what should be there) need not stand in the answer itself.
    let enough = 2 * missing.len() <= facts.len();
    (!enough).then(|| format!("`{command}` does not show {missing:?} of: {}", e.claim))
}

#[test]
fn commands_show_what_claims_say() {
    let (mut told, mut asked) = (Vec::new(), 0);
    for path in dumps() {
        let open = || -> Result<_, Box<dyn std::error::Error>> {
            Ok(Target::open(necropsy_dump::open(std::slice::from_ref(&path))?, Options::default())?)
        };
        // One for the verdict and one for the commands: what the one has read helps the other in nothing.
        let (case, shell) = match (open(), open()) {
            (Ok(case), Ok(shell)) => (case, shell),
            (Err(e), _) | (_, Err(e)) => {
                told.push(format!("{}: {e}", path.display()));
                continue;
            }
        };
        let options = CaseOptions { use_log: true, ..CaseOptions::default() };
        let evidence = Case::open(case, options).analyse().evidence;
        let cx = Context::new(shell, String::new());
        asked += evidence.len();
        let bad = evidence.iter().filter_map(|e| wrong(&cx, e));
        told.extend(bad.map(|what| format!("{}: {what}", path.display())));
    }
    println!("{asked} claims");
    assert!(asked > 20 && told.is_empty(), "{} of {asked} claims:\n{}", told.len(), told.join("\n"));
}

#[test]
fn facts_of_claims() {
    let claim = "`mov 0x8(%rax),%rdx` at kfree+0x72 touches 0xfffffa5f16010848 (rax = 0x10): the text \"abc\", task x (12) [mod]";
    let expected = [
        Fact::Number(12),
        Fact::Number(0xffff_fa5f_1601_0848),
        Fact::Name("kfree".into()),
        Fact::Quoted("abc".into()),
    ];
    assert_eq!(facts(claim), expected.into());
    let shown = Shown::of("rd ffff800000001000 1", "ffff800000001000:  6867666564636261   abcdefgh");
    assert!(shown.has(&Fact::Quoted("abcdefgh".into())) && shown.has(&Fact::Number(0x6867_6665_6463_6261)));
    assert!(!shown.has(&Fact::Number(0xffff_8000_0000_1008)) && !shown.has(&Fact::Name("kfree".into())));
}
