//! Predictors: box deltas and class logits for every prior box.

use super::block::Block;
use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, chain, layers};
use crate::spec::{HeadSpec, NormSpec, PriorMap};
use tch::{Tensor, nn};

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
    pub(super) fn new(path: &nn::Path, spec: &HeadSpec, priors: &[PriorMap], channels: &[i64], columns: i64) -> Self {
        let block = |(i, &input): (usize, &i64)| {
            spec.block.map(|b| Block::new(&path.at(&format!("inter.{i}")), input, b, 1, spec.block_norm))
        };
        let blocks = channels.iter().enumerate().filter_map(block).collect();
        let predictor = |(i, (&source, map)): (usize, (&usize, &PriorMap))| {
            let input = spec.block.map_or(channels[source], |b| b.output);
            let convs =
                |name: &str, each: i64| convs(&path.at(&format!("{name}.{i}")), spec, input, map.per_cell() * each);
            Predictor { source, deltas: convs("loc", 4), logits: convs("conf", columns), columns }
        };
        let predictors = spec.sources.iter().zip(priors).enumerate().map(predictor).collect();
        Self { blocks, predictors }
    }

    pub(super) fn try_forward_t(&self, sources: &[Tensor], train: bool) -> Result<Raw, Error> {
        let through: Vec<Tensor> =
            self.blocks.iter().zip(sources).map(|(b, x)| b.try_forward_t(x, train)).collect::<Result<_, _>>()?;
        let inputs = if through.is_empty() { sources } else { &through };
        let (mut deltas, mut logits) = (Vec::new(), Vec::new());
        for predictor in &self.predictors {
            let x = &inputs[predictor.source];
            deltas.push(rows(&predictor.deltas, x, 4, train)?);
            logits.push(rows(&predictor.logits, x, predictor.columns, train)?);
        }
        Ok(Raw { deltas: Tensor::f_cat(&deltas, 1)?, logits: Tensor::f_cat(&logits, 1)? })
    }
}

layers!(Head { blocks, predictors });
layers!(Predictor { deltas, logits });

/// One convolution `{path}` with a bias; or `{path}.conv` and `{path}.norm`; or `{path}.dw` and `{path}.pw`.
fn convs(path: &nn::Path, spec: &HeadSpec, input: i64, output: i64) -> Vec<ConvNormAct> {
    if let Some(norm) = spec.depthwise {
        let norm: NormSpec = norm;
        let dw = ConvSpec::new(input, input, 3).depthwise();
        let dw = ConvNormAct::unit(&path.at("dw"), dw, Some(norm), Act::Relu6);
        let pw = ConvNormAct::new(&path.at("pw"), None, ConvSpec::new(input, output, 1).bias(), Act::None);
        return vec![dw, pw];
    }
    let conv = ConvSpec::new(input, output, spec.kernel);
    vec![match spec.norm {
        Some(norm) => ConvNormAct::unit(path, conv, Some(norm), Act::None),
        None => ConvNormAct::new(path, None, conv.bias(), Act::None),
    }]
}

/// `[N, A · width, H, W]` as `[N, H · W · A, width]`.
fn rows(convs: &[ConvNormAct], x: &Tensor, width: i64, train: bool) -> Result<Tensor, Error> {
    let y = chain(convs, x, train)?;
    let batch = y.size().first().copied().unwrap_or(0);
    Ok(y.f_permute([0, 2, 3, 1])?.f_reshape([batch, -1, width])?)
}
