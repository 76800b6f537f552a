//! The result of a share, and whether several are the shares of one run.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vovdet_evaluation::metrics::provenance::{FileRef, ModelRun, Provenance, milliseconds};
use vovdet_evaluation::metrics::saved;
use vovdet_evaluation::metrics::selection::Shard;

/// Whose figures a result has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    Coco,
    Voc,
}

/// What is needed of a result.
pub struct Share<'a> {
    /// Its file.
    pub path: &'a Path,
    pub metric: Metric,
    pub provenance: Provenance,
    /// How it was evaluated, but for the share.
    protocol: Map<String, Value>,
    shard: Shard,
}

impl<'a> Share<'a> {
    pub fn read(path: &'a Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            protocol: Map<String, Value>,
            provenance: Provenance,
        }
        let Head { mut protocol, provenance } = saved::read(path)?;
        let shown = path.display();
        let metric = match () {
            () if protocol.contains_key("max_dets") => Metric::Coco,
            () if protocol.contains_key("iou_threshold") => Metric::Voc,
            () => bail!("{shown} is neither a result of `vovdet eval coco --json` nor of `vovdet eval voc --json`"),
        };
        let Some(shard) = protocol.remove("shard") else {
            bail!("{shown} is the result of no share; give those of `vovdet eval … --shard I/N --json`");
        };
        let shard = serde_json::from_value(shard).with_context(|| shown.to_string())?;
        Ok(Self { path, metric, provenance, protocol, shard })
    }

    /// How it was evaluated, as if it were no share.
    pub fn protocol<P: DeserializeOwned>(&self) -> Result<P> {
        serde_json::from_value(self.protocol.clone().into()).with_context(|| self.path.display().to_string())
    }

    /// The data set, at its place or beside the result.
    pub fn annotations(&self) -> Result<PathBuf> {
        Ok(saved::locate(&self.provenance.annotations, self.path)?)
    }

    /// Which of all items, in the order of the data set, it looked at; `id` is what its result calls one.
    fn images<T: Copy + Eq + Hash>(&self, all: &[T], id: impl Fn(T) -> Value) -> HashSet<T> {
        let left_out: HashSet<String> = self.provenance.left_out.iter().map(Value::to_string).collect();
        let Shard { index, count } = self.shard;
        let own = all.iter().copied().skip(index - 1).step_by(count);
        own.filter(|item| left_out.is_empty() || !left_out.contains(&id(*item).to_string())).collect()
    }

    /// What decides about detections, by name.
    fn decides(&self) -> [(&'static str, Option<Value>); 5] {
        let model = self.provenance.model.as_ref();
        [
            ("weights", model.and_then(|model| Some(model.weights.sha256.clone()?.into()))),
            ("model", model.map(|model| model.spec.clone())),
            ("precision", model.map(|model| model.precision.clone().into())),
            ("--plain", model.map(|model| model.plain.into())),
            ("--score", model.and_then(|model| model.score.map(Value::from))),
        ]
    }

    /// The first thing in which it is not of the same run as another.
    fn difference(&self, other: &Self) -> Result<Option<String>> {
        let same_data = match (&self.provenance.annotations.sha256, &other.provenance.annotations.sha256) {
            (Some(a), Some(b)) => a == b,
            _ => self.annotations()?.canonicalize()? == other.annotations()?.canonicalize()?,
        };
        if !same_data {
            return Ok(Some("data set".into()));
        }
        let pairs = self.decides().into_iter().zip(other.decides());
        if let Some(((name, _), _)) = pairs.into_iter().find(|((_, a), (_, b))| a != b) {
            return Ok(Some(name.into()));
        }
        let keys = self.protocol.keys().chain(other.protocol.keys());
        let differ = keys.into_iter().find(|key| self.protocol.get(*key) != other.protocol.get(*key));
        Ok(differ.map(|key| format!("--{}", key.replace('_', "-"))))
    }
}

