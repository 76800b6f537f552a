//! What a person reads on a terminal: a line an image.

use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;
use vovdet_datasets::lines::Object;

/// Classes of an image that are counted by name.
const NAMED: usize = 6;

/// Lines for people, in columns as wide as what came before needs.
#[derive(Debug, Default)]
pub struct Text {
    name: usize,
    size: usize,
    middle: usize,
}

impl Text {
    /// `nuclei_1.png  360x360  33 nucleus  0.9 s`: the name of the image, its size, what is in it, the time spent.
    pub fn line(&mut self, name: &str, size: Option<(u32, u32)>, middle: &str, ms: f64) -> String {
        let name = plain(name);
        let size = size.map(|(w, h)| format!("{w}x{h}"));
        self.name = self.name.max(name.width());
        self.size = self.size.max(size.as_ref().map_or(0, String::len));
        // One image with a long list of classes must not push all others to the right.
        self.middle = self.middle.max(middle.width().min(32));
        let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(text.width()));
        let mut line = format!("{name}{}  ", pad(&name, self.name));
        if let Some(size) = size {
            let _ = write!(line, "{size}{}  ", pad(&size, self.size));
        }
        let _ = write!(line, "{middle}{}  {:>7}", pad(middle, self.middle), seconds(ms));
        line
    }
}

/// How many objects of each class have at least this score, the most frequent class first.
pub fn count(objects: &[Object], least: f32) -> (usize, String) {
    count_found(objects.iter().map(|object| (object.label.as_str(), object.score)), least)
}

/// The same, of labels and scores.
pub fn count_found<'a>(objects: impl Iterator<Item = (&'a str, f32)>, least: f32) -> (usize, String) {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (label, _) in objects.filter(|(_, score)| *score >= least) {
        match counts.iter_mut().find(|(name, _)| *name == label) {
            Some((_, count)) => *count += 1,
            None => counts.push((label, 1)),
        }
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let total = counts.iter().map(|(_, count)| count).sum();
    let mut parts: Vec<_> = counts.iter().take(NAMED).map(|(name, count)| format!("{count} {}", plain(name))).collect();
    if counts.len() > NAMED {
        parts.push(format!("{} of other classes", counts[NAMED..].iter().map(|(_, count)| count).sum::<usize>()));
    }
    (total, if parts.is_empty() { "nothing".into() } else { parts.join(", ") })
}

/// A number of things.
pub fn number(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn seconds(ms: f64) -> String {
    if ms < 100.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1e3) }
}

/// Text of a file on a terminal: without letters that steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(label: &str, score: f32) -> Object {
        Object { bbox: [0.0; 4], score, label: label.into(), category_id: 1, mask: None }
    }

    #[test]
    fn objects_are_counted_by_class_from_the_least_score_on() {
        let objects = [object("dog", 0.9), object("person", 0.5), object("person", 0.6), object("person", 0.49)];
        assert_eq!(count(&objects, 0.5), (3, "2 person, 1 dog".into()));
        assert_eq!(count(&objects, 0.95), (0, "nothing".into()));
        let many: Vec<_> = (0..9).map(|i| object(&format!("c{i}"), 1.0)).collect();
        assert!(count(&many, 0.5).1.ends_with("1 c5, 3 of other classes"));
    }

    #[test]
    fn columns_line_up_and_nothing_steers_the_terminal() {
        let mut text = Text::default();
        assert_eq!(text.line("a.png", Some((360, 240)), "33 nucleus", 912.0), "a.png  360x240  33 nucleus    0.9 s");
        let wide = text.line("\u{1b}[31m猫.png", Some((1, 2)), "nothing", 12.3);
        assert_eq!(wide, "?[31m猫.png  1x2      nothing       12 ms");
        assert_eq!(text.line("b.png", Some((1, 2)), "nothing", 1.0).width(), wide.width());
    }
}
