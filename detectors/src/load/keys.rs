//! The keys of a checkpoint under their canonical names.

use crate::ModelSpec;
use crate::spec::Dialect;
use std::collections::BTreeMap;
use std::ops::Bound;
use vovdet_pretrained::Checkpoint;
use vovdet_pretrained::naming::{Naming, rebase_body};

/// Canonical names of a checkpoint's tensors, and where each stands in the file.
#[derive(Debug)]
pub(super) struct Keys {
    naming: Option<Naming>,
    /// Whether the naming called anything otherwise than we do.
    renamed: bool,
    /// Per tensor of the file; none where the naming does not know the key.
    canonical: Vec<Option<String>>,
    index: BTreeMap<String, usize>,
}

impl Keys {
    pub(super) fn new(checkpoint: &Checkpoint) -> Self {
        let names: Vec<&str> = checkpoint.tensors().iter().map(|t| t.name.as_str()).collect();
        let naming = Naming::detect(names.iter().copied());
        let canonical = match naming {
            Some(naming) => naming.to_canonical(&names),
            None => names.iter().map(|n| Some((*n).to_owned())).collect(),
        };
        let renamed = names.iter().zip(&canonical).any(|(name, known)| known.as_deref().is_some_and(|k| k != *name));
        Self::indexed(naming, renamed, canonical)
    }

    fn indexed(naming: Option<Naming>, renamed: bool, canonical: Vec<Option<String>>) -> Self {
        let index = canonical.iter().enumerate().filter_map(|(i, name)| Some((name.clone()?, i))).collect();
        Self { naming, renamed, canonical, index }
    }

    /// The same for a model that is a detector or a bare backbone, whichever of the two the file is.
    pub(super) fn rebased(&self, spec: &ModelSpec) -> Self {
        self.based_at(spec.task.body())
    }

    /// The same with the names of the backbone under `prefix`.
    pub(super) fn based_at(&self, prefix: &str) -> Self {
        let known: Vec<&str> = self.canonical.iter().flatten().map(String::as_str).collect();
        let mut rebased = rebase_body(&known, prefix).into_iter();
        let canonical = self.canonical.iter().map(|name| name.as_ref().and_then(|_| rebased.next().flatten()));
        Self::indexed(self.naming, self.renamed, canonical.collect())
    }

    pub(super) fn naming(&self) -> Option<Naming> {
        self.naming
    }

    /// The dialect that a detector's keys speak; none for a bare backbone, whose keys are the same everywhere but in
    /// Caffe, where the network behind them is another one (docs/reference/vovnet.md §2.2).
    pub(super) fn dialect(&self) -> Option<Dialect> {
        let any = |prefixes: &[&str]| prefixes.iter().any(|prefix| self.any_below(prefix));
        let two_stage = any(&["rpn.", "roi_heads."]);
        // A one-stage detector under our own names follows the spec that it came with.
        let one_stage = self.renamed && any(&["arm.", "loc."]);
        let caffe = self.naming == Some(Naming::Caffe);
        self.naming.filter(|_| two_stage || one_stage || caffe).and_then(Dialect::of_naming)
    }

    /// Place in the file of the tensor with this canonical name.
    pub(super) fn index(&self, canonical: &str) -> Option<usize> {
        self.index.get(canonical).copied()
    }

    /// Canonical name of tensor number `index`.
    pub(super) fn canonical(&self, index: usize) -> Option<&str> {
        self.canonical[index].as_deref()
    }

    /// Whether there is a name that starts with `prefix`.
    pub(super) fn any_below(&self, prefix: &str) -> bool {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.index.range::<str, _>(from).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// Whether the file is vision-toolbox's, whose VoVNets are of another form than the others'.
    pub(super) fn is_toolbox(&self) -> bool {
        self.naming == Some(Naming::VisionToolbox)
    }

    /// All canonical names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }
}
