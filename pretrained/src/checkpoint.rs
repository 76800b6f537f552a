//! An open checkpoint file: the index in memory, the data left in the file.

use std::{borrow::Cow, collections::BTreeMap, fmt, path::Path};

use crate::{
    error::{Error, ErrorKind, Read, Result},
    format::Format,
    formats::{self, caffe::CaffeNet},
    index::Index,
    layout::Layout,
    printable::printable,
    source::Source,
    tensor::TensorInfo,
    wrapper::{Ignored, Wrapper},
};

/// Bytes at the beginning of a file that its format is recognised by.
const START: usize = 64 << 10;

/// Bytes of a part of a tensor's data, a multiple of every element's size: larger ones leave the processor's caches.
const PART: usize = 1 << 20;

/// A checkpoint file, open and indexed.
///
/// Opening reads the index only. The data of a tensor are read when they are asked for, and nothing
/// in the file can run code, whatever it says.
///
/// ```no_run
/// # fn main() -> vovdet_pretrained::Result<()> {
/// let checkpoint = vovdet_pretrained::Checkpoint::open("vovnet39.pth")?;
/// for tensor in checkpoint.tensors() {
///     println!("{} {} {:?}", tensor.name, tensor.dtype, tensor.shape);
/// }
/// let weight = checkpoint.bytes("stem.stem_1/conv.weight")?;
/// # Ok(())
/// # }
/// ```
pub struct Checkpoint {
    source: String,
    bytes: Source,
    format: Format,
    index: Index,
    caffe: Option<CaffeNet>,
    /// Whether the index has the blobs of a Caffe file as PyTorch's tensors already.
    folded: bool,
}

