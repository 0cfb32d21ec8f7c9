//! A set of addresses kept as sorted, disjoint ranges.

use std::marker::PhantomData;
use std::ops::Range;

use crate::Address;

/// Sorted, disjoint, non-empty ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeSet<A> {
    ranges: Vec<Range<u64>>,
    kind: PhantomData<A>,
}

impl<A> Default for RangeSet<A> {
    fn default() -> Self {
        RangeSet { ranges: Vec::new(), kind: PhantomData }
    }
}

impl<A: Address> RangeSet<A> {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a range; joins it with those it touches.
    pub fn insert(&mut self, range: Range<A>) {
        let (mut start, mut end) = (range.start.raw(), range.end.raw());
        if start >= end {
            return;
        }
        let first = self.ranges.partition_point(|r| r.end < start);
        let last = self.ranges.partition_point(|r| r.start <= end);
        if first < last {
            start = start.min(self.ranges[first].start);
            end = end.max(self.ranges[last - 1].end);
        }
        self.ranges.splice(first..last, std::iter::once(start..end));
    }

    /// Whether `at` is in the set.
    pub fn contains(&self, at: A) -> bool {
        self.covering(at).is_some()
    }

    /// The range that holds `at`.
    pub fn covering(&self, at: A) -> Option<Range<A>> {
        let i = self.ranges.partition_point(|r| r.end <= at.raw());
        let r = self.ranges.get(i).filter(|r| r.start <= at.raw())?;
        Some(A::from_raw(r.start)..A::from_raw(r.end))
    }

    /// All ranges in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<A>> + '_ {
        self.ranges.iter().map(|r| A::from_raw(r.start)..A::from_raw(r.end))
    }

    /// Number of ranges.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many addresses the set holds.
    pub fn total(&self) -> u64 {
        self.ranges.iter().map(|r| r.end - r.start).fold(0, u64::saturating_add)
    }

    /// The end of the last range.
    pub fn end(&self) -> Option<A> {
        self.ranges.last().map(|r| A::from_raw(r.end))
    }
}

impl<A: Address> FromIterator<Range<A>> for RangeSet<A> {
    fn from_iter<I: IntoIterator<Item = Range<A>>>(iter: I) -> Self {
        let mut set = Self::new();
        iter.into_iter().for_each(|r| set.insert(r));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PhysAddr as P;

    #[test]
    fn joins_and_finds() {
        let mut s: RangeSet<P> = [P(10)..P(20), P(30)..P(40), P(5)..P(5)].into_iter().collect();
        assert_eq!(s.len(), 2);
        assert!(s.contains(P(10)) && !s.contains(P(20)) && s.contains(P(39)));
        s.insert(P(20)..P(30));
        assert_eq!(s.iter().collect::<Vec<_>>(), [P(10)..P(40)]);
        s.insert(P(0)..P(100));
        assert_eq!((s.len(), s.total()), (1, 100));
        assert_eq!(s.covering(P(100)), None);
    }
}
