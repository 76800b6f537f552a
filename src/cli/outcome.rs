//! How a verb ends.

use std::process::ExitCode;

/// How much of what was asked for was done; each has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything.
    All,
    /// Some inputs failed, the others are done.
    Part,
    /// Nothing.
    Nothing,
}

impl Outcome {
    /// The outcome of a run over many inputs.
    pub fn of(done: usize, failed: usize) -> Self {
        match (done, failed) {
            (0, _) => Self::Nothing,
            (_, 0) => Self::All,
            _ => Self::Part,
        }
    }

    /// The outcome of two things of which the first gave a result.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other == Self::All { self } else { Self::Part }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::All => 0,
            Outcome::Part => 1,
            Outcome::Nothing => 2,
        })
    }
}

/// An error and its causes as one sentence; causes that the text before them quotes already are left out.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let words = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref() {
        Some(error) => super::eval::words(error),
        None => cause.to_string(),
    };
    for cause in error.chain().map(words).filter(|cause| !cause.is_empty()) {
        if !text.contains(&cause) {
            text += if text.is_empty() { "" } else { ": " };
            text += &cause;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_cause_is_not_repeated() {
        let quoted = anyhow::anyhow!("is a web page").context("a.pth: is a web page");
        assert_eq!(sentence(&quoted), "a.pth: is a web page");
        assert_eq!(sentence(&anyhow::anyhow!("disk full").context("--save out")), "--save out: disk full");
    }
}
