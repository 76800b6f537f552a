//! The errors of the evaluation in the words of the command line.

use vovdet_evaluation::Error;
use vovdet_evaluation::metrics::compare::Difference;

/// What went wrong, with the options and verbs that the library does not know.
pub fn words(error: &Error) -> String {
    match error {
        Error::NoResult { path, error } => {
            format!("{} is no result of `vovdet eval --json`: {error}", path.display())
        }
        Error::Detections { path } => format!(
            "{} is a list and no result of `vovdet eval --json`; detections are to be scored first, with `vovdet eval`",
            path.display()
        ),
        Error::OtherRun { .. } => format!("{error}; without --resume a new one begins"),
        Error::Locked { .. } => format!("{error}; wait for it, or give this one another file with --save-detections"),
        Error::NamelessClasses { .. } => format!("{error}: say it with --class-names"),
        Error::Differ { paths: [a, b], differ, values: [first, second] } => {
            let option = match differ {
                Difference::MaxDets => ", --max-dets",
                Difference::MaskAreas => ", --mask-areas",
                Difference::MinScore => ", --score (--min-score)",
                Difference::IouThreshold => ", --iou-threshold",
                _ => "",
            };
            format!(
                "{} and {} cannot be compared: they differ in their {differ}{option} ({first} and {second})",
                a.display(),
                b.display()
            )
        }
        other => other.to_string(),
    }
}
