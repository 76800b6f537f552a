//! What the names in a pickle mean. Tables, not code: nothing here is ever called.

use crate::{
    error::{ErrorKind, Read},
    tensor::Dtype,
};

/// A class or function, as far as this reader cares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    OrderedDict,
    /// `collections.Counter` and `builtins.dict`: called with a mapping or nothing.
    Mapping,
    DefaultDict,
    /// `bytes`, `bytearray`, Python 2's `str`.
    Bytes,
    List,
    /// `_codecs.encode`
    Encode,
    RebuildTensor,
    RebuildTensorV2,
    RebuildTensorV3,
    RebuildParameter,
    /// `torch._tensor._rebuild_from_type_v2(function, type, arguments, state)`
    RebuildFromType,
    /// Sparse, quantised, nested, meta tensors: understood well enough to be refused by name.
    RebuildOther,
    Parameter,
    /// `torch.Size`: the tuple itself.
    Size,
    TorchDtype(Option<Dtype>),
    Storage(&'static StorageClass),
    NumpyReconstruct,
    /// `_frombuffer(bytes, dtype, shape, order)`, numpy's arrays at pickle protocol 5.
    NumpyFromBuffer,
    NumpyDtype,
    NumpyScalar,
    /// `copy_reg._reconstructor(class, base, state)` and `copyreg.__newobj__(class, …)`.
    Reconstructor,
    /// `nn.Module` classes.
    Module,
    Stub,
}

/// A storage class of PyTorch.
#[derive(Debug, PartialEq)]
pub(crate) struct StorageClass {
    pub name: &'static str,
    /// Bytes per element.
    pub size: usize,
    /// The element type; `None` for bytes without a type and for types that are not read.
    pub dtype: Option<Dtype>,
}

impl StorageClass {
    /// Counts bytes, takes its dtype from the tensor.
    pub fn is_untyped(&self) -> bool {
        self.name == "UntypedStorage"
    }
}

const fn class(name: &'static str, size: usize, dtype: Option<Dtype>) -> StorageClass {
    StorageClass { name, size, dtype }
}

/// Storage classes of modules `torch`, `torch.cuda`, `torch.storage` (spec: checkpoints §2.2).
static STORAGES: [StorageClass; 18] = [
    class("FloatStorage", 4, Some(Dtype::F32)),
    class("DoubleStorage", 8, Some(Dtype::F64)),
    class("HalfStorage", 2, Some(Dtype::F16)),
    class("BFloat16Storage", 2, Some(Dtype::BF16)),
    class("LongStorage", 8, Some(Dtype::I64)),
    class("IntStorage", 4, Some(Dtype::I32)),
    class("ShortStorage", 2, Some(Dtype::I16)),
    class("CharStorage", 1, Some(Dtype::I8)),
    class("ByteStorage", 1, Some(Dtype::U8)),
    class("BoolStorage", 1, Some(Dtype::Bool)),
    class("UntypedStorage", 1, None),
    class("ComplexFloatStorage", 8, None),
    class("ComplexDoubleStorage", 16, None),
    class("QInt8Storage", 1, None),
    class("QUInt8Storage", 1, None),
    class("QInt32Storage", 4, None),
    class("QUInt4x2Storage", 1, None),
    class("QUInt2x4Storage", 1, None),
];

/// Modules whose every function could reach the machine.
const UNSAFE_MODULES: [&str; 31] = [
    "os",
    "posix",
    "nt",
    "posixpath",
    "ntpath",
    "sys",
    "subprocess",
    "_posixsubprocess",
    "runpy",
    "importlib",
    "imp",
    "pty",
    "shutil",
    "socket",
    "commands",
    "popen2",
    "ctypes",
    "_ctypes",
    "code",
    "codeop",
    "pickle",
    "_pickle",
    "cPickle",
    "marshal",
    "timeit",
    "pdb",
    "bdb",
    "webbrowser",
    "multiprocessing",
    "signal",
    "asyncio",
];

