//! Ids as files write them: whole numbers mostly, sometimes text.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::collections::HashMap;
use std::fmt;

/// Ids that are no numbers get numbers from here on, far above those in real files.
const FIRST: u64 = 1 << 48;

/// An id in a JSON file.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// What the format asks for.
    Number(u64),
    /// `1.0`, or a negative number.
    Real(f64),
    /// `"000042"`, `"a7"`.
    Text(String),
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an id (a number or a text)")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Id::Number(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).map_or(Id::Real(value as f64), Id::Number))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Id::Real(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Id::Text(value.to_owned()))
    }
}

/// The numbers that stand for ids which are no numbers.
#[derive(Debug, Default, Clone)]
pub struct Names {
    numbers: HashMap<String, u64>,
}

impl Names {
    /// The number of an id; the same text has the same number in every file of a data set. `"42"` is 42.
    pub fn number(&mut self, id: &Id) -> u64 {
        if let Some(number) = plain(id) {
            return number;
        }
        let next = FIRST + self.numbers.len() as u64;
        *self.numbers.entry(text(id)).or_insert(next)
    }

    /// The number of an id, if this data set has met it before or it is a number.
    pub fn known(&self, id: &Id) -> Option<u64> {
        plain(id).or_else(|| self.numbers.get(&text(id)).copied())
    }
}

fn plain(id: &Id) -> Option<u64> {
    match id {
        Id::Number(number) => Some(*number),
        Id::Real(real) => whole(*real),
        Id::Text(text) => text.trim().parse().ok(),
    }
}

/// A whole number that was written as a real one.
fn whole(real: f64) -> Option<u64> {
    // 2^53: beyond it not every whole number has a float of its own.
    (real.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&real)).then_some(real as u64)
}

/// The text of an id, by which ids that are no numbers are told apart.
pub fn text(id: &Id) -> String {
    match id {
        Id::Number(number) => number.to_string(),
        Id::Real(real) => real.to_string(),
        Id::Text(text) => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_number_per_spelling() {
        let mut names = Names::default();
        let mut number = |json: &str| names.number(&serde_json::from_str(json).unwrap());
        assert_eq!([number("7"), number("7.0"), number("\"7\""), number("\"007\"")], [7; 4]);
        let a = number("\"a7\"");
        assert_ne!(a, number("-1"));
        assert_eq!(a, number("\"a7\""));
        assert_eq!(names.known(&Id::Text("a7".into())), Some(a));
        assert_eq!(names.known(&Id::Text("b".into())), None);
    }
}
