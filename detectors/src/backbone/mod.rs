//! Backbones promise features; heads ask for features.

pub(crate) mod densenet;
pub(crate) mod dsod;
mod mobilenet;
mod mobilenet_v2;
mod mobilenet_v3;
mod peleenet;
mod resnet;
mod vgg;
mod vovnet;

pub use densenet::Densenet;
pub use dsod::Dsod;
pub use mobilenet::Mobilenet;
pub use mobilenet_v2::MobilenetV2;
pub use mobilenet_v3::MobilenetV3;
pub use peleenet::Peleenet;
pub use resnet::Resnet;
pub use vgg::Vgg;
pub use vovnet::Vovnet;

use crate::Error;
use crate::layers::Layers;
use crate::spec::BackboneSpec;
use tch::{Tensor, nn};

/// One feature map that a backbone offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureInfo {
    /// `stem`, `stage2` … `stage5` at strides 4 to 32; VGG and DSOD name their layers.
    pub name: &'static str,
    /// Channels.
    pub channels: i64,
    /// Input pixels per feature pixel.
    pub stride: i64,
}

/// A feature extractor.
pub trait Backbone: Layers + std::fmt::Debug + Send {
    /// What [`Backbone::features_t`] returns, in the same order, finest first.
    fn info(&self) -> &[FeatureInfo];

    /// Feature maps `[N, C, H/stride, W/stride]` of `x` `[N, 3, H, W]`; with `train`, batch norms that are not frozen
    /// normalise by the batch.
    ///
    /// # Errors
    /// libtorch's message when `x` is too small or has not three channels.
    fn features_t(&self, x: &Tensor, train: bool) -> Result<Vec<Tensor>, Error>;
}

/// Builds the backbone of `spec` with its parameters at `path`.
pub fn build(path: &nn::Path, spec: &BackboneSpec) -> Box<dyn Backbone> {
    match spec {
        BackboneSpec::Vovnet(v) => Box::new(Vovnet::new(path, v)),
        BackboneSpec::Resnet(r) => Box::new(Resnet::new(path, r)),
        BackboneSpec::Densenet(d) => Box::new(Densenet::new(path, d)),
        BackboneSpec::Dsod(d) => Box::new(Dsod::new(path, d)),
        BackboneSpec::Peleenet(p) => Box::new(Peleenet::new(path, p)),
        BackboneSpec::Mobilenet(m) => Box::new(Mobilenet::new(path, m)),
        BackboneSpec::MobilenetV2(m) => Box::new(MobilenetV2::new(path, m)),
        BackboneSpec::MobilenetV3(m) => Box::new(MobilenetV3::new(path, m)),
        BackboneSpec::Vgg(v) => Box::new(Vgg::new(path, v)),
    }
}

/// The five maps that most of our backbones offer.
fn pyramid(stem: i64, stem_stride: i64, stages: [i64; 4]) -> Vec<FeatureInfo> {
    let names = ["stage2", "stage3", "stage4", "stage5"];
    let stages = names.into_iter().zip(stages).zip([4, 8, 16, 32]);
    std::iter::once(FeatureInfo { name: "stem", channels: stem, stride: stem_stride })
        .chain(stages.map(|((name, channels), stride)| FeatureInfo { name, channels, stride }))
        .collect()
}
