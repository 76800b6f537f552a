//! What a server can do wrong.

use crate::server::{Reply, Server};
use crate::{Bench, FILE, entry, plain, weights};
use serde_json::json;
use std::time::Duration;
use vovdet_pretrained::cache::Fault;

const PAGE: &str = "<!DOCTYPE html><html><title>Sign in</title></html>";

#[test]
fn a_file_comes_whole_under_its_name() {
    let file = weights(1);
    let server = Server::start({
        let file = file.clone();
        move |request, _| Reply::file(request, &file, "\"a\"")
    });
    let bench = Bench::new(&server);
    let path = bench.weights(&plain()).unwrap();
    assert_eq!(path, bench.cache.folder().join(FILE));
    assert_eq!(std::fs::read(path).unwrap(), file);
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].path.as_str()), (1, "/weights/weights.safetensors"));
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    assert_eq!(requests[0].header("range"), None);
}

#[test]
fn a_page_is_not_weights() {
    let page = |kind: &'static str| {
        Server::start(move |_, _| Reply::new(200, format!("\u{feff}\n {PAGE}")).header(format!("Content-Type: {kind}")))
    };
    for kind in ["text/html; charset=utf-8", "application/octet-stream"] {
        let server = page(kind);
        let bench = Bench::new(&server);
        bench.fails(&plain(), &["web page", "https://drive.google.com/open?id=1", "hand it over"]);
        assert_eq!(server.requests().len(), 1, "trying again cannot help");
        assert_eq!(bench.partial(), None);
    }
}

#[test]
fn a_page_that_comes_in_crumbs_is_none_either() {
    // One byte first: the mark that pages may begin with is three.
    let server = Server::start(|_, _| Reply::new(200, format!("\u{feff}{PAGE}")).pace(1, Duration::from_millis(2)));
    let bench = Bench::new(&server);
    bench.fails(&plain(), &["web page"]);
    assert_eq!(bench.partial(), None);
}

#[test]
fn no_is_told_and_not_asked_again() {
    for (status, words) in [(404, "no longer there"), (403, "refused"), (410, "no longer there"), (400, "later")] {
        let server = Server::start(move |_, _| Reply::new(status, PAGE));
        let status = format!("answers {status}");
        Bench::new(&server).fails(&plain(), &[status.as_str(), words]);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    let file = weights(1);
    let server = Server::start(move |request, before| match before {
        0 => Reply::new(503, "busy"),
        1 => Reply::new(429, "too many"),
        _ => Reply::file(request, &file, "\"a\""),
    });
    Bench::new(&server).weights(&plain()).unwrap();
    let server = Server::start(|_, _| Reply::new(500, ""));
    let bench = Bench::new(&server);
    bench.fails(&plain(), &["HTTP 500", "3 times"]);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn redirects_are_followed_but_not_in_circles() {
    let file = weights(1);
    let server = Server::start({
        let file = file.clone();
        move |request, _| match request.path.as_str() {
            "/weights/weights.safetensors" => Reply::new(302, PAGE).header("Location: /moved?dl=1"),
            "/moved?dl=1" => Reply::new(307, "").header("Location: there"),
            "/there" => Reply::file(request, &file, "\"a\""),
            _ => Reply::new(404, ""),
        }
    });
    assert_eq!(std::fs::read(Bench::new(&server).weights(&plain()).unwrap()).unwrap(), file);
    let server = Server::start(|_, _| Reply::new(302, "").header("Location: /weights/weights.safetensors"));
    Bench::new(&server).fails(&plain(), &["redirects in circles"]);
    let server = Server::start(|_, _| Reply::new(302, "").header("Location: ftp://elsewhere/x"));
    Bench::new(&server).fails(&plain(), &[]);
}

#[test]
fn nobody_at_home() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::start(|_, _| Reply::new(404, ""));
    let mut bench = Bench::new(&server);
    bench.network.mirror = Some(format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    bench.fails(&plain(), &["connection is refused", "try again later"]);
    bench.network.mirror = Some("http://not a host".into());
    bench.fails(&plain(), &["cannot connect", "cannot be read"]);
}

#[test]
fn a_server_that_stalls_is_given_up_and_one_that_is_slow_is_not() {
    let file = weights(1);
    let server = Server::start({
        let file = file.clone();
        move |_, _| Reply::new(200, file.clone()).stall(1000, Duration::from_secs(5))
    });
    let bench = Bench::new(&server);
    bench.fails(&plain(), &["stalled", "3 times"]);
    assert_eq!(server.requests().len(), 3);
    // No word at all, not even a head.
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_secs(5));
        Reply::new(200, "")
    });
    Bench::new(&server).fails(&plain(), &["stalled"]);
    // Longer than the timeout altogether, never silent for as long.
    let server = Server::start({
        let file = file.clone();
        move |_, _| Reply::new(200, file.clone()).pace(file.len() / 8, Duration::from_millis(100))
    });
    assert_eq!(std::fs::read(Bench::new(&server).weights(&plain()).unwrap()).unwrap(), file);
}