impl Checkpoint {
    /// Opens a file. Its content says which format it has, never its name.
    ///
    /// # Errors
    /// One [`ErrorKind`] for each reason to refuse a file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_path(path.as_ref(), None)
    }

    /// Opens a file and reads the state dict under these keys, e.g. `["ema"]`, when
    /// [`open`](Self::open) would choose another one.
    ///
    /// # Errors
    /// As [`open`](Self::open); and when nothing is there.
    pub fn open_at(path: impl AsRef<Path>, keys: &[&str]) -> Result<Self> {
        Self::open_path(path.as_ref(), Some(keys))
    }

    /// Opens a checkpoint that is in memory; `name` stands for the file in messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(name: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self> {
        Self::index(name.to_owned(), Source::Memory(bytes.into()), None)
    }

    fn open_path(path: &Path, at: Option<&[&str]>) -> Result<Self> {
        let source = path.display().to_string();
        let bytes = Source::open(path).map_err(|kind| Error::new(&source, kind))?;
        Self::index(source, bytes, at)
    }

    fn index(source: String, bytes: Source, at: Option<&[&str]>) -> Result<Self> {
        let _span = tracing::info_span!("open", file = %printable(&source)).entered();
        let read = || -> Read<(Format, Index, Option<CaffeNet>)> {
            let format = Format::detect(&bytes.read(0..bytes.len().min(START))?, bytes.len())?;
            let index = match format {
                Format::Caffe => {
                    let (index, net) = formats::caffe::index(&bytes)?;
                    return Ok((format, index, Some(net)));
                }
                Format::TorchLegacy => formats::legacy::index(&bytes, at),
                Format::TorchZip => formats::torch_zip::index(&bytes, at),
                Format::Pickle => formats::pkl::index(&bytes, at),
                Format::Safetensors => formats::safetensors::index(&bytes),
            }?;
            Ok((format, index, None))
        };
        let (format, index, caffe) = read().map_err(|kind| Error::new(&source, kind))?;
        tracing::debug!(%format, bytes = bytes.len(), tensors = index.tensors.len(), "indexed");
        for note in &index.wrapper.notes {
            tracing::info!("{note}");
        }
        Ok(Self { source, bytes, format, index, caffe, folded: false })
    }

    /// How the file is stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file, as it is called in messages.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The size of the file in bytes.
    pub fn file_len(&self) -> usize {
        self.bytes.len()
    }

    /// What was found around the tensors.
    pub fn wrapper(&self) -> &Wrapper {
        &self.index.wrapper
    }

    /// The tensors in the file's order, named without [`Wrapper::prefix`].
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.index.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.index.by_name.get(name).map(|&i| &self.index.tensors[i])
    }

    /// The data of a tensor: contiguous in C order, little-endian, in its own dtype.
    ///
    /// # Errors
    /// When there is no such tensor, or the file cannot be read any more.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        self.bytes(name).map(Cow::into_owned)
    }

    /// As [`read`](Self::read), borrowed where the checkpoint is in memory and has the bytes just so. They may be
    /// unaligned.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        let _span = tracing::trace_span!("read", tensor = name).entered();
        self.layout(name).and_then(|layout| layout.bytes(&self.bytes)).map_err(|kind| Error::new(&self.source, kind))
    }

    /// As [`read`](Self::read), in order and in parts, so that no tensor is in memory twice: `each` gets the parts, of
    /// whole elements. Parts of files go through `buffer`, which is worth keeping for the next tensor.
    ///
    /// # Errors
    /// As [`read`](Self::read), or what `each` returns.
    pub fn read_parts<E: From<Error>>(
        &self,
        name: &str,
        buffer: &mut Vec<u8>,
        mut each: impl FnMut(&[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let _span = tracing::trace_span!("read", tensor = name).entered();
        let refused = |kind| E::from(Error::new(&self.source, kind));
        let layout = self.layout(name).map_err(refused)?;
        let Some(range) = layout.file_range().filter(|_| self.bytes.is_file()) else {
            return each(&layout.bytes(&self.bytes).map_err(refused)?);
        };
        for start in range.clone().step_by(PART) {
            self.bytes.read_into(start..range.end.min(start + PART), buffer).map_err(refused)?;
            each(buffer)?;
        }
        Ok(())
    }

    fn layout(&self, name: &str) -> Read<&Layout> {
        let index = self.index.by_name.get(name).ok_or_else(|| ErrorKind::NoSuchTensor(name.to_owned()))?;
        Ok(&self.index.layouts[*index])
    }

    /// The network of a Caffe file: its layers and their parameters.
    pub fn caffe(&self) -> Option<&CaffeNet> {
        self.caffe.as_ref()
    }

    /// A Caffe file with its tensors as PyTorch has them; any other file as it is.
    ///
    /// Each layer `L` keeps its name, its blobs become tensors:
    ///
    /// | layer | tensors |
    /// |---|---|
    /// | Convolution, Deconvolution, InnerProduct | `L.weight`, `L.bias` if there is one |
    /// | BatchNorm, with the Scale that reads it | `L.weight`, `L.bias`, `L.running_mean`, `L.running_var` |
    /// | Scale without a BatchNorm | `L.weight`, `L.bias` if there is one |
    /// | Bias | `L.bias` |
    /// | Normalize, PReLU | `L.weight` |
    /// | any other | `L.blob0`, … as before |
    ///
    /// The statistics of a BatchNorm are divided by its factor (0 where that is 0), as Caffe does.
    /// Its eps is in [`CaffeNet::norms`]. One-dimensional things lose the axes of length 1 that
    /// old files give them.
    ///
    /// # Errors
    /// When the blobs of a layer are not what its type has.
    pub fn folded(mut self) -> Result<Self> {
        if let Some(net) = self.caffe.as_ref().filter(|_| !self.folded) {
            let index = std::mem::take(&mut self.index);
            self.index =
                formats::caffe::fold(index, net, &self.bytes).map_err(|kind| Error::new(&self.source, kind))?;
            self.folded = true;
        }
        Ok(self)
    }

    /// The `__metadata__` of a safetensors file; a few words about the network of a Caffe file
    /// (`caffe.net`, `caffe.layers`, `caffe.batch_norm_eps`); empty otherwise.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.index.metadata
    }

    /// The entries of the state dict that are not tensors.
    pub fn ignored(&self) -> &[Ignored] {
        &self.index.ignored
    }

    /// The versions that PyTorch keeps per module (`state_dict()._metadata`), by module name without
    /// [`Wrapper::prefix`]. Some modules changed their parameters between versions.
    pub fn module_versions(&self) -> &BTreeMap<String, i64> {
        &self.index.versions
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("source", &self.source)
            .field("format", &self.format)
            .field("tensors", &self.index.tensors.len())
            .field("wrapper", &self.index.wrapper)
            .finish_non_exhaustive()
    }
}
