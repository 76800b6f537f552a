//! Label files: a line per object, `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 …`, all but the class in parts of the
//! image's width and height.
//!
//! What counts as wrong is what Ultralytics' own check refuses or repairs (`verify_image_label`): another number of
//! columns, classes beyond the list, values outside 0..1, lines that come twice.

/// An object of a label file, in parts of the image's width and height.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Index into the class names.
    pub class: usize,
    /// `[cx, cy, w, h]`: centre and size.
    pub bbox: [f64; 4],
    /// `x, y, x, y, …`, where the line is an outline; the box is then the one around it.
    pub outline: Option<Vec<f64>>,
}

/// Something wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line's number, from 1.
    pub line: usize,
    /// What it is: a kind of problem, the same words for the same kind.
    pub kind: &'static str,
    /// The line's own words about it.
    pub detail: String,
}

/// Lines that are left out.
pub const NO_LABEL: &str = "lines of label files are no labels and are left out";
/// Lines that are left out.
pub const NO_CLASS: &str = "labels are of classes that data.yaml does not name and are left out";
/// Lines that are left out.
pub const NO_AREA: &str = "labels have no area and are left out";
/// Lines that are left out.
pub const REPEATED: &str = "labels repeat another line and are left out";
/// Lines that are taken all the same.
pub const OUTSIDE: &str = "labels reach beyond their image (values outside 0..1)";

/// Reads the text of a label file.
pub fn parse(text: &str, classes: usize) -> (Vec<Label>, Vec<Fault>) {
    let lines: Vec<(usize, Vec<&str>)> =
        (1..).zip(text.lines()).map(|(n, l)| (n, l.split_whitespace().collect())).collect();
    // One outline makes a file of outlines, as for Ultralytics: a line of four numbers in it is an outline too.
    let outlines = lines.iter().any(|(_, words)| words.len() > 6);
    let (mut labels, mut faults) = (Vec::<Label>::new(), Vec::new());
    for (line, words) in lines.into_iter().filter(|(_, words)| !words.is_empty()) {
        let mut fault = |kind, detail: String| faults.push(Fault { line, kind, detail });
        let label = match label(&words, outlines) {
            Ok(label) => label,
            Err((kind, detail)) => {
                fault(kind, detail);
                continue;
            }
        };
        let values = label.outline.as_deref().unwrap_or(&label.bbox);
        if label.class >= classes {
            fault(NO_CLASS, format!("class {} of {classes}", label.class));
        } else if !(label.bbox[2] > 0.0 && label.bbox[3] > 0.0) {
            fault(NO_AREA, words.join(" "));
        } else if labels.contains(&label) {
            fault(REPEATED, words.join(" "));
        } else {
            if let Some(value) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                fault(OUTSIDE, value.to_string());
            }
            labels.push(label);
        }
    }
    (labels, faults)
}

fn label(words: &[&str], outlines: bool) -> Result<Label, (&'static str, String)> {
    let [class, values @ ..] = words else { return Err((NO_LABEL, "it is empty".into())) };
    // `0.0`, as numpy writes it, is 0.
    let number = class.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && (0.0..1e9).contains(number));
    let class = number.ok_or_else(|| (NO_LABEL, format!("the class is `{class:.40}`")))? as usize;
    let mut numbers = Vec::with_capacity(values.len());
    for word in values {
        let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
        numbers.push(number.ok_or_else(|| (NO_LABEL, format!("`{word:.40}` is no number")))?);
    }
    match (numbers.len(), outlines) {
        (4, false) => Ok(Label { class, bbox: [numbers[0], numbers[1], numbers[2], numbers[3]], outline: None }),
        (n, true) if n >= 6 && n.is_multiple_of(2) => {
            Ok(Label { class, bbox: around(&numbers), outline: Some(numbers) })
        }
        (n, true) => Err((NO_LABEL, format!("{n} numbers after the class, no outline of three points or more"))),
        (n, false) => Err((NO_LABEL, format!("{n} numbers after the class instead of 4"))),
    }
}

/// The box around an outline, as centre and size.
fn around(outline: &[f64]) -> [f64; 4] {
    let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    for [x, y] in outline.as_chunks::<2>().0 {
        bounds = [bounds[0].min(*x), bounds[1].min(*y), bounds[2].max(*x), bounds[3].max(*y)];
    }
    let [x1, y1, x2, y2] = bounds;
    [(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes() {
        let (labels, faults) = parse("1 0.5 0.5 0.25 1\r\n\n0.0 .1 1e-1 0.1 0.1 \n", 2);
        assert_eq!(faults, []);
        let label = |class, bbox| Label { class, bbox, outline: None };
        assert_eq!(labels, [label(1, [0.5, 0.5, 0.25, 1.0]), label(0, [0.1; 4])]);
        assert_eq!(parse("", 1), (Vec::new(), Vec::new()));
    }

    #[test]
    fn outlines_have_the_box_around_them() {
        let (labels, faults) = parse("0 0.25 0.5 0.75 0.5 0.5 1\n0 0.5 0.5 0.1 0.1", 1);
        assert_eq!((labels.len(), labels[0].bbox), (1, [0.5, 0.75, 0.5, 0.5]));
        // The second line would be an outline of two points.
        assert_eq!((faults[0].line, faults[0].kind), (2, NO_LABEL));
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let text = "0 0.5 0.5 0.1\nx 0.5 0.5 0.1 0.1\n0 0.5 NaN 0.1 0.1\n7 0.5 0.5 0.1 0.1\n0 0.5 0.5 0 0.1\n\
                    0 0.5 0.5 0.1 1.5\n0 0.5 0.5 0.1 1.5\n-1 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1 0.9";
        let (labels, faults) = parse(text, 2);
        assert_eq!(labels.len(), 1);
        let kinds: Vec<_> = faults.iter().map(|fault| (fault.line, fault.kind)).collect();
        let expected = [NO_LABEL, NO_LABEL, NO_LABEL, NO_CLASS, NO_AREA, OUTSIDE, REPEATED, NO_LABEL, NO_LABEL];
        assert_eq!(kinds, (1..).zip(expected).collect::<Vec<_>>());
        assert_eq!(faults[3].detail, "class 7 of 2");
    }
}
