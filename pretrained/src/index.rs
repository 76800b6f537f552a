//! The index of a checkpoint: names, types, shapes and where the data are.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use crate::{
    error::{ErrorKind, Read},
    layout::Layout,
    pickle::{Heap, Storage},
    resolve::Resolver,
    source::Part,
    tensor::{Dtype, TensorInfo},
    wrapper::{Ignored, StateDict, Wrapper, common_prefix},
};

/// Shared and expanded tensors can be larger together than the file. All tensors together may take
/// this many times the file, and this many bytes more.
const MAX_GROWTH: usize = 4;
const MAX_EXPANDED: usize = 64 << 20;

/// Everything that is known about a file without its data.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub tensors: Vec<TensorInfo>,
    pub layouts: Vec<Layout>,
    pub by_name: HashMap<String, usize>,
    pub wrapper: Wrapper,
    pub ignored: Vec<Ignored>,
    pub metadata: BTreeMap<String, String>,
    pub versions: BTreeMap<String, i64>,
}

impl Index {
    /// The index of a pickle's state dict.
    pub fn of_state_dict<'a>(
        state: StateDict<'a>,
        heap: &Heap<'a>,
        pickle: Part<'a>,
        file_len: usize,
        big_endian: bool,
        locate: impl FnMut(&Storage<'a>) -> Read<Range<usize>>,
    ) -> Read<Self> {
        let mut index =
            Self { wrapper: state.wrapper, ignored: state.ignored, versions: state.versions, ..Self::default() };
        let mut resolver = Resolver::new(heap, pickle, locate, big_endian);
        let mut entries = Vec::with_capacity(state.entries.len());
        for (name, value) in state.entries {
            let (dtype, layout) = resolver.resolve(&name, value)?;
            entries.push((name, dtype, layout));
        }
        index.fill(entries, file_len)?;
        Ok(index)
    }

    /// Takes in tensors, without the prefix that all names share.
    pub fn fill(&mut self, entries: Vec<(String, Dtype, Layout)>, file_len: usize) -> Read<()> {
        let prefix = common_prefix(entries.iter().map(|(name, _, _)| name.as_str()));
        let cap = file_len.saturating_mul(MAX_GROWTH).saturating_add(MAX_EXPANDED);
        let mut total = 0usize;
        for (mut name, dtype, layout) in entries {
            total = total.saturating_add(layout.byte_len());
            if total > cap {
                return Err(ErrorKind::Limit(format!(
                    "tensor {name:?} and those before it would take {total} bytes, \
                     from a file of {file_len}"
                )));
            }
            name.drain(..prefix.len());
            if self.by_name.insert(name.clone(), self.tensors.len()).is_some() {
                return Err(ErrorKind::DuplicateName(name));
            }
            self.tensors.push(TensorInfo { name, dtype, shape: layout.shape.clone() });
            self.layouts.push(layout);
        }
        if !prefix.is_empty() {
            let module = prefix.trim_end_matches('.').to_owned();
            self.versions = std::mem::take(&mut self.versions)
                .into_iter()
                .filter_map(|(key, version)| {
                    let rest = if key == module { Some("") } else { key.strip_prefix(&prefix) };
                    rest.map(|rest| (rest.to_owned(), version))
                })
                .collect();
        }
        self.wrapper.prefix = prefix;
        Ok(())
    }
}
