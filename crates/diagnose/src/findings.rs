//! What detectives give: evidence and hypotheses.

use necropsy_base::VirtAddr;
use necropsy_debuginfo::dwarf::SourceFrame;
use necropsy_report::{Figure, Place, Related, TaskInfo};
use necropsy_target::Target;

use crate::{Case, Class};

/// One who looks for one kind of death.
pub struct Detective {
    /// Short name.
    pub id: &'static str,
    /// What it looks for.
    pub title: &'static str,
    /// How, and from which facts.
    pub doc: &'static str,
    /// Looks.
    pub examine: fn(&Case, &mut Findings),
}

/// One fact.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The fact.
    pub claim: String,
    /// Where it is from.
    pub source: String,
    /// The command that shows it.
    pub reproduce: Option<String>,
    /// How much it speaks for (or, negative, against) a class, in log-odds.
    pub bears: Vec<(Class, f64)>,
}

/// One explanation.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// Its class.
    pub class: Class,
    /// One line that a ticket can bear.
    pub title: String,
    /// Two or three sentences.
    pub statement: String,
    /// Where the bug is.
    pub culprit: Option<Place>,
    /// Where it was noticed.
    pub victim: Option<Place>,
    /// Others involved.
    pub related: Vec<Related>,
    /// The task it happened to; `None`: the one that panicked.
    pub task: Option<TaskInfo>,
    /// A person or a tool asked for it.
    pub requested: bool,
    /// What to do next.
    pub advice: Vec<String>,
    /// What would tell it from the next.
    pub separate: Option<String>,
}

impl Hypothesis {
    /// One with nothing but words.
    pub fn new(class: Class, title: impl Into<String>, statement: impl Into<String>) -> Hypothesis {
        Hypothesis {
            class,
            title: title.into(),
            statement: statement.into(),
            culprit: None,
            victim: None,
            related: Vec::new(),
            task: None,
            requested: false,
            advice: Vec::new(),
            separate: None,
        }
    }
}

/// What a fact bears on that speaks for a class, and against others which it explains away.
pub fn instead(class: Class, weight: f64, others: &[Class], against: f64) -> Vec<(Class, f64)> {
    std::iter::once((class, weight)).chain(others.iter().map(|c| (*c, -against))).collect()
}

/// What all detectives found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Facts, in the order found.
    pub evidence: Vec<Evidence>,
    /// Explanations.
    pub hypotheses: Vec<Hypothesis>,
    /// What can be drawn, and for which verdict.
    pub figures: Vec<(Class, Figure)>,
}

impl Findings {
    /// Adds something to draw if the verdict is of this class.
    pub fn draw(&mut self, class: Class, figure: Figure) {
        self.figures.push((class, figure));
    }

    /// Adds a fact that bears on one class.
    pub fn add(
        &mut self,
        class: Class,
        weight: f64,
        source: impl Into<String>,
        reproduce: impl Into<Option<String>>,
        claim: impl Into<String>,
    ) {
        self.add_to_all(&[(class, weight)], source, reproduce, claim);
    }

    /// Adds a fact that bears on several. A fact that is known already counts once for each class.
    pub fn add_to_all(
        &mut self,
        bears: &[(Class, f64)],
        source: impl Into<String>,
        reproduce: impl Into<Option<String>>,
        claim: impl Into<String>,
    ) {
        let (claim, source, reproduce) = (claim.into(), source.into(), reproduce.into());
        // Two who see the same fact tell it once.
        match self.evidence.iter_mut().find(|e| e.claim == claim && e.reproduce == reproduce) {
            Some(known) => {
                let new = bears.iter().filter(|(class, _)| !known.bears.iter().any(|(c, _)| c == class));
                let new: Vec<_> = new.copied().collect();
                known.bears.extend(new);
            }
            None => self.evidence.push(Evidence { claim, source, reproduce, bears: bears.to_vec() }),
        }
    }
}

/// An address as a place in code.
pub fn place(t: &Target, at: VirtAddr, confidence: Option<f64>) -> Place {
    let near = t.near(at);
    Place {
        confidence,
        function: near.as_ref().map(|n| n.name.clone()),
        module: near.as_ref().and_then(|n| n.module.clone()),
        offset: near.as_ref().map(|n| format!("{:#x}", at.0 - n.start.0)),
        address: Some(necropsy_report::Hex(at.0)),
        ..Place::default()
    }
    .in_source(t, at)
}

/// A place with what the source says about it, if that is known.
pub trait InSource {
    /// Adds the line of the instruction at `at`.
    fn in_source(self, t: &Target, at: VirtAddr) -> Self;
}

impl InSource for Place {
    /// The line in the innermost function that is no helper out of a header: that is where the code to fix is.
    fn in_source(mut self, t: &Target, at: VirtAddr) -> Place {
        let frames = t.place(at).map(|place| place.frames()).unwrap_or_default();
        let in_header = |f: &&SourceFrame| f.line.as_ref().is_some_and(|l| l.file.ends_with(".h"));
        let source = frames.iter().find(|f| !in_header(f)).or(frames.last());
        if let Some(line) = source.and_then(|f| f.line.as_ref()).filter(|l| l.line > 0) {
            self.file = Some(line.file.clone());
            self.line = Some(line.line);
        }
        if let Some(name) = source.filter(|f| f.inlined).and_then(|f| f.function.clone()) {
            self.inlined_into = self.function.replace(name);
        }
        self
    }
}
