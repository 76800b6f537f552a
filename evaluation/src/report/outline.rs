//! Outlines of masks as SVG paths.

use hotcoco::{Annotation, COCO, Rle, mask};
use std::fmt::Write;

/// How far, in pixels, a point may lie from the line that replaces it.
const TOLERANCE: f64 = 0.6;

/// Most pixels of a mask's box that is outlined: a mask may claim any size.
const PIXELS: usize = 1 << 26;

/// The outline of an annotation's mask, holes included; none where there is no mask, or one of a size that cannot be.
pub fn path(coco: &COCO, annotation: &Annotation) -> Option<String> {
    annotation.segmentation.as_ref()?;
    let part = Part::new(&coco.ann_to_rle(annotation)?)?;
    let inside = |x: i64, y: i64| part.holds(x, y);
    let rings = rings(&inside, [part.x, part.y, part.x + part.width, part.y + part.height]);
    let mut text = String::new();
    for ring in rings {
        let kept = simplified(&ring);
        if kept.len() < 3 {
            continue;
        }
        for (index, (x, y)) in kept.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{x} {y}", if index == 0 { "M" } else { "L" });
        }
        text.push('Z');
    }
    (!text.is_empty()).then_some(text)
}

/// The part of a mask that lies in its box.
struct Part {
    x: i64,
    y: i64,
    width: i64,
    height: i64,
    /// Column by column.
    pixels: Vec<bool>,
}

impl Part {
    fn new(rle: &Rle) -> Option<Self> {
        let [x, y, w, h] = mask::to_bbox(rle).map(|side| side as usize);
        let size = w.checked_mul(h).filter(|n| (1..=PIXELS).contains(n))?;
        let mut pixels = vec![false; size];
        let (mut at, rows) = (0_usize, rle.h as usize);
        // Runs go down the columns, in turn outside and inside; one inside ends in its column or goes on in the next.
        for (index, run) in rle.counts.iter().enumerate() {
            let end = at.checked_add(*run as usize)?;
            while index % 2 == 1 && at < end {
                let (column, row) = (at / rows, at % rows);
                let stop = (end - at).min(rows - row);
                if (x..x + w).contains(&column) {
                    let first = row.max(y).min(y + h) - y;
                    let last = (row + stop).max(y).min(y + h) - y;
                    pixels[(column - x) * h..][first..last].fill(true);
                }
                at += stop;
            }
            at = end;
        }
        Some(Self { x: x as i64, y: y as i64, width: w as i64, height: h as i64, pixels })
    }

    fn holds(&self, x: i64, y: i64) -> bool {
        let (column, row) = (x - self.x, y - self.y);
        let inside = (0..self.width).contains(&column) && (0..self.height).contains(&row);
        // Not negative, and below the sizes that the pixels were made with.
        inside && self.pixels[(column * self.height + row) as usize]
    }
}

type Point = (i64, i64);

/// The closed lines between inside and outside, along the edges of pixels; the inside lies to the right.
fn rings(inside: &impl Fn(i64, i64) -> bool, [left, top, right, bottom]: [i64; 4]) -> Vec<Vec<Point>> {
    // Edges of pixels that run to the right have the inside below; every ring has one.
    let upper_edge = |x, y| inside(x, y) && !inside(x, y - 1);
    let mut seen = std::collections::HashSet::new();
    let mut rings = Vec::new();
    for y in top..bottom {
        for x in left..right {
            if upper_edge(x, y) && !seen.contains(&(x, y)) {
                let mut ring = Vec::new();
                let (mut at, mut step) = ((x, y), (1, 0));
                loop {
                    if step == (1, 0) && !seen.insert(at) {
                        break;
                    }
                    ring.push(at);
                    at = (at.0 + step.0, at.1 + step.1);
                    step = turned(inside, at, step);
                }
                rings.push(ring);
            }
        }
    }
    rings
}

/// The direction in which the border goes on at a corner: to the right, straight on, or to the left. Pixels that touch
/// at a corner only are apart.
fn turned(inside: &impl Fn(i64, i64) -> bool, (x, y): Point, (dx, dy): Point) -> Point {
    // The pixels ahead of the corner, on the two sides of the line that goes straight on.
    let ahead = |side: (i64, i64)| {
        let (px, py) = (dx + side.0, dy + side.1);
        inside(x + (px - 1) / 2, y + (py - 1) / 2)
    };
    let (right, left) = ((-dy, dx), (dy, -dx));
    match (ahead(right), ahead(left)) {
        (false, _) => right,
        (true, false) => (dx, dy),
        (true, true) => left,
    }
}

