//! What a detector answers: plain data.

use crate::layers::Layers;
use crate::ops::boxes::Bbox;
use crate::spec::InputSpec;
use crate::{Error, Geometry, ModelSpec, Prepared};
use std::time::Instant;
use tch::{Device, Kind, Tensor};

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
pub trait Detector: Layers + std::fmt::Debug + Send {
    /// What this detector is.
    fn spec(&self) -> &ModelSpec;

    /// Says where the parameters are now, and of which kind: a batch is brought there.
    fn place(&mut self, device: Device, kind: Kind);

    /// Everything that a loss can judge, by name and with its gradient, for a batch `[N, 3, H, W]` of the network's own
    /// kind: one-stage detectors answer `loc` `[N, P, 4]` and `conf` `[N, P, classes + 1]` (RefineDet also `arm_loc` and
    /// `arm_conf`), two-stage ones `rpn.objectness.{level}`, `rpn.deltas.{level}`, and for the `regions` of each image
    /// (xyxy in input pixels) `box_logits`, `box_deltas` and `mask_logits` of all classes.
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    fn outputs_t(&self, batch: &Tensor, regions: &[Vec<Bbox>], train: bool) -> Result<Vec<(String, Tensor)>, Error>;

    /// Runs the whole network on `[N, 3, H, W]` and drops what it makes: for counting.
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    fn walk(&self, batch: &Tensor) -> Result<(), Error> {
        self.outputs_t(batch, &[], false).map(|_| ())
    }

    /// Detects objects in prepared images (see [`crate::spec::InputSpec::prepare`]), run as one batch.
    ///
    /// # Errors
    /// When libtorch fails, out of memory for example.
    fn predict(&self, inputs: &[Prepared]) -> Result<Prediction, Error>;

    /// Every intermediate result by the name it has in the parity fixtures, for a batch `[N, 3, H, W]` of the network's
    /// own kind and device, without gradients; `images` says what part of each plane is image and what it was made of.
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    fn features(&self, batch: &Tensor, _images: &[Geometry]) -> Result<Vec<(String, Tensor)>, Error> {
        self.outputs_t(batch, &[], false)
    }
}

/// What every detector does with prepared images, and the time that it takes: `network` makes something of the batch
/// (and of the images' sizes), `finish` makes detections in the original images of that.
pub(crate) fn predict<T>(
    spec: &InputSpec,
    inputs: &[Prepared],
    (device, kind): (Device, Kind),
    network: impl FnOnce(&Tensor, &[Geometry]) -> Result<T, Error>,
    finish: impl FnOnce(T, &Tensor, &[Geometry]) -> Result<Vec<Vec<Detection>>, Error>,
) -> Result<Prediction, Error> {
    if inputs.is_empty() {
        return Ok(Prediction::default());
    }
    let start = Instant::now();
    let batch = spec.batch(inputs, device, kind)?;
    let images: Vec<Geometry> = inputs.iter().map(|input| input.geometry).collect();
    let batched = Instant::now();
    let outputs =
        tracing::info_span!("network", images = inputs.len()).in_scope(|| tch::no_grad(|| network(&batch, &images)))?;
    let networked = Instant::now();
    let images = tracing::info_span!("postprocess", images = inputs.len())
        .in_scope(|| tch::no_grad(|| finish(outputs, &batch, &images)))?;
    let ms = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1e3;
    let times = StageTimes {
        batch: ms(start, batched),
        network: ms(batched, networked),
        postprocess: ms(networked, Instant::now()),
    };
    Ok(Prediction { images, times })
}
