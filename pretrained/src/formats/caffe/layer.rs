//! `LayerParameter` and the older `V1LayerParameter`: name, type, connections, parameters, blobs.
//!
//! Field numbers: src/caffe/proto/caffe.proto of Caffe with SSD's layers.

use std::ops::Range;

use super::net::{CaffeConvolution, CaffeLayer, CaffeNormalize, CaffeParams, CaffePriorBox};
use crate::{
    error::{ErrorKind, Read},
    protobuf::{Field, Fields, Value},
};

/// The longest name of a layer or blob.
const MAX_NAME: usize = 1000;

/// Blobs, inputs and outputs of one layer.
const MAX_LISTED: usize = 10_000;

/// Numbers of one kind (sizes, ratios, axes) that a layer's parameters may list.
const MAX_NUMBERS: usize = 64;

/// Layers are written in one of two forms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `NetParameter.layer`.
    Current,
    /// `NetParameter.layers`, before 2015.
    V1,
}

/// What a field of a layer means, whichever the form.
enum Meaning {
    Name,
    Kind,
    Bottom,
    Top,
    Blob,
    Convolution,
    InnerProduct,
    BatchNorm,
    PriorBox,
    Normalize,
    /// The layer of an even older form, inside.
    V0,
    Nothing,
}

impl Form {
    fn meaning(self, field: u32) -> Meaning {
        match (self, field) {
            (Self::Current, 1) | (Self::V1, 4) => Meaning::Name,
            (Self::Current, 2) | (Self::V1, 5) => Meaning::Kind,
            (Self::Current, 3) | (Self::V1, 2) => Meaning::Bottom,
            (Self::Current, 4) | (Self::V1, 3) => Meaning::Top,
            (Self::Current, 7) | (Self::V1, 6) => Meaning::Blob,
            (Self::Current, 106) | (Self::V1, 10) => Meaning::Convolution,
            (Self::Current, 117) => Meaning::InnerProduct,
            (Self::Current, 139) => Meaning::BatchNorm,
            (Self::Current, 203) => Meaning::PriorBox,
            (Self::Current, 206) => Meaning::Normalize,
            (Self::V1, 1) => Meaning::V0,
            _ => Meaning::Nothing,
        }
    }
}

/// The parameters that a layer carries, before its type says which of them count.
#[derive(Default)]
struct Params {
    convolution: CaffeConvolution,
    transpose: bool,
    eps: Option<f32>,
    normalize: CaffeNormalize,
    priors: CaffePriorBox,
}

/// Reads a layer; gives it and where its blobs are.
pub(super) fn read(file: &[u8], message: Range<usize>, form: Form) -> Read<(CaffeLayer, Vec<Range<usize>>)> {
    let mut layer = CaffeLayer {
        name: String::new(),
        kind: String::new(),
        bottoms: Vec::new(),
        tops: Vec::new(),
        blobs: 0,
        params: CaffeParams::Other,
    };
    let (mut params, mut blobs) = (Params::default(), Vec::new());
    let start = message.start;
    let mut fields = Fields::of(file, message);
    while let Some(Field { number, value }) = fields.next()? {
        if layer.bottoms.len().max(layer.tops.len()).max(blobs.len()) > MAX_LISTED {
            let what = format!("the layer at byte {start} lists more than {MAX_LISTED} inputs, outputs or blobs");
            return Err(ErrorKind::Limit(what));
        }
        match (form.meaning(number), value) {
            (Meaning::Name, Value::Len(range)) => layer.name = text(file, range)?,
            (Meaning::Kind, Value::Len(range)) if form == Form::Current => layer.kind = text(file, range)?,
            (Meaning::Kind, Value::Varint(kind)) if form == Form::V1 => layer.kind = v1_kind(kind),
            (Meaning::Bottom, Value::Len(range)) => layer.bottoms.push(text(file, range)?),
            (Meaning::Top, Value::Len(range)) => layer.tops.push(text(file, range)?),
            (Meaning::Blob, Value::Len(range)) => blobs.push(range),
            (Meaning::Convolution, Value::Len(range)) => params.convolution.read(file, range)?,
            (Meaning::InnerProduct, Value::Len(range)) => params.read_transpose(file, range)?,
            (Meaning::BatchNorm, Value::Len(range)) => params.read_eps(file, range)?,
            (Meaning::PriorBox, Value::Len(range)) => params.priors.read(file, range)?,
            (Meaning::Normalize, Value::Len(range)) => params.normalize.read(file, range)?,
            (Meaning::V0, Value::Len(_)) => return Err(v0()),
            _ => {}
        }
    }
    layer.blobs = blobs.len();
    layer.params = match layer.kind.as_str() {
        "Convolution" | "Deconvolution" => CaffeParams::Convolution(params.convolution),
        "InnerProduct" => CaffeParams::InnerProduct { transpose: params.transpose },
        "BatchNorm" => CaffeParams::BatchNorm { eps: params.eps.unwrap_or(1e-5) },
        "PriorBox" => CaffeParams::PriorBox(params.priors),
        "Normalize" => CaffeParams::Normalize(params.normalize),
        _ => CaffeParams::Other,
    };
    Ok((layer, blobs))
}