/// Whether the results are all shares of one run.
///
/// # Errors
/// When they are not, with what is wrong.
pub fn check(shares: &[Share]) -> Result<()> {
    // There is one at least: the command line asks for it.
    let (first, count) = (&shares[0], shares[0].shard.count);
    let mut seen = BTreeMap::new();
    for share in shares {
        let (shown, other) = (share.path.display(), first.path.display());
        if share.metric != first.metric {
            bail!("{shown} and {other}: one has COCO's figures and the other VOC's, which cannot be put together");
        }
        if share.shard.count != count {
            bail!("{shown} is one of {} shares and {other} one of {count}", share.shard.count);
        }
        if let Some(what) = share.difference(first)? {
            bail!("{shown} and {other} are not of the same run: they differ in their {what}");
        }
        if let Some(other) = seen.insert(share.shard.index, share.path) {
            bail!("{shown} and {} are both share {}", other.display(), share.shard);
        }
    }
    let missing = (1..=count).filter(|index| !seen.contains_key(index)).map(|i| format!("{i}/{count}"));
    let few: Vec<_> = missing.take(3).collect();
    match count - seen.len() {
        0 => Ok(()),
        1 => bail!("share {} is missing", few.join("")),
        n if n > few.len() => bail!("{n} shares are missing: {}, …", few.join(", ")),
        _ => bail!("shares {} are missing", few.join(", ")),
    }
}

/// The files of detections, each with the items that the shares that name it looked at: several shares may have been
/// made from one file with the detections of all images.
pub fn by_file<T: Copy + Eq + Hash>(
    shares: &[Share],
    all: &[T],
    id: impl Fn(T) -> Value,
) -> Result<Vec<(PathBuf, HashSet<T>)>> {
    let mut files: Vec<(PathBuf, HashSet<T>)> = Vec::new();
    // Where each lies; a large file is not read for its hash again.
    let mut located: Vec<(&FileRef, usize)> = Vec::new();
    for share in shares {
        let images = share.images(all, &id);
        let file = share.provenance.detections.as_ref();
        let file = file.with_context(|| format!("{} names no detections", share.path.display()))?;
        if let Some((_, place)) = located.iter().find(|(known, _)| *known == file) {
            files[*place].1.extend(images);
            continue;
        }
        let path = saved::locate(file, share.path)?;
        let path = path.canonicalize().with_context(|| path.display().to_string())?;
        let place = files.iter().position(|(known, _)| *known == path).unwrap_or(files.len());
        match files.get_mut(place) {
            Some((_, known)) => known.extend(images),
            None => files.push((path, images)),
        }
        located.push((file, place));
    }
    Ok(files)
}

/// Where the merged result comes from. `saved` are the detections, if they were written.
pub fn provenance(shares: &[Share], metrics: &str, saved: Option<FileRef>, start: Instant) -> Provenance {
    let first = &shares[0].provenance;
    let mut times_ms = BTreeMap::new();
    for (stage, ms) in shares.iter().flat_map(|share| &share.provenance.times_ms) {
        *times_ms.entry(stage.clone()).or_default() += ms;
    }
    times_ms.insert("merge".into(), milliseconds(start));
    // Shares may have been made from one file of all detections.
    let common = first.detections.clone().filter(|file| {
        let same = |share: &Share| share.provenance.detections.as_ref().is_some_and(|d| d.sha256 == file.sha256);
        file.sha256.is_some() && shares.iter().all(same)
    });
    let images = shares.iter().filter_map(|share| Some(share.provenance.model.as_ref()?.images)).sum();
    Provenance {
        vovdet: env!("CARGO_PKG_VERSION").into(),
        metrics: metrics.into(),
        annotations: first.annotations.clone(),
        detections: saved.or(common),
        model: first.model.clone().map(|model| ModelRun { images, ..model }),
        left_out: shares.iter().flat_map(|share| share.provenance.left_out.iter().cloned()).collect(),
        times_ms,
    }
}

/// A sentence about images that could not be looked at.
pub fn tell_left_out(provenance: &Provenance) -> Option<String> {
    let count = provenance.left_out.len();
    let images = super::show::number(count, "image");
    (count > 0).then(|| format!("{images} could not be looked at in the shares and are left out"))
}
