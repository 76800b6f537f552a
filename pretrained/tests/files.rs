//! Every fixture file, good and hostile, against what PyTorch, numpy or its maker says it holds.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use common::{check_tensors, fixture, json, shared};
use vovdet_pretrained::{Checkpoint, Dtype, ErrorKind, Format, TensorData, write_safetensors};

/// Far above what any of these small files takes, far below what a bomb would.
const QUICK: Duration = Duration::from_secs(2);

/// The files of `checkpoints/synthetic`, by their own JSON.
#[test]
fn synthetic_files_give_what_their_maker_says() {
    let spec = json("synthetic/checkpoints.json");
    let canary = Path::new(spec["canary"].as_str().unwrap());
    let (mut accepted, mut refused) = (0, 0);
    for file in spec["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let start = Instant::now();
        let opened = Checkpoint::open(fixture("synthetic").join(name));
        assert!(start.elapsed() < QUICK, "{name} took {:?}", start.elapsed());
        assert!(!canary.exists(), "{name} ran its payload");
        match (file["expect"].as_str().unwrap(), opened) {
            ("accept", Err(error)) => panic!("{error}"),
            ("refuse", Ok(checkpoint)) => panic!("accepted: {checkpoint:?}"),
            ("accept" | "refuse_or_accept", Ok(checkpoint)) => {
                accepted += 1;
                check_accepted(name, file, &checkpoint);
            }
            ("refuse" | "refuse_or_accept", Err(error)) => {
                refused += 1;
                let sentence = error.to_string();
                assert!(sentence.contains(name) && !sentence.contains('\n'), "{sentence}");
                assert!(sentence.len() < 600, "{sentence}");
            }
            (other, _) => panic!("{name}: {other}"),
        }
    }
    assert!(accepted >= 13 && refused >= 40, "{accepted} accepted, {refused} refused");
}

fn check_accepted(name: &str, file: &serde_json::Value, checkpoint: &Checkpoint) {
    let format = match file["format"].as_str().unwrap() {
        "zip" => Format::TorchZip,
        "legacy" => Format::TorchLegacy,
        "pkl" => Format::Pickle,
        other => panic!("{name}: {other}"),
    };
    assert_eq!(checkpoint.format(), format, "{name}");
    let wrapper = checkpoint.wrapper();
    // lie_zip_crc has one byte of data flipped and no list: checksums are not read.
    if file["tensors"].is_null() {
        assert_eq!(name, "lie_zip_crc.pth");
        return;
    }
    let path: Vec<String> = serde_json::from_value(file["state_dict_at"].clone()).unwrap();
    assert_eq!(wrapper.path, path, "{name}");
    let prefix = file["key_prefix"].as_str().unwrap_or("");
    assert_eq!(wrapper.prefix, prefix, "{name}");
    let count = check_tensors(checkpoint, &file["tensors"], prefix);
    let names: Vec<_> = checkpoint.tensors().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names.len(), count, "{name}");
    check_order(name, &names);
    if let Some(others) = file["other_values"].as_object() {
        for (key, value) in others {
            let line = wrapper.others.iter().find(|(k, _)| k == key);
            let line = line.map(|(_, line)| line.as_str());
            // The best accuracy of ImageNet training scripts is a tensor.
            let tensor = value.is_f64() && line == Some("a tensor of shape []");
            assert!(tensor || line == Some(value.to_string().as_str()), "{name}: {key}: {line:?}");
        }
    }
}

/// The order of the file: serde_json sorts the keys of an object, so the text of the JSON is asked.
fn check_order(file: &str, names: &[&str]) {
    let text = std::fs::read_to_string(fixture("synthetic/checkpoints.json")).unwrap();
    let mut rest = &text[text.find(&format!("\"{file}\"")).unwrap()..];
    for name in names {
        let quoted = format!("{name}\":");
        let at = rest.find(&quoted).unwrap_or_else(|| panic!("{file}: {name} out of order"));
        rest = &rest[at + quoted.len()..];
    }
}

