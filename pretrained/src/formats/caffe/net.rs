//! What a Caffe file says about its network besides the weights.

use std::{collections::BTreeMap, fmt};

/// The network of a Caffe file: its layers in the file's order, with the parameters that inference
/// depends on and that the weights do not show.
///
/// A file is written by the *training* network, so layers of the deployed one (`DetectionOutput`)
/// are missing, and those of the training (data, loss) are here.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CaffeNet {
    /// The network's name; often empty.
    pub name: String,
    /// All layers, with and without weights.
    pub layers: Vec<CaffeLayer>,
}

/// One layer of a [`CaffeNet`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CaffeLayer {
    /// Its name: what the names of its tensors begin with.
    pub name: String,
    /// Its type: `Convolution`, `BatchNorm`, … Files before 2015 have numbers instead, which are
    /// translated.
    pub kind: String,
    /// The names of its inputs.
    pub bottoms: Vec<String>,
    /// The names of its outputs. An in-place layer has the name of its input.
    pub tops: Vec<String>,
    /// How many blobs of weights it has.
    pub blobs: usize,
    /// What its type needs to know.
    pub params: CaffeParams,
}

/// The parameters of a layer, with Caffe's defaults where the file says nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CaffeParams {
    /// Of a `Convolution` or `Deconvolution`.
    Convolution(CaffeConvolution),
    /// Of an `InnerProduct`.
    InnerProduct {
        /// The weight is stored as (in, out) instead of (out, in).
        transpose: bool,
    },
    /// Of a `BatchNorm`: what is added to the variance; 1e-5 if the file says nothing.
    BatchNorm {
        /// Added to the variance before the root.
        eps: f32,
    },
    /// Of a `Normalize`.
    Normalize(CaffeNormalize),
    /// Of a `PriorBox`.
    PriorBox(CaffePriorBox),
    /// Of any other layer.
    Other,
}

/// The geometry of a convolution: pairs are (vertical, horizontal).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaffeConvolution {
    /// Channels of the output; 0 if the file says nothing.
    pub outputs: u32,
    /// Whether there is a bias.
    pub bias: bool,
    /// Groups of channels.
    pub groups: u32,
    /// Size of the kernel; 0 where the file says nothing.
    pub kernel: [u32; 2],
    /// Step of the window.
    pub stride: [u32; 2],
    /// Zeros added on each side.
    pub pad: [u32; 2],
    /// Distance of the kernel's taps.
    pub dilation: [u32; 2],
}

impl Default for CaffeConvolution {
    fn default() -> Self {
        Self { outputs: 0, bias: true, groups: 1, kernel: [0; 2], stride: [1; 2], pad: [0; 2], dilation: [1; 2] }
    }
}

/// A normalisation by the L2 norm, with a learned factor.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CaffeNormalize {
    /// Over the whole map instead of each pixel.
    pub across_spatial: bool,
    /// One factor for all channels.
    pub channel_shared: bool,
    /// Added to the sum of squares, under the root.
    pub eps: f32,
}

impl Default for CaffeNormalize {
    fn default() -> Self {
        Self { across_spatial: true, channel_shared: true, eps: 1e-10 }
    }
}

/// The default boxes of one source map, in pixels of the input.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CaffePriorBox {
    /// Sides of the small squares. Caffe cuts them to whole pixels.
    pub min_sizes: Vec<f32>,
    /// Each makes a square of side √(min · max) with the small one of the same place.
    pub max_sizes: Vec<f32>,
    /// Ratios of width to height, besides 1.
    pub aspect_ratios: Vec<f32>,
    /// Whether the inverse of each ratio is made too.
    pub flip: bool,
    /// Whether boxes are cut to the image.
    pub clip: bool,
    /// One number, or one for each of the four coordinates; 0.1 when empty.
    pub variances: Vec<f32>,
    /// Distance of the centres (vertical, horizontal); the input's size by the map's if none.
    pub step: Option<[f32; 2]>,
    /// Where in its cell a centre is, in steps.
    pub offset: f32,
    /// The input's size (vertical, horizontal), if the file fixes it.
    pub image_size: Option<[u32; 2]>,
}

impl Default for CaffePriorBox {
    fn default() -> Self {
        Self {
            min_sizes: Vec::new(),
            max_sizes: Vec::new(),
            aspect_ratios: Vec::new(),
            flip: true,
            clip: false,
            variances: Vec::new(),
            step: None,
            offset: 0.5,
            image_size: None,
        }
    }
}

impl CaffeNet {
    /// The layer of this name: the one with weights, if several have it.
    pub fn layer(&self, name: &str) -> Option<&CaffeLayer> {
        let mut named = self.layers.iter().filter(|layer| layer.name == name);
        let first = named.clone().next();
        named.find(|layer| layer.blobs > 0).or(first)
    }

    /// The eps of each `BatchNorm` layer, in the file's order, under the name that its tensors have
    /// after [`Checkpoint::folded`](crate::Checkpoint::folded).
    pub fn norms(&self) -> impl Iterator<Item = (&str, f32)> {
        self.layers.iter().filter_map(|layer| match layer.params {
            CaffeParams::BatchNorm { eps } => Some((layer.name.as_str(), eps)),
            _ => None,
        })
    }

    /// The default boxes of each source map, in the file's order, with the layer's name.
    pub fn priors(&self) -> impl Iterator<Item = (&str, &CaffePriorBox)> {
        self.layers.iter().filter_map(|layer| match &layer.params {
            CaffeParams::PriorBox(priors) => Some((layer.name.as_str(), priors)),
            _ => None,
        })
    }

    /// What there is to say about the file in a few words, for [`Checkpoint::metadata`](crate::Checkpoint::metadata).
    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let weighted = self.layers.iter().filter(|layer| layer.blobs > 0).count();
        let mut metadata = BTreeMap::from([(
            "caffe.layers".to_owned(),
            format!("{} layers, {weighted} of them with weights", self.layers.len()),
        )]);
        if !self.name.is_empty() {
            metadata.insert("caffe.net".to_owned(), self.name.clone());
        }
        let norms = self.norms_line();
        if !norms.is_empty() {
            metadata.insert("caffe.batch_norm_eps".to_owned(), norms);
        }
        metadata
    }

    /// "1e-5 in 80 layers, 1e-3 in 12 layers".
    fn norms_line(&self) -> String {
        const SHOWN: usize = 8;
        let mut counts: Vec<(f32, usize)> = Vec::new();
        for (_, eps) in self.norms() {
            match counts.iter().position(|(known, _)| known.to_bits() == eps.to_bits()) {
                Some(i) => counts[i].1 += 1,
                None if counts.len() < SHOWN => counts.push((eps, 1)),
                None => {}
            }
        }
        let parts: Vec<_> = counts.iter().map(|(eps, n)| format!("{eps:e} in {n} layers")).collect();
        parts.join(", ")
    }
}

impl fmt::Display for CaffeNet {
    /// One line: "Caffe network \"VGG_VOC0712\": 442 layers, 282 of them with weights; …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.metadata();
        write!(f, "Caffe network {:?}: {}", self.name, metadata["caffe.layers"])?;
        match metadata.get("caffe.batch_norm_eps") {
            Some(norms) => write!(f, "; BatchNorm eps {norms}"),
            None => Ok(()),
        }
    }
}
