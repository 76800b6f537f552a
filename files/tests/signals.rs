//! What is unfinished is removed however the process ends. This test program starts itself as the process that writes.
#![allow(clippy::unwrap_used)]

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// Tells the process that writes where to.
const FOLDER: &str = "VOVDET_TEST_FOLDER";

/// The process that writes; no test when it is not asked for.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let _clean_up = vovdet_files::clean_up();
    let folder = Path::new(&folder).to_path_buf();
    let (ready, written) = std::sync::mpsc::channel();
    let path = folder.join("file");
    thread::spawn(move || {
        vovdet_files::write_file(&path, |file| {
            file.write_all(b"half")?;
            file.flush()?;
            ready.send(()).unwrap();
            thread::sleep(Duration::from_secs(60));
            Err(io::Error::other("nobody ended it"))
        })
    });
    vovdet_files::write_folder(&folder.join("folder"), |inside| {
        std::fs::write(inside.join("inner"), b"half")?;
        written.recv().unwrap();
        println!("\nready");
        // What the parent says is whether to panic; it says nothing when it sends a signal.
        let mut order = String::new();
        io::stdin().read_line(&mut order)?;
        assert!(order.is_empty(), "a bug");
        thread::sleep(Duration::from_secs(60));
        Err(io::Error::other("nobody ended it"))
    })
    .unwrap();
}

fn start(folder: &Path, before: &[&str]) -> Child {
    let program = std::env::current_exe().unwrap();
    let words = before.iter().copied().chain([program.to_str().unwrap(), "--exact", "writer", "--nocapture"]);
    let words: Vec<_> = words.collect();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ready"), "the writer did not get so far");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 2, "a file and a folder are under way");
    // Read to its end, so that the writer is not stopped by a closed pipe.
    thread::spawn(move || lines.map_while(Result::ok).count());
    child
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[track_caller]
fn ended(mut child: Child, folder: &Path) -> ExitStatus {
    let status = child.wait().unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "something is left");
    status
}

#[test]
fn signals_leave_nothing_behind() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let folder = tempfile::tempdir().unwrap();
        let child = start(folder.path(), &[]);
        send(signal, &child);
        assert_eq!(ended(child, folder.path()).code(), Some(code), "{signal}");
    }
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &[]);
    child.stdin.take().unwrap().write_all(b"panic\n").unwrap();
    let status = ended(child, folder.path());
    assert!(status.signal().is_none() && !status.success());
}

#[test]
fn nohup_is_respected() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &["nohup"]);
    send("-HUP", &child);
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "it ended although SIGHUP was ignored");
    send("-TERM", &child);
    assert_eq!(ended(child, folder.path()).code(), Some(143));
}
