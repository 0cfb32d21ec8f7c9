use super::*;
use crate::*;

fn hostile() -> Analysis {
    let bad = || "<script>alert('1')</script>\"><img src=x onerror=y>".to_owned();
    let mut a = Analysis::default();
    (a.verdict.title, a.verdict.statement, a.verdict.advice) = (bad(), bad(), vec![bad()]);
    a.evidence = vec![Evidence { claim: bad(), source: bad(), reproduce: Some(bad()), weight: 1.0 }];
    a.stacks = vec![StackInfo {
        comm: bad(),
        frames: vec![FrameInfo {
            function: Some(bad()),
            module: Some(bad()),
            file: Some(bad()),
            line: Some(1),
            ..FrameInfo::default()
        }],
        ..StackInfo::default()
    }];
    a.log = vec![LogLine { line: 1, seconds: 0.0, text: bad() }];
    a.timeline = vec![Event { seconds: None, event: bad(), role: "cause" }];
    a.system.nodename = Some(bad());
    a.notes = vec![bad()];
    a.known_issues = vec![KnownIssue {
        title: bad(),
        text: bad(),
        links: vec!["javascript:alert(1)".into(), bad()],
        ..KnownIssue::default()
    }];
    let word = StackWord {
        at: Hex(0),
        value: None,
        part: Part::Buffer,
        overwritten: false,
        expected: None,
        meaning: Some(bad()),
    };
    let node = WaitNode { kind: "task", label: bad(), detail: Some(bad()), in_cycle: true };
    let span = Span { label: bad(), detail: Some(bad()), from: 0.0, to: 1.0, role: "task" };
    a.figures = vec![
        Figure::Stack(StackFigure { title: bad(), words: vec![word] }),
        Figure::Waits(WaitFigure {
            title: bad(),
            nodes: vec![node.clone(), WaitNode { kind: "lock", ..node }],
            // An index that leads nowhere must not end the program.
            edges: vec![
                WaitEdge { from: 0, to: 1, waits: true, certain: true },
                WaitEdge { from: 1, to: 9, waits: false, certain: false },
            ],
        }),
        Figure::Memory(MemoryFigure {
            title: bad(),
            total: 0,
            parts: vec![MemoryPart { name: bad(), bytes: u64::MAX, ..MemoryPart::default() }],
        }),
        Figure::Timeline(TimelineFigure {
            title: bad(),
            from: 1.0,
            to: 0.0,
            lanes: vec![Lane { name: bad(), spans: vec![span] }],
            marks: vec![Mark { at: f64::NAN, label: bad(), role: "cause" }],
        }),
    ];
    a
}

#[test]
fn nothing_from_a_dump_is_markup() {
    let page = analysis(&hostile());
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("javascript:"), "{page}");
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = analysis(&hostile());
    for part in ["src=", "@import", "url(http", "<link", "<iframe"] {
        assert!(!page.replace("img src=x", "").contains(part), "{part}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("prefers-color-scheme:dark"));
}

#[test]
fn the_verdict_comes_first_and_redaction_is_told() {
    let mut a = Analysis::default();
    a.verdict.title = "the title".into();
    a.evidence = vec![Evidence { claim: "a claim".into(), ..Evidence::default() }];
    let page = analysis(&a);
    assert!(
        page.find("<h1>the title").unwrap() < page.find("a claim").unwrap() && page.contains("Not redacted")
    );
    a.redact();
    assert!(analysis(&a).contains("Redacted:"));
}
