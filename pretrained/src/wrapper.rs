//! Which of a file's dictionaries is the state dict, and what lies around it (spec: checkpoints §4).

use std::collections::BTreeMap;

use crate::{
    error::{ErrorKind, Read},
    pickle::{Heap, Meaning, Node, Object, Value},
    summary::{class_of, keys_line, line, text_key},
};

/// What was found around the tensors of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrapper {
    /// The keys that lead to the state dict: `["model"]`; empty when the file is the state dict.
    pub path: Vec<String>,
    /// What every name began with and was stripped: `"module."`, or nothing.
    pub prefix: String,
    /// The other entries of the dictionaries on the way, each with one line about it. Text is quoted
    /// and escaped.
    pub others: Vec<(String, String)>,
    /// Choices that were made, in whole sentences.
    pub notes: Vec<String>,
}

/// An entry of the state dict that is not a tensor, and why it is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its key.
    pub name: String,
    /// What it is.
    pub why: String,
}

/// Keys under which training scripts keep the model, in the order in which they are tried.
const MODEL_KEYS: [&str; 10] = [
    "state_dict",
    "model",
    "model_state",
    "model_state_dict",
    "net",
    "network",
    "net_state_dict",
    "module",
    "weights",
    "params",
];

/// Keys of averaged copies of the model: read when there is no plain one.
const EMA_KEYS: [&str; 8] = [
    "ema",
    "model_ema",
    "ema_model",
    "state_dict_ema",
    "ema_state_dict",
    "params_ema",
    "ema_state",
    "model_ema_state_dict",
];

/// Keys of a training's state, never of weights; besides those that begin with "optim".
const TRAINING_KEYS: [&str; 6] = ["scheduler", "lr_scheduler", "scaler", "grad_scaler", "loss_scaler", "amp"];

/// What a name begins with when the model was wrapped for several devices or compiled.
const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];

/// Dictionaries inside each other that are looked into.
const MAX_DEPTH: usize = 16;

/// Entries that are looked at, and bytes of names kept, in one file.
const MAX_ENTRIES: usize = 1_000_000;

/// Tensors of one state dict: some hundred bytes of pickle can name a million of them, by putting the same dictionaries
/// into each other again and again. The largest published detectors have a few thousand.
pub(crate) const MAX_TENSORS: usize = 100_000;
const MAX_NAME_BYTES: usize = 64 << 20;

/// Lines kept of what is not a tensor.
const MAX_LINES: usize = 1_000;

/// The state dict of a file, still without layouts.
pub(crate) struct StateDict<'a> {
    pub wrapper: Wrapper,
    /// Names (the prefix still there) and tensors or arrays, in the file's order.
    pub entries: Vec<(String, Value<'a>)>,
    pub ignored: Vec<Ignored>,
    /// `_metadata`: version per module prefix.
    pub versions: BTreeMap<String, i64>,
}

/// Finds the state dict in the value of a pickle. `blobs`: the file may be a Caffe2 one of Detectron.
/// `at`: look only there.
pub(crate) fn find<'a>(heap: &Heap<'a>, root: Value<'a>, blobs: bool, at: Option<&[&str]>) -> Read<StateDict<'a>> {
    check_root(heap, root)?;
    let mut wrapper = Wrapper::default();
    let mut here = root;
    if let Some(at) = at {
        for &key in at {
            let next = heap
                .get(here, key)
                .ok_or_else(|| ErrorKind::NoSuchEntry { path: at.join("/"), keys: keys_line(heap, here) })?;
            descend(heap, &mut wrapper, &mut here, key, next)?;
        }
    } else {
        while wrapper.path.len() < MAX_DEPTH {
            let Some((key, next)) = inner_model(heap, here, blobs, &mut wrapper.notes) else { break };
            descend(heap, &mut wrapper, &mut here, key, next)?;
        }
    }
    let caffe2 = blobs && wrapper.path.last().is_some_and(|key| key == "blobs");
    let mut flat = Flat { heap, caffe2, entries: Vec::new(), ignored: Vec::new(), name_bytes: 0 };
    let nested = flat.collect(here)?;
    if flat.entries.is_empty() {
        return Err(nothing(heap, here));
    }
    if nested {
        wrapper.notes.push("the tensors lie in dictionaries inside each other; names are joined with dots".to_owned());
    }
    let versions = versions(heap, here);
    Ok(StateDict { wrapper, entries: flat.entries, ignored: flat.ignored, versions })
}

/// The prefix that every one of the names has ("module.", also repeated), or "".
pub(crate) fn common_prefix<'n>(mut names: impl Iterator<Item = &'n str> + Clone) -> String {
    let mut prefix = String::new();
    let Some(first) = names.next() else { return prefix };
    while let Some(more) = PREFIXES.iter().find(|more| {
        let longer = |name: &str| {
            name.strip_prefix(prefix.as_str())
                .and_then(|rest| rest.strip_prefix(**more))
                .is_some_and(|rest| !rest.is_empty())
        };
        longer(first) && names.clone().all(longer)
    }) {
        prefix.push_str(more);
    }
    prefix
}

