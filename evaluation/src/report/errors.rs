//! What each kind of error costs, after TIDE.

use super::analysis::{Analysis, MATCH_IOU};
use super::data::{ErrorShare, Kind, rounded};
use super::outcome::{self, BACKGROUND_IOU};
use crate::Result;

/// TIDE's kinds of errors, by the names that hotcoco has for them.
const KINDS: [(&str, Kind); 6] = [
    ("Cls", Kind::WrongClass),
    ("Loc", Kind::Location),
    ("Both", Kind::ClassAndLocation),
    ("Dupe", Kind::Duplicate),
    ("Bkg", Kind::Background),
    ("Miss", Kind::Missed),
];

/// How much average precision the errors of each kind cost, and how many there are.
pub fn shares(analysis: &Analysis) -> Result<Vec<ErrorShare>> {
    let tide = analysis.eval.tide_errors(MATCH_IOU, BACKGROUND_IOU)?;
    let counts = outcome::counts(analysis);
    let share = |(name, kind): (&str, Kind)| ErrorShare {
        kind,
        delta_ap: rounded(tide.delta_ap.get(name).copied().unwrap_or(0.0), 5),
        count: counts.get(&kind).copied().unwrap_or(0),
    };
    Ok(KINDS.into_iter().map(share).collect())
}