fn v0() -> ErrorKind {
    let (what, advice) =
        ("a Caffe model of the first form (V0)", "convert it with Caffe's upgrade_net_proto_binary and use the result");
    ErrorKind::Foreign { what, advice }
}

/// A name of the file.
pub(super) fn text(file: &[u8], range: Range<usize>) -> Read<String> {
    let (start, bytes) = (range.start, &file[range]);
    if bytes.len() > MAX_NAME {
        let what = format!("the name at byte {start} has {} bytes (at most {MAX_NAME} are read)", bytes.len());
        return Err(ErrorKind::Limit(what));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => {
            Err(ErrorKind::malformed(format!("it is a Caffe model with a name that is no text (at byte {start})")))
        }
    }
}

impl Params {
    fn read_transpose(&mut self, file: &[u8], message: Range<usize>) -> Read<()> {
        let mut fields = Fields::of(file, message);
        while let Some(field) = fields.next()? {
            if let Field { number: 6, value: Value::Varint(n) } = field {
                self.transpose = n != 0;
            }
        }
        Ok(())
    }

    fn read_eps(&mut self, file: &[u8], message: Range<usize>) -> Read<()> {
        let mut fields = Fields::of(file, message);
        while let Some(field) = fields.next()? {
            if let Field { number: 3, value: Value::Fixed32(eps) } = field {
                self.eps = Some(f32::from_le_bytes(eps));
            }
        }
        Ok(())
    }
}

impl CaffeConvolution {
    fn read(&mut self, file: &[u8], message: Range<usize>) -> Read<()> {
        let start = message.start;
        let [mut pad, mut kernel, mut stride, mut dilation] = [const { Vec::new() }; 4];
        let mut fields = Fields::of(file, message);
        while let Some(Field { number, value }) = fields.next()? {
            match (number, &value) {
                (3, _) => add_ints(file, value, &mut pad)?,
                (4, _) => add_ints(file, value, &mut kernel)?,
                (6, _) => add_ints(file, value, &mut stride)?,
                (18, _) => add_ints(file, value, &mut dilation)?,
                (1, &Value::Varint(n)) => self.outputs = n as u32,
                (2, &Value::Varint(n)) => self.bias = n != 0,
                (5, &Value::Varint(n)) => self.groups = n as u32,
                (9, &Value::Varint(n)) => self.pad[0] = n as u32,
                (10, &Value::Varint(n)) => self.pad[1] = n as u32,
                (11, &Value::Varint(n)) => self.kernel[0] = n as u32,
                (12, &Value::Varint(n)) => self.kernel[1] = n as u32,
                (13, &Value::Varint(n)) => self.stride[0] = n as u32,
                (14, &Value::Varint(n)) => self.stride[1] = n as u32,
                _ => {}
            }
        }
        let axes = [(pad, &mut self.pad), (kernel, &mut self.kernel), (stride, &mut self.stride)];
        for (listed, both) in axes.into_iter().chain([(dilation, &mut self.dilation)]) {
            *both = match listed[..] {
                [] => continue,
                [same] => [same; 2],
                [vertical, horizontal] => [vertical, horizontal],
                _ => {
                    let what = format!("a convolution over {} axes (at byte {start}); two are read", listed.len());
                    return Err(ErrorKind::Limit(what));
                }
            };
        }
        Ok(())
    }
}

