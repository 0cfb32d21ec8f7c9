//! What memory was used for, and who has most of it.

use necropsy_report::{TakerInfo, UseInfo};

use crate::Case;
use crate::consumers::{Consumers, Taker};

/// All uses of memory, the largest first, and its largest takers; `None` if memory cannot be added up, which is noted.
pub fn memory(case: &Case) -> Option<(u64, Vec<UseInfo>, Vec<TakerInfo>)> {
    let found = Consumers::find(case)?;
    let total = found.account.total;
    let share = |bytes: u64| bytes as f64 / total.max(1) as f64;
    let mut uses: Vec<UseInfo> = found
        .account
        .uses
        .iter()
        .filter(|(_, bytes)| *bytes > 0)
        .map(|(what, bytes)| UseInfo { used_for: what.text(), bytes: *bytes, share: share(*bytes) })
        .collect();
    uses.sort_by_key(|u| std::cmp::Reverse(u.bytes));
    let info = |taker: &Taker| TakerInfo {
        taker: taker.text(&case.target),
        bytes: taker.bytes,
        share: share(taker.bytes),
        sites: taker.sites().into_iter().map(|at| case.target.describe(at)).collect(),
    };
    Some((total, uses, found.kernel.iter().chain(&found.others).map(info).collect()))
}