/// Built-in functions that run code or reach attributes.
const UNSAFE_BUILTINS: [&str; 17] = [
    "eval",
    "exec",
    "execfile",
    "compile",
    "getattr",
    "setattr",
    "delattr",
    "__import__",
    "open",
    "input",
    "raw_input",
    "globals",
    "locals",
    "vars",
    "breakpoint",
    "apply",
    "file",
];

/// Other functions known from attacks.
const UNSAFE_FUNCTIONS: [(&str, &str); 8] = [
    ("operator", "attrgetter"),
    ("operator", "methodcaller"),
    ("_operator", "attrgetter"),
    ("_operator", "methodcaller"),
    ("types", "FunctionType"),
    ("types", "CodeType"),
    ("torch", "load"),
    ("torch.serialization", "load"),
];

/// The meaning of `module.name`, or a refusal.
pub(super) fn meaning(module: &str, name: &str) -> Read<Meaning> {
    let builtin = matches!(module, "builtins" | "__builtin__" | "__builtins__");
    let top = module.split('.').next().unwrap_or(module);
    if UNSAFE_MODULES.contains(&top)
        || (builtin && UNSAFE_BUILTINS.contains(&name.split('.').next().unwrap_or(name)))
        || UNSAFE_FUNCTIONS.contains(&(module, name))
    {
        return Err(ErrorKind::UnsafeGlobal { global: printable(module, name) });
    }
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Meaning::OrderedDict,
        ("collections", "defaultdict") => Meaning::DefaultDict,
        ("collections", "Counter") => Meaning::Mapping,
        (_, "dict") if builtin => Meaning::Mapping,
        (_, "bytes" | "bytearray" | "str") if builtin => Meaning::Bytes,
        (_, "list") if builtin => Meaning::List,
        ("_codecs", "encode") => Meaning::Encode,
        ("torch._utils", "_rebuild_tensor") => Meaning::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v2") => Meaning::RebuildTensorV2,
        ("torch._utils", "_rebuild_tensor_v3") => Meaning::RebuildTensorV3,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Meaning::RebuildParameter,
        // Tensors of XLA devices, with the CPU tensor as first argument.
        ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor") => Meaning::RebuildParameter,
        ("torch._tensor" | "torch.tensor", "_rebuild_from_type_v2" | "_rebuild_from_type") => Meaning::RebuildFromType,
        ("torch._utils", _) if name.starts_with("_rebuild") => Meaning::RebuildOther,
        ("torch.nn.parameter", "Parameter" | "Buffer") | ("torch.autograd.variable", "Variable") => Meaning::Parameter,
        ("torch", "Size") => Meaning::Size,
        ("torch" | "torch.cuda" | "torch.storage", _) if name.ends_with("Storage") => {
            match STORAGES.iter().find(|class| class.name == name) {
                Some(class) => Meaning::Storage(class),
                None => Meaning::Stub,
            }
        }
        ("torch", "complex64" | "complex128" | "qint8" | "quint8" | "qint32" | "quint4x2") => Meaning::TorchDtype(None),
        ("torch", _) if name.starts_with("float8") || name.starts_with("float4") => Meaning::TorchDtype(None),
        ("torch", _) => Dtype::from_name(name).map_or(Meaning::Stub, |dtype| Meaning::TorchDtype(Some(dtype))),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Meaning::NumpyReconstruct,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Meaning::NumpyScalar,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Meaning::NumpyFromBuffer,
        ("numpy", "dtype") => Meaning::NumpyDtype,
        ("copy_reg" | "copyreg", "_reconstructor" | "__newobj__") => Meaning::Reconstructor,
        _ if module.starts_with("torch.nn.modules.") => Meaning::Module,
        _ => Meaning::Stub,
    })
}

/// A name for a message: short, without control characters.
pub(super) fn printable(module: &str, name: &str) -> String {
    let full = format!("{module}.{name}");
    full.chars().take(80).flat_map(char::escape_debug).collect()
}
