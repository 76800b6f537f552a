//! Image files decode to the pixels that PIL gives; broken ones are refused without a panic.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use vovdet_datasets::image;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/images")
}

fn files() -> Vec<(String, Vec<u8>)> {
    let expected = fs::read_to_string(folder().join("expected.json")).unwrap();
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&expected).unwrap();
    expected.keys().map(|name| (name.clone(), fs::read(folder().join(name)).unwrap())).collect()
}

fn fnv1a(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

/// Expected values: PIL 13.0 through `fixtures/images/make.py`. All formats are bit-equal, JPEG and lossy WebP
/// included; 16-bit grey keeps its upper byte, as the script says.
#[test]
fn every_kind_of_file_has_pils_pixels() {
    let expected: Value = serde_json::from_str(&fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    for (name, bytes) in files() {
        let image = image::decode(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let want = &expected[&name];
        assert_eq!(serde_json::json!([image.width(), image.height()]), want["size"], "{name}");
        let centre = image.get_pixel(image.width() / 2, image.height() / 2).0;
        assert_eq!(serde_json::json!(centre), want["centre"], "{name}");
        assert_eq!(fnv1a(image.as_raw()), want["fnv1a"], "{name}");
    }
}

#[test]
fn a_file_cut_in_half_is_refused() {
    for (name, bytes) in files() {
        let error = image::decode(&bytes[..bytes.len() / 2]).map(|_| ()).expect_err(&name).to_string();
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
    }
}

/// Every length and every byte: an answer or an error, never a panic that escapes.
#[test]
fn cut_and_changed_files_never_panic() {
    std::panic::set_hook(Box::new(|_| ()));
    for (_, bytes) in files() {
        for length in (0..bytes.len()).step_by(7) {
            let _ = image::decode(&bytes[..length]);
        }
        for at in (0..bytes.len()).step_by(5) {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            let _ = image::decode(&changed);
        }
    }
    let _ = std::panic::take_hook();
}

/// Sizes are checked before memory is spent: these files claim 65535 x 65535 pixels, and a zero.
#[test]
fn claims_of_size_are_checked_first() {
    let mut jpeg = fs::read(folder().join("rgb_444.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    let error = image::decode(&jpeg).unwrap_err().to_string();
    assert!(error.contains("65535 x 65535") || error.contains("dimension"), "{error}");

    let header = |w: u32, h: u32| {
        let mut png = fs::read(folder().join("rgb.png")).unwrap();
        png[16..20].copy_from_slice(&w.to_be_bytes());
        png[20..24].copy_from_slice(&h.to_be_bytes());
        let crc = png[12..29].iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
        });
        png[29..33].copy_from_slice(&(!crc).to_be_bytes());
        image::decode(&png).unwrap_err().to_string()
    };
    assert!(header(60000, 60000).contains("60000 x 60000"), "{}", header(60000, 60000));
    assert_eq!(header(0, 5).lines().count(), 1);
}

#[test]
fn unsupported_formats_are_named() {
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"hello world\n", "text file"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\0\0\0\x1cftypheic....", "HEIC"),
        (b"\0\0\0\x1cftypisom....", "video"),
        (b"%PDF-1.4", "PDF"),
        (b"PK\x03\x04....", "zip"),
        (b"\x01\x02\x03", "01 02 03"),
    ] {
        let error = image::decode(bytes).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

/// A few bytes must not take gigabytes: this GIF of 35 bytes claims a screen of 16384 x 16384.
#[test]
fn a_file_is_long_enough_for_its_size() {
    let gif = |side: u16| {
        let [low, high] = side.to_le_bytes();
        let mut gif = b"GIF89a".to_vec();
        gif.extend([low, high, low, high, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
        gif.extend([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3b]);
        gif
    };
    assert_eq!(gif(16384).len(), 35);
    let error = image::decode(&gif(16384)).unwrap_err().to_string();
    assert!(error.contains("16384 x 16384 pixels, which 35 bytes cannot hold"), "{error}");
    assert_eq!(image::decode(&gif(300)).unwrap().dimensions(), (300, 300));
}

/// A progressive JPEG whose last scan comes again and again would be decoded for minutes.
#[test]
fn scans_are_limited() {
    let jpeg = fs::read(folder().join("progressive.jpg")).unwrap();
    let last = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let scan = &jpeg[last..jpeg.len() - 2];
    let repeated = |n: usize| [&jpeg[..last], &scan.repeat(n), &[0xff, 0xd9]].concat();
    assert!(image::decode(&repeated(3)).is_ok());
    let error = image::decode(&repeated(5000)).unwrap_err().to_string();
    assert!(error.contains("scans, more than the limit"), "{error}");
}

#[test]
fn sizes_are_known_without_decoding() {
    let expected: Value = serde_json::from_str(&fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap();
    for (name, bytes) in files() {
        let (width, height) = image::Encoded::new(&bytes).unwrap_or_else(|e| panic!("{name}: {e}")).upright_size();
        assert_eq!(serde_json::json!([width, height]), expected[&name]["size"], "{name}");
    }
}

#[test]
fn pipes_and_devices_are_no_images() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("a.jpg");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = image::read(&pipe).unwrap_err().to_string();
    assert!(error.contains("named pipe"), "{error}");
    assert!(image::read(Path::new("/dev/zero")).unwrap_err().to_string().contains("device"));
}
