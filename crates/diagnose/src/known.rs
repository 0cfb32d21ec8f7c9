//! Known issues: what people wrote down about failures that come again, matched against a verdict. The form of the files is described
//! in `docs/known-issues.md`.

use necropsy_report::{Analysis, KnownIssue, Place};
use serde::Deserialize;

/// What comes with necropsy.
const BUILT_IN: &str = include_str!("../known-issues/general.toml");
/// Issues of one file, and of all.
const MAX_ISSUES: usize = 10_000;
/// Issues that are shown.
const SHOWN: usize = 8;

/// A file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    issue: Vec<Issue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Issue {
    id: Option<String>,
    title: String,
    text: String,
    #[serde(default)]
    links: Vec<String>,
    #[serde(rename = "match")]
    wanted: Wanted,
    #[serde(skip)]
    source: String,
}

/// All that are given must hold; of several values of one, any.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    class: Option<Values>,
    function: Option<Values>,
    module: Option<Values>,
    stack: Option<Values>,
    release: Option<String>,
    fingerprint: Option<Values>,
    #[serde(skip)]
    range: Vec<Bound>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

impl Values {
    fn all(&self) -> &[String] {
        match self {
            Values::One(value) => std::slice::from_ref(value),
            Values::Several(values) => values,
        }
    }

    fn any(&self, have: &[&str]) -> bool {
        self.all().iter().any(|pattern| have.iter().any(|text| fits(pattern, text)))
    }
}

/// The issues of all files.
#[derive(Default)]
pub struct KnownIssues(Vec<Issue>);

impl KnownIssues {
    /// Those that come with necropsy.
    pub fn built_in() -> KnownIssues {
        let mut issues = KnownIssues::default();
        // A test sees to it that they can be read.
        let _ = issues.add(BUILT_IN, "built in");
        issues
    }

    /// Adds the issues of a file; `source` is shown with them. What is wrong with the file is said in one line.
    pub fn add(&mut self, text: &str, source: &str) -> Result<(), String> {
        let mut file: File = toml::from_str(text).map_err(|e| one_line(&e.to_string()))?;
        if self.0.len() + file.issue.len() > MAX_ISSUES {
            return Err(format!("more than {MAX_ISSUES} issues"));
        }
        for issue in &mut file.issue {
            issue.check().map_err(|why| format!("issue {:?}: {why}", issue.title))?;
            issue.source = source.to_owned();
        }
        self.0.append(&mut file.issue);
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that an analysis is a case of: the most specific first.
    pub fn matching(&self, analysis: &Analysis) -> Vec<KnownIssue> {
        let mut found: Vec<&Issue> = self.0.iter().filter(|issue| issue.wanted.fit(analysis)).collect();
        found.sort_by_key(|issue| std::cmp::Reverse(issue.wanted.specific()));
        found.truncate(SHOWN);
        found.into_iter().map(Issue::shown).collect()
    }
}

impl Issue {
    fn check(&mut self) -> Result<(), String> {
        if self.wanted.specific() == 0 {
            return Err("[issue.match] is empty: it would match everything".into());
        }
        if let Some(link) =
            self.links.iter().find(|l| !l.starts_with("https://") && !l.starts_with("http://"))
        {
            return Err(format!("{link:?} is no link (https://…)"));
        }
        for class in self.wanted.class.iter().flat_map(Values::all).filter(|c| !c.contains('*')) {
            crate::explain::of(class).ok_or_else(|| format!("there is no class {class:?}"))?;
        }
        self.wanted.range = self.wanted.release.as_deref().map(range).transpose()?.unwrap_or_default();
        Ok(())
    }

    fn shown(&self) -> KnownIssue {
        KnownIssue {
            id: self.id.clone(),
            title: self.title.trim().to_owned(),
            text: self.text.trim().to_owned(),
            links: self.links.clone(),
            source: self.source.clone(),
        }
    }
}

impl Wanted {
    fn fit(&self, a: &Analysis) -> bool {
        let places: Vec<&Place> = [&a.verdict.culprit, &a.verdict.victim].into_iter().flatten().collect();
        let functions: Vec<&str> = places.iter().filter_map(|p| p.function.as_deref()).map(plain).collect();
        let modules: Vec<&str> = places.iter().filter_map(|p| p.module.as_deref()).collect();
        let frames = a.stacks.first().map(|s| &s.frames[..]).unwrap_or_default();
        let stack: Vec<&str> = frames.iter().filter_map(|f| f.function.as_deref()).map(plain).collect();
        let prints: Vec<&str> =
            a.fingerprint.iter().flat_map(|f| [f.strict.as_str(), f.loose.as_str()]).collect();
        let any = |wanted: &Option<Values>, have: &[&str]| wanted.as_ref().is_none_or(|w| w.any(have));
        any(&self.class, &[a.verdict.class])
            && any(&self.function, &functions)
            && any(&self.module, &modules)
            && any(&self.stack, &stack)
            && any(&self.fingerprint, &prints)
            && (self.range.is_empty() || a.system.release.as_deref().is_some_and(|r| inside(&self.range, r)))
    }