impl CaffeNormalize {
    fn read(&mut self, file: &[u8], message: Range<usize>) -> Read<()> {
        let mut fields = Fields::of(file, message);
        while let Some(Field { number, value }) = fields.next()? {
            match (number, value) {
                (1, Value::Varint(n)) => self.across_spatial = n != 0,
                (3, Value::Varint(n)) => self.channel_shared = n != 0,
                (4, Value::Fixed32(eps)) => self.eps = f32::from_le_bytes(eps),
                _ => {}
            }
        }
        Ok(())
    }
}

impl CaffePriorBox {
    fn read(&mut self, file: &[u8], message: Range<usize>) -> Read<()> {
        let mut fields = Fields::of(file, message);
        while let Some(Field { number, value }) = fields.next()? {
            match (number, value) {
                (1, value) => add_floats(file, value, &mut self.min_sizes)?,
                (2, value) => add_floats(file, value, &mut self.max_sizes)?,
                (3, value) => add_floats(file, value, &mut self.aspect_ratios)?,
                (6, value) => add_floats(file, value, &mut self.variances)?,
                (4, Value::Varint(n)) => self.flip = n != 0,
                (5, Value::Varint(n)) => self.clip = n != 0,
                (7, Value::Varint(n)) => self.image_size = Some([n as u32; 2]),
                (8, Value::Varint(n)) => self.image_size.get_or_insert_default()[0] = n as u32,
                (9, Value::Varint(n)) => self.image_size.get_or_insert_default()[1] = n as u32,
                (10, Value::Fixed32(step)) => self.step = Some([f32::from_le_bytes(step); 2]),
                (11, Value::Fixed32(step)) => self.step.get_or_insert_default()[0] = f32::from_le_bytes(step),
                (12, Value::Fixed32(step)) => self.step.get_or_insert_default()[1] = f32::from_le_bytes(step),
                (13, Value::Fixed32(offset)) => self.offset = f32::from_le_bytes(offset),
                _ => {}
            }
        }
        Ok(())
    }
}

fn add_ints(file: &[u8], value: Value, list: &mut Vec<u32>) -> Read<()> {
    match value {
        Value::Varint(n) => push(list, n as u32),
        Value::Len(packed) => {
            let mut numbers = Fields::of(file, packed);
            while let Some(n) = numbers.next_varint()? {
                push(list, n as u32)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn add_floats(file: &[u8], value: Value, list: &mut Vec<f32>) -> Read<()> {
    match value {
        Value::Fixed32(n) => push(list, f32::from_le_bytes(n)),
        Value::Len(packed) => {
            let (numbers, rest) = file[packed].as_chunks();
            if !rest.is_empty() {
                return Err(ErrorKind::malformed("it is a Caffe model with a packed number that is cut"));
            }
            numbers.iter().try_for_each(|n| push(list, f32::from_le_bytes(*n)))
        }
        _ => Ok(()),
    }
}

fn push<T>(list: &mut Vec<T>, number: T) -> Read<()> {
    if list.len() == MAX_NUMBERS {
        let what = format!("a layer of it lists more than {MAX_NUMBERS} sizes of one kind");
        return Err(ErrorKind::Limit(what));
    }
    list.push(number);
    Ok(())
}

/// The type that `V1LayerParameter.LayerType` numbers. Those that cannot hold weights keep their
/// number.
fn v1_kind(kind: u64) -> String {
    match kind {
        4 => "Convolution",
        39 => "Deconvolution",
        14 => "InnerProduct",
        8 => "Flatten",
        3 => "Concat",
        17 => "Pooling",
        18 => "ReLU",
        20 => "Softmax",
        21 => "SoftmaxWithLoss",
        5 => "Data",
        6 => "Dropout",
        15 => "LRN",
        22 => "Split",
        25 => "Eltwise",
        33 => "Slice",
        other => return format!("V1 type {other}"),
    }
    .to_owned()
}