/// A closed line without the points that lie close to their neighbours' line (Douglas and Peucker's way).
fn simplified(ring: &[Point]) -> Vec<Point> {
    let Some((first, far)) = ring.first().map(|first| {
        let far = (0..ring.len()).max_by_key(|i| (ring[*i].0 - first.0).pow(2) + (ring[*i].1 - first.1).pow(2));
        (*first, far.unwrap_or(0))
    }) else {
        return Vec::new();
    };
    let mut closed = ring.to_vec();
    closed.push(first);
    let mut keep = vec![false; closed.len()];
    (keep[0], keep[far]) = (true, true);
    let mut open = vec![(0, far), (far, closed.len() - 1)];
    while let Some((start, end)) = open.pop() {
        let worst = (start + 1..end).map(|i| (distance(closed[i], closed[start], closed[end]), i));
        if let Some((away, at)) = worst.max_by(|a, b| a.0.total_cmp(&b.0))
            && away > TOLERANCE
        {
            keep[at] = true;
            open.extend([(start, at), (at, end)]);
        }
    }
    // The last point is the first again.
    ring.iter().zip(keep).filter(|(_, keep)| *keep).map(|(point, _)| *point).collect()
}

/// From a point to the line through two others; to the one where they are the same.
fn distance(point: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = ((b.0 - a.0) as f64, (b.1 - a.1) as f64);
    let (px, py) = ((point.0 - a.0) as f64, (point.1 - a.1) as f64);
    let length = dx.hypot(dy);
    if length == 0.0 { px.hypot(py) } else { (px * dy - py * dx).abs() / length }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn of(picture: &[&str]) -> Vec<Vec<Point>> {
        let inside = |x: i64, y: i64| {
            let row = usize::try_from(y).ok().and_then(|y| picture.get(y));
            row.zip(usize::try_from(x).ok()).is_some_and(|(row, x)| row.as_bytes().get(x) == Some(&b'#'))
        };
        rings(&inside, [0, 0, picture[0].len() as i64, picture.len() as i64])
    }

    /// Twice the area, positive for what is drawn clockwise on a screen.
    fn area(ring: &[Point]) -> i64 {
        ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum()
    }

    #[test]
    fn rings_enclose_as_much_as_there_are_pixels() {
        for (picture, pieces, pixels) in [
            (&["#"][..], 1, 1),
            (&["###", "#.#", "###"], 2, 8),
            (&["#.", ".#"], 2, 2),
            (&["##..", ".##.", "..##"], 1, 6),
            (&["#.#", "###", "#.#"], 1, 7),
        ] {
            let rings = of(picture);
            assert_eq!(rings.len(), pieces, "{picture:?}");
            assert_eq!(rings.iter().map(|ring| area(ring)).sum::<i64>(), 2 * pixels, "{picture:?}");
        }
    }

    /// pycocotools' `maskUtils.encode` of a picture in columns of 3: a run of 4 pixels goes over two of them.
    #[test]
    fn runs_go_on_in_the_next_column() {
        let part = Part::new(&Rle { h: 3, w: 4, counts: vec![4, 4, 4] }).unwrap();
        let row = |y| (0..4).map(|x| part.holds(x, y)).collect::<Vec<_>>();
        assert_eq!(
            [row(0), row(1), row(2)],
            [[false, false, true, false], [false, true, true, false], [false, true, false, false]]
        );
        assert!(!part.holds(-1, 0) && !part.holds(1, 3));
    }

    #[test]
    fn a_mask_may_claim_any_size() {
        let huge = u32::MAX;
        assert!(Part::new(&Rle { h: huge, w: huge, counts: vec![0, huge, huge, huge] }).is_none());
        let small = Part::new(&Rle { h: huge, w: huge, counts: vec![5, 3, huge] }).unwrap();
        assert_eq!((small.width, small.height, small.holds(0, 7), small.holds(0, 8)), (1, 3, true, false));
    }

    #[test]
    fn a_rectangle_keeps_its_corners_only() {
        let mut kept = simplified(&of(&["#####", "#####", "#####"])[0]);
        kept.sort_unstable();
        assert_eq!(kept, [(0, 0), (0, 3), (5, 0), (5, 3)]);
    }
}
