//! Archives of Caffe models: what is taken out, and what is refused.

use crate::server::{Reply, Server};
use crate::{Bench, entry};
use serde_json::json;
use std::io::{Cursor, Write};
use std::path::Path;
use vovdet_pretrained::cache::Fetch;
use vovdet_pretrained::catalogue::Entry;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const FILE: &str = "net_coco.zip";

fn caffe() -> Entry {
    entry(FILE, "caffe", json!({}))
}

/// A Caffe model: the net "net" with the convolution "conv", whose one weight is `weight` (caffe.proto: NetParameter
/// name 1, layer 100; LayerParameter name 1, type 2, blobs 7; BlobProto data 5, shape 7; BlobShape dim 1).
fn model(weight: f32) -> Vec<u8> {
    fn field(tag: &[u8], content: &[u8]) -> Vec<u8> {
        [tag, &[content.len() as u8], content].concat()
    }
    let shape = field(b"\x3a", &field(b"\x0a", &[1]));
    let blob = [shape, field(b"\x2a", &weight.to_le_bytes())].concat();
    let layer = [field(b"\x0a", b"conv"), field(b"\x12", b"Convolution"), field(b"\x3a", &blob)].concat();
    [field(b"\x0a", b"net"), field(b"\xa2\x06", &layer)].concat()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A tar whose names are written as they are: the crate's own writer refuses bad ones.
fn tarred(files: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn bench(archive: Vec<u8>) -> Bench {
    Bench::new(&Server::start(move |request, _| Reply::file(request, &archive, "\"a\"")))
}

#[track_caller]
fn refused(archive: Vec<u8>, words: &[&str]) {
    let bench = bench(archive);
    bench.fails(&caffe(), &[&["archive"], words].concat());
    let partials = bench.cache.folder().join(".partial");
    let left: Vec<_> = std::fs::read_dir(partials).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| Path::new(name).extension().is_some_and(|e| e == "lock")), "{left:?}");
    assert!(!bench.folder.path().join("evil.caffemodel").exists());
}

/// The names below the cache folder, but for locks.
fn names(bench: &Bench) -> Vec<String> {
    let below = |path: &Path| path.strip_prefix(bench.cache.folder()).unwrap().to_str().unwrap().to_owned();
    bench.content().keys().map(|path| below(path)).collect()
}

#[test]
fn the_model_files_of_a_zip_are_taken_out() {
    let bench = bench(zipped(&[
        ("net/readme.txt", b"hello"),
        ("net/train.py", b"import os"),
        ("net/deploy.prototxt", b"name: 'net'"),
        ("net/test/deploy.prototxt", b"name: 'test'"),
        ("net/net_iter_400000.caffemodel", &model(1.0)),
        ("__MACOSX/net/._net_iter_400000.caffemodel", b"shadow"),
    ]));
    let path = bench.weights(&caffe()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), model(1.0));
    let inside = |name| format!("net_coco.zip.unpacked/net/{name}");
    let model = inside("net_iter_400000.caffemodel");
    assert_eq!(names(&bench), [inside("deploy.prototxt"), model, inside("test/deploy.prototxt"), "pins.json".into()]);
    assert_eq!(bench.weights(&caffe()).unwrap(), path);
    std::fs::write(&path, b"changed").unwrap();
    bench.fails(&caffe(), &["was changed after it was fetched"]);
}

#[test]
fn tar_and_gzip_and_a_bare_model_do_as_well() {
    let file = tar::EntryType::Regular;
    let tar = tarred(&[("net/a.caffemodel", file, &model(1.0)), ("net/run.sh", file, b"rm")]);
    for archive in [gzipped(&tar), tar] {
        let bench = bench(archive);
        assert_eq!(std::fs::read(bench.weights(&caffe()).unwrap()).unwrap(), model(1.0));
        assert_eq!(names(&bench), ["net_coco.zip.unpacked/net/a.caffemodel", "pins.json"]);
    }
    let bench = bench(model(1.0));
    assert_eq!(bench.weights(&caffe()).unwrap(), bench.cache.folder().join(FILE));
}

#[test]
fn the_last_snapshot_is_the_one_meant() {
    let bench = bench(zipped(&[
        ("net_iter_80000.caffemodel", &model(1.0)),
        ("net_iter_120000.caffemodel", &model(2.0)),
        ("net_iter_9.caffemodel", &model(3.0)),
    ]));
    assert_eq!(std::fs::read(bench.weights(&caffe()).unwrap()).unwrap(), model(2.0));
    refused(
        zipped(&[("a.caffemodel", b"a"), ("b.caffemodel", b"b")]),
        &["several models", "a.caffemodel, b.caffemodel"],
    );
    refused(zipped(&[("deploy.prototxt", b"x")]), &["no .caffemodel"]);
}

