//! Colours that differ from their neighbours and stay the same from run to run.

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// The colour of class or object number `index`: hues by the golden angle, so that neighbours are far apart, at
    /// three brightnesses.
    pub fn of(index: usize) -> Self {
        const GOLDEN_ANGLE: f32 = 137.507_77;
        let hue = (index % 4096) as f32 * GOLDEN_ANGLE % 360.0;
        let value = [1.0, 0.85, 0.7][index / 7 % 3];
        Self::from_hsv(hue, 0.85, value)
    }

    fn from_hsv(hue: f32, saturation: f32, value: f32) -> Self {
        let channel = |n: f32| {
            let k = (n + hue / 60.0) % 6.0;
            let level = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
            (level * 255.0).round() as u8
        };
        Self([channel(5.0), channel(3.0), channel(1.0)])
    }

    /// Black or white, whichever reads better on this colour (WCAG's relative luminance).
    pub fn text(self) -> Self {
        let linear = self.0.map(|c| (f32::from(c) / 255.0).powf(2.2));
        let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        if luminance > 0.18 { Self([0; 3]) } else { Self([255; 3]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_and_text_contrasts() {
        for i in 0..200 {
            let (a, b) = (Colour::of(i), Colour::of(i + 1));
            let distance: i32 = (0..3).map(|c| (i32::from(a.0[c]) - i32::from(b.0[c])).abs()).sum();
            assert!(distance > 100, "{a:?} {b:?}");
        }
        assert_eq!(Colour([255, 255, 0]).text(), Colour([0; 3]));
        assert_eq!(Colour([0, 0, 160]).text(), Colour([255; 3]));
    }
}
