//! Options as crash takes them: single letters, several after one dash, values behind them or in the next word.

use crate::CommandError;

/// The option letters of a command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spec {
    /// Options without a value.
    pub flags: &'static str,
    /// Options with a value.
    pub values: &'static str,
    /// Options that are numbers or words: `-8`, `-32`.
    pub words: &'static [&'static str],
    /// Nothing is an option: the command takes its words as they are (expressions, other commands).
    pub raw: bool,
}

/// A parsed command line.
#[derive(Clone, Debug, Default)]
pub struct Args {
    flags: Vec<String>,
    values: Vec<(char, String)>,
    /// What is no option.
    pub rest: Vec<String>,
}

impl Args {
    /// Takes a command's words apart. Options may stand anywhere.
    pub fn parse(words: &[String], spec: Spec) -> Result<Args, CommandError> {
        let mut args = Args::default();
        if spec.raw {
            args.rest = words.to_vec();
            return Ok(args);
        }
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.strip_prefix('-').filter(|o| !o.is_empty()) {
                Some(option) if spec.words.contains(&option) => args.flags.push(option.to_owned()),
                Some(options) => args.letters(options, spec, &mut words)?,
                None => args.rest.push(word.clone()),
            }
        }
        Ok(args)
    }

    fn letters<'a>(
        &mut self,
        options: &str,
        spec: Spec,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), CommandError> {
        for (i, letter) in options.char_indices() {
            if spec.values.contains(letter) {
                let behind = &options[i + letter.len_utf8()..];
                let value = if behind.is_empty() { words.next().cloned() } else { Some(behind.to_owned()) };
                let value = value.ok_or_else(|| CommandError::Usage(format!("-{letter} needs a value")))?;
                self.values.push((letter, value));
                return Ok(());
            }
            if !spec.flags.contains(letter) {
                return Err(CommandError::Usage(format!("option -{letter} is unknown or not supported")));
            }
            self.flags.push(letter.to_string());
        }
        Ok(())
    }

    /// Whether `-letter` was given.
    pub fn has(&self, letter: char) -> bool {
        self.flags.iter().any(|f| f.len() == letter.len_utf8() && f.starts_with(letter))
    }
    /// How often `-letter` was given: `-FF` counts twice.
    pub fn count(&self, letter: char) -> usize {
        self.flags.iter().filter(|f| f.starts_with(letter) && f.len() == 1).count()
    }
    /// Whether the option word was given.
    pub fn has_word(&self, word: &str) -> bool {
        self.flags.iter().any(|f| f == word)
    }
    /// The value of `-letter`.
    pub fn value(&self, letter: char) -> Option<&str> {
        self.values.iter().rev().find(|(l, _)| *l == letter).map(|(_, v)| v.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_values_and_words() {
        let spec = Spec { flags: "aF", values: "c", words: &["32"], raw: false };
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let args = Args::parse(&words("-aFF 12 -c3 -32 x -c 4"), spec).unwrap();
        assert!(args.has('a') && args.count('F') == 2 && args.has_word("32"));
        assert_eq!(args.value('c'), Some("4"));
        assert_eq!(args.rest, ["12", "x"]);
        assert!(Args::parse(&words("-z"), spec).is_err());
        assert!(Args::parse(&words("-c"), spec).is_err());
    }
}
