//! The small language in which the tables of names are written.
//!
//! A pattern is a key with holes:
//!
//! | hole | stands for |
//! |---|---|
//! | `{i:0..3}` | the numbers 0, 1, 2, 3 |
//! | `{i:0..}` | 0, 1, 2, … without end |
//! | `{i:0..9/3}` | every third: 0, 3, 6, 9 |
//! | `{i:a..e}`, `{i:A..B}` | the same as numbers, written as letters: a, b, c, d, e |
//! | `{i}` | the number that `i` already stands for, in the range it was given first |
//! | `{param}` | `weight` or `bias` |
//! | `{norm}` | a normalisation's `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked` |
//! | `{rest}` | anything at all |
//!
//! A number is remembered as its rank in its range, so `{i:0..3}` in one pattern and `{i:2..5}` in
//! another are the same four things under other numbers. The three word holes end a pattern.

const PARAM: &[&str] = &["weight", "bias"];
const NORM: &[&str] = &["weight", "bias", "running_mean", "running_var", "num_batches_tracked"];

/// More numbers than any table's names have.
const SLOTS: usize = 4;

/// A pattern, parsed.
#[derive(Debug)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    /// `start + step * rank`, for ranks below `count`.
    Number {
        slot: usize,
        range: Range,
    },
    Word(&'static [&'static str]),
    Rest,
}

/// Numbers, or the codes of letters.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u32,
    step: u32,
    count: u32,
    letters: bool,
}

/// What the holes of a pattern stood for in one key.
#[derive(Debug, Default)]
pub(super) struct Holes<'k> {
    ranks: [Option<u32>; SLOTS],
    tail: &'k str,
}

impl Pattern {
    /// The text that every key of this pattern begins with.
    pub(super) fn head(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Parses `prefix` + `text`. `names` holds the names of numbers that patterns of the same row
    /// share; new ones are added.
    ///
    /// # Panics
    /// On a malformed pattern. Patterns are constants of this crate; a test parses every table.
    pub(super) fn new(prefix: &str, text: &'static str, names: &mut Vec<&'static str>) -> Pattern {
        let mut pieces = Vec::new();
        let mut literal = prefix.to_owned();
        let mut ranges: Vec<(usize, Range)> = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            let Some((hole, after)) = after.split_once('}') else {
                panic!("pattern {text:?}: '{{' without '}}'");
            };
            rest = after;
            pieces.push(match hole {
                "param" => Piece::Word(PARAM),
                "norm" => Piece::Word(NORM),
                "rest" => Piece::Rest,
                _ => {
                    let (name, range) = match hole.split_once(':') {
                        Some((name, range)) => (name, Some(range)),
                        None => (hole, None),
                    };
                    let slot = names.iter().position(|n| *n == name).unwrap_or_else(|| {
                        names.push(name);
                        names.len() - 1
                    });
                    assert!(slot < SLOTS, "pattern {text:?}: more than {SLOTS} numbers");
                    if let Some(range) = range {
                        let Some(range) = parse_range(range) else {
                            panic!("pattern {text:?}: bad range in {{{hole}}}");
                        };
                        ranges.push((slot, range));
                    }
                    let Some(&(_, range)) = ranges.iter().find(|r| r.0 == slot) else {
                        panic!("pattern {text:?}: {{{hole}}} has no range");
                    };
                    Piece::Number { slot, range }
                }
            });
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Pattern { pieces }
    }

    /// What the holes stand for in `key`, or nothing where the key is not of this pattern.
    pub(super) fn find<'k>(&self, key: &'k str) -> Option<Holes<'k>> {
        let mut holes = Holes::default();
        let mut rest = key;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Word(words) => {
                    words.contains(&rest).then_some(())?;
                    holes.tail = std::mem::take(&mut rest);
                }
                Piece::Rest => {
                    (!rest.is_empty()).then_some(())?;
                    holes.tail = std::mem::take(&mut rest);
                }
                &Piece::Number { slot, range: Range { start, step, count, letters } } => {
                    let (number, after) = if letters { leading_letter(rest)? } else { leading_number(rest)? };
                    let above = number.checked_sub(start)?;
                    let rank = above / step;
                    let fits = above % step == 0 && rank < count;
                    let agrees = holes.ranks[slot].is_none_or(|known| known == rank);
                    (fits && agrees).then_some(())?;
                    holes.ranks[slot] = Some(rank);
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(holes)
    }

