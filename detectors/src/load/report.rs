//! What a load did, and what it could not do.

use super::keys::Keys;
use crate::ModelSpec;
use serde::Serialize;
use std::fmt;
use vovdet_pretrained::Checkpoint;
use vovdet_pretrained::naming::{Naming, closest, is_ignorable};

/// So many names are written out; the rest is counted.
const SHOWN: usize = 4;

/// A parameter of the model that the checkpoint does not have.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// Canonical name.
    pub name: String,
    /// Whether the caller allowed it.
    pub allowed: bool,
    /// The nearest name that the checkpoint has.
    pub near: Option<String>,
}

/// A tensor of another shape than the model's.
#[derive(Debug, Clone, Serialize)]
pub struct Mismatch {
    /// Name in the checkpoint.
    pub name: String,
    /// Shape of the model's parameter.
    pub model: Vec<i64>,
    /// Shape in the checkpoint.
    pub checkpoint: Vec<i64>,
}

/// What became of every parameter and every tensor.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    /// Where the checkpoint came from.
    pub source: String,
    /// Name of the model.
    pub model: String,
    /// Dialect of a detector.
    pub dialect: Option<&'static str>,
    /// Naming that the checkpoint's keys follow.
    pub naming: Option<Naming>,
    /// Parameters that were filled.
    pub applied: usize,
    /// Parameters that the checkpoint does not have.
    pub missing: Vec<Missing>,
    /// Tensors that the model has no place for.
    pub unexpected: Vec<String>,
    /// Tensors of another shape.
    pub mismatched: Vec<Mismatch>,
    /// Tensors left out on purpose, and why.
    pub ignored: Vec<(String, &'static str)>,
    /// Known models that the checkpoint fits, when it does not fit this one; the likeliest first.
    pub fits: Vec<String>,
}

impl LoadReport {
    pub(super) fn new(source: &str, spec: &ModelSpec, naming: Option<Naming>) -> Self {
        Self {
            source: source.to_owned(),
            model: spec.name.clone(),
            dialect: spec.dialect().map(crate::spec::Dialect::name),
            naming,
            applied: 0,
            missing: Vec::new(),
            unexpected: Vec::new(),
            mismatched: Vec::new(),
            ignored: Vec::new(),
            fits: Vec::new(),
        }
    }

    pub(super) fn add_missing(&mut self, name: &str, allowed: bool) {
        self.missing.push(Missing { name: name.into(), allowed, near: None });
    }

    pub(super) fn add_mismatch(&mut self, name: &str, model: &[i64], checkpoint: &[i64]) {
        self.mismatched.push(Mismatch { name: name.into(), model: model.into(), checkpoint: checkpoint.into() });
    }

    /// Sorts what was not used into ignored and unexpected, and suggests unexpected names for missing ones. `whole` are
    /// the names of the file, `keys` those of the part that was loaded.
    pub(super) fn add_rest(&mut self, checkpoint: &Checkpoint, whole: &Keys, keys: &Keys, used: &[bool]) {
        let mut unexpected = Vec::new();
        for (index, info) in checkpoint.tensors().iter().enumerate().filter(|(i, _)| !used[*i]) {
            let canonical = whole.canonical(index);
            let reason = is_ignorable(&info.name).or_else(|| canonical.and_then(is_ignorable));
            // The naming knows the key, and the part of the model that was asked for has no place for it.
            let elsewhere = canonical.is_some() && keys.canonical(index).is_none();
            match reason.or(elsewhere.then_some("belongs to another part than the one that is loaded")) {
                Some(reason) => self.ignored.push((info.name.clone(), reason)),
                None => {
                    self.unexpected.push(info.name.clone());
                    unexpected.extend(keys.canonical(index));
                }
            }
        }
        // Suggestions cost milliseconds each, and nobody reads hundreds.
        for missing in self.missing.iter_mut().filter(|m| !m.allowed).take(SHOWN) {
            missing.near = closest(&missing.name, unexpected.iter().copied()).map(String::from);
        }
    }

    /// The same with the known models that the checkpoint fits.
    pub(super) fn with_fits(mut self, fits: Vec<String>) -> Self {
        if !fits.is_empty() {
            // The names of another architecture are no misspellings of this one's.
            self.missing.iter_mut().for_each(|missing| missing.near = None);
        }
        Self { fits, ..self }
    }

    /// Whether everything of the model was filled, or allowed to be missing, and nothing is left over.
    pub fn is_complete(&self) -> bool {
        self.missing.iter().all(|m| m.allowed) && self.mismatched.is_empty() && self.unexpected.is_empty()
    }

    /// Why the checkpoint does not fit, in one sentence.
    fn misfit(&self) -> String {
        let verdict = self.verdict();
        if self.fits.is_empty() { format!("{verdict}: {}", self.faults().join("; ")) } else { verdict }
    }

    fn verdict(&self) -> String {
        match self.fits.first() {
            Some(other) => format!("{} fits {other}, not {}", self.source, self.model),
            None => format!("{} does not fit {}", self.source, self.model),
        }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let missing: Vec<String> = self
            .missing
            .iter()
            .filter(|m| !m.allowed)
            .map(|m| match &m.near {
                Some(near) => format!("{} (did you mean {near}?)", m.name),
                None => m.name.clone(),
            })
            .collect();
        list(&mut faults, "missing", &missing);
        let mismatched: Vec<String> = self
            .mismatched
            .iter()
            .map(|m| format!("{} is {:?} and should be {:?}", m.name, m.checkpoint, m.model))
            .collect();
        list(&mut faults, "of another shape", &mismatched);
        list(&mut faults, "unexpected", &self.unexpected);
        faults
    }
}

fn list(faults: &mut Vec<String>, what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    faults.push(format!("{} {what}: {shown}{more}", names.len()));
}

/// A sentence when the checkpoint does not fit; else, or with `{:#}`, all of it in lines.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_complete() && !f.alternate() {
            return f.write_str(&self.misfit());
        }
        if !self.is_complete() {
            writeln!(f, "{}", self.verdict())?;
        }
        let dialect = self.dialect.map(|d| format!(", {d} dialect")).unwrap_or_default();
        let naming = self.naming.map_or("its own names".into(), |n| format!("{n} names"));
        writeln!(f, "{}{dialect}: {} parameters applied from {naming}", self.model, self.applied)?;
        for fault in self.faults() {
            writeln!(f, "{fault}")?;
        }
        let allowed = self.missing.iter().filter(|m| m.allowed).count();
        if allowed > 0 {
            writeln!(f, "{allowed} missing, as allowed: they start at random")?;
        }
        let mut reasons: Vec<&str> = self.ignored.iter().map(|i| i.1).collect();
        reasons.sort_unstable();
        for group in reasons.chunk_by(|a, b| a == b) {
            writeln!(f, "{} ignored: {}", group.len(), group[0])?;
        }
        Ok(())
    }
}
