//! Names of classes in tables.

use std::borrow::Cow;

/// Most characters of a name that a table shows.
const LONGEST: usize = 60;

/// A class's name as a table shows it: on one line, with control characters escaped, and cut, since padding a column
/// ends in a panic beyond 65,535 characters. `--json` has the whole name.
pub fn in_table(name: &str) -> Cow<'_, str> {
    let long = name.chars().nth(LONGEST).is_some();
    if !long && !name.contains(char::is_control) {
        return Cow::Borrowed(name);
    }
    let kept = if long { LONGEST - 1 } else { LONGEST };
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let shown: String = name.chars().take(kept).map(escape).collect();
    Cow::Owned(if long { shown + "…" } else { shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(in_table("dining table"), "dining table");
        assert_eq!(in_table(&"猫".repeat(60)), "猫".repeat(60));
        assert_eq!(in_table("red\u{1b}[31m"), "red\\u{1b}[31m");
        assert_eq!(in_table(&"猫".repeat(70_000)), format!("{}…", "猫".repeat(59)));
    }
}
