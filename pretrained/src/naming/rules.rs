//! Applies the tables: every row becomes a rule, once for each place where its names may live.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::heads::Heads;
use super::pattern::Pattern;
use super::tables::{self, Part, Table, When};

/// The names a naming translates.
#[derive(Debug)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    by_canonical: Heads,
    by_foreign: Heads,
}

#[derive(Debug)]
struct Rule {
    canonical: Pattern,
    foreign: Pattern,
    condition: Option<Condition>,
}

/// The rule holds if the sign's presence in the set of keys equals `present`.
#[derive(Debug)]
struct Condition {
    canonical: String,
    foreign: String,
    present: bool,
}

/// Which of the two names of a row is the given one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToCanonical,
    FromCanonical,
}

/// Prefixes of a backbone's names, (canonical, foreign): bare, a backbone wrapped alone, in a detector with an FPN.
/// Where several foreign prefixes stand for one canonical prefix, the first is the one to write.
type Prefixes = &'static [(&'static str, &'static str)];
const PREFIXES: Prefixes = &[("", ""), ("backbone.", "backbone."), ("backbone.body.", "backbone.body.")];
const DETECTRON2_PREFIXES: Prefixes =
    &[("", ""), ("backbone.", "backbone."), ("backbone.body.", "backbone.bottom_up.")];
const VISION_TOOLBOX_PREFIXES: Prefixes =
    &[("", ""), ("backbone.", "backbone."), ("backbone.body.", "backbone.body."), ("", "0."), ("", "model.0.")];

pub(super) static TORCHVISION: LazyLock<Rules> = LazyLock::new(|| Rules::new(tables::TORCHVISION_SSD, PREFIXES));
pub(super) static LUUUYI: LazyLock<Rules> = LazyLock::new(|| Rules::new(tables::LUUUYI, PREFIXES));
pub(super) static UOIP: LazyLock<Rules> = LazyLock::new(|| Rules::new(tables::UOIP, PREFIXES));
pub(super) static TORCHVISION_LEGACY: LazyLock<Rules> =
    LazyLock::new(|| Rules::new(tables::TORCHVISION_LEGACY, PREFIXES));
pub(super) static MASKRCNN_BENCHMARK: LazyLock<Rules> =
    LazyLock::new(|| Rules::new(tables::MASKRCNN_BENCHMARK, PREFIXES));
pub(super) static DETECTRON2: LazyLock<Rules> = LazyLock::new(|| Rules::new(tables::DETECTRON2, DETECTRON2_PREFIXES));
pub(super) static CAFFE: LazyLock<Rules> = LazyLock::new(|| Rules::new(tables::CAFFE, PREFIXES));
pub(super) static TIMM: LazyLock<Rules> = LazyLock::new(|| Rules::new(tables::TIMM, PREFIXES));
pub(super) static VISION_TOOLBOX: LazyLock<Rules> =
    LazyLock::new(|| Rules::new(tables::VISION_TOOLBOX, VISION_TOOLBOX_PREFIXES));

/// The canonical tables.
struct Canonical {
    patterns: Vec<Pattern>,
    heads: Heads,
}

static CANONICAL: LazyLock<Canonical> = LazyLock::new(|| {
    let body = PREFIXES.iter().flat_map(|(prefix, _)| {
        tables::CANONICAL_BODY.iter().map(move |text| Pattern::new(prefix, text, &mut Vec::new()))
    });
    let detector = tables::CANONICAL_DETECTOR.iter().chain(tables::CANONICAL_SINGLE_STAGE);
    let detector = detector.map(|text| Pattern::new("", text, &mut Vec::new()));
    let patterns: Vec<Pattern> = body.chain(detector).collect();
    let heads = Heads::new(patterns.iter().map(Pattern::head));
    Canonical { patterns, heads }
});

/// Whether the canonical tables hold `key`.
pub(super) fn is_canonical(key: &str) -> bool {
    let Canonical { patterns, heads } = &*CANONICAL;
    heads.candidates(key).any(|pattern| patterns[pattern].find(key).is_some())
}

impl Rules {
    fn new(tables: &[Table], body_prefixes: Prefixes) -> Rules {
        let mut rules = Vec::new();
        for table in tables {
            let prefixes = match table.part {
                Part::Body => body_prefixes,
                Part::Detector => &[("", "")],
                Part::DetectorBody => &[("backbone.", "")],
            };
            for &(prefix, foreign_prefix) in prefixes {
                for (canonical, foreign) in table.rows {
                    let mut names = Vec::new();
                    rules.push(Rule {
                        canonical: Pattern::new(prefix, canonical, &mut names),
                        foreign: Pattern::new(foreign_prefix, foreign, &mut names),
                        condition: match table.part {
                            Part::Body => table.when.condition(prefix, foreign_prefix),
                            Part::Detector | Part::DetectorBody => table.when.condition("", ""),
                        },
                    });
                }
            }
        }
        let by_canonical = Heads::new(rules.iter().map(|rule| rule.canonical.head()));
        let by_foreign = Heads::new(rules.iter().map(|rule| rule.foreign.head()));
        Rules { rules, by_canonical, by_foreign }
    }

    /// Each key's name on the other side; nothing for a key that no rule names.
    pub(super) fn translate(&self, keys: &[&str], direction: Direction) -> Vec<Option<String>> {
        let present: HashSet<&str> = keys.iter().copied().collect();
        // The first rule that fits counts; one whose condition does not hold is none.
        let rules: Vec<Option<(&Pattern, &Pattern)>> = self
            .rules
            .iter()
            .map(|rule| {
                let holds = rule.condition.as_ref().is_none_or(|condition| condition.holds(&present, direction));
                holds.then_some(match direction {
                    Direction::ToCanonical => (&rule.foreign, &rule.canonical),
                    Direction::FromCanonical => (&rule.canonical, &rule.foreign),
                })
            })
            .collect();
        let heads = match direction {
            Direction::ToCanonical => &self.by_foreign,
            Direction::FromCanonical => &self.by_canonical,
        };
        let mut candidates = Vec::new();
        keys.iter()
            .map(|key| {
                candidates.clear();
                candidates.extend(heads.candidates(key));
                candidates.sort_unstable();
                candidates.iter().filter_map(|&rule| rules[rule]).find_map(|(from, to)| to.fill(&from.find(key)?))
            })
            .collect()
    }
}

impl Condition {
    fn holds(&self, keys: &HashSet<&str>, direction: Direction) -> bool {
        let sign = match direction {
            Direction::ToCanonical => &self.foreign,
            Direction::FromCanonical => &self.canonical,
        };
        keys.contains(sign.as_str()) == self.present
    }
}

impl When {
    fn condition(&self, prefix: &str, foreign_prefix: &str) -> Option<Condition> {
        let ((canonical, foreign), present) = match self {
            When::Always => return None,
            When::With(sign) => (sign, true),
            When::Without(sign) => (sign, false),
        };
        Some(Condition {
            canonical: format!("{prefix}{canonical}"),
            foreign: format!("{foreign_prefix}{foreign}"),
            present,
        })
    }
}
