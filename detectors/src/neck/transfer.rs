//! RefineDet's transfer connection blocks (arXiv 1711.06897; docs/reference/refinedet.md §1).

use crate::Error;
use crate::layers::{Act, ConvNormAct, ConvSpec, PathExt, layers};
use crate::spec::RefineSpec;
use tch::{Tensor, nn};

/// Brings coarse maps down to finer ones, from the last source to the first.
#[derive(Debug)]
pub struct Transfer {
    /// Finest first.
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    first: ConvNormAct,
    second: ConvNormAct,
    /// From the next coarser level; none at the coarsest.
    up: Option<ConvNormAct>,
    last: ConvNormAct,
}

impl Transfer {
    /// Builds the blocks over sources of `channels`, finest first. Parameter names count pyramid levels, the finest is
    /// 3: `tl3_1`, `tl3_2`, `up4` (from level 4 to 3), `p3`, each with `.conv` and `.norm`.
    pub fn new(path: &nn::Path, spec: &RefineSpec, channels: &[i64]) -> Self {
        let width = spec.channels;
        let unit = |name: &str, conv, act| ConvNormAct::unit(&path.at(name), conv, spec.norm, act);
        let levels = (3..).zip(channels).map(|(level, &input)| Level {
            first: unit(&format!("tl{level}_1"), ConvSpec::new(input, width, 3), Act::Relu),
            second: unit(&format!("tl{level}_2"), ConvSpec::new(width, width, 3), Act::None),
            up: (level < channels.len() + 2)
                .then(|| unit(&format!("up{}", level + 1), ConvSpec::upsample(width, width), Act::None)),
            last: unit(&format!("p{level}"), ConvSpec::new(width, width, 3), Act::Relu),
        });
        Self { levels: levels.collect() }
    }

    /// Sources to maps of the same sizes, finest first.
    ///
    /// # Errors
    /// libtorch's message when a map is not half as large as the one before.
    pub fn try_forward_t(&self, sources: &[Tensor], train: bool) -> Result<Vec<Tensor>, Error> {
        let mut maps: Vec<Tensor> = Vec::with_capacity(sources.len());
        for (level, source) in self.levels.iter().zip(sources).rev() {
            let mut x = level.second.try_forward_t(&level.first.try_forward_t(source, train)?, train)?;
            if let (Some(up), Some(coarser)) = (&level.up, maps.last()) {
                x = x.f_add_(&up.try_forward_t(coarser, train)?)?;
            }
            maps.push(level.last.try_forward_t(&x.f_relu_()?, train)?);
        }
        maps.reverse();
        Ok(maps)
    }
}

layers!(Transfer { levels });
layers!(Level { first, second, up, last });