#[test]
fn nothing_is_written_outside() {
    for name in [
        "../evil.caffemodel",
        "/evil.caffemodel",
        "a/../../evil.caffemodel",
        "..\\evil.caffemodel",
        "C:evil.caffemodel",
    ] {
        refused(zipped(&[("good.caffemodel", b"x"), (name, b"x")]), &["outside its folder"]);
        let file = tar::EntryType::Regular;
        refused(tarred(&[("good.caffemodel", file, b"x"), (name, file, b"x")]), &["outside its folder"]);
    }
}

#[test]
fn links_are_not_followed() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("evil.caffemodel", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    refused(zip.finish().unwrap().into_inner(), &["as a link"]);
    refused(tarred(&[("evil.caffemodel", tar::EntryType::Symlink, b"")]), &["as a link"]);
    refused(tarred(&[("evil.caffemodel", tar::EntryType::Link, b"")]), &["as a link"]);
}

#[test]
fn a_bomb_is_stopped_by_what_it_writes() {
    let zeros = vec![0; 40 << 20];
    refused(zipped(&[("bomb.caffemodel", &zeros)]), &["unpacks to more than weights can"]);
    let tar = tarred(&[("bomb.caffemodel", tar::EntryType::Regular, &zeros)]);
    refused(gzipped(&tar), &["unpacks to more than weights can"]);
    // Also where nothing of it would be written.
    let tar = tarred(&[("bomb.txt", tar::EntryType::Regular, &zeros)]);
    refused(gzipped(&tar), &["unpacks to more than weights can"]);
}

#[test]
fn damaged_archives() {
    let content = crate::weights(1);
    let file = tar::EntryType::Regular;
    let (zip, tar) = (zipped(&[("a.caffemodel", &content)]), gzipped(&tarred(&[("a.caffemodel", file, &content)])));
    for archive in [zip, tar] {
        // Cut, and one bit wrong in the middle: sums tell.
        refused(archive[..archive.len() - 4].to_vec(), &["damaged"]);
        let mut flipped = archive;
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        refused(flipped, &["damaged"]);
    }
    refused(b"Rar!\x1a\x07\x00 and so on".to_vec(), &["RAR", "hand over"]);
    refused(tarred(&[("a.caffemodel", file, b"1"), ("A.caffemodel", file, b"2")]), &["twice"]);
    let many: Vec<_> = (0..10_001).map(|i| (format!("{i}.txt"), file, b"".as_slice())).collect();
    let many: Vec<_> = many.iter().map(|(name, kind, content)| (name.as_str(), *kind, *content)).collect();
    refused(tarred(&many), &["more than 10000 entries"]);
}

#[test]
fn a_model_that_is_cut_short_is_never_remembered() {
    let mut cut = model(1.0);
    cut.pop();
    for file in [zipped(&[("a.caffemodel", &cut)]), cut] {
        let bench = bench(file);
        bench.fails(&caffe(), &["what came", "nothing was kept"]);
        // Else the whole file would be refused as a replaced one.
        let server = Server::start(|request, _| Reply::file(request, &model(1.0), "\"b\""));
        bench.with(&server).weights(&caffe()).unwrap();
    }
}

#[test]
fn an_unpacked_archive_can_be_replaced_when_asked() {
    let bench = bench(zipped(&[("net/a.caffemodel", &model(1.0)), ("net/old.prototxt", b"")]));
    bench.weights(&caffe()).unwrap();
    let new = bench.folder.path().join("new.zip");
    std::fs::write(&new, zipped(&[("net/b.caffemodel", &model(2.0))])).unwrap();
    let fetch = |repin| bench.fetch(&caffe(), Fetch { from: Some(&new), repin });
    crate::sentence(&fetch(false).unwrap_err(), &["first fetched"]);
    assert_eq!(std::fs::read(bench.weights(&caffe()).unwrap()).unwrap(), model(1.0));
    fetch(true).unwrap();
    assert_eq!(names(&bench), ["net_coco.zip.unpacked/net/b.caffemodel", "pins.json"]);
    assert_eq!(std::fs::read(bench.weights(&caffe()).unwrap()).unwrap(), model(2.0));
}
