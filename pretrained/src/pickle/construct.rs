//! What the instructions that "call" build instead of calling: REDUCE, NEWOBJ, BUILD, BINPERSID.

use super::{
    Array, Meaning, Node, Storage, Tensor, Value,
    limits::{MAX_NAME, VALUE},
    machine::{Machine, Persistent},
    text,
};
use crate::error::{ErrorKind, Read};

impl<'a> Machine<'a> {
    /// REDUCE: what a checkpoint means by `callee(*args)`.
    pub(super) fn call(&mut self, mut callee: Value<'a>, mut args: Value<'a>) -> Read<Value<'a>> {
        // `_rebuild_from_type_v2(function, type, arguments, state)` stands for `function(*arguments)`.
        // Tuples hold only what was there before them, so this ends.
        let (class, meaning) = loop {
            let (class, meaning) = self.class(callee)?;
            if meaning != Meaning::RebuildFromType {
                break (class, meaning);
            }
            let Some(&[function, _, arguments, ..]) = self.heap.as_tuple(args) else {
                return Err(bad_call("_rebuild_from_type"));
            };
            (callee, args) = (function, arguments);
        };
        let Some(list) = self.heap.as_tuple(args) else {
            return Err(ErrorKind::malformed("its pickle calls a class without a tuple of arguments"));
        };
        match meaning {
            Meaning::OrderedDict | Meaning::Mapping => match list.first() {
                None => self.heap.dict(Vec::new(), false),
                Some(&content) => self.dict_of(content),
            },
            // The argument is the factory of missing values.
            Meaning::DefaultDict => self.heap.dict(Vec::new(), false),
            Meaning::List => {
                let items = list.first().and_then(|&l| self.heap.as_sequence(l)).unwrap_or(&[]);
                self.heap.check(items.len())?;
                let items = items.to_vec();
                self.heap.node(Node::List(items))
            }
            Meaning::Bytes => match list {
                [] => Ok(Value::Bytes(&[])),
                &[Value::Str(text)] | &[Value::Str(text), _] => Ok(Value::Latin1(text.as_bytes())),
                &[Value::LongText(text)] | &[Value::LongText(text), _] => Ok(Value::Latin1(text)),
                &[bytes @ (Value::Bytes(_) | Value::Decoded(_) | Value::Latin1(_))] => Ok(bytes),
                _ => self.heap.object(class, args),
            },
            Meaning::Encode => self.encode(args),
            Meaning::RebuildTensor => {
                let &[storage, offset, shape, strides, ..] = list else {
                    return Err(bad_call("_rebuild_tensor"));
                };
                self.tensor(storage, [offset, shape, strides], None, Value::None)
            }
            Meaning::RebuildTensorV2 => {
                let &[storage, offset, shape, strides, _, _, ref rest @ ..] = list else {
                    return Err(bad_call("_rebuild_tensor_v2"));
                };
                let metadata = rest.first().copied().unwrap_or(Value::None);
                self.tensor(storage, [offset, shape, strides], None, metadata)
            }
            Meaning::RebuildTensorV3 => {
                let &[storage, offset, shape, strides, _, _, dtype, ref rest @ ..] = list else {
                    return Err(bad_call("_rebuild_tensor_v3"));
                };
                let metadata = rest.first().copied().unwrap_or(Value::None);
                self.tensor(storage, [offset, shape, strides], Some(dtype), metadata)
            }
            Meaning::RebuildParameter | Meaning::Size => {
                list.first().copied().ok_or_else(|| bad_call("_rebuild_parameter"))
            }
            Meaning::Parameter => self.parameter(class, args),
            Meaning::NumpyReconstruct => self.array(Array::EMPTY),
            Meaning::NumpyFromBuffer => {
                let &[data, dtype, shape, order] = list else { return Err(bad_call("_frombuffer")) };
                let fortran = self.heap.is_text(order, "F");
                self.array(Array { shape, dtype, fortran, data })
            }
            Meaning::Reconstructor => match list.first() {
                Some(&Value::Global(class)) => self.parameter(class, args),
                _ => Err(bad_call("_reconstructor")),
            },
            Meaning::NumpyDtype
            | Meaning::NumpyScalar
            | Meaning::RebuildOther
            | Meaning::RebuildFromType
            | Meaning::TorchDtype(_)
            | Meaning::Storage(_)
            | Meaning::Module
            | Meaning::Stub => self.heap.object(class, args),
        }
    }

    /// NEWOBJ: an instance of a class.
    pub(super) fn instance(&mut self, class: Value<'a>, args: Value<'a>) -> Read<Value<'a>> {
        let (id, meaning) = self.class(class)?;
        match meaning {
            Meaning::OrderedDict | Meaning::Mapping | Meaning::DefaultDict => self.heap.dict(Vec::new(), false),
            Meaning::Parameter => self.parameter(id, args),
            _ => self.heap.object(id, args),
        }
    }

    /// BUILD: the state of an object.
    pub(super) fn build(&mut self, target: Value<'a>, state: Value<'a>) -> Read<Value<'a>> {
        let no_state = || ErrorKind::malformed("its pickle gives a state to something that has none");
        match target {
            Value::Node(id) => match self.heap.nodes.get_mut(id as usize) {
                Some(Node::Dict(dict)) if !dict.plain => dict.state = state,
                Some(Node::Object(object)) => object.state = state,
                _ => return Err(no_state()),
            },
            Value::Array(id) => {
                let Some(&[_, shape, dtype, fortran, data]) = self.heap.as_tuple(state) else {
                    return Err(ErrorKind::malformed("a numpy array in its pickle has an odd state"));
                };
                let fortran = matches!(fortran, Value::Bool(true) | Value::Int(1));
                if let Some(array) = self.heap.arrays.get_mut(id as usize) {
                    *array = Array { shape, dtype, fortran, data };
                }
            }
            // Attributes of a tensor.
            Value::Tensor(_) => {}
            _ => return Err(no_state()),
        }
        Ok(target)
    }

    /// BINPERSID: a storage.
    pub(super) fn persistent(&mut self, id: Value<'a>) -> Read<Value<'a>> {
        let odd = || ErrorKind::malformed("a persistent id in its pickle names no storage");
        if self.persistent == Persistent::None {
            return Err(ErrorKind::malformed("it has persistent ids, and is no torch.save file"));
        }
        let id = self.heap.as_tuple(id).ok_or_else(odd)?;
        let (&kind, rest) = id.split_first().ok_or_else(odd)?;
        if self.heap.is_text(kind, "module") {
            // ('module', class, source file, source text) stands for the class.
            return rest.first().copied().filter(|v| matches!(v, Value::Global(_))).ok_or_else(odd);
        }
        let &[class, key, _location, numel, ref view @ ..] = rest else { return Err(odd()) };
        if !self.heap.is_text(kind, "storage") {
            return Err(odd());
        }
        let key = match key {
            Value::Str(key) => key,
            Value::Bytes(key) => std::str::from_utf8(key).map_err(|_| odd())?,
            _ => return Err(odd()),
        };
        if key.len() > MAX_NAME {
            return Err(odd());
        }
        let Value::Int(numel) = numel else { return Err(odd()) };
        let numel = usize::try_from(numel).map_err(|_| odd())?;
        let view = match view.first() {
            None | Some(Value::None) => None,
            Some(&view) => match self.heap.as_tuple(view) {
                Some(&[_, Value::Int(offset), Value::Int(len)]) => {
                    let pair = usize::try_from(offset).ok().zip(usize::try_from(len).ok());
                    Some(pair.ok_or_else(odd)?)
                }
                _ => return Err(odd()),
            },
        };
        let class = match self.heap.as_global(class) {
            Some(global) => match global.meaning {
                Meaning::Storage(class) => class,
                _ => {
                    let name = super::globals::printable(global.module, global.name);
                    let what = format!("{name} is not a known kind of tensor storage");
                    return Err(ErrorKind::malformed(what));
                }
            },
            None => return Err(odd()),
        };
        let storage = Storage { key, class, numel, view };
        if let Some(&id) = self.storages.get(&(key, view)) {
            let known = &self.heap.storages[id as usize];
            if known.class != class || known.numel != numel {
                let what = format!("the storage {key:?} has two types or lengths");
                return Err(ErrorKind::malformed(what));
            }
            return Ok(Value::Storage(id));
        }
        self.heap.charge(8)?;
        let id = self.heap.storages.len() as u32;
        self.heap.storages.push(storage);
        self.storages.insert((key, view), id);
        Ok(Value::Storage(id))
    }

    fn class(&self, value: Value<'a>) -> Read<(u32, Meaning)> {
        match (value, self.heap.as_global(value)) {
            (Value::Global(id), Some(global)) => Ok((id, global.meaning)),
            _ => Err(ErrorKind::malformed("its pickle calls something that is not a class")),
        }
    }

    /// A dictionary of a list of pairs (Python 2 wrote ordered dictionaries so), or of another one.
    fn dict_of(&mut self, content: Value<'a>) -> Read<Value<'a>> {
        let heap = &self.heap;
        let items = if let Some(items) = heap.as_items(content) {
            heap.check(items.len() * 2)?;
            items.to_vec()
        } else {
            let pairs = heap.as_sequence(content).ok_or_else(|| bad_call("OrderedDict"))?;
            heap.check(pairs.len() * 2)?;
            let pair = |&pair| match heap.as_sequence(pair) {
                Some(&[key, value]) => Ok((key, value)),
                _ => Err(bad_call("OrderedDict")),
            };
            pairs.iter().map(pair).collect::<Read<_>>()?
        };
        self.heap.dict(items, false)
    }

    /// `_codecs.encode(text, "latin1")`: how Python 3 writes bytes at protocol 2.
    fn encode(&mut self, args: Value<'a>) -> Read<Value<'a>> {
        let text = match self.heap.as_tuple(args) {
            Some(&[text, encoding])
                if self.heap.is_text(encoding, "latin1") || self.heap.is_text(encoding, "latin-1") =>
            {
                text
            }
            _ => return Err(bad_call("_codecs.encode")),
        };
        match text {
            Value::Str(text) => Ok(Value::Latin1(text.as_bytes())),
            Value::LongText(text) => Ok(Value::Latin1(text)),
            Value::Decoded(id) => {
                let bytes = &self.heap.decoded[id as usize];
                self.heap.check(bytes.len() / VALUE)?;
                let bytes = text::latin1_bytes(bytes).ok_or_else(|| bad_call("_codecs.encode"))?;
                self.decoded(bytes)
            }
            _ => Err(bad_call("_codecs.encode")),
        }
    }

    fn tensor(
        &mut self,
        storage: Value<'a>,
        [offset, shape, strides]: [Value<'a>; 3],
        dtype: Option<Value<'a>>,
        metadata: Value<'a>,
    ) -> Read<Value<'a>> {
        let Value::Storage(storage) = storage else {
            return Err(ErrorKind::PickledTensors);
        };
        self.heap.charge(8)?;
        self.heap.tensors.push(Tensor { storage, offset, shape, strides, dtype, metadata });
        Ok(Value::Tensor(self.heap.tensors.len() as u32 - 1))
    }

    fn array(&mut self, array: Array<'a>) -> Read<Value<'a>> {
        self.heap.charge(5)?;
        self.heap.arrays.push(array);
        Ok(Value::Array(self.heap.arrays.len() as u32 - 1))
    }

    /// An object; of `Parameter(tensor, …)` and `__newobj__(Parameter, tensor)` (PyTorch up to 0.3)
    /// the tensor.
    fn parameter(&mut self, class: u32, args: Value<'a>) -> Read<Value<'a>> {
        let meaning = self.heap.globals.get(class as usize).map(|global| global.meaning);
        if meaning == Some(Meaning::Parameter) {
            let args = self.heap.as_tuple(args).unwrap_or(&[]);
            if let Some(&tensor) = args.iter().find(|arg| matches!(arg, Value::Tensor(_))) {
                return Ok(tensor);
            }
        }
        self.heap.object(class, args)
    }
}

fn bad_call(what: &str) -> ErrorKind {
    ErrorKind::malformed(format!("{what} in its pickle has arguments that do not fit"))
}