/// Refuses what is not a dictionary, saying what it is.
fn check_root<'a>(heap: &Heap<'a>, root: Value<'a>) -> Read<()> {
    if let Some(class) = module_class(heap, root) {
        return Err(ErrorKind::WholeModule { class });
    }
    match root {
        _ if heap.as_items(root).is_some() => Ok(()),
        Value::Tensor(_) | Value::Array(_) => Err(ErrorKind::BareTensor),
        _ => Err(ErrorKind::NoTensors { what: format!("it is {}", line(heap, root)) }),
    }
}

/// The class of a pickled module.
fn module_class<'a>(heap: &Heap<'a>, value: Value<'a>) -> Option<String> {
    let object = heap.as_object(value)?;
    let is_module = has_first(heap, object.state, "_modules") || has_first(heap, object.state, "_parameters");
    is_module.then(|| class_of(heap, object))
}

/// Whether a key is among the first of a dictionary; costs little however often it is asked.
fn has_first<'a>(heap: &Heap<'a>, dict: Value<'a>, key: &str) -> bool {
    heap.as_items(dict).unwrap_or(&[]).iter().take(64).any(|(k, _)| heap.is_text(*k, key))
}

fn descend<'a>(heap: &Heap<'a>, wrapper: &mut Wrapper, here: &mut Value<'a>, key: &str, next: Value<'a>) -> Read<()> {
    if let Some(class) = module_class(heap, next) {
        return Err(ErrorKind::WholeModule { class });
    }
    let before = wrapper.path.join(".");
    for (other, value) in heap.as_items(*here).unwrap_or(&[]) {
        if heap.is_text(*other, key) || wrapper.others.len() >= MAX_LINES {
            continue;
        }
        let other = text_key(heap, *other);
        let other = if before.is_empty() { other } else { format!("{before}.{other}") };
        wrapper.others.push((other, line(heap, *value)));
    }
    wrapper.path.push(key.to_owned());
    *here = next;
    Ok(())
}

/// The entry of a wrapper that holds the model, if `here` is a wrapper.
fn inner_model<'a>(
    heap: &Heap<'a>,
    here: Value<'a>,
    blobs: bool,
    notes: &mut Vec<String>,
) -> Option<(&'static str, Value<'a>)> {
    let holds_model = |&key: &&'static str| {
        let value = heap.get(here, key)?;
        (module_class(heap, value).is_some() || has_tensors(heap, value)).then_some((key, value))
    };
    let blobs = if blobs { &["blobs"][..] } else { &[] };
    let plain: Vec<_> = MODEL_KEYS.iter().chain(blobs).filter_map(holds_model).collect();
    let averaged: Vec<_> = EMA_KEYS.iter().filter_map(holds_model).collect();
    let (&chosen, others) = plain.split_first().or_else(|| averaged.split_first())?;
    let others: Vec<_> =
        if plain.is_empty() { others.iter().collect() } else { others.iter().chain(&averaged).collect() };
    if plain.is_empty() {
        notes.push(format!("only averaged weights are there: {:?} is read", chosen.0));
    }
    if !others.is_empty() {
        let names: Vec<_> = others.iter().map(|(key, _)| format!("{key:?}")).collect();
        notes.push(format!("{:?} is read; the file also holds weights under {}", chosen.0, names.join(", ")));
    }
    Some(chosen)
}

/// Whether a dictionary holds tensors with names, also in dictionaries inside it.
fn has_tensors<'a>(heap: &Heap<'a>, dict: Value<'a>) -> bool {
    let mut level = vec![dict];
    let mut looked_at = 0;
    for _ in 0..MAX_DEPTH {
        let mut next = Vec::new();
        for dict in level {
            for &(key, value) in heap.as_items(dict).unwrap_or(&[]) {
                looked_at += 1;
                if looked_at > MAX_ENTRIES {
                    return false;
                }
                if is_tensor(value) && is_name(key) {
                    return true;
                }
                if heap.as_items(value).is_some() {
                    next.push(value);
                }
            }
        }
        level = next;
    }
    false
}

fn is_tensor(value: Value<'_>) -> bool {
    matches!(value, Value::Tensor(_) | Value::Array(_))
}

/// Whether an object stands for a tensor of a kind that is not read.
fn is_unread_tensor<'a>(heap: &Heap<'a>, object: &Object<'a>) -> bool {
    let meaning = heap.globals.get(object.class as usize).map(|global| global.meaning);
    matches!(meaning, Some(Meaning::RebuildOther | Meaning::Parameter))
}

fn is_name(key: Value<'_>) -> bool {
    matches!(key, Value::Str(_) | Value::Bytes(_) | Value::Decoded(_))
}

