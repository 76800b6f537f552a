//! Numbers between pixels and parts of a side, without the noise of the arithmetic.

/// A number of pixels; 12.000000000000002 is 12. What is a multiple of 1/10000 but for less than a millionth of it is
/// taken for one, so that coordinates of a few digits come back as they were.
pub fn pixels(value: f64) -> f64 {
    without_noise(value, 1e4, 1e-9)
}

/// A part of a side, 0 to 1; likewise with multiples of 1e-8.
pub fn part(value: f64) -> f64 {
    without_noise(value, 1e8, 1e-13)
}

fn without_noise(value: f64, scale: f64, noise: f64) -> f64 {
    let near = (value * scale).round() / scale;
    if (near - value).abs() < noise { near } else { value }
}

/// `[x, y, width, height]` in pixels as centre and size in parts of the image.
pub fn to_parts([x, y, w, h]: [f64; 4], size: (u32, u32)) -> [f64; 4] {
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    [part((x + w / 2.0) / width), part((y + h / 2.0) / height), part(w / width), part(h / height)]
}

/// The opposite of [`to_parts`].
pub fn to_pixels([cx, cy, w, h]: [f64; 4], size: (u32, u32)) -> [f64; 4] {
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    [pixels((cx - w / 2.0) * width), pixels((cy - h / 2.0) * height), pixels(w * width), pixels(h * height)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_of_a_few_digits_come_back() {
        let sizes = [(1, 1), (640, 480), (333, 501), (4000, 3007), (20011, 9973)];
        for (seed, size) in (1_u64..4000).zip(sizes.into_iter().cycle()) {
            // A linear congruential generator's high bits.
            let random =
                |n: u64| (seed.wrapping_mul(6_364_136_223_846_793_005).rotate_left(n as u32 * 13) >> 40) as f64;
            let at = |n, most: u32| (random(n) % (f64::from(most) * 100.0)).floor() / 100.0;
            let bbox = [at(0, size.0), at(1, size.1), at(2, size.0), at(3, size.1)];
            assert_eq!(to_pixels(to_parts(bbox, size), size), bbox, "{size:?}");
            let parts = [at(0, 1), at(1, 1), at(2, 1), at(3, 1)].map(|v| (v * 1e4).round() / 1e6);
            assert_eq!(to_parts(to_pixels(parts, size), size), parts, "{size:?}");
        }
        assert_eq!(pixels(12.000000000000002), 12.0);
        assert_eq!(pixels(1.23456789), 1.23456789);
    }
}
