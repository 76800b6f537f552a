//! The outline of a mask as closed lines along the edges of its pixels.

use super::Patch;
use std::collections::HashSet;

/// How far, in pixels, a point may lie from the line that replaces it.
const TOLERANCE: f64 = 0.6;

/// A corner of a pixel, `(x, y)`.
pub type Point = (i64, i64);

/// The closed lines around a mask, each without the points that hardly change it; a hole has its own, which runs the other
/// way round. Lines of fewer than three points are left out.
pub fn outlines(patch: &Patch) -> Vec<Vec<Point>> {
    let inside =
        |x: i64, y: i64| usize::try_from(x).is_ok_and(|x| usize::try_from(y).is_ok_and(|y| patch.contains(x, y)));
    let [left, top, right, bottom] =
        [patch.x, patch.y, patch.x + patch.width, patch.y + patch.height].map(|side| side as i64);
    let lines = rings(&inside, [left, top, right, bottom]);
    lines.iter().map(|ring| simplified(ring)).filter(|line| line.len() >= 3).collect()
}

/// The closed lines between inside and outside, along the edges of pixels; the inside lies to the right.
fn rings(inside: &impl Fn(i64, i64) -> bool, [left, top, right, bottom]: [i64; 4]) -> Vec<Vec<Point>> {
    // Edges of pixels that run to the right have the inside below; every ring has one.
    let upper_edge = |x, y| inside(x, y) && !inside(x, y - 1);
    let mut seen = HashSet::new();
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

    #[test]
    fn a_rectangle_keeps_its_corners_only() {
        let mut kept = simplified(&of(&["#####", "#####", "#####"])[0]);
        kept.sort_unstable();
        assert_eq!(kept, [(0, 0), (0, 3), (5, 0), (5, 3)]);
    }
}
