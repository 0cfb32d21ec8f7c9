use super::*;
use crate::*;

/// Each of these is put somewhere; none may be seen afterwards.
const SECRETS: &[&str] = &[
    "hunter2",
    "s3cr3t",
    "web-01.example.org",
    "10.1.2.3",
    "fe80::1234:5678",
    "52:54:00:12:34:56",
    "alice",
    "payrolld",
    "68 75 6e 74",
    "0x7265746e7568",
    "0x6e29591fad805800",
    "--password",
    "alice@example.org",
];

fn secretive() -> Analysis {
    let input = Input { path: "/home/alice/vmcore".into(), kind: "vmcore", ..Input::default() };
    let mut a = Analysis { input, ..Analysis::default() };
    a.system.nodename = Some("web-01.example.org".into());
    a.system.panic = Some("s3cr3t".into());
    a.verdict.class = "stack-buffer-overflow";
    a.verdict.title = "payrolld wrote past a buffer".into();
    a.verdict.statement =
        "In task payrolld (812): the text \"hunter2\" came from 10.1.2.3 and fe80::1234:5678.".into();
    a.verdict.advice = vec!["ask alice@example.org".into(), "find out who put 0x7265746e7568 there".into()];
    a.verdict.task = Some(TaskInfo { pid: 812, comm: "payrolld".into(), cpu: None });
    let e = |claim: &str, source: &str| Evidence {
        claim: claim.into(),
        source: source.into(),
        reproduce: Some("sed -n 1p /home/alice/vmcore".into()),
        weight: 1.0,
    };
    a.evidence = vec![
        e(
            "the canary is 0x6e29591fad805800; stands the bytes 68 75 6e 74 65 72",
            "memory:0xffff888000000000",
        ),
        e("the log says: init --password s3cr3t", "log:12"),
        e("web-01.example.org has 52:54:00:12:34:56", "stack"),
    ];
    a.hypotheses = vec![Hypothesis { statement: "\"hunter2\" of payrolld".into(), ..Hypothesis::default() }];
    a.timeline = vec![Event { seconds: Some(1.0), event: "run --password s3cr3t".into(), role: "cause" }];
    a.log = vec![LogLine { line: 1, seconds: 1.0, text: "s3cr3t".into() }];
    a.stacks = vec![StackInfo {
        comm: "payrolld".into(),
        user_registers: vec![("rdi", Hex(0x7265_746e_7568))],
        breaks: vec!["return address 0x7265746e7568 (the text \"hunter2\")".into()],
        frames: vec![FrameInfo {
            function: Some("copy_field".into()),
            file: Some("/home/alice/src/netpkt.c".into()),
            registers: vec![("rax", Hex(0x7265_746e_7568))],
            remark: Some("its return address is \"hunter2\"".into()),
            ..FrameInfo::default()
        }],
        ..StackInfo::default()
    }];
    let word = StackWord {
        at: Hex(0xffff_8880_0000_0000),
        value: Some(Hex(0x7265_746e_7568)),
        part: Part::Canary,
        overwritten: true,
        expected: Some(Hex(0x6e29_591f_ad80_5800)),
        meaning: Some("\"hunter2\"".into()),
    };
    let node = WaitNode { kind: "task", label: "payrolld (812)".into(), detail: None, in_cycle: true };
    let span = Span { label: "payrolld".into(), role: "task", ..Span::default() };
    let mark = Mark { label: "s3cr3t".into(), ..Mark::default() };
    let parts = vec![MemoryPart { name: "payrolld (812)".into(), bytes: 1, ..MemoryPart::default() }];
    a.figures = vec![
        Figure::Stack(StackFigure { title: "t".into(), words: vec![word] }),
        Figure::Waits(WaitFigure { nodes: vec![node], ..WaitFigure::default() }),
        Figure::Memory(MemoryFigure { total: 2, parts, ..MemoryFigure::default() }),
        Figure::Timeline(TimelineFigure {
            lanes: vec![Lane { name: "CPU 0".into(), spans: vec![span] }],
            marks: vec![mark],
            ..TimelineFigure::default()
        }),
    ];
    a.notes = vec!["/home/alice/vmlinux: no such file on web-01.example.org".into()];
    a.known_issues = vec![KnownIssue {
        title: "t".into(),
        source: "/home/alice/.config/a.toml".into(),
        ..KnownIssue::default()
    }];
    a
}

#[test]
fn no_secret_is_left_in_any_form() {
    for form in [Form::Text, Form::Json, Form::Markdown, Form::Html] {
        let mut a = secretive();
        let open = a.render(form);
        assert!(open.contains("payrolld"), "{form:?}");
        a.redact();
        let text = a.render(form);
        for secret in SECRETS {
            assert!(!text.contains(secret), "{form:?} tells {secret}:\n{text}");
        }
        assert!(text.contains("copy_field") && text.to_lowercase().contains("redacted"), "{form:?}");
    }
}

#[test]
fn what_is_not_private_stays() {
    let names = vec!["sh".to_owned() + "ell", "init".into()];
    let kept = "kernel_init called 0xffffffff81000000 <f+0x1f>, errno -12, in 3 place(s), 30 bits differ";
    assert_eq!(scrubbed(kept, &names), kept);
    assert_eq!(scrubbed("init (1) and shell", &names), "(redacted) (1) and (redacted)");
    assert_eq!(scrubbed("rd ffffcc9381063bb8 1", &names), "rd ffffcc9381063bb8 1");
}
