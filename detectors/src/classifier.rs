//! ImageNet classifiers, and backbones on their own.

use crate::backbone::{self, Backbone};
use crate::detection::StageTimes;
use crate::layers::{Linear, PathExt, layers};
use crate::spec::{BackboneSpec, ModelSpec, Task};
use crate::{Error, Prepared};
use std::time::Instant;
use tch::{Device, Kind, Tensor, nn};

/// A backbone, global average pooling and one linear layer; without the layer, just the backbone.
#[derive(Debug)]
pub struct Classifier {
    spec: ModelSpec,
    body: Box<dyn Backbone>,
    last: Option<Linear>,
    device: Device,
    kind: Kind,
}

impl Classifier {
    /// Builds the network of `spec` with the reference's parameter names in `path`.
    ///
    /// # Errors
    /// When `spec` is not of this kind.
    pub fn new(path: &nn::Path, spec: &ModelSpec) -> Result<Self, Error> {
        let Task::Classify { outputs } = spec.task else {
            return Err(Error::Spec(format!("`{}` is not a classifier", spec.name)));
        };
        let body = backbone::build(path, &spec.backbone);
        let width = body.info().last().map_or(0, |info| info.channels);
        let last = (outputs > 0).then(|| Linear::new(&path.at(last_layer(&spec.backbone)), width, outputs));
        Ok(Self { spec: spec.clone(), body, last, device: path.device(), kind: path.kind() })
    }

    /// What this model is.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Probabilities of all classes for each prepared image.
    ///
    /// # Errors
    /// When this is a backbone without a classifier, or libtorch fails.
    pub fn classify(&self, inputs: &[Prepared]) -> Result<(Vec<Vec<f32>>, StageTimes), Error> {
        let Some(last) = &self.last else {
            return Err(Error::Spec(format!(
                "the weights of `{}` have no classifier, only a backbone",
                self.spec.name
            )));
        };
        let start = Instant::now();
        let batch = self.spec.input.batch(inputs, self.device, self.kind)?;
        let batched = Instant::now();
        let _span = tracing::info_span!("network", images = inputs.len()).entered();
        let probabilities = tch::no_grad(|| {
            let maps = self.body.features_t(&batch, false)?;
            let logits = last.try_forward_t(&pooled(&maps)?, false)?;
            Ok::<_, Error>(logits.f_softmax(-1, Kind::Float)?.f_to_device(Device::Cpu)?)
        })?;
        let rows = Vec::<Vec<f32>>::try_from(&probabilities)?;
        let times = StageTimes {
            batch: (batched - start).as_secs_f64() * 1e3,
            network: batched.elapsed().as_secs_f64() * 1e3,
            postprocess: 0.0,
        };
        Ok((rows, times))
    }

    /// Feature maps by name, and `logits` when there is a classifier, with their gradients, for a batch `[N, 3, H, W]` of
    /// the network's own kind.
    ///
    /// # Errors
    /// When the tensor does not fit the network.
    pub fn outputs_t(&self, batch: &Tensor, train: bool) -> Result<Vec<(String, Tensor)>, Error> {
        let maps = self.body.features_t(batch, train)?;
        let logits = self.last.as_ref().map(|last| last.try_forward_t(&pooled(&maps)?, train)).transpose()?;
        let names = self.body.info().iter().map(|i| i.name.to_owned());
        Ok(names.zip(maps).chain(logits.map(|l| ("logits".to_owned(), l))).collect())
    }

    /// Says where the parameters are now, and of which kind: a batch is brought there.
    pub(crate) fn place(&mut self, device: Device, kind: Kind) {
        (self.device, self.kind) = (device, kind);
    }
}

layers!(Classifier { body, last });

/// Name of the last layer in the reference's files.
pub(crate) fn last_layer(backbone: &BackboneSpec) -> &'static str {
    match backbone {
        BackboneSpec::Resnet(_) => "fc",
        BackboneSpec::MobilenetV2(_) => "classifier.1",
        _ => "classifier",
    }
}

fn pooled(maps: &[Tensor]) -> Result<Tensor, Error> {
    let Some(last) = maps.last() else {
        return Err(Error::Input("the backbone has no stages".into()));
    };
    Ok(last.f_mean_dim([2i64, 3].as_slice(), false, last.kind())?)
}
