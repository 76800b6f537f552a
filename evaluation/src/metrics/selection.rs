//! Which images of a data set a run looks at.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// A part of a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only so many images, the first ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only one share of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

impl Selection {
    /// Whether nothing is left out.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// The selected items, in their order: first the limit, then the share.
    pub fn of<T>(&self, items: Vec<T>) -> Vec<T> {
        let limit = self.limit.unwrap_or(items.len());
        let Shard { index, count } = self.shard.unwrap_or(Shard { index: 1, count: 1 });
        items.into_iter().take(limit).skip(index - 1).step_by(count).collect()
    }
}

/// One of several equal shares, `2/4` for the second of four: every fourth image, beginning with the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// Which one, from 1.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((index, count)) if 1 <= index && index <= count => Ok(Self { index, count }),
            Some((0, _)) => Err("shards are counted from 1: the first of four is 1/4".into()),
            _ => Err("a shard is written i/n, such as 2/4 for the second of four".into()),
        }
    }
}

impl Display for Shard {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn shares_are_disjoint_and_whole() {
        let items: Vec<_> = (0..11).collect();
        let share = |i| Selection { limit: None, shard: Some(Shard { index: i, count: 3 }) }.of(items.clone());
        assert_eq!(share(2), [1, 4, 7, 10]);
        let mut all = [share(1), share(2), share(3)].concat();
        all.sort_unstable();
        assert_eq!(all, items);
        let first = Selection { limit: Some(4), shard: Some("2/2".parse().unwrap()) };
        assert_eq!(first.of(items), [1, 3]);
    }

    #[test]
    fn what_is_no_share() {
        for bad in ["", "3", "0/4", "5/4", "1/0", "a/b", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
