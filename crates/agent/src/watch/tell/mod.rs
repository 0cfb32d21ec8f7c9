//! Tells events to others: a file of JSON lines, a webhook, a program.

mod command;
mod lines;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use lines::Lines;

use super::event::Event;
use super::outbox::Outbox;
use super::shared::Shared;
use super::{Alarm, decode};
use webhook::{Answer, Client};

/// The first pause after a failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// It does not grow beyond this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Starts the thread that tells.
pub fn start(
    shared: Arc<Shared>,
    stopping: Arc<AtomicBool>,
    alarm: Alarm,
) -> std::io::Result<JoinHandle<()>> {
    let client = shared.config.webhook.clone().map(Client::new);
    let teller = Teller { shared, stopping, client, pause: None };
    std::thread::Builder::new().name("tell".to_owned()).stack_size(1 << 20).spawn(move || {
        let _alarm = alarm;
        teller.run();
    })
}

struct Teller {
    shared: Arc<Shared>,
    stopping: Arc<AtomicBool>,
    client: Option<Client>,
    /// After a failure: how long, and until when.
    pause: Option<(Duration, Instant)>,
}

impl Teller {
    fn run(mut self) {
        loop {
            // Before anything is looked at: what changes from here on ends the wait below.
            let seen = self.shared.changes();
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            let pause = self.pause.map(|(_, until)| until.saturating_duration_since(Instant::now()));
            let pause = pause.filter(|p| !p.is_zero());
            let name = {
                let outbox = &self.shared.lock().outbox;
                outbox.find(|name| pause.is_none() || self.wants_command(outbox, name))
            };
            match name {
                Some(name) => self.one(&name, pause.is_none()),
                None => self.shared.wait(seen, pause.unwrap_or(Duration::from_secs(3600))),
            }
        }
    }

    fn wants_command(&self, outbox: &Outbox, name: &str) -> bool {
        self.shared.config.command.is_some() && !outbox.is_commanded(name)
    }

    /// Tells one event to everybody who has not had it.
    fn one(&mut self, name: &str, send: bool) {
        let event = self.shared.lock().outbox.get(name);
        let Some(event) = event else {
            self.done(name);
            return;
        };
        let command = self.wants_command(&self.shared.lock().outbox, name);
        if command {
            self.command(&event);
            self.commanded(name);
        }
        if self.client.is_some() && !(send && self.post(&event)) {
            return;
        }
        self.done(name);
        if self.shared.config.decode && event.kind == "report" {
            self.decode(event);
        }
    }

    fn done(&mut self, name: &str) {
        if let Err(e) = self.shared.lock().outbox.remove(name) {
            self.shared.say(3, &format!("outbox: {e}"));
            // What cannot be removed would be told again and again.
            self.pause = Some((LONGEST_PAUSE, Instant::now() + LONGEST_PAUSE));
        }
    }

    /// Who is started again does not run the program again; only who is killed before this is written.
    fn commanded(&self, name: &str) {
        // Without a webhook the event is done, and gone, right away.
        if self.client.is_none() {
            return;
        }
        if let Err(e) = self.shared.lock().outbox.mark_commanded(name) {
            self.shared.say(3, &format!("outbox: {e}"));
        }
    }

    fn command(&self, event: &Event) {
        let Some(words) = &self.shared.config.command else { return };
        let result = command::run(words, event);
        let label = if result.is_ok() { "ok" } else { "failed" };
        self.shared.lock().values.add("necropsy_commands_total", &[label], 1);
        if let Err(e) = result {
            self.shared.say(4, &format!("command: {e}"));
        }
    }

    /// Sends it; whether it is settled, one way or the other.
    fn post(&mut self, event: &Event) -> bool {
        let Some(client) = &self.client else { return true };
        let (label, settled) = match client.post(event) {
            Answer::Taken => ("ok", true),
            Answer::Refused(why) => {
                self.shared.say(4, &format!("webhook refuses an event: {why}"));
                ("dropped", true)
            }
            Answer::Failed(why) => {
                if self.pause.is_none() {
                    self.shared.say(4, &format!("webhook: {why}; it will be tried again"));
                }
                ("failed", false)
            }
        };
        self.shared.lock().values.add("necropsy_uploads_total", &[label], 1);
        self.pause = match (settled, self.pause) {
            (true, _) => None,
            (false, None) => Some((FIRST_PAUSE, Instant::now() + FIRST_PAUSE)),
            (false, Some((last, _))) => {
                let next = (last * 2).min(LONGEST_PAUSE);
                Some((next, Instant::now() + next))
            }
        };
        settled
    }

    /// A second event with source lines, where there are any to add.
    fn decode(&self, event: Event) {
        let result = decode::lines(&event.log, &self.shared.config.debug_dirs);
        let label = match &result {
            Ok(Some(_)) => "ok",
            Ok(None) => "nothing",
            Err(_) => "failed",
        };
        self.shared.lock().values.add("necropsy_decodes_total", &[label], 1);
        match result {
            Ok(Some(log)) => {
                let decoded = Event {
                    id: format!("{}-d", event.id),
                    kind: "decoded".to_owned(),
                    log,
                    before: Vec::new(),
                    ..event
                };
                let mut inner = self.shared.lock();
                let kept = self.shared.keep(&mut inner, &decoded);
                let kept = kept.and_then(|_| self.shared.save(&mut inner));
                drop(inner);
                if let Err(e) = kept {
                    self.shared.say(3, &format!("outbox: {e}"));
                }
            }
            Ok(None) => {}
            Err(e) => self.shared.say(5, &format!("decode: {e}")),
        }
    }
}

/// Labels of environment variables that a program gets.
fn variables(event: &Event) -> BTreeMap<&'static str, &str> {
    BTreeMap::from([
        ("NECROPSY_ID", event.id.as_str()),
        ("NECROPSY_KIND", &event.kind),
        ("NECROPSY_CLASS", &event.class),
        ("NECROPSY_ROLE", &event.role),
        ("NECROPSY_TITLE", &event.title),
        ("NECROPSY_FINGERPRINT", &event.fingerprint),
    ])
}
