//! Which of many patterns may fit a key, by the text that they begin with.

/// Patterns by their first text: finds those whose text a key begins with without trying them all.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Sorted, each once.
    heads: Vec<Head>,
}

#[derive(Debug)]
struct Head {
    text: String,
    /// The next shorter head that this one begins with.
    shorter: Option<usize>,
    /// Numbers of the patterns that begin so.
    patterns: Vec<usize>,
}

impl Heads {
    /// An index of patterns that begin with `heads`, numbered from 0.
    pub(super) fn new<'a>(heads: impl Iterator<Item = &'a str>) -> Self {
        let mut numbered: Vec<(&str, usize)> = heads.zip(0..).collect();
        numbered.sort_unstable();
        let mut index = Self::default();
        for (text, pattern) in numbered {
            match index.heads.last_mut() {
                Some(last) if last.text == text => last.patterns.push(pattern),
                _ => {
                    // What this one begins with stands before it: it is the head before it or in that one's chain.
                    let shorter = index.longest_of(text, index.heads.len().checked_sub(1));
                    index.heads.push(Head { text: text.to_owned(), shorter, patterns: vec![pattern] });
                }
            }
        }
        index
    }

    /// The numbers of the patterns whose head `key` begins with, in no order.
    pub(super) fn candidates(&self, key: &str) -> impl Iterator<Item = usize> {
        let before = self.heads.partition_point(|head| head.text.as_str() <= key);
        let longest = self.longest_of(key, before.checked_sub(1));
        let chain = std::iter::successors(longest, |&at| self.heads[at].shorter);
        chain.flat_map(|at| self.heads[at].patterns.iter().copied())
    }

    /// The first head in the chain from `at` that `key` begins with.
    fn longest_of(&self, key: &str, at: Option<usize>) -> Option<usize> {
        std::iter::successors(at, |&at| self.heads[at].shorter).find(|&at| key.starts_with(&self.heads[at].text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidates_are_those_that_the_key_begins_with() {
        let heads = ["stage", "", "stem.", "stage3.", "st", "stage", "conv", "stage2."];
        let index = Heads::new(heads.into_iter());
        for key in ["stage2.x", "stage", "stag", "stem.1", "s", "", "conv1", "zzz", "a", "stage9"] {
            let mut found: Vec<usize> = index.candidates(key).collect();
            found.sort_unstable();
            let expected: Vec<usize> = (0..heads.len()).filter(|&i| key.starts_with(heads[i])).collect();
            assert_eq!(found, expected, "{key:?}");
        }
    }

    /// Work is counted and not timed: of a thousand patterns with different heads one is tried.
    #[test]
    fn most_patterns_are_not_looked_at() {
        let heads: Vec<String> = (0..1000).map(|i| format!("layer{i}.")).collect();
        let index = Heads::new(heads.iter().map(String::as_str));
        assert_eq!(index.candidates("layer500.conv.weight").collect::<Vec<_>>(), [500]);
        assert_eq!(index.candidates("layer.conv.weight").count(), 0);
    }
}
