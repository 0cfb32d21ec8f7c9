//! Expressions, compiled when they are first needed.

use std::collections::BTreeMap;
use std::sync::{LazyLock, RwLock};

use regex::Regex;

type Cache = RwLock<BTreeMap<&'static str, Regex>>;

/// The expression; `None` if it is none.
pub(crate) fn regex(expression: &'static str) -> Option<Regex> {
    static CACHE: LazyLock<Cache> = LazyLock::new(Default::default);
    if let Some(regex) = CACHE.read().ok()?.get(expression) {
        return Some(regex.clone());
    }
    let regex = Regex::new(expression).ok()?;
    CACHE.write().ok()?.insert(expression, regex.clone());
    Some(regex)
}
