//! The pixels of a mask, and the line around them.

mod outline;

pub use outline::{Point, outlines};

use hotcoco::Rle;

/// A mask inside the smallest rectangle that holds it, so that many masks on a large image stay cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// First column in the image.
    pub x: usize,
    /// First row in the image.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Column by column, as run lengths are.
    pixels: Vec<bool>,
}

impl Patch {
    /// Cuts a mask out of its image. `None` where the mask is empty, or where its rectangle has more than `most` pixels:
    /// run lengths may claim an image of any size.
    pub fn new(rle: &Rle, most: usize) -> Option<Self> {
        let rows = rle.h as usize;
        let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
        for (start, end) in runs(rle) {
            let (first, last) = (start / rows, (end - 1) / rows);
            (left, right) = (left.min(first), right.max(last));
            // A run that goes on in the next column touches the lower edge and the upper one.
            let (upper, lower) = if first == last { (start % rows, (end - 1) % rows) } else { (0, rows - 1) };
            (top, bottom) = (top.min(upper), bottom.max(lower));
        }
        if left == usize::MAX {
            return None;
        }
        let (width, height) = (right - left + 1, bottom - top + 1);
        let size = width.checked_mul(height).filter(|size| *size <= most)?;
        let mut pixels = vec![false; size];
        for (mut start, end) in runs(rle) {
            while start < end {
                let (column, row) = (start / rows, start % rows);
                let length = (end - start).min(rows - row);
                let first = (column - left) * height + row - top;
                pixels[first..first + length].fill(true);
                start += length;
            }
        }
        Some(Self { x: left, y: top, width, height, pixels })
    }

    /// Whether the image's pixel `x`, `y` belongs to the mask.
    pub fn contains(&self, x: usize, y: usize) -> bool {
        let inside = (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y);
        inside && self.pixels[(x - self.x) * self.height + y - self.y]
    }

    /// The image's pixels, as `(x, y)`, that belong to the mask.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let inside = self.pixels.iter().enumerate().filter(|(_, inside)| **inside);
        inside.map(|(at, _)| (self.x + at / self.height, self.y + at % self.height))
    }
}

/// The runs inside the mask, as first and last positions (the last excluded) down the columns. What lies beyond the image
/// is cut off.
fn runs(rle: &Rle) -> impl Iterator<Item = (usize, usize)> + '_ {
    let size = (rle.h as usize).saturating_mul(rle.w as usize);
    let mut at = 0_usize;
    let all = rle.counts.iter().enumerate().map(move |(index, &count)| {
        let start = at;
        at = at.saturating_add(count as usize).min(size);
        (index % 2 == 1, start, at)
    });
    all.filter(|(inside, start, end)| *inside && start < end).map(|(_, start, end)| (start, end))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Against the mask before it was encoded.
    #[test]
    fn a_patch_holds_the_pixels_of_the_mask() {
        let (w, h) = (9usize, 7usize);
        let mut state = 1u32;
        for density in [2, 5, 40] {
            let columns: Vec<u8> = (0..w * h)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    u8::from((state >> 16).is_multiple_of(density))
                })
                .collect();
            let rle = hotcoco::mask::encode(&columns, h as u32, w as u32).unwrap();
            let Some(patch) = Patch::new(&rle, w * h) else {
                assert!(columns.iter().all(|c| *c == 0));
                continue;
            };
            let [left, top, width, height] = hotcoco::mask::to_bbox(&rle).map(|side| side as usize);
            assert_eq!((patch.x, patch.y, patch.width, patch.height), (left, top, width, height));
            for x in 0..w {
                for y in 0..h {
                    assert_eq!(patch.contains(x, y), columns[x * h + y] == 1);
                }
            }
            let listed: Vec<_> = patch.iter().map(|(x, y)| x * h + y).collect();
            let expected: Vec<_> = (0..w * h).filter(|at| columns[*at] == 1).collect();
            assert_eq!(listed, expected);
        }
    }

    /// pycocotools' `maskUtils.encode` of a picture in columns of 3: a run of 4 pixels goes over two of them.
    #[test]
    fn runs_go_on_in_the_next_column() {
        let patch = Patch::new(&Rle { h: 3, w: 4, counts: vec![4, 4, 4] }, 12).unwrap();
        let row = |y| (0..4).map(|x| patch.contains(x, y)).collect::<Vec<_>>();
        assert_eq!(
            [row(0), row(1), row(2)],
            [[false, false, true, false], [false, true, true, false], [false, true, false, false]]
        );
        assert!(!patch.contains(4, 0) && !patch.contains(1, 3));
    }

    #[test]
    fn a_mask_may_claim_any_size() {
        let huge = u32::MAX;
        assert!(Patch::new(&Rle { h: huge, w: huge, counts: vec![0, huge, huge, huge] }, 1 << 26).is_none());
        let small = Patch::new(&Rle { h: huge, w: huge, counts: vec![5, 3, huge] }, 3).unwrap();
        assert_eq!((small.width, small.height, small.contains(0, 7), small.contains(0, 8)), (1, 3, true, false));
        assert!(Patch::new(&Rle { h: huge, w: huge, counts: vec![5, 3, huge] }, 2).is_none());
    }

    #[test]
    fn empty_masks_have_no_patch_and_long_runs_end_with_the_image() {
        let patch = |h, w, counts: &[u32]| Patch::new(&Rle { h, w, counts: counts.to_vec() }, 100);
        assert!(patch(2, 3, &[6]).is_none());
        assert!(patch(0, 0, &[0, 5]).is_none());
        assert_eq!(patch(2, 3, &[4, 60]).unwrap().iter().collect::<Vec<_>>(), [(2, 0), (2, 1)]);
    }
}