/// Wrappers, prefixes, foreign objects, byte orders, numpy encodings, refusals: `made/make.py`.
#[test]
fn made_files_give_what_their_script_says() {
    let spec = json("made/made.json");
    for (name, want) in spec["files"].as_object().unwrap() {
        let opened = Checkpoint::open(fixture("made").join(name));
        if let Some(sentence) = want["refuse"].as_str() {
            let error = opened.map(|ok| format!("{ok:?}")).expect_err(name).to_string();
            assert!(error.contains(sentence), "{error}\n  does not say {sentence:?}");
            continue;
        }
        let checkpoint = opened.unwrap_or_else(|error| panic!("{error}"));
        let wrapper = checkpoint.wrapper();
        let path: Vec<String> = serde_json::from_value(want["path"].clone()).unwrap();
        assert_eq!(wrapper.path, path, "{name}");
        assert_eq!(wrapper.prefix, want["prefix"].as_str().unwrap(), "{name}");
        assert_eq!(wrapper.notes.len() as u64, want["notes"].as_u64().unwrap(), "{wrapper:?}");
        let count = check_tensors(&checkpoint, &want["tensors"], "");
        assert_eq!(count, checkpoint.tensors().len(), "{name}");
        let ignored: Vec<_> = checkpoint.ignored().iter().map(|i| i.name.as_str()).collect();
        let wanted: Vec<String> = serde_json::from_value(want["ignored"].clone()).unwrap();
        assert_eq!(ignored, wanted, "{name}");
        let others = want["others"].as_object().unwrap();
        for (key, line) in &wrapper.others {
            assert_eq!(others.get(key).and_then(|l| l.as_str()), Some(line.as_str()), "{name}: {key}");
        }
        assert_eq!(wrapper.others.len(), others.len(), "{name}: {:?}", wrapper.others);
    }
}

/// Small real files, and the big ones of the shared folder, against `torch.load`.
#[test]
fn real_files_give_what_torch_reads() {
    let spec = json("real.json");
    let mut seen = 0;
    for (name, want) in spec["files"].as_object().unwrap() {
        let local = fixture("real").join(name);
        let path = if local.exists() { Some(local) } else { shared(&format!("checkpoints/real/{name}")) };
        let Some(path) = path else { continue };
        seen += 1;
        let opened = Checkpoint::open(&path);
        if want["refused"].is_string() {
            assert!(opened.is_err(), "{name}");
            continue;
        }
        let checkpoint = opened.unwrap_or_else(|error| panic!("{error}"));
        // The JSON lists all tensors of the file by dotted names: the model's are below its path.
        let path = checkpoint.wrapper().path.join(".");
        let path = if path.is_empty() { path } else { path + "." };
        let mut wanted = want["tensors"].as_object().unwrap().clone();
        wanted.retain(|key, _| key.starts_with(&path));
        let prefix = path + &checkpoint.wrapper().prefix;
        let count = check_tensors(&checkpoint, &wanted.into(), &prefix);
        assert_eq!(count, checkpoint.tensors().len(), "{name}");
    }
    assert!(seen >= 30, "{seen}");
}

/// What `_metadata` says (PyTorch's BatchNorm has version 2), the module prefix gone.
#[test]
fn module_versions_are_kept() {
    let checkpoint = Checkpoint::open(fixture("synthetic/ok_legacy_metadata.pth")).unwrap();
    assert_eq!(checkpoint.module_versions().get("bn"), Some(&2));
}

/// Both state dicts of a file with an averaged one can be had.
#[test]
fn the_other_state_dict_can_be_asked_for() {
    let path = fixture("made/ema_beside_model.pth");
    let alone = Checkpoint::open(fixture("made/ema_alone.pth")).unwrap();
    let ema = Checkpoint::open_at(&path, &["ema"]).unwrap();
    assert_eq!(ema.read("conv.weight").unwrap(), alone.read("conv.weight").unwrap());
    let plain = Checkpoint::open(&path).unwrap();
    assert_ne!(plain.read("conv.weight").unwrap(), alone.read("conv.weight").unwrap());
    assert!(plain.wrapper().notes[0].contains("\"ema\""), "{:?}", plain.wrapper().notes);
    let error = Checkpoint::open_at(&path, &["teacher"]).unwrap_err().to_string();
    assert!(error.contains("nothing under teacher; it holds: \"ema\", \"model\""), "{error}");
}

