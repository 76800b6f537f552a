//! One line about a value of a pickle, for reports and messages: short, escaped, not recursive.

use crate::pickle::{Heap, Meaning, Node, Object, Value, scalar_summary};

/// Characters shown of a text.
const MAX_CHARS: usize = 80;

/// What a value is.
pub(crate) fn line<'a>(heap: &Heap<'a>, value: Value<'a>) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Big(bytes) => format!("an integer of {} bits", bytes.len() * 8),
        Value::Float(value) => format!("{value:?}"),
        Value::Str(_) | Value::Bytes(_) | Value::Decoded(_) => quoted(heap, value),
        Value::LongText(text) => format!("a text of {} bytes", text.len()),
        Value::Latin1(text) => format!("bytes (up to {})", text.len()),
        Value::Global(id) => format!("the class {}", escape(&heap.class_name(id))),
        Value::Tuple { len, .. } => format!("a tuple of {len}"),
        Value::Storage(_) => "a storage without a tensor".to_owned(),
        Value::Tensor(id) => match heap.tensors.get(id as usize) {
            Some(tensor) => format!("a tensor of shape {}", shape(heap, tensor.shape)),
            None => "a tensor".to_owned(),
        },
        Value::Array(id) => match heap.arrays.get(id as usize) {
            Some(array) => format!("a numpy array of shape {}", shape(heap, array.shape)),
            None => "a numpy array".to_owned(),
        },
        Value::Node(id) => match heap.nodes.get(id as usize) {
            Some(Node::List(items)) => format!("a list of {}", items.len()),
            Some(Node::Dict(dict)) => format!("a dictionary of {}", dict.items.len()),
            Some(Node::Object(object)) => object_line(heap, object),
            None => "nothing".to_owned(),
        },
    }
}

/// A key of a dictionary as text, the beginning of it when it is long.
pub(crate) fn text_key<'a>(heap: &Heap<'a>, key: Value<'a>) -> String {
    const MAX: usize = 4 * MAX_CHARS;
    match key {
        Value::Str(text) => text.chars().take(MAX).collect(),
        Value::Bytes(bytes) => {
            let start = Value::Bytes(&bytes[..bytes.len().min(MAX)]);
            heap.text(start).unwrap_or_default().into_owned()
        }
        Value::Decoded(_) => heap.text(key).unwrap_or_default().into_owned(),
        other => line(heap, other),
    }
}

/// The first keys of a dictionary.
pub(crate) fn keys_line<'a>(heap: &Heap<'a>, dict: Value<'a>) -> String {
    let items = heap.as_items(dict).unwrap_or(&[]);
    let mut keys: Vec<_> = items.iter().take(8).map(|&(key, _)| quoted(heap, key)).collect();
    if items.len() > keys.len() {
        keys.push("…".to_owned());
    }
    keys.join(", ")
}

/// The class of an object, escaped.
pub(crate) fn class_of<'a>(heap: &Heap<'a>, object: &Object<'a>) -> String {
    escape(&heap.class_name(object.class))
}

fn object_line<'a>(heap: &Heap<'a>, object: &Object<'a>) -> String {
    let meaning = heap.globals.get(object.class as usize).map(|global| global.meaning);
    if meaning == Some(Meaning::NumpyScalar)
        && let Some(number) = scalar_summary(heap, object)
    {
        return number;
    }
    let class = class_of(heap, object);
    let entries = object.items.len() + object.elements.len();
    match heap.as_items(object.state) {
        _ if entries > 0 => format!("an object of class {class} with {entries} entries"),
        Some(state) => format!("an object of class {class} with {} attributes", state.len()),
        None => format!("an object of class {class}"),
    }
}

fn quoted<'a>(heap: &Heap<'a>, value: Value<'a>) -> String {
    match value {
        // Long Python 2 strings are not turned into text as a whole.
        Value::Bytes(bytes) if bytes.len() > MAX_CHARS => {
            let text = heap.text(Value::Bytes(&bytes[..MAX_CHARS])).unwrap_or_default();
            format!("\"{}…\"", escape(&text))
        }
        Value::Str(text) => {
            let cut = text.chars().nth(MAX_CHARS).is_some();
            format!("\"{}{}\"", escape(text), if cut { "…" } else { "" })
        }
        Value::Bytes(_) | Value::Decoded(_) => {
            format!("\"{}\"", escape(&heap.text(value).unwrap_or_default()))
        }
        other => line(heap, other),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(MAX_CHARS) {
        match c {
            '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}

fn shape<'a>(heap: &Heap<'a>, shape: Value<'a>) -> String {
    let sizes = heap.as_sequence(shape).unwrap_or(&[]);
    let sizes: Vec<_> =
        sizes.iter().take(8).map(|&n| if let Value::Int(n) = n { n.to_string() } else { "?".to_owned() }).collect();
    format!("[{}]", sizes.join(", "))
}
