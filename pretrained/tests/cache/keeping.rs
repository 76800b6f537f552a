//! What is in the cache stays what it was, for everybody.

use crate::server::{Reply, Server};
use crate::{Bench, FILE, plain, sentence, weights};
use std::fs::{self, File};
use std::sync::Barrier;
use std::time::{Duration, SystemTime};
use vovdet_pretrained::cache::{Cache, Event, Fetch, Fits, Network};

fn serving(file: Vec<u8>) -> Server {
    Server::start(move |request, _| Reply::file(request, &file, "\"a\""))
}

const REPIN: Fetch = Fetch { from: None, repin: true };

#[test]
fn the_network_is_asked_once() {
    let server = serving(weights(1));
    let mut bench = Bench::new(&server);
    bench.network.offline = true;
    bench.fails(&plain(), &["is not in the cache", "network is off"]);
    bench.network.offline = false;
    let path = bench.weights(&plain()).unwrap();
    bench.network.offline = true;
    assert_eq!(bench.weights(&plain()).unwrap(), path);
    assert_eq!(bench.fetch(&plain(), Fetch::default()).unwrap(), path);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(bench.cache.find(&plain()).unwrap(), Some(path));
}

#[test]
fn a_change_in_the_cache_is_noticed() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    let path = bench.weights(&plain()).unwrap();
    // Of the same length, a good file in itself.
    fs::write(&path, weights(2)).unwrap();
    bench.fails(&plain(), &["was changed after it was fetched", FILE, "delete it"]);
    let error = bench.fetch(&plain(), Fetch::default()).unwrap_err();
    sentence(&error, &["was changed"]);
    // What it says helps.
    fs::remove_file(&path).unwrap();
    assert_eq!(fs::read(bench.weights(&plain()).unwrap()).unwrap(), weights(1));
}

#[test]
fn a_change_that_keeps_the_time_is_found_by_fetch() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    let path = bench.weights(&plain()).unwrap();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, weights(2)).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    sentence(&bench.fetch(&plain(), Fetch::default()).unwrap_err(), &["was changed"]);
}

#[test]
fn a_new_time_alone_is_no_change() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    let path = bench.weights(&plain()).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(100)).unwrap();
    let before = bench.content();
    bench.weights(&plain()).unwrap();
    assert_ne!(before, bench.content(), "the new time is remembered, so that it is not hashed again");
    let before = bench.content();
    bench.weights(&plain()).unwrap();
    assert_eq!(before, bench.content());
}

#[test]
fn a_publisher_cannot_replace_a_file_unasked() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    let path = bench.weights(&plain()).unwrap();
    fs::remove_file(&path).unwrap();
    let server = serving(weights(2));
    let bench = bench.with(&server);
    bench.fails(&plain(), &["not the file that was first fetched", "accept the new one"]);
    assert_eq!(bench.partial(), None);
    bench.fetch(&plain(), REPIN).unwrap();
    assert_eq!(fs::read(bench.weights(&plain()).unwrap()).unwrap(), weights(2));
}

#[test]
fn a_repin_that_fails_keeps_the_old() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    bench.weights(&plain()).unwrap();
    let server = Server::start(|_, _| Reply::new(200, "<html>"));
    let bench = bench.with(&server);
    let before = bench.content();
    sentence(&bench.fetch(&plain(), REPIN).unwrap_err(), &["web page"]);
    assert_eq!(before, bench.content());
    bench.weights(&plain()).unwrap();
}