/// Collects the tensors of a dictionary and of the dictionaries inside it.
struct Flat<'h, 'a> {
    heap: &'h Heap<'a>,
    caffe2: bool,
    entries: Vec<(String, Value<'a>)>,
    ignored: Vec<Ignored>,
    name_bytes: usize,
}

impl<'a> Flat<'_, 'a> {
    /// Returns whether tensors were found below the first level.
    fn collect(&mut self, root: Value<'a>) -> Read<bool> {
        let mut looked_at = 0;
        let mut nested = false;
        // Where each open dictionary stands: its items, the next one, the length of its prefix.
        let mut prefix = String::new();
        let heap = self.heap;
        let mut open = vec![(heap.as_items(root).unwrap_or(&[]), 0, 0)];
        while let Some((items, next, prefix_len)) = open.last_mut() {
            prefix.truncate(*prefix_len);
            let Some(&(key, value)) = items.get(*next) else {
                open.pop();
                continue;
            };
            *next += 1;
            looked_at += 1;
            if looked_at > MAX_ENTRIES {
                return Err(ErrorKind::Limit(format!("it has more than {MAX_ENTRIES} entries")));
            }
            let Some(text) = self.heap.text(key).filter(|_| is_name(key)) else {
                self.ignore(&format!("{prefix}{}", text_key(heap, key)), "its key is not text")?;
                continue;
            };
            let name = format!("{prefix}{text}");
            self.count(&name)?;
            if is_tensor(value) {
                if self.caffe2 && name.ends_with("_momentum") {
                    self.ignore(&name, "momentum of the training")?;
                    continue;
                }
                if self.entries.len() == MAX_TENSORS {
                    return Err(ErrorKind::Limit(format!("it has more than {MAX_TENSORS} tensors")));
                }
                nested |= open.len() > 1;
                self.entries.push((name, value));
                continue;
            }
            if let Some(class) = module_class(heap, value) {
                return Err(ErrorKind::WholeModule { class });
            }
            let object = heap.as_object(value);
            if object.is_some_and(|object| is_unread_tensor(heap, object)) {
                let why = "is sparse, quantised or of another kind that is not read";
                return Err(ErrorKind::tensor(&name, why));
            }
            let training = name.starts_with("optim")
                || TRAINING_KEYS.contains(&name.as_str())
                || has_first(heap, value, "param_groups");
            match heap.as_items(value) {
                Some(_) if training => self.ignore(&name, "state of the training")?,
                Some(_) if open.len() >= MAX_DEPTH => self.ignore(&name, "nested too deep")?,
                Some(items) => {
                    prefix = name;
                    prefix.push('.');
                    let len = prefix.len();
                    open.push((items, 0, len));
                }
                None => {
                    let why = line(heap, value);
                    self.ignore(&name, &why)?;
                }
            }
        }
        Ok(nested)
    }

    fn ignore(&mut self, name: &str, why: &str) -> Read<()> {
        if self.ignored.len() < MAX_LINES {
            self.ignored.push(Ignored { name: name.to_owned(), why: why.to_owned() });
        }
        self.count(name)
    }

    fn count(&mut self, name: &str) -> Read<()> {
        self.name_bytes += name.len();
        if self.name_bytes > MAX_NAME_BYTES {
            return Err(ErrorKind::Limit("its names are longer than 64 MB together".to_owned()));
        }
        Ok(())
    }
}

/// Why a dictionary without tensors is refused.
fn nothing<'a>(heap: &Heap<'a>, dict: Value<'a>) -> ErrorKind {
    let keys = keys_line(heap, dict);
    let has = |key| heap.get(dict, key).is_some();
    let optimizer = heap
        .as_items(dict)
        .unwrap_or(&[])
        .iter()
        .take(64)
        .any(|&(key, value)| text_key(heap, key).starts_with("optim") && heap.as_items(value).is_some());
    if optimizer || (has("state") && has("param_groups")) {
        return ErrorKind::OptimizerOnly { keys };
    }
    let what = if keys.is_empty() {
        "it is an empty dictionary".to_owned()
    } else {
        format!("it is a dictionary with the keys {keys}")
    };
    ErrorKind::NoTensors { what }
}

/// The versions in the `_metadata` of a state dict.
fn versions<'a>(heap: &Heap<'a>, dict: Value<'a>) -> BTreeMap<String, i64> {
    let mut versions = BTreeMap::new();
    let Value::Node(id) = dict else { return versions };
    let Some(Node::Dict(dict)) = heap.nodes.get(id as usize) else { return versions };
    let Some(metadata) = heap.get(dict.state, "_metadata") else { return versions };
    let mut bytes = 0;
    for &(key, value) in heap.as_items(metadata).unwrap_or(&[]) {
        let attributes = heap.as_items(value).unwrap_or(&[]).iter().take(8);
        for &(attribute, version) in attributes {
            if let Value::Int(version) = version
                && heap.is_text(attribute, "version")
                && let Some(key) = heap.text(key)
            {
                bytes += key.len();
                if bytes > MAX_NAME_BYTES {
                    return versions;
                }
                versions.insert(key.into_owned(), version);
            }
        }
    }
    versions
}
