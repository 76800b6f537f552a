//! The two conventions of VOC's average precision.

/// Average precision of 2007: the mean, over the recalls 0, 0.1, …, 1, of the best precision at that recall or beyond.
/// `curve` is recall and precision after each detection.
pub fn eleven_points(curve: &[(f64, f64)]) -> f64 {
    let best_from = |recall: f64| {
        let beyond = curve.iter().filter(|(at, _)| *at >= recall).map(|(_, precision)| *precision);
        beyond.fold(0.0, f64::max)
    };
    // The recalls as numpy's arange makes them: the third is 0.30000000000000004.
    (0..11).map(|i| best_from(f64::from(i) * 0.1) / 11.0).sum()
}

/// Average precision since 2010: the area under the curve, its precision made to never rise with recall.
pub fn area_under_curve(curve: &[(f64, f64)]) -> f64 {
    let mut area = 0.0;
    let mut best: f64 = 0.0;
    // From the right, so that the best precision at this recall or beyond is known.
    for (index, (recall, precision)) in curve.iter().enumerate().rev() {
        best = best.max(*precision);
        let before = index.checked_sub(1).map_or(0.0, |i| curve[i].0);
        area += (recall - before) * best;
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand: two of four objects found, by the first and the third of three detections.
    #[test]
    fn a_curve_by_hand() {
        let curve = [(0.25, 1.0), (0.25, 0.5), (0.5, 2.0 / 3.0)];
        // Recalls 0, 0.1 and 0.2 see 1; 0.3, 0.4 and 0.5 see 2/3; the five beyond see nothing.
        assert!((eleven_points(&curve) - 5.0 / 11.0).abs() < 1e-15);
        assert!((area_under_curve(&curve) - (0.25 + 0.25 * 2.0 / 3.0)).abs() < 1e-15);
        assert_eq!((eleven_points(&[]), area_under_curve(&[])), (0.0, 0.0));
    }
}
