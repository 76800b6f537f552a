//! What a detector answers: plain data.

use crate::{Error, Geometry, ModelSpec, Prepared};
use tch::{Kind, Tensor};

pub use hotcoco::Rle;

/// One object found in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// `[x1, y1, x2, y2]` in pixels of the original image.
    pub bbox: [f32; 4],
    /// Confidence in 0..1.
    pub score: f32,
    /// Index into [`ModelSpec::classes`].
    pub label: usize,
    /// The object's pixels, at the original image's size.
    pub mask: Option<Rle>,
}

/// Milliseconds spent on one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StageTimes {
    /// Padding and stacking the inputs, and copying them to the device.
    pub batch: f64,
    /// The network, heads and proposals included.
    pub network: f64,
    /// From the heads' outputs to detections in the original image: NMS, mask paste, RLE.
    pub postprocess: f64,
}

/// The answer for a batch.
#[derive(Debug, Default)]
pub struct Prediction {
    /// Detections per image, best first (maskrcnn-benchmark: by class).
    pub images: Vec<Vec<Detection>>,
    /// Time spent.
    pub times: StageTimes,
}

/// A network that finds objects.
pub trait Detector: std::fmt::Debug {
    /// What this detector is.
    fn spec(&self) -> &ModelSpec;

    /// Turns every layer to its inference life: norms folded, weights laid out for and converted to `kind`.
    ///
    /// # Errors
    /// libtorch's message.
    fn optimize(&mut self, kind: Kind) -> Result<(), Error>;

    /// Runs the whole network on `[N, 3, H, W]` and drops what it makes: for counting.
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    fn walk(&self, batch: &Tensor) -> Result<(), Error>;

    /// Detects objects in prepared images (see [`crate::spec::InputSpec::prepare`]), run as one batch.
    ///
    /// # Errors
    /// When libtorch fails, out of memory for example.
    fn predict(&self, inputs: &[Prepared]) -> Result<Prediction, Error>;

    /// Every intermediate result by the name it has in the parity fixtures, for a batch `[N, 3, H, W]` that goes into
    /// the network as it is; `images` says what part of each plane is image and what it was made of.
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    fn features(&self, batch: &Tensor, images: &[Geometry]) -> Result<Vec<(String, Tensor)>, Error>;
}