    /// The key in which the holes stand for `holes`; nothing where a rank lies outside the range.
    pub(super) fn fill(&self, holes: &Holes) -> Option<String> {
        let mut key = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => key.push_str(text),
                Piece::Word(_) | Piece::Rest => key.push_str(holes.tail),
                &Piece::Number { slot, range: Range { start, step, count, letters } } => {
                    let rank = holes.ranks[slot].filter(|rank| *rank < count)?;
                    let number = rank.checked_mul(step)?.checked_add(start)?;
                    if letters {
                        key.push(char::from_u32(number)?);
                    } else {
                        key.push_str(&number.to_string());
                    }
                }
            }
        }
        Some(key)
    }
}

/// `lo..hi`, `lo..` or `lo..hi/step`; `a..e` with letters.
fn parse_range(text: &str) -> Option<Range> {
    let (low, high) = text.split_once("..")?;
    if let (Some((start, "")), Some((last, ""))) = (leading_letter(low), leading_letter(high)) {
        return Some(Range { start, step: 1, count: last.checked_sub(start)? + 1, letters: true });
    }
    let (high, step) = high.split_once('/').unwrap_or((high, "1"));
    let (start, step): (u32, u32) = (low.parse().ok()?, step.parse().ok()?);
    let count = match high {
        "" => u32::MAX,
        high => high.parse::<u32>().ok()?.checked_sub(start)? / step + 1,
    };
    Some(Range { start, step, count, letters: false })
}

/// The decimal number at the head of `text`, written the one way a name writes it (no leading
/// zero), and what follows.
fn leading_number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at(digits);
    if digits > 1 && number.starts_with('0') {
        return None;
    }
    Some((number.parse().ok()?, after))
}

/// The code of the letter at the head of `text`, and what follows.
fn leading_letter(text: &str) -> Option<(u32, &str)> {
    let letter = *text.as_bytes().first().filter(|byte| byte.is_ascii_alphabetic())?;
    Some((letter.into(), &text[1..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn translate(from: &'static str, to: &'static str, key: &str) -> Option<String> {
        let mut names = Vec::new();
        let from = Pattern::new("", from, &mut names);
        Pattern::new("", to, &mut names).fill(&from.find(key)?)
    }

    #[test]
    fn numbers_keep_their_rank() {
        let shift = |key| translate("a.{i:0..3}.{param}", "b{i:2..5}.{param}", key);
        assert_eq!(shift("a.0.weight").as_deref(), Some("b2.weight"));
        assert_eq!(shift("a.3.bias").as_deref(), Some("b5.bias"));
        assert_eq!(shift("a.4.bias"), None);
        let third = |key| translate("x.{i:1..10/3}.{norm}", "y.{i:0..3}.1.{norm}", key);
        assert_eq!(third("x.7.running_var").as_deref(), Some("y.2.1.running_var"));
        assert_eq!(third("x.6.running_var"), None);
        assert_eq!(third("x.13.bias"), None);
    }

    #[test]
    fn letters_count_like_numbers() {
        let second = |key| translate("D{n:2..5}{i:f..j}/c", "s{n:2..5}.2.{i:0..4}", key);
        assert_eq!(second("D4f/c").as_deref(), Some("s4.2.0"));
        assert_eq!(second("D4j/c").as_deref(), Some("s4.2.4"));
        for key in ["D4e/c", "D4k/c", "D4F/c", "D4/c", "D4fg/c", "D4\u{e9}/c"] {
            assert_eq!(second(key), None, "{key}");
        }
        assert_eq!(translate("{b:1..2}x", "T{b:A..B}", "2x").as_deref(), Some("TB"));
    }

    #[test]
    fn a_repeated_number_must_agree() {
        let twice = |key| translate("s{n:2..5}.O{n}_{b:1..}", "s.{n:0..3}.{b:0..}", key);
        assert_eq!(twice("s3.O3_12").as_deref(), Some("s.1.11"));
        assert_eq!(twice("s3.O4_1"), None);
    }

    #[test]
    fn only_whole_keys_in_plain_numbers_match() {
        let plain = |key| translate("l.{i:0..}.{param}", "m.{i:0..}.{param}", key);
        for key in [
            "l.01.weight",
            "l.+1.weight",
            "l..weight",
            "l.99999999999.weight",
            "l.1.weights",
            "l.1.weight.x",
            "ll.1.weight",
            "l.1.",
        ] {
            assert_eq!(plain(key), None, "{key}");
        }
        assert_eq!(translate("a.{rest}", "b.{rest}", "a."), None);
    }

    #[test]
    #[should_panic(expected = "has no range")]
    fn a_number_without_a_range_is_refused() {
        translate("a.{i}", "b.{i:0..}", "a.1");
    }
}
