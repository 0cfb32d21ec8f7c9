//! Who is told, and how often.

use std::fs;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::support::{EVENTS, Receiver, Watcher, counted, events, ids, oops, pipe, script, spooled, until};

#[test]
fn an_oops_is_told_everywhere_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let receiver = Receiver::start();
    let hook = dir.join("hook.sh");
    script(&hook, &format!("cat >{0}/hooked.json\necho \"$NECROPSY_CLASS\" >{0}/hooked", dir.display()));
    let watcher = Watcher::start(dir, Some(&receiver.url), &["--command", hook.to_str().unwrap()]);
    log.write_all(b"6,1,1000,-;Linux says hello\n SUBSYSTEM=x\n").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    log.write_all(oops(2, "poke").as_bytes()).unwrap();
    until("all have it", || {
        watcher.metric(EVENTS) == 1.0
            && receiver.ids().len() == 1
            && events(dir).len() == 1
            && dir.join("hooked").exists()
    });
    eprintln!("told everywhere after {:?}", begun.elapsed());
    let event = &events(dir)[0];
    assert_eq!(event["title"], "BUG: unable to handle kernel NULL pointer dereference in poke");
    assert_eq!((event["module"].as_str(), event["role"].as_str()), (Some("mine"), Some("cause")));
    assert_eq!(event["log"].as_array().unwrap().len(), 10);
    assert_eq!(event["before"].as_array().unwrap().len(), 2);
    assert_eq!(receiver.got.lock().unwrap()[0]["id"], event["id"]);
    until("the outbox is empty", || spooled(dir).is_empty());
    until("the program is done", || {
        fs::read_to_string(dir.join("hooked")).unwrap() == "null-pointer-dereference\n"
    });
    let journal = fs::read_to_string(dir.join("journal")).unwrap();
    assert!(journal.contains("<4>cause null-pointer-dereference: BUG: unable to handle"), "{journal}");

    // Records are missing; the same bug again is only counted.
    log.write_all(oops(100, "poke").as_bytes()).unwrap();
    until("it is counted", || watcher.metric("necropsy_events_suppressed_total") == 1.0);
    assert_eq!(watcher.metric("necropsy_kmsg_lost_records_total"), 88.0);
    assert_eq!(events(dir).len(), 1);
    watcher.terminate();

    // It remembers: what was read is not told again, nor what was told.
    let watcher = Watcher::start(dir, Some(&receiver.url), &[]);
    log.write_all(oops(100, "poke").as_bytes()).unwrap();
    log.write_all(oops(300, "poke").as_bytes()).unwrap();
    until("it is counted", || watcher.metric("necropsy_events_suppressed_total") == 1.0);
    log.write_all(oops(400, "prod").as_bytes()).unwrap();
    until("it is told", || events(dir).len() == 2);
    assert_eq!(counted(&watcher), 4.0);
    watcher.terminate();
}

#[test]
fn a_webhook_that_fails_gets_all_later() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let receiver = Receiver::start();
    receiver.status.store(503, Ordering::SeqCst);
    let watcher = Watcher::start_with(dir, Some(&receiver.url), &[], &[("NECROPSY_NODE", "rack-7")]);
    for i in 0..3 {
        log.write_all(oops(1 + 10 * i, &format!("f{}", ["a", "b", "c"][i as usize])).as_bytes()).unwrap();
    }
    until("they are kept", || {
        spooled(dir).len() == 3 && watcher.metric("necropsy_uploads_total{result=\"failed\"}") >= 1.0
    });
    assert!(watcher.metric("necropsy_upload_pending_bytes") > 1000.0);
    receiver.status.store(200, Ordering::SeqCst);
    until("they are sent", || receiver.ids().len() == 3 && spooled(dir).is_empty());
    assert_eq!(receiver.ids(), ids(dir));
    assert!(receiver.got.lock().unwrap().iter().all(|e| e["node"] == "rack-7"));
    assert!(receiver.asked.load(Ordering::SeqCst) >= 4);
    watcher.terminate();
}

/// The program has had an event, the webhook has not: who is started again sends it, and does not run the program again.
#[test]
fn a_program_that_has_run_does_not_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let receiver = Receiver::start();
    receiver.status.store(503, Ordering::SeqCst);
    let hook = dir.join("hook.sh");
    script(&hook, &format!("echo \"$NECROPSY_ID\" >>{}/hooked", dir.display()));
    let more = ["--command", hook.to_str().unwrap(), "--node", "rack-8"];
    let start = || Watcher::start_with(dir, Some(&receiver.url), &more, &[("NECROPSY_NODE", "rack-7")]);
    let had = || fs::read_to_string(dir.join("hooked")).unwrap_or_default();
    let watcher = start();
    log.write_all(oops(1, "poke").as_bytes()).unwrap();
    let failed = |w: &Watcher| w.metric("necropsy_uploads_total{result=\"failed\"}") >= 1.0;
    until("the program has it, the webhook has not", || !had().is_empty() && failed(&watcher));
    watcher.terminate();
    start().kill();
    let watcher = start();
    receiver.status.store(200, Ordering::SeqCst);
    until("it is sent", || spooled(dir).is_empty());
    watcher.terminate();
    assert_eq!(had().lines().collect::<Vec<_>>(), ids(dir));
    assert_eq!(events(dir)[0]["node"], "rack-8");
}

/// Killed while the program runs: it runs again, and is told so by the same identifier.
#[test]
fn a_program_that_may_not_have_run_runs_again_with_the_same_id() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut log = pipe(dir);
    let hook = dir.join("hook.sh");
    let (once, had) = (dir.join("once"), dir.join("hooked"));
    script(
        &hook,
        &format!(
            "echo \"$NECROPSY_ID\" >>{}\n[ -e {1} ] || {{ touch {1}; sleep 20; }}",
            had.display(),
            once.display()
        ),
    );
    let start = || Watcher::start(dir, None, &["--command", hook.to_str().unwrap()]);
    let watcher = start();
    log.write_all(oops(1, "poke").as_bytes()).unwrap();
    until("it runs", || once.exists());
    watcher.kill();
    let watcher = start();
    until("it has run", || spooled(dir).is_empty());
    watcher.terminate();
    let (told, had) = (ids(dir), fs::read_to_string(had).unwrap());
    assert_eq!((told.len(), had.lines().collect::<Vec<_>>()), (1, vec![told[0].as_str(); 2]));
}