/// The metadata of a safetensors file.
#[test]
fn safetensors_metadata_are_read() {
    let checkpoint = Checkpoint::open(fixture("made/good.safetensors")).unwrap();
    assert_eq!(checkpoint.metadata().get("spec").map(String::as_str), Some(r#"{"a": 1}"#));
}

/// Each kind of wrong file has its own kind of error.
#[test]
fn refusals_can_be_told_apart() {
    let kind = |name: &str, matches: fn(&ErrorKind) -> bool| {
        let error = Checkpoint::open(fixture(name)).map(|ok| format!("{ok:?}")).expect_err(name);
        assert!(matches(error.kind()), "{error}");
    };
    kind("synthetic/not_html.pth", |k| matches!(k, ErrorKind::Html));
    kind("synthetic/zip_torchscript.pth", |k| matches!(k, ErrorKind::TorchScript));
    kind("synthetic/content_whole_module.pth", |k| matches!(k, ErrorKind::WholeModule { .. }));
    kind("synthetic/content_bare_tensor.pth", |k| matches!(k, ErrorKind::BareTensor));
    kind("synthetic/content_no_tensors.pth", |k| matches!(k, ErrorKind::NoTensors { .. }));
    kind("synthetic/evil_zip_inst_opcode.pth", |k| matches!(k, ErrorKind::Opcode { .. }));
    kind("synthetic/trunc_legacy_6527of6528.pth", |k| matches!(k, ErrorKind::Truncated(_)));
    kind("synthetic/trunc_zip_11920of11921.pth", |k| matches!(k, ErrorKind::Truncated(_)));
    kind("synthetic/zip_without_pickle.pth", |k| matches!(k, ErrorKind::ZipWithoutPickle { .. }));
    kind("real/burn-reader-fixtures/tar_float32.tar", |k| matches!(k, ErrorKind::OldTar));
    kind("made/optimizer.pth", |k| matches!(k, ErrorKind::OptimizerOnly { .. }));
    kind("made", |k| matches!(k, ErrorKind::NotAFile));
    kind("made/not-there.pth", |k| matches!(k, ErrorKind::Io(_)));
    for name in [
        "evil_zip_reduce_posix_system.pth",
        "evil_zip_global_os_system.pth",
        "evil_legacy_reduce_posix_system.pth",
        "evil_pkl_os_system.pkl",
        "evil_zip_builtins_eval.pth",
        "evil_zip_hidden_beside_model.pth",
    ] {
        kind(&format!("synthetic/{name}"), |k| matches!(k, ErrorKind::UnsafeGlobal { .. }));
    }
}

/// A whole module of 2020 (`('module', class, source, text)` persistent ids).
#[test]
fn an_old_whole_module_is_refused_by_its_class() {
    let Some(path) = shared("checkpoints/real/facemask-ssd/face_mask_detection.pth") else { return };
    let error = Checkpoint::open(path).unwrap_err();
    assert!(error.to_string().contains("MainModel.KitModel"), "{error}");
}

/// A file cut anywhere is refused, or reads exactly as the whole one (only bytes that nothing needs
/// were lost).
#[test]
fn a_file_cut_anywhere_is_never_misread() {
    for name in ["ok_zip.pth", "ok_legacy.pth", "ok_d2_py2_latin1.pkl", "ok_zip_protocol4.pth"] {
        let bytes = std::fs::read(fixture("synthetic").join(name)).unwrap();
        for len in 0..bytes.len() {
            let cut = Checkpoint::from_bytes(name, bytes[..len].to_vec());
            assert!(cut.is_err(), "{name} of {len} bytes");
        }
    }
}

/// A header of 0x280 to 0x580 bytes begins like a pickle: 0x80 and a protocol number.
#[test]
fn the_length_of_a_safetensors_header_is_no_pickle() {
    for length in [0x280usize, 0x480, 0x580] {
        let entry = r#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
        let header = format!("{entry}{}}}", " ".repeat(length - entry.len() - 1));
        let bytes = [&(length as u64).to_le_bytes(), header.as_bytes(), &1f32.to_le_bytes()].concat();
        let checkpoint = Checkpoint::from_bytes("length", bytes).unwrap();
        assert_eq!(checkpoint.format(), vovdet_pretrained::Format::Safetensors);
        assert_eq!(checkpoint.read("t").unwrap(), 1f32.to_le_bytes());
    }
}

/// Another program may shorten a file at any time: a sentence, not the end of the process.
#[test]
fn a_file_that_is_cut_while_it_is_open_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ok_zip.pth", "ok_legacy.pth", "ok_d2_numpy2.pkl"] {
        let path = folder.path().join(name);
        std::fs::copy(fixture("synthetic").join(name), &path).unwrap();
        let checkpoint = Checkpoint::open(&path).unwrap();
        let largest = checkpoint.tensors().iter().max_by_key(|tensor| tensor.byte_len()).unwrap().name.clone();
        checkpoint.read(&largest).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        let error = checkpoint.read(&largest).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Truncated(_)), "{error}");
        assert!(checkpoint.read_parts(&largest, &mut Vec::new(), |_| Ok::<_, vovdet_pretrained::Error>(())).is_err());
    }
}

