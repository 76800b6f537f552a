//! A comparison as tables for people.

use crate::cli::eval::show::{figure, number};
use crate::cli::names::in_table;
use crate::cli::table::Columns;
use std::fmt::Write;
use vovdet_evaluation::metrics::compare::{Bootstrap, Class, Delta, FEWEST_IMAGES, Section};

/// Classes that are shown where none is marked.
const SHOWN: usize = 10;

/// Figures of a class whose differences are shown beside those of the first.
const BESIDE: [&str; 4] = ["AP50", "AP75", "AR100", "ap_area"];

/// How the intervals were made.
pub fn drawn(bootstrap: &Bootstrap, images: usize) -> String {
    // As it was given, without the last digits of a product.
    let confidence = format!("{} %", (bootstrap.confidence * 1e8).round() / 1e6);
    format!(
        "{}, drawn again {} times; the interval holds {confidence} of the differences, * where it leaves out 0\n",
        number(images, "image"),
        bootstrap.samples
    )
}

/// The figures of all classes together.
pub fn figures(section: &Section, bootstrap: Option<&Bootstrap>) -> String {
    let mut table = Columns::new([0, 4]);
    table.row(std::iter::once(section.kind.to_string()).chain(head(bootstrap)));
    for delta in &section.figures {
        table.row(std::iter::once(delta.figure.to_owned()).chain(row(delta, bootstrap)));
    }
    format!("\n{}\n", table.text())
}

/// The classes worth a line, the largest loss first.
pub fn classes(section: &Section, bootstrap: Option<&Bootstrap>, all: bool) -> String {
    let first = |class: &Class| class.figures.first().copied();
    let change = |class: &Class| first(class).and_then(|delta| delta.delta);
    let is_marked = |class: &Class| first(class).is_some_and(|delta| delta.is_marked());
    let mut list: Vec<(&str, &Class)> = section.per_class.iter().collect();
    let count = list.len();
    let marked = list.iter().filter(|(_, class)| is_marked(class)).count();
    if !all {
        list.retain(|(_, class)| if marked > 0 { is_marked(class) } else { change(class).is_some_and(|d| d != 0.0) });
    }
    if !all && marked == 0 {
        let size = |class: &Class| change(class).map_or(0.0, f64::abs);
        list.sort_by(|a, b| size(b.1).total_cmp(&size(a.1)));
        list.truncate(SHOWN);
    }
    // Those that nothing can be said about come last.
    list.sort_by(|a, b| match (change(a.1), change(b.1)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
    let name = section.per_class.iter().find_map(|(_, class)| first(class)).map_or("", |delta| delta.figure);
    let mut text = format!("\n{name} of {}", if count == 1 { "1 class".into() } else { format!("{count} classes") });
    if let Some(bootstrap) = bootstrap {
        let tested =
            section.per_class.iter().filter(|(_, class)| first(class).is_some_and(|d| d.can_be_marked())).count();
        let by_chance = (1.0 - bootstrap.confidence) * tested as f64;
        let _ = write!(
            text,
            ": {marked} of the {tested} with objects in {FEWEST_IMAGES} images or more marked, by chance alone about {}",
            (by_chance * 10.0).round() / 10.0
        );
    }
    text += match (all, list.is_empty(), marked) {
        (true, ..) => "\n",
        (_, true, _) => "; none differs\n",
        (_, _, 0) => "; those that changed most, --per-class shows all\n",
        _ => "; --per-class shows all\n",
    };
    if list.is_empty() {
        return text;
    }
    let beside = |class: &Class| -> Vec<Delta> {
        class.figures.iter().skip(1).filter(|delta| BESIDE.contains(&delta.figure)).copied().collect()
    };
    let images = |class: &Class| first(class).and_then(|delta| delta.images);
    let counts = if bootstrap.is_some() { 3 } else { 2 };
    // The interval stands behind the counts and three figures.
    let mut table = Columns::new([0, counts + 3]);
    let names = ["class", "objects", "images"].into_iter().take(counts).map(String::from);
    let others = list.first().map(|(_, class)| beside(class)).unwrap_or_default();
    table.row(names.chain(head(bootstrap)).chain(others.iter().map(|delta| format!("Δ{}", delta.figure))));
    for (name, class) in list {
        let images = images(class).unwrap_or(0).to_string();
        let cells = [in_table(name).into_owned(), class.objects.to_string(), images].into_iter().take(counts);
        let figures = first(class).map(|delta| row(&delta, bootstrap)).unwrap_or_default();
        table.row(cells.chain(figures).chain(beside(class).iter().map(|delta| signed(delta.delta))));
    }
    text + &table.text() + "\n"
}

/// What stands above [`row`].
fn head(bootstrap: Option<&Bootstrap>) -> Vec<String> {
    let interval: &[&str] = if bootstrap.is_some() { &["interval", "B better"] } else { &[] };
    ["A", "B", "B - A"].iter().chain(interval).map(|&text| text.to_owned()).collect()
}

/// The figure of both, their difference, and with intervals those, marked, and how often B is better.
fn row(delta: &Delta, bootstrap: Option<&Bootstrap>) -> Vec<String> {
    let show = |value: Option<f64>| figure(value.unwrap_or(-1.0));
    let mut cells = vec![show(delta.a), show(delta.b), signed(delta.delta)];
    if bootstrap.is_some() {
        let ends = delta.low.zip(delta.high);
        let mark = if delta.is_marked() { " *" } else { "" };
        cells.push(ends.map_or_else(|| "–".into(), |(low, high)| format!("[{}, {}]{mark}", bound(low), bound(high))));
        cells.push(delta.better.map_or_else(|| "–".into(), percent));
    }
    cells
}

/// A difference with its sign.
fn signed(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        // No sign before a zero.
        Some(value) if value.abs() < 0.000_05 => "0.0000".into(),
        Some(value) => format!("{value:+.4}"),
    }
}

/// An end of an interval with its sign. Whether it is 0 decides about the mark, so one that is not has a digit that says so.
fn bound(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.000_05 { format!("{value:+.1e}") } else { signed(Some(value)) }
}

/// `95 %`, with a decimal where there is one.
fn percent(part: f64) -> String {
    format!("{} %", (part * 1000.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_is_not_zero_does_not_look_like_it() {
        for (value, text) in [
            (0.0, "0.0000"),
            (-0.0, "0.0000"),
            (-3.6e-5, "-3.6e-5"),
            (4.999e-5, "+5.0e-5"),
            (5e-5, "+0.0001"),
            (-0.0608, "-0.0608"),
            (1e-300, "+1.0e-300"),
        ] {
            assert_eq!(bound(value), text);
        }
    }
}
