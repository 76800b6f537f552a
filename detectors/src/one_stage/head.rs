//! Predictors: box deltas and class logits for every prior box.

use super::block::Block;
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec};
use crate::params::Scope;
use crate::spec::{HeadSpec, NormSpec, PriorMap};
use tch::{Kind, Tensor};

/// The predictors of one step.
#[derive(Debug)]
pub(super) struct Head {
    /// One per source, or none.
    blocks: Vec<Block>,
    predictors: Vec<Predictor>,
}

#[derive(Debug)]
struct Predictor {
    source: usize,
    deltas: Vec<ConvNormAct>,
    logits: Vec<ConvNormAct>,
    columns: i64,
}

/// Raw outputs of a step.
#[derive(Debug)]
pub(super) struct Raw {
    /// `[N, P, 4]`.
    pub(super) deltas: Tensor,
    /// `[N, P, columns]`.
    pub(super) logits: Tensor,
}

impl Head {
    /// Builds the predictors of `columns` classes (background included) over sources of `channels`. Parameters:
    /// `inter.{source}.branch…`, `loc.{i}`, `conf.{i}`.
    pub(super) fn new(scope: &Scope, spec: &HeadSpec, priors: &[PriorMap], channels: &[i64], columns: i64) -> Self {
        let block = |(i, &input): (usize, &i64)| {
            spec.block.map(|b| Block::new(&scope.sub(&format!("inter.{i}")), input, b, 1, spec.block_norm))
        };
        let blocks = channels.iter().enumerate().filter_map(block).collect();
        let predictor = |(i, (&source, map)): (usize, (&usize, &PriorMap))| {
            let input = spec.block.map_or(channels[source], |b| b.output);
            let convs =
                |name: &str, each: i64| convs(&scope.sub(&format!("{name}.{i}")), spec, input, map.per_cell() * each);
            Predictor { source, deltas: convs("loc", 4), logits: convs("conf", columns), columns }
        };
        let predictors = spec.sources.iter().zip(priors).enumerate().map(predictor).collect();
        Self { blocks, predictors }
    }

    pub(super) fn forward(&self, sources: &[Tensor]) -> Result<Raw, Error> {
        let through: Vec<Tensor> =
            self.blocks.iter().zip(sources).map(|(b, x)| b.forward(x)).collect::<Result<_, _>>()?;
        let inputs = if through.is_empty() { sources } else { &through };
        let (mut deltas, mut logits) = (Vec::new(), Vec::new());
        for predictor in &self.predictors {
            let x = &inputs[predictor.source];
            deltas.push(rows(&predictor.deltas, x, 4)?);
            logits.push(rows(&predictor.logits, x, predictor.columns)?);
        }
        Ok(Raw { deltas: Tensor::f_cat(&deltas, 1)?, logits: Tensor::f_cat(&logits, 1)? })
    }

    pub(super) fn optimize(&mut self, kind: Kind) -> Result<(), Error> {
        self.blocks.iter_mut().try_for_each(|b| b.optimize(kind))?;
        let convs = self.predictors.iter_mut().flat_map(|p| p.deltas.iter_mut().chain(&mut p.logits));
        convs.into_iter().try_for_each(|c| c.optimize(kind))
    }
}

/// One convolution `{scope}` with a bias; or `{scope}.conv` and `{scope}.norm`; or `{scope}.dw` and `{scope}.pw`.
fn convs(scope: &Scope, spec: &HeadSpec, input: i64, output: i64) -> Vec<ConvNormAct> {
    if let Some(norm) = spec.depthwise {
        let norm: NormSpec = norm;
        let dw = ConvSpec::new(input, input, 3).depthwise();
        let dw = ConvNormAct::unit(&scope.sub("dw"), dw, Some(norm), Act::Relu6);
        let pw = ConvNormAct::new(&scope.sub("pw"), None, ConvSpec::new(input, output, 1).bias(), Act::None);
        return vec![dw, pw];
    }
    let conv = ConvSpec::new(input, output, spec.kernel);
    vec![match spec.norm {
        Some(norm) => ConvNormAct::unit(scope, conv, Some(norm), Act::None),
        None => ConvNormAct::new(scope, None, conv.bias(), Act::None),
    }]
}

/// `[N, A · width, H, W]` as `[N, H · W · A, width]`.
fn rows(convs: &[ConvNormAct], x: &Tensor, width: i64) -> Result<Tensor, Error> {
    let y = convs.iter().try_fold(x.shallow_clone(), |x, conv| conv.forward(&x))?;
    let batch = y.size().first().copied().unwrap_or(0);
    Ok(y.f_permute([0, 2, 3, 1])?.f_reshape([batch, -1, width])?)
}