    /// How much is asked for: a fingerprint more than a function, a function more than a class.
    fn specific(&self) -> u32 {
        let asked = [
            (self.fingerprint.is_some(), 16),
            (self.function.is_some(), 8),
            (self.stack.is_some(), 4),
            (self.module.is_some(), 4),
            (self.release.is_some(), 2),
            (self.class.is_some(), 1),
        ];
        asked.iter().filter(|(asked, _)| *asked).map(|(_, weight)| weight).sum()
    }
}

/// A function's name without what the compiler added.
fn plain(function: &str) -> &str {
    function.split('.').next().unwrap_or(function)
}

/// Whether a text fits a pattern, in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// One end of a range of releases.
struct Bound {
    /// `>=`, `>`, `<=`, `<` or `=`.
    operator: &'static str,
    numbers: Vec<u64>,
}

/// `>=5.10, <6.1.25`.
fn range(text: &str) -> Result<Vec<Bound>, String> {
    let bound = |part: &str| {
        let part = part.trim();
        let operator = [">=", "<=", ">", "<", "="].into_iter().find(|o| part.starts_with(o)).unwrap_or("");
        let numbers = numbers(part[operator.len()..].trim());
        let operator = if operator.is_empty() { "=" } else { operator };
        if numbers.is_empty() {
            return Err(format!("{part:?} is no bound of a release: write >=5.10, <6.1.25"));
        }
        Ok(Bound { operator, numbers })
    };
    text.split(',').map(bound).collect()
}

/// The numbers at the beginning of a release: 6.1.0-18-amd64 is 6, 1, 0, 18.
fn numbers(release: &str) -> Vec<u64> {
    let parts = release.split(['.', '-', '_', '+', '~']);
    parts.map_while(|part| part.parse().ok()).take(6).collect()
}

fn inside(range: &[Bound], release: &str) -> bool {
    let have = numbers(release);
    range.iter().all(|bound| {
        // As far as the bound goes: 6.1 is any 6.1.x.
        let have = &have[..have.len().min(bound.numbers.len())];
        let order = have.cmp(&bound.numbers[..]);
        match bound.operator {
            ">=" => order.is_ge(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            "<" => order.is_lt(),
            _ => order.is_eq(),
        }
    })
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysis() -> Analysis {
        let mut a = Analysis::default();
        a.verdict.class = "null-pointer-dereference";
        let place = Place {
            function: Some("nvme_poll.isra.0".into()),
            module: Some("nvme".into()),
            ..Place::default()
        };
        a.verdict.culprit = Some(place);
        a.system.release = Some("6.1.0-18-amd64".into());
        a
    }

    fn matches(wanted: &str) -> bool {
        let mut issues = KnownIssues::default();
        issues.add(&format!("[[issue]]\ntitle='t'\ntext='x'\n[issue.match]\n{wanted}"), "test").unwrap();
        !issues.matching(&analysis()).is_empty()
    }

    #[test]
    fn what_comes_with_necropsy_can_be_read() {
        let mut issues = KnownIssues::default();
        issues.add(BUILT_IN, "built in").unwrap();
        assert!(issues.len() >= 12);
        assert!(issues.0.iter().all(|i| i.id.is_some() && i.text.len() > 80));
    }

    #[test]
    fn all_that_is_asked_for_must_hold() {
        assert!(matches("class = 'null-pointer-dereference'"));
        assert!(matches("function = ['other', 'nvme_*']\nmodule = 'nvme'\nrelease = '>=5.10, <6.2'"));
        assert!(!matches("function = 'nvme_*'\nmodule = 'sd_mod'"));
        assert!(!matches("class = 'null-*'\nrelease = '<6.1'"));
        assert!(
            matches("class = 'null-*'\nrelease = '6.1'") && matches("module = 'nvme'\nrelease = '<6.1.0-19'")
        );
    }

    #[test]
    fn errors_are_told_in_one_line() {
        let mut issues = KnownIssues::default();
        for bad in [
            "[[issue]]\ntitle = 1",
            "[[issue]]\ntitle='t'\ntext='x'\n[issue.match]\n",
            "[[issue]]\ntitle='t'\ntext='x'\n[issue.match]\nclass='no-such'",
            "[[issue]]\ntitle='t'\ntext='x'\nlinks=['javascript:alert(1)']\n[issue.match]\nmodule='x'",
            "[[issue]]\ntitle='t'\ntext='x'\n[issue.match]\nrelease='new'",
            "nonsense",
        ] {
            let why = issues.add(bad, "test").unwrap_err();
            assert!(!why.contains('\n') && why.len() > 10, "{why}");
        }
        assert!(issues.is_empty());
    }

    #[test]
    fn patterns() {
        assert!(fits("a*c", "abc") && fits("*", "") && fits("abc", "abc") && fits("*b*", "abc"));
        assert!(!fits("a*d", "abc") && !fits("ab", "abc") && !fits("a*a", "a"));
    }
}
