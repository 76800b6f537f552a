//! Masks that belong to the picture they are drawn on.

use hotcoco::Rle;
pub use vovdet_datasets::mask::Patch;

/// The pixels of a mask on a picture of `size` (width, height); `None` when it is empty, or of another size.
pub fn patch(rle: &Rle, size: (u32, u32)) -> Option<Patch> {
    let all = u64::from(rle.w) * u64::from(rle.h);
    let total: u64 = rle.counts.iter().map(|&n| u64::from(n)).sum();
    if (rle.w, rle.h) != size || total != all {
        return None;
    }
    // The picture itself has as many pixels.
    Patch::new(rle, usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn empty_foreign_and_broken_masks_have_no_patch() {
        let rle = |counts: &[u32]| Rle { h: 2, w: 3, counts: counts.to_vec() };
        assert!(patch(&rle(&[6]), (3, 2)).is_none());
        assert!(patch(&rle(&[0, 6]), (2, 3)).is_none());
        assert!(patch(&rle(&[0, 60]), (3, 2)).is_none());
        assert!(patch(&rle(&[0, 6]), (3, 2)).is_some());
    }
}
