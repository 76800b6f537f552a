//! What the writers write, read again by our reader, by the safetensors crate and by PyTorch.
#![allow(clippy::unwrap_used)]

mod common;

use std::{borrow::Cow, collections::BTreeMap, path::Path, process::Command};

use common::{fixture, sha256};
use tempfile::tempdir;
use vovdet_pretrained::{Checkpoint, Dtype, TensorData, write_safetensors, write_torch_zip, write_torch_zip_with};

/// One tensor of every dtype, and a scalar, an empty one, odd names.
fn tensors() -> Vec<TensorData<'static>> {
    let mut tensors: Vec<_> = Dtype::ALL
        .iter()
        .map(|&dtype| {
            let len = 6 * dtype.size();
            let bytes: Vec<u8> = match dtype {
                Dtype::Bool => vec![0, 1, 1, 0, 1, 0],
                _ => (0..len as u8).map(|i| i.wrapping_mul(37) & 0x7b).collect(),
            };
            let bytes = Cow::Owned(bytes);
            TensorData { name: dtype.name(), dtype, shape: &[2, 3], bytes }
        })
        .collect();
    let f32 = |name, shape, bytes: &'static [u8]| TensorData { name, dtype: Dtype::F32, shape, bytes: bytes.into() };
    tensors.push(f32("scalar", &[], &[0, 0, 128, 63]));
    tensors.push(f32("empty", &[0, 4], &[]));
    tensors.push(f32("stem.stem_1/conv.wéight \"quoted\"", &[1], &[0, 0, 128, 63]));
    tensors
}

fn check(path: &Path, tensors: &[TensorData<'_>]) -> Checkpoint {
    let checkpoint = Checkpoint::open(path).unwrap();
    assert_eq!(checkpoint.tensors().len(), tensors.len());
    for tensor in tensors {
        let info = checkpoint.tensor(tensor.name).unwrap();
        assert_eq!((info.dtype, &info.shape[..]), (tensor.dtype, tensor.shape), "{}", tensor.name);
        assert_eq!(checkpoint.bytes(tensor.name).unwrap(), tensor.bytes, "{}", tensor.name);
    }
    checkpoint
}

#[test]
fn safetensors_come_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let metadata = BTreeMap::from([("spec".to_owned(), "{\"a\": \"é\"}".to_owned())]);
    let tensors = tensors();
    write_safetensors(&path, &tensors, &metadata).unwrap();
    assert_eq!(check(&path, &tensors).metadata(), &metadata);

    // The format's own crate accepts it, and each tensor is aligned to its elements.
    let bytes = std::fs::read(&path).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), tensors.len());
    for tensor in &tensors {
        let view = theirs.tensor(tensor.name).unwrap();
        assert_eq!(view.data(), &tensor.bytes[..]);
        let offset = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        assert!(view.data().is_empty() || offset.is_multiple_of(tensor.dtype.size()), "{}", tensor.name);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files are gone");
}

#[test]
fn torch_zip_comes_back_in_order() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.pth");
    let tensors = tensors();
    write_torch_zip(&path, &tensors).unwrap();
    let names: Vec<_> = check(&path, &tensors).tensors().iter().map(|t| t.name.clone()).collect();
    assert_eq!(names, tensors.iter().map(|t| t.name).collect::<Vec<_>>());
    // PyTorch maps storages: their data must be aligned to 64 bytes.
    let bytes = std::fs::read(&path).unwrap();
    let f64 = &tensors[0].bytes[..];
    let at = bytes.windows(f64.len()).position(|window| window == f64).unwrap();
    assert_eq!(at % 64, 0);
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.pth");
    std::fs::write(&path, b"old").unwrap();
    let short = TensorData { name: "a", dtype: Dtype::F32, shape: &[2], bytes: vec![0; 4].into() };
    let error = write_torch_zip(&path, std::slice::from_ref(&short)).unwrap_err().to_string();
    assert!(error.contains("needs 8 bytes and was given 4"), "{error}");
    let none = BTreeMap::new();
    assert!(write_safetensors(&path, std::slice::from_ref(&short), &none).is_err());
    let failing = |_| Err(std::io::Error::other("the disk of the model is gone"));
    let error = write_torch_zip_with(&path, &[short.info()], failing).unwrap_err().to_string();
    assert!(error.contains("disk of the model"), "{error}");
    let whole = TensorData { bytes: vec![0; 8].into(), ..short };
    let error = write_torch_zip(&path, &[whole.clone(), whole]).unwrap_err().to_string();
    assert!(error.contains("names the tensor \"a\" twice"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files are gone");
}

/// Every readable fixture, written in both forms, is the same again.
#[test]
fn fixtures_survive_conversion() {
    let folder = tempdir().unwrap();
    for name in ["synthetic/ok_zip.pth", "made/d2_protocol2.pkl", "made/big_endian.pth"] {
        let source = Checkpoint::open(fixture(name)).unwrap();
        let tensors: Vec<_> = source
            .tensors()
            .iter()
            .map(|info| TensorData {
                name: &info.name,
                dtype: info.dtype,
                shape: &info.shape,
                bytes: source.bytes(&info.name).unwrap(),
            })
            .collect();
        let (zip, safe) = (folder.path().join("a.pth"), folder.path().join("a.safetensors"));
        write_torch_zip(&zip, &tensors).unwrap();
        write_safetensors(&safe, &tensors, &BTreeMap::new()).unwrap();
        check(&zip, &tensors);
        check(&safe, &tensors);
    }
}

/// `torch.load(weights_only=True)` reads the same shapes, types, order and bytes. Needs a Python with
/// torch in `VOVDET_REFERENCE_PYTHON`.
#[test]
fn torch_reads_what_is_written() {
    let Some(python) = std::env::var_os("VOVDET_REFERENCE_PYTHON") else {
        eprintln!("skipped: VOVDET_REFERENCE_PYTHON names no Python with torch");
        return;
    };
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.pth");
    let tensors = tensors();
    write_torch_zip(&path, &tensors).unwrap();
    let script = "\
import hashlib, sys, torch
for mmap in [False, True]:
    for name, t in torch.load(sys.argv[1], weights_only=True, mmap=mmap).items():
        raw = t.reshape(-1).view(torch.uint8).numpy().tobytes()
        dtype = str(t.dtype).removeprefix('torch.')
        print(name, dtype, list(t.shape), hashlib.sha256(raw).hexdigest())
";
    let output = Command::new(python).args(["-c", script]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut expected: Vec<_> =
        tensors.iter().map(|t| format!("{} {} {:?} {}", t.name, t.dtype, t.shape, sha256(&t.bytes))).collect();
    expected.extend_from_within(..);
    let seen = String::from_utf8(output.stdout).unwrap();
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected);
}
