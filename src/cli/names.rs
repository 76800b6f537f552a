//! Names of classes in tables.

use std::borrow::Cow;

/// Most characters of a name that a table shows.
const LONGEST: usize = 60;

/// A class's name as a table shows it: names may be of any length, and padding a column ends in a panic beyond 65,535
/// characters. `--json` has the whole name; control characters are escaped by the printer.
pub fn in_table(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(name),
        Some(_) => Cow::Owned(name.chars().take(LONGEST - 1).chain(['…']).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(in_table("dining table"), "dining table");
        assert_eq!(in_table(&"猫".repeat(60)), "猫".repeat(60));
        assert_eq!(in_table(&"猫".repeat(70_000)), format!("{}…", "猫".repeat(59)));
    }
}
