//! Every kind of pixel to 8-bit RGB, by PIL's arithmetic.

use super::ImageError;
use ::image::{DynamicImage, ImageBuffer, Pixel, RgbImage, RgbaImage};

/// Keeps the colour and drops alpha; 16-bit samples keep their upper byte, grey becomes three equal channels, and
/// floating-point colour is cut off below 0 and above 255, as PIL cuts off floating-point grey.
pub fn to_rgb(image: DynamicImage) -> Result<RgbImage, ImageError> {
    Ok(match image {
        DynamicImage::ImageRgb8(rgb) => rgb,
        DynamicImage::ImageRgba8(rgba) => without_alpha(rgba),
        DynamicImage::ImageLuma8(grey) => map(&grey, |p| [p[0]; 3]),
        DynamicImage::ImageLumaA8(grey) => map(&grey, |p| [p[0]; 3]),
        DynamicImage::ImageRgb16(rgb) => map(&rgb, |p| [high(p[0]), high(p[1]), high(p[2])]),
        DynamicImage::ImageRgba16(rgba) => map(&rgba, |p| [high(p[0]), high(p[1]), high(p[2])]),
        DynamicImage::ImageLuma16(grey) => map(&grey, |p| [high(p[0]); 3]),
        DynamicImage::ImageLumaA16(grey) => map(&grey, |p| [high(p[0]); 3]),
        DynamicImage::ImageRgb32F(rgb) => map(&rgb, |p| [p[0] as u8, p[1] as u8, p[2] as u8]),
        DynamicImage::ImageRgba32F(rgba) => map(&rgba, |p| [p[0] as u8, p[1] as u8, p[2] as u8]),
        other => return Err(ImageError::Unsupported(format!("{:?} pixels", other.color()))),
    })
}

/// In place: a large picture need not be there twice.
fn without_alpha(rgba: RgbaImage) -> RgbImage {
    let (width, height) = rgba.dimensions();
    let mut bytes = rgba.into_raw();
    let pixels = bytes.len() / 4;
    for pixel in 1..pixels {
        bytes.copy_within(4 * pixel..4 * pixel + 3, 3 * pixel);
    }
    bytes.truncate(3 * pixels);
    bytes.shrink_to_fit();
    // Three bytes are left of each pixel.
    RgbImage::from_raw(width, height, bytes).unwrap_or_default()
}

fn map<P: Pixel>(from: &ImageBuffer<P, Vec<P::Subpixel>>, rgb: impl Fn(&[P::Subpixel]) -> [u8; 3]) -> RgbImage {
    let mut to = RgbImage::new(from.width(), from.height());
    for (to, from) in to.pixels_mut().zip(from.pixels()) {
        to.0 = rgb(from.channels());
    }
    to
}

/// Upper byte of a 16-bit sample, as PIL unpacks 16-bit colour.
fn high(sample: u16) -> u8 {
    sample.to_be_bytes()[0]
}

/// Inks of a JPEG (stored inverted, as Adobe does) to RGB; PIL's rounding.
pub fn cmyk_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let light = u32::from(k);
    [c, m, y].map(|ink| {
        let product = u32::from(255 - ink) * light + 128;
        let scaled = ((product >> 8) + product) >> 8;
        // `scaled` is at most `light`, which came from a byte.
        (light - scaled) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PIL: `Image.frombytes("CMYK", (1, 1), inverted).convert("RGB")`.
    #[test]
    fn inverted_inks_give_light() {
        assert_eq!(cmyk_to_rgb([255, 255, 255, 255]), [255, 255, 255]);
        assert_eq!(cmyk_to_rgb([0, 0, 0, 0]), [0, 0, 0]);
        assert_eq!(cmyk_to_rgb([255, 0, 0, 255]), [255, 0, 0]);
        assert_eq!(cmyk_to_rgb([200, 100, 50, 180]), [141, 71, 35]);
    }
}