/// Opening a pipe would wait for a writer that may never come.
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.pth");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
        let error = Checkpoint::open(path).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotAFile), "{error}");
    }
}

#[test]
fn text_pictures_and_archives_are_called_what_they_are() {
    for (bytes, words) in [
        (&b"hello\n"[..], "is a text file (\"hello\")"),
        (b"{\"detector\": \"mask_rcnn\"}", "is a text file"),
        ("Gewichte für die Nacht\n".as_bytes(), "is a text file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture (PNG)"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01", "a picture (JPEG)"),
        (b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0", "a picture"),
        (b"%PDF-1.7\n1 0 obj\n\xe2\xe3", "a PDF document"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "gunzip"),
        (b"\x01\x02\x03\x04\x05\x06", "its length is 6"),
    ] {
        let error = Checkpoint::from_bytes("file", bytes.to_vec()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}\n  does not say {words:?}");
    }
}

/// A terminal obeys what it is sent.
#[test]
fn names_of_files_and_tensors_cannot_steer_a_terminal() {
    let header = br#"{"a\u001b[2J\u202e":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header, b"\0"].concat();
    let error = Checkpoint::from_bytes("evil\x1b]0;x\x07.safetensors", bytes).unwrap_err().to_string();
    assert!(error.contains("evil\\u{1b}]0;x\\u{7}.safetensors") && error.contains("float8") || error.contains("F8"));
    assert!(!error.contains(|c: char| c.is_control() || c == '\u{202e}'), "{error:?}");
}

/// 3 MB of numbers that all differ, and one element more than whole parts.
#[test]
fn a_long_tensor_comes_in_parts_of_whole_elements() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.safetensors");
    let bytes: Vec<u8> = (0..393_217_u64).flat_map(u64::to_le_bytes).collect();
    let long = TensorData { name: "long", dtype: Dtype::I64, shape: &[393_217], bytes: bytes.as_slice().into() };
    write_safetensors(&path, &[long], &Default::default()).unwrap();
    let (mut parts, mut sizes, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    let each = |part: &[u8]| {
        parts.extend_from_slice(part);
        sizes.push(part.len());
        Ok::<_, vovdet_pretrained::Error>(())
    };
    Checkpoint::open(&path).unwrap().read_parts("long", &mut buffer, each).unwrap();
    assert_eq!(parts, bytes);
    assert!(sizes.len() > 2 && sizes.iter().all(|size| size % 8 == 0) && buffer.capacity() < bytes.len(), "{sizes:?}");
}