#[test]
fn lies_about_the_length() {
    let file = weights(1);
    // More than there is, to the end of the connection.
    let server = Server::start({
        let file = file.clone();
        move |_, _| Reply::new(200, file.clone()).length(Some(file.len() + 10))
    });
    let error = Bench::new(&server).fails(&plain(), &["3 times in a row"]);
    assert!(matches!(error.fault(), Fault::Broken { .. }), "{error:?}");
    // Less than there is: the file ends too early, which its own content tells.
    let server = Server::start({
        let file = file.clone();
        move |_, _| Reply::new(200, file.clone()).length(Some(file.len() - 10))
    });
    let bench = Bench::new(&server);
    let error = bench.fails(&plain(), &["cut short", "nothing was kept"]);
    assert!(matches!(error.fault(), Fault::Content(_)), "{error:?}");
    assert_eq!(bench.partial(), None);
    // None at all, and the connection ends too early.
    let server = Server::start({
        let file = file.clone();
        move |_, _| Reply::new(200, file.clone()).length(None).cut(file.len() / 2)
    });
    Bench::new(&server).fails(&plain(), &["cut short"]);
    // None at all, and everything comes.
    let server = Server::start({
        let file = file.clone();
        move |_, _| Reply::new(200, file.clone()).length(None)
    });
    assert_eq!(std::fs::read(Bench::new(&server).weights(&plain()).unwrap()).unwrap(), file);
    // Nothing.
    let server = Server::start(|_, _| Reply::new(200, ""));
    Bench::new(&server).fails(&plain(), &["ended before the file did"]);
}

#[test]
fn another_length_than_published_is_refused_before_it_is_sent() {
    let file = weights(1);
    let bytes = file.len();
    let server = Server::start(move |request, _| Reply::file(request, &file, "\"a\""));
    let sized = |bytes: usize| entry(FILE, "safetensors", json!({"bytes": bytes, "within": 1000}));
    let bench = Bench::new(&server);
    bench.fails(&sized(bytes + 1001), &["bytes long instead of", "as published"]);
    bench.weights(&sized(bytes + 1000)).unwrap();
    // A server that tells no length is caught at the end.
    let file = weights(1);
    let server = Server::start(move |_, _| Reply::new(200, file.clone()).length(None));
    Bench::new(&server).fails(&sized(bytes - 1001), &["bytes long instead of"]);
}

#[test]
fn the_published_hash_is_checked() {
    use sha2::{Digest, Sha256};
    let file = weights(1);
    let hash: String = Sha256::digest(&file).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let server = Server::start(move |request, _| Reply::file(request, &file, "\"a\""));
    let hashed = |hash: &str| entry(FILE, "safetensors", json!({"hash": hash}));
    let bench = Bench::new(&server);
    bench.fails(&hashed("00000000"), &["SHA-256 begins with", &hash, "00000000"]);
    assert_eq!(bench.partial(), None);
    bench.weights(&hashed(&hash)).unwrap();
}

#[test]
fn weights_that_cannot_be_read_are_not_kept() {
    let server = Server::start(|_, _| Reply::new(200, b"\x89PNG not weights, but long enough to look at".to_vec()));
    Bench::new(&server).fails(&plain(), &["a picture", "nothing was kept"]);
    let server =
        Server::start(|request, _| Reply::file(request, &weights(1), "\"a\"").header("Content-Encoding: gzip"));
    Bench::new(&server).fails(&plain(), &["encoded as", "gzip"]);
}

#[test]
fn a_folder_that_cannot_be_used() {
    let server = Server::start(|request, _| Reply::file(request, &weights(1), "\"a\""));
    let mut bench = Bench::new(&server);
    let file = bench.folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    bench.cache = vovdet_pretrained::cache::Cache::new(&file);
    bench.fails(&plain(), &["cannot use", "VOVDET_CACHE"]);
    assert_eq!(server.requests().len(), 0);
}

/// What drips would go on for ever: every read brings something in time.
#[test]
fn a_server_that_sends_a_byte_now_and_then_is_given_up() {
    let server = Server::start(|_, _| Reply::new(200, weights(1)).pace(1, Duration::from_millis(100)));
    let bench = Bench::new(&server);
    bench.fails(&plain(), &["slowed down to", "bytes a second"]);
}

#[test]
fn a_redirect_to_another_host_is_not_followed_without_encryption() {
    let file = weights(1);
    let elsewhere = Server::start(move |request, _| Reply::file(request, &file, "\"a\""));
    // The same machine under another name.
    let to = elsewhere.url.replace("127.0.0.1", "localhost");
    let server = Server::start(move |_, _| Reply::new(302, "").header(format!("Location: {to}/{FILE}")));
    let bench = Bench::new(&server);
    bench.fails(&plain(), &["redirects to another host", "localhost"]);
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn credentials_of_a_mirror_are_used_and_never_shown() {
    let server = Server::start(|_, _| Reply::new(200, weights(1)).cut(1000).header("ETag: \"a\""));
    let mut bench = Bench::new(&server);
    bench.network.mirror = Some(server.url.replace("http://", "http://user:secret@"));
    let error = bench.fails(&plain(), &["127.0.0.1"]);
    assert!(!format!("{error} {error:?} {:?}", bench.network).contains("secret"), "{error:?}");
    assert!(bench.events(&plain()).iter().all(|event| !event.contains("secret")));
    let kept = std::fs::read_to_string(bench.cache.folder().join(format!(".partial/{FILE}.json"))).unwrap();
    assert!(!kept.contains("secret"), "{kept}");
    // base64 of user:secret
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.header("authorization") == Some("Basic dXNlcjpzZWNyZXQ=")));
}

/// Somebody else may put a link where the next download goes.
#[test]
fn what_a_link_among_the_downloads_points_at_is_not_touched() {
    let server = Server::start(|request, _| Reply::file(request, &weights(1), "\"a\""));
    let bench = Bench::new(&server);
    let (partial, precious) = (bench.cache.folder().join(".partial"), bench.folder.path().join("precious"));
    std::fs::create_dir_all(&partial).unwrap();
    std::fs::write(&precious, "precious").unwrap();
    for name in [FILE.to_owned(), format!("{FILE}.json"), format!("{FILE}.lock"), "pins.lock".to_owned()] {
        std::os::unix::fs::symlink(&precious, partial.join(name)).unwrap();
    }
    let path = bench.weights(&plain()).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), weights(1));
    assert_eq!(std::fs::read(precious).unwrap(), b"precious");
}
