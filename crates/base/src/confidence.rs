//! How sure a statement is.

/// A probability between 0 and 1, made from log-odds.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// Nothing is known.
    pub const NONE: Confidence = Confidence(0.0);

    /// A probability; values outside 0..=1 are cut off, NaN counts as 0.
    pub fn new(p: f64) -> Self {
        Confidence(if p.is_nan() { 0.0 } else { p.clamp(0.0, 1.0) })
    }

    /// From natural log-odds: 0 is even, 2.2 is 0.9, 4.6 is 0.99.
    pub fn from_log_odds(odds: f64) -> Self {
        Self::new(1.0 / (1.0 + (-odds).exp()))
    }

    /// Not above `cap`.
    pub fn capped(self, cap: f64) -> Self {
        Self::new(self.0.min(cap))
    }

    /// The probability.
    pub fn value(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_become_probabilities() {
        assert_eq!(Confidence::from_log_odds(0.0).value(), 0.5);
        assert!(Confidence::from_log_odds(4.6).value() > 0.989);
        assert_eq!(Confidence::new(f64::NAN), Confidence::NONE);
        assert_eq!(Confidence::new(3.0).capped(0.75).value(), 0.75);
    }
}
