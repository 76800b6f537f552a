//! A transfer that breaks off goes on where it ended, and never with another file.

use crate::server::{Reply, Request, Server};
use crate::{Bench, FILE, plain, weights};
use std::path::Path;

/// A server that ends each of its first `breaks` answers after a third of the file.
fn breaking(file: Vec<u8>, tag: &'static str, breaks: usize) -> Server {
    Server::start(move |request, before| {
        let reply = Reply::file(request, &file, tag);
        if before < breaks { reply.cut(file.len() / 3) } else { reply }
    })
}

/// A cache with the first third of `file`, of which the tag is known.
fn begun(file: &[u8], tag: &'static str) -> Bench {
    let server = Server::start({
        let file = file.to_vec();
        move |request, _| match request.from() {
            None => Reply::file(request, &file, tag).cut(file.len() / 3),
            Some(_) => Reply::new(503, ""),
        }
    });
    let bench = Bench::new(&server);
    bench.fails(&plain(), &["HTTP 503", "100.", "of 300.", "kB are kept", "goes on from there"]);
    assert_eq!(bench.partial().unwrap(), &file[..file.len() / 3]);
    bench
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn only_the_rest_is_asked_for() {
    let file = weights(1);
    let server = breaking(file.clone(), "\"a\"", 2);
    let bench = Bench::new(&server);
    assert_eq!(read(bench.weights(&plain()).unwrap()), file);
    let asked: Vec<_> = server.requests().iter().map(Request::from).collect();
    assert_eq!(asked, [None, Some(file.len() / 3), Some(2 * (file.len() / 3))]);
    assert_eq!(server.requests()[1].header("if-range"), Some("\"a\""));
    // Nothing is left of the download but its lock.
    let left: Vec<_> = std::fs::read_dir(bench.cache.folder().join(".partial"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn another_run_goes_on_where_one_gave_up() {
    let file = weights(1);
    let server = breaking(file.clone(), "\"a\"", usize::MAX);
    let mut bench = Bench::new(&server);
    bench.network.attempts = 2;
    bench.fails(&plain(), &["2 times in a row", "are kept"]);
    let first = server.requests().len();
    // Breaks twice more at most: the file has three thirds.
    assert_eq!(read(bench.weights(&plain()).unwrap()), file);
    assert_eq!(server.requests()[first].from(), Some(2 * (file.len() / 3)));
    let events = bench.with(&server).events(&plain());
    assert!(events.is_empty(), "it is in the cache: {events:?}");
}

#[test]
fn what_is_left_of_an_earlier_run_is_told() {
    let file = weights(1);
    let mut bench = begun(&file, "\"a\"");
    bench.network.attempts = 1;
    let events = bench.events(&plain());
    assert!(events[0].contains(&format!("have: {}", file.len() / 3)), "{events:?}");
}

#[test]
fn last_modified_will_do_and_a_weak_tag_will_not() {
    let file = weights(1);
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let server = Server::start({
        let file = file.clone();
        move |request, before| {
            // A tag that only says "means the same" beside the date.
            let reply =
                Reply::file(request, &file, date).header("ETag: W/\"a\"").header(format!("Last-Modified: {date}"));
            if before == 0 { reply.cut(1000) } else { reply }
        }
    });
    // `Reply::file` sends the date as a tag too: not one in quotes, so none.
    assert_eq!(read(Bench::new(&server).weights(&plain()).unwrap()), file);
    assert_eq!(server.requests()[1].header("if-range"), Some(date));
    let server = Server::start({
        let file = file.clone();
        move |_, before| {
            let reply = Reply::new(200, file.clone()).header("ETag: W/\"a\"");
            if before == 0 { reply.cut(1000) } else { reply }
        }
    });
    assert_eq!(read(Bench::new(&server).weights(&plain()).unwrap()), file);
    assert_eq!(server.requests()[1].header("range"), None, "nothing tells whether it is still the same file");
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_its_beginning() {
    let bench = begun(&weights(1), "\"a\"");
    let new = weights(2);
    // The same address, or else nothing would be resumed.
    let server = Server::start({
        let new = new.clone();
        move |request, _| Reply::file(request, &new, "\"b\"")
    });
    let bench = move_to(bench, &server);
    assert_eq!(read(bench.weights(&plain()).unwrap()), new);
    assert_eq!(server.requests()[0].header("if-range"), Some("\"a\""));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn wrong_ranges_are_not_put_together() {
    let file = weights(1);
    let third = file.len() / 3;
    let last = file.len() - 1;
    let all = file.len();
    let wrong: [(String, usize, &str); 6] = [
        (format!("Content-Range: bytes 0-{last}/{all}"), 0, "\"a\""),
        (format!("Content-Range: bytes {}-{last}/{all}", third + 1), third + 1, "\"a\""),
        (format!("Content-Range: bytes {third}-{last}/{}", all + 1), third, "\"a\""),
        (format!("Content-Range: bytes {third}-{}/{all}", last - 1), third, "\"a\""),
        ("Content-Range: nonsense".into(), third, "\"a\""),
        (format!("Content-Range: bytes {third}-{last}/{all}"), third, "\"b\""),
    ];
    for (range, from, tag) in wrong {
        let server = Server::start({
            let (file, range) = (file.clone(), range.clone());
            move |request, _| match request.from() {
                Some(_) => Reply::new(206, &file[from..]).header(range.clone()).header(format!("ETag: {tag}")),
                None => Reply::file(request, &file, "\"a\""),
            }
        });
        let bench = move_to(begun(&file, "\"a\""), &server);
        assert_eq!(read(bench.weights(&plain()).unwrap()), file, "{range}");
        let asked: Vec<_> = server.requests().iter().map(Request::from).collect();
        assert_eq!(asked, [Some(third), None], "{range}");
    }
}

#[test]
fn a_range_that_cannot_be_satisfied_begins_anew() {
    let file = weights(1);
    let server = Server::start({
        let file = file.clone();
        move |request, _| match request.from() {
            Some(_) => Reply::new(416, "").header("Content-Range: bytes */5"),
            None => Reply::file(request, &file, "\"a\""),
        }
    });
    let bench = move_to(begun(&file, "\"a\""), &server);
    assert_eq!(read(bench.weights(&plain()).unwrap()), file);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_page_instead_of_the_rest_is_refused() {
    let file = weights(1);
    let server = Server::start(|_, _| Reply::new(200, "<html>limit reached</html>"));
    let bench = move_to(begun(&file, "\"a\""), &server);
    bench.fails(&plain(), &["web page"]);
    // A limit for today, perhaps: tomorrow it goes on.
    let server = breaking(file.clone(), "\"a\"", 0);
    let bench = move_to(bench, &server);
    assert_eq!(read(bench.weights(&plain()).unwrap()), file);
    assert_eq!(server.requests()[0].from(), Some(file.len() / 3));
}

#[test]
fn an_unknown_part_is_not_built_upon() {
    let file = weights(1);
    for state in ["", "{", "{\"url\": \"http://elsewhere\", \"validator\": \"x\", \"total\": 3}"] {
        let bench = begun(&file, "\"a\"");
        std::fs::write(bench.cache.folder().join(".partial").join(FILE).with_added_extension("json"), state).unwrap();
        let server = breaking(file.clone(), "\"a\"", 0);
        let bench = bench.with(&server);
        assert_eq!(read(bench.weights(&plain()).unwrap()), file);
        assert_eq!(server.requests()[0].from(), None);
    }
}

/// Makes a part that was begun elsewhere one of this server.
fn move_to(bench: Bench, server: &Server) -> Bench {
    let state = bench.cache.folder().join(".partial").join(FILE).with_added_extension("json");
    let old = format!("{}/{FILE}", bench.network.mirror.clone().unwrap());
    let text = std::fs::read_to_string(&state).unwrap();
    assert!(text.contains(&old), "{text}");
    std::fs::write(&state, text.replace(&old, &format!("{}/{FILE}", server.url))).unwrap();
    bench.with(server)
}
