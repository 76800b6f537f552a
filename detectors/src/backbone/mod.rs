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
use crate::params::Scope;
use crate::spec::BackboneSpec;
use tch::{Kind, Tensor};

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
pub trait Backbone: std::fmt::Debug {
    /// What [`Backbone::features`] returns, in the same order, finest first.
    fn info(&self) -> &[FeatureInfo];

    /// Feature maps `[N, C, H/stride, W/stride]` of `x` `[N, 3, H, W]`.
    ///
    /// # Errors
    /// libtorch's message when `x` is too small or has not three channels.
    fn features(&self, x: &Tensor) -> Result<Vec<Tensor>, Error>;

    /// Turns every layer to its inference life.
    ///
    /// # Errors
    /// libtorch's message.
    fn optimize(&mut self, kind: Kind) -> Result<(), Error>;
}

/// Builds the backbone of `spec` with its parameters in `scope`.
pub fn build(scope: &Scope, spec: &BackboneSpec) -> Box<dyn Backbone> {
    match spec {
        BackboneSpec::Vovnet(v) => Box::new(Vovnet::new(scope, v)),
        BackboneSpec::Resnet(r) => Box::new(Resnet::new(scope, r)),
        BackboneSpec::Densenet(d) => Box::new(Densenet::new(scope, d)),
        BackboneSpec::Dsod(d) => Box::new(Dsod::new(scope, d)),
        BackboneSpec::Peleenet(p) => Box::new(Peleenet::new(scope, p)),
        BackboneSpec::Mobilenet(m) => Box::new(Mobilenet::new(scope, m)),
        BackboneSpec::MobilenetV2(m) => Box::new(MobilenetV2::new(scope, m)),
        BackboneSpec::MobilenetV3(m) => Box::new(MobilenetV3::new(scope, m)),
        BackboneSpec::Vgg(v) => Box::new(Vgg::new(scope, v)),
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
