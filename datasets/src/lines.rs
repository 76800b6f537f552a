//! The JSON lines of `vovdet detect`: an image and what was found in it.

use hotcoco::Rle;
use hotcoco::mask::{rle_from_string, rle_to_string};
use serde::{Deserialize, Serialize};

/// An image and what was found in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// Its path, or `-` for standard input.
    pub image: String,
    /// Width in pixels, as the image is seen upright.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Where the picture with the detections is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
    /// Whether a box holds its last pixel, as maskrcnn-benchmark's do: it is then one pixel wider than `x2 - x1`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_pixel_inside: bool,
    /// What was found.
    pub detections: Vec<Object>,
    /// Time spent.
    #[serde(default)]
    pub times_ms: Times,
}

/// An image that gave nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Its path.
    pub image: String,
    /// A clause that stands behind the path and a colon.
    pub error: String,
}

/// What became of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// What was found in it.
    Found(Line),
    /// It gave nothing.
    Failed(Failure),
}

/// One object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    /// `[x1, y1, x2, y2]` in pixels of the image.
    pub bbox: [f32; 4],
    /// Confidence in 0..1.
    pub score: f32,
    /// Name of its class.
    pub label: String,
    /// Id of its class in the data set that the model knows.
    pub category_id: u32,
    /// Its pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

/// A mask in COCO's compressed run lengths.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mask {
    /// Height and width of the image.
    pub size: [u32; 2],
    /// The run lengths, as pycocotools writes them.
    pub counts: String,
}

/// `[x, y, width, height]` of a box; boxes that hold their last pixel are `plus_one` = 1 wider.
pub fn xywh([x1, y1, x2, y2]: [f32; 4], plus_one: f32) -> [f32; 4] {
    [x1, y1, x2 - x1 + plus_one, y2 - y1 + plus_one]
}

impl From<&Rle> for Mask {
    fn from(rle: &Rle) -> Self {
        Self { size: [rle.h, rle.w], counts: rle_to_string(rle) }
    }
}

impl Mask {
    /// The run lengths as numbers; `None` when the text holds none.
    pub fn rle(&self) -> Option<Rle> {
        rle_from_string(&self.counts, self.size[0], self.size[1]).ok()
    }
}

/// Milliseconds per stage; those of a batch are shared out evenly.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Times {
    pub decode: f64,
    pub prepare: f64,
    pub batch: f64,
    pub network: f64,
    pub postprocess: f64,
    pub total: f64,
}
