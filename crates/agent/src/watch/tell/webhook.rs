//! Sends an event by HTTP.

use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};

use crate::watch::config::Webhook;
use crate::watch::event::Event;

/// Who takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of it.
pub enum Answer {
    /// They have it.
    Taken,
    /// They do not want it, and will not tomorrow.
    Refused(String),
    /// Perhaps later.
    Failed(String),
}

/// Sends.
pub struct Client {
    hook: Webhook,
    agent: ureq::Agent,
}

impl Client {
    /// One for an address.
    pub fn new(hook: Webhook) -> Client {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("necropsy/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .http_status_as_error(false)
            .build();
        Client { hook, agent: config.into() }
    }

    /// Sends one. `Idempotency-Key` is the same each time it is tried: an answer that was lost doubles nothing.
    pub fn post(&self, event: &Event) -> Answer {
        let body = match serde_json::to_vec(event) {
            Ok(body) => body,
            Err(e) => return Answer::Refused(e.to_string()),
        };
        let mut request = self.agent.post(&self.hook.url).content_type("application/json");
        request = request.header("Idempotency-Key", &event.id);
        if let Some(file) = &self.hook.token_file {
            match std::fs::read_to_string(file) {
                Ok(token) => request = request.header("Authorization", format!("Bearer {}", token.trim())),
                Err(e) => return Answer::Failed(format!("{}: {e}", file.display())),
            }
        }
        match request.send(&body[..]).map(|r| r.status().as_u16()) {
            Ok(200..=299) => Answer::Taken,
            Ok(status @ (408 | 425 | 429 | 401 | 403 | 300..=399 | 500..)) => {
                Answer::Failed(format!("HTTP status {status}"))
            }
            Ok(status) => Answer::Refused(format!("HTTP status {status}")),
            Err(e) => Answer::Failed(e.to_string()),
        }
    }
}
