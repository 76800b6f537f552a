//! The pixels of a mask, cut out of the picture so that many masks on a large picture stay cheap.

use hotcoco::Rle;

/// A mask inside the smallest rectangle that holds it.
pub struct Patch {
    /// First column and row in the picture.
    pub x: usize,
    /// First row in the picture.
    pub y: usize,
    /// Columns.
    pub w: usize,
    /// Rows.
    pub h: usize,
    /// C order.
    pub pixels: Vec<bool>,
}

impl Patch {
    /// Cuts a mask out of its picture of `size` (width, height); `None` when it is empty, or of another size.
    pub fn of(rle: &Rle, size: (u32, u32)) -> Option<Self> {
        let total: u64 = rle.counts.iter().map(|&n| u64::from(n)).sum();
        if (rle.w, rle.h) != size || total != u64::from(rle.w) * u64::from(rle.h) {
            return None;
        }
        let height = rle.h as usize;
        let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
        for (start, end) in runs(rle) {
            let (first, last) = (start / height, (end - 1) / height);
            left = left.min(first);
            right = right.max(last);
            // A run that passes a column's end touches both edges.
            let (upper, lower) = if first == last { (start % height, (end - 1) % height) } else { (0, height - 1) };
            top = top.min(upper);
            bottom = bottom.max(lower);
        }
        if left == usize::MAX {
            return None;
        }
        let (w, h) = (right - left + 1, bottom - top + 1);
        let mut pixels = vec![false; w * h];
        for at in runs(rle).flat_map(|(start, end)| start..end) {
            pixels[(at % height - top) * w + at / height - left] = true;
        }
        Some(Self { x: left, y: top, w, h, pixels })
    }

    /// Whether the picture's pixel `x`, `y` belongs to the mask.
    pub fn has(&self, x: usize, y: usize) -> bool {
        let inside = (self.x..self.x + self.w).contains(&x) && (self.y..self.y + self.h).contains(&y);
        inside && self.pixels[(y - self.y) * self.w + x - self.x]
    }

    /// The picture's pixels that belong to the mask.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let inside = self.pixels.iter().enumerate().filter(|(_, inside)| **inside);
        inside.map(|(i, _)| (self.x + i % self.w, self.y + i / self.w))
    }
}

/// Runs of ones, as positions in column order.
fn runs(rle: &Rle) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    let all = rle.counts.iter().enumerate().map(move |(i, &count)| {
        let start = at;
        at += count as usize;
        (i % 2 == 1, start, at)
    });
    all.filter(|(ones, start, end)| *ones && start < end).map(|(_, start, end)| (start, end))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Against the obvious decoder.
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
            let Some(patch) = Patch::of(&rle, (w as u32, h as u32)) else {
                assert!(columns.iter().all(|c| *c == 0));
                continue;
            };
            for x in 0..w {
                for y in 0..h {
                    assert_eq!(patch.has(x, y), columns[x * h + y] == 1);
                }
            }
            assert_eq!(patch.iter().count(), columns.iter().filter(|c| **c == 1).count());
        }
    }

    #[test]
    fn empty_foreign_and_broken_masks_have_no_patch() {
        let rle = |counts: &[u32]| Rle { h: 2, w: 3, counts: counts.to_vec() };
        assert!(Patch::of(&rle(&[6]), (3, 2)).is_none());
        assert!(Patch::of(&rle(&[0, 6]), (2, 3)).is_none());
        assert!(Patch::of(&rle(&[0, 60]), (3, 2)).is_none());
        assert!(Patch::of(&rle(&[0, 6]), (3, 2)).is_some());
    }
}
