//! Where labels go: at their box if there is room, else near it with a line that leads there, and nowhere if they would
//! hide what the picture shows.

use super::canvas::Rect;

/// A label may cover this part of another object's box.
const MAX_COVER: f64 = 0.25;

/// A label may be this many times as large as its box.
const MAX_GROWTH: i64 = 3;

/// A label that is moved stays within this many of its heights from its box.
const FARTHEST: i64 = 3;

/// The place of a label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Its background.
    pub chip: Rect,
    /// From the label to its box, when they do not touch: two points in pixels.
    pub leader: Option<[(i64, i64); 2]>,
}

/// Places for labels of `sizes` (width, height) beside `boxes`, the first ones first; `None` where there is none.
pub fn arrange(sizes: &[(i64, i64)], boxes: &[Rect], picture: (u32, u32)) -> Vec<Option<Place>> {
    let mut layout = Layout { picture, boxes, placed: Vec::new() };
    sizes.iter().enumerate().map(|(index, &size)| layout.place(index, size)).collect()
}

struct Layout<'a> {
    picture: (u32, u32),
    boxes: &'a [Rect],
    placed: Vec<Place>,
}

impl Layout<'_> {
    fn place(&mut self, index: usize, size: (i64, i64)) -> Option<Place> {
        let own = self.boxes[index];
        if size.0 * size.1 > MAX_GROWTH * own.area() {
            return None;
        }
        let attached = self.attached(own, size).into_iter();
        let mut places = attached.chain(moved(own, size)).map(|chip| Place { chip, leader: leader(&chip, &own) });
        let place = places.find(|place| self.fits(index, place))?;
        self.placed.push(place);
        Some(place)
    }

    /// Above, inside at the top, below, at the left edge of the box and at its right: each moved into the picture.
    fn attached(&self, own: Rect, (w, h): (i64, i64)) -> [Rect; 6] {
        let (right, bottom) = (i64::from(self.picture.0) - w, i64::from(self.picture.1) - h);
        let at = |x: i64, y: i64| {
            let (x, y) = (x.min(right).max(0), y.min(bottom).max(0));
            Rect { x1: x, y1: y, x2: x + w, y2: y + h }
        };
        let (left, flush) = (own.x1, own.x2 - w);
        [(left, own.y1 - h), (left, own.y1), (left, own.y2), (flush, own.y1 - h), (flush, own.y1), (flush, own.y2)]
            .map(|(x, y)| at(x, y))
    }

    fn fits(&self, index: usize, place: &Place) -> bool {
        let Place { chip, leader } = place;
        let own = &self.boxes[index];
        let inside = chip.x1 >= 0
            && chip.y1 >= 0
            && chip.x2 <= i64::from(self.picture.0)
            && chip.y2 <= i64::from(self.picture.1);
        let covers = |other: &Rect| chip.overlap(other) as f64 > MAX_COVER * other.area() as f64;
        inside
            && !covers(own)
            && self.placed.iter().all(|other| {
                chip.overlap(&other.chip) == 0
                    && other.leader.is_none_or(|line| !chip.meets(line))
                    && leader.is_none_or(|line| !other.chip.meets(line))
            })
            && self.boxes.iter().enumerate().all(|(i, other)| {
                // A label that is moved belongs to no other box that it lies on.
                i == index || if leader.is_some() { chip.overlap(other) == 0 } else { !covers(other) }
            })
    }
}

/// Places around a box at a growing distance: above, below, right, left, and between them.
fn moved(own: Rect, (w, h): (i64, i64)) -> impl Iterator<Item = Rect> {
    let step = (h / 2).max(1);
    (1..=2 * FARTHEST)
        .flat_map(move |n| {
            let gap = n * step;
            let (left, right, above, below) = (own.x1 - gap - w, own.x2 + gap, own.y1 - gap - h, own.y2 + gap);
            let (across, down) = ((own.x1 + own.x2 - w) / 2, (own.y1 + own.y2 - h) / 2);
            let corners = [(own.x1, above), (own.x1, below), (right, own.y1), (left, own.y1)];
            let middles = [(across, above), (across, below), (right, down), (left, down)];
            let diagonal = [(right, above), (left, above), (right, below), (left, below)];
            corners.into_iter().chain(middles).chain(diagonal)
        })
        .map(move |(x, y)| Rect { x1: x, y1: y, x2: x + w, y2: y + h })
}

/// The shortest line between a label and its box; `None` when they touch.
fn leader(chip: &Rect, own: &Rect) -> Option<[(i64, i64); 2]> {
    if chip.x1 <= own.x2 && own.x1 <= chip.x2 && chip.y1 <= own.y2 && own.y1 <= chip.y2 {
        return None;
    }
    // Where the two overlap in one direction, the line stands in the middle of what they share.
    let between = |a: (i64, i64), b: (i64, i64)| {
        if a.1 < b.0 {
            (a.1, b.0)
        } else if b.1 < a.0 {
            (a.0, b.1)
        } else {
            let middle = (a.0.max(b.0) + a.1.min(b.1)) / 2;
            (middle, middle)
        }
    };
    let x = between((chip.x1, chip.x2 - 1), (own.x1, own.x2 - 1));
    let y = between((chip.y1, chip.y2 - 1), (own.y1, own.y2 - 1));
    Some([(x.0, y.0), (x.1, y.1)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn rect(x1: i64, y1: i64, x2: i64, y2: i64) -> Rect {
        Rect { x1, y1, x2, y2 }
    }

    #[test]
    fn a_label_without_room_at_its_box_moves_and_points_to_it() {
        // Rings of small boxes around a larger one: no room at its edges.
        let own = rect(100, 100, 140, 140);
        let ring = (0..100).map(|i| (64 + 12 * (i % 10), 64 + 12 * (i / 10))).map(|(x, y)| rect(x, y, x + 11, y + 11));
        let boxes: Vec<_> = std::iter::once(own).chain(ring.filter(|small| small.overlap(&own) == 0)).collect();
        let place = arrange(&[(44, 14)], &boxes, (400, 400))[0].unwrap();
        let [_, end] = place.leader.unwrap();
        assert!(boxes.iter().all(|b| b.overlap(&place.chip) == 0), "{place:?}");
        assert!((100..140).contains(&end.0) && (100..140).contains(&end.1), "{place:?}");
    }

    #[test]
    fn labels_at_their_box_have_no_line_and_never_lie_on_each_other() {
        let boxes: Vec<_> = (0..6).map(|i| rect(40 * i, 50, 40 * i + 38, 90)).collect();
        let places = arrange(&[(60, 12); 6], &boxes, (300, 200));
        assert_eq!(places[0].unwrap(), Place { chip: rect(0, 38, 60, 50), leader: None });
        for (i, a) in places.iter().enumerate() {
            for b in &places[..i] {
                assert!(a.is_none_or(|a| b.is_none_or(|b| a.chip.overlap(&b.chip) == 0)));
            }
        }
    }

    #[test]
    fn a_speck_gets_no_label() {
        assert_eq!(arrange(&[(30, 12)], &[rect(10, 10, 16, 16)], (100, 100)), [None]);
    }
}