#[test]
fn a_file_put_there_by_hand_is_checked_and_remembered() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    fs::create_dir_all(bench.cache.folder()).unwrap();
    let path = bench.cache.folder().join(FILE);
    fs::write(&path, "<html>").unwrap();
    bench.fails(&plain(), &["web page"]);
    fs::write(&path, weights(3)).unwrap();
    assert_eq!(bench.weights(&plain()).unwrap(), path);
    fs::write(&path, weights(4)).unwrap();
    bench.fails(&plain(), &["was changed"]);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_file_can_be_handed_over() {
    let server = serving(weights(1));
    let mut bench = Bench::new(&server);
    bench.network.offline = true;
    let file = bench.folder.path().join("downloaded.bin");
    fs::write(&file, "<html>").unwrap();
    let from = |file| Fetch { from: Some(file), repin: false };
    sentence(&bench.fetch(&plain(), from(&file)).unwrap_err(), &["web page"]);
    assert!(file.exists() && bench.content().is_empty());
    fs::write(&file, weights(1)).unwrap();
    let path = bench.fetch(&plain(), from(&file)).unwrap();
    assert_eq!(fs::read(path).unwrap(), fs::read(&file).unwrap());
    // Another one is a change, as from the network.
    fs::write(&file, weights(2)).unwrap();
    sentence(&bench.fetch(&plain(), from(&file)).unwrap_err(), &["first fetched", "accept the new one"]);
    assert_eq!(fs::read(bench.weights(&plain()).unwrap()).unwrap(), weights(1));
    let missing = bench.folder.path().join("missing");
    sentence(&bench.fetch(&plain(), from(&missing)).unwrap_err(), &["cannot read", "missing"]);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_file_that_is_handed_over_must_fit() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    let file = bench.folder.path().join("downloaded.bin");
    fs::write(&file, weights(2)).unwrap();
    let fetch = |from, fits: &Fits| {
        bench.cache.fetch_fitting(&plain(), &bench.network, Fetch { from, repin: false }, fits, &mut |_| ())
    };
    let refuses: &Fits = &|checkpoint| Err(format!("it has {} tensor", checkpoint.tensors().len()));
    sentence(&fetch(Some(&file), refuses).unwrap_err(), &["it has 1 tensor", "nothing was kept"]);
    assert!(bench.content().is_empty() && bench.partial().is_none());
    // What comes from the network is the publisher's business.
    fetch(None, refuses).unwrap();
}

/// A wrong file that was handed over and deleted must not keep out the right one; what the network brought once does
/// (`a_publisher_cannot_replace_a_file_unasked`).
#[test]
fn the_pin_of_a_file_that_was_handed_over_goes_with_it() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    let file = bench.folder.path().join("downloaded.bin");
    fs::write(&file, weights(2)).unwrap();
    let path = bench.fetch(&plain(), Fetch { from: Some(&file), repin: false }).unwrap();
    bench.weights(&plain()).unwrap();
    fs::remove_file(path).unwrap();
    assert_eq!(fs::read(bench.weights(&plain()).unwrap()).unwrap(), weights(1));
}

#[test]
fn weights_can_be_removed_and_are_forgotten() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    assert!(bench.cache.remove(&plain()).unwrap().is_empty());
    let path = bench.weights(&plain()).unwrap();
    assert_eq!(bench.cache.remove(&plain()).unwrap(), std::slice::from_ref(&path));
    assert!(!path.exists() && bench.cache.find(&plain()).unwrap().is_none());
    assert!(bench.cache.remove(&plain()).unwrap().is_empty());
    // Another content is no change now.
    let server = serving(weights(2));
    let bench = bench.with(&server);
    assert_eq!(fs::read(bench.weights(&plain()).unwrap()).unwrap(), weights(2));
}

#[test]
fn many_at_once_fetch_once() {
    let file = weights(1);
    let server = Server::start({
        let file = file.clone();
        move |request, _| Reply::file(request, &file, "\"a\"").pace(file.len() / 5, Duration::from_millis(20))
    });
    let bench = Bench::new(&server);
    // The lock belongs to the open file, so threads stand for processes.
    let (count, barrier) = (8, Barrier::new(8));
    let waited: usize = std::thread::scope(|scope| {
        let one = || {
            barrier.wait();
            let cache = Cache::new(bench.cache.folder());
            let network = Network { mirror: Some(server.url.clone()), ..Network::default() };
            let mut waited = 0;
            let mut note = |event: Event| waited += usize::from(event == Event::Waiting);
            let path = cache.weights(&plain(), &network, &mut note).unwrap();
            assert_eq!(fs::read(path).unwrap(), file);
            waited
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(server.requests().len(), 1);
    assert!(waited > 0, "somebody had to wait");
}

#[test]
fn damaged_pins_are_told_and_touch_nothing() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    bench.weights(&plain()).unwrap();
    fs::write(bench.cache.folder().join("pins.json"), "{\"weights").unwrap();
    bench.fails(&plain(), &["pins.json", "damaged", "delete it"]);
}

#[test]
fn pins_of_other_files_are_kept() {
    let server = serving(weights(1));
    let bench = Bench::new(&server);
    let other = crate::entry("other.safetensors", "safetensors", serde_json::json!({}));
    std::thread::scope(|scope| {
        for entry in [plain(), other.clone()] {
            let bench = &bench;
            scope.spawn(move || bench.weights(&entry).unwrap());
        }
    });
    let pins = fs::read_to_string(bench.cache.folder().join("pins.json")).unwrap();
    assert!(pins.contains(FILE) && pins.contains("other.safetensors"), "{pins}");
}
