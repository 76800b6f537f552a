//! Binary Caffe models (`.caffemodel`): weights in protocol buffers (spec: checkpoints §7).

mod blob;
mod fold;
mod layer;
mod net;

pub(crate) use fold::fold;
pub use net::{CaffeConvolution, CaffeLayer, CaffeNet, CaffeNormalize, CaffeParams, CaffePriorBox};

use layer::Form;

use crate::{
    error::{ErrorKind, Read},
    index::Index,
    protobuf::{Field, Fields, Value},
    source::Source,
};

/// `NetParameter.name`, `.layers` and `.layer`.
const NAME: u32 = 1;
const LAYERS_V1: u32 = 2;
const LAYERS: u32 = 100;
const LAYERS_TAG: &[u8] = b"\xa2\x06";

/// Layers, blobs of all layers together, and bytes of all names together (each counts 32 besides).
/// The largest networks have some thousand layers.
const MAX_LAYERS: usize = 100_000;
const MAX_BLOBS: usize = 100_000;
const MAX_NAME_BYTES: usize = 32 << 20;

/// The longest file that is read: protocol buffers end there (Caffe: `kProtoReadBytesLimit`, `INT_MAX`).
const MAX_FILE: usize = i32::MAX as usize;

/// Whether a file of `file_len` bytes begins like a network: with fields of one, a layer among the first of them.
pub(crate) fn is_net(start: &[u8], file_len: usize) -> bool {
    const FIRST: usize = 32;
    let mut fields = Fields::of_start(start, file_len);
    let mut named = false;
    for _ in 0..FIRST {
        let at = fields.position();
        match fields.next() {
            Ok(Some(Field { number: NAME, value: Value::Len(name) })) => {
                // Other messages may begin with a message of theirs.
                if start.get(name.clone()).is_none_or(|name| name.iter().any(|&byte| byte < b' ')) {
                    return false;
                }
                named |= !name.is_empty();
            }
            Ok(Some(Field { number: LAYERS | LAYERS_V1, .. })) => return true,
            Ok(Some(_)) => {}
            Ok(None) => return false,
            // Cut or broken just here: the reader says how.
            Err(_) => return named || start.get(at..).is_some_and(|rest| rest.starts_with(LAYERS_TAG)),
        }
    }
    false
}

/// Reads the index.
pub(crate) fn index(source: &Source) -> Read<(Index, CaffeNet)> {
    if source.len() > MAX_FILE {
        return Err(ErrorKind::Limit(format!("it is a Caffe model of more than {} GB", (MAX_FILE + 1) >> 30)));
    }
    let file = &source.read(0..source.len())?[..];
    let mut net = CaffeNet { name: String::new(), layers: Vec::new() };
    let mut form = None;
    let mut entries = Vec::new();
    let mut name_bytes = 0;
    let mut fields = Fields::of_file(file);
    while let Some(Field { number, value }) = fields.next()? {
        let (message, this) = match (number, value) {
            (NAME, Value::Len(range)) => {
                net.name = layer::text(file, range)?;
                continue;
            }
            (LAYERS, Value::Len(message)) => (message, Form::Current),
            (LAYERS_V1, Value::Len(message)) => (message, Form::V1),
            _ => continue,
        };
        if form.is_some_and(|form| form != this) {
            return Err(ErrorKind::malformed("it is a Caffe model with layers of two forms (`layer` and `layers`)"));
        }
        form = Some(this);
        if net.layers.len() == MAX_LAYERS {
            return Err(ErrorKind::Limit(format!("it is a Caffe model of more than {MAX_LAYERS} layers")));
        }
        let (layer, blobs) = layer::read(file, message, this)?;
        for name in layer.bottoms.iter().chain(&layer.tops).chain([&layer.name, &layer.kind]) {
            name_bytes += name.len() + 32;
        }
        name_bytes += blobs.len() * layer.name.len();
        if name_bytes > MAX_NAME_BYTES {
            let what = format!("it is a Caffe model whose names take more than {} MB", MAX_NAME_BYTES >> 20);
            return Err(ErrorKind::Limit(what));
        }
        if entries.len() + blobs.len() > MAX_BLOBS {
            return Err(ErrorKind::Limit(format!("it is a Caffe model of more than {MAX_BLOBS} blobs of weights")));
        }
        if layer.name.is_empty() && !blobs.is_empty() {
            let at = net.layers.len() + 1;
            return Err(ErrorKind::malformed(format!("layer {at} of this Caffe model has weights but no name")));
        }
        for (j, message) in blobs.into_iter().enumerate() {
            let name = format!("{}.blob{j}", layer.name);
            let (dtype, layout) = blob::read(file, message)?.map_err(|why| ErrorKind::tensor(&name, why))?;
            entries.push((name, dtype, layout));
        }
        net.layers.push(layer);
    }
    if entries.is_empty() {
        let what = format!("it is a Caffe network (layers: {}) without weights", net.layers.len());
        return Err(ErrorKind::NoTensors { what });
    }
    let mut index = Index { metadata: net.metadata(), ..Index::default() };
    index.fill(entries, file.len())?;
    Ok((index, net))
}
