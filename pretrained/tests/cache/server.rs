//! A web server on the loopback that misbehaves as a test asks.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// N of `Range: bytes=N-`.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// An answer: a head, then a body in pieces.
pub struct Reply {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    /// `Content-Length`; none sends no such header.
    length: Option<usize>,
    /// The connection ends after so many bytes of the body.
    cut: usize,
    /// Nothing more comes after so many bytes, and the connection stays.
    stall: Option<(usize, Duration)>,
    /// Bytes at a time, and the pause after each.
    pace: (usize, Duration),
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let (length, cut) = (Some(body.len()), usize::MAX);
        Self { status, headers: Vec::new(), body, length, cut, stall: None, pace: (usize::MAX, Duration::ZERO) }
    }

    /// The file as a well-behaved server sends it: whole, or the rest if the request asks for the rest of the same.
    pub fn file(request: &Request, body: &[u8], tag: &str) -> Self {
        match request.from().filter(|_| request.header("if-range") == Some(tag)) {
            Some(from) if from < body.len() => Self::new(206, &body[from..]).header(format!(
                "Content-Range: bytes {from}-{}/{}",
                body.len() - 1,
                body.len()
            )),
            Some(_) => Self::new(416, "").header(format!("Content-Range: bytes */{}", body.len())),
            None => Self::new(200, body),
        }
        .header(format!("ETag: {tag}"))
    }

    pub fn header(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    pub fn length(mut self, length: Option<usize>) -> Self {
        self.length = length;
        self
    }

    pub fn cut(mut self, after: usize) -> Self {
        self.cut = after;
        self
    }

    pub fn stall(mut self, after: usize, time: Duration) -> Self {
        self.stall = Some((after, time));
        self
    }

    pub fn pace(mut self, bytes: usize, pause: Duration) -> Self {
        self.pace = (bytes, pause);
        self
    }

    /// Errors only say that the client has gone, which is its right.
    fn send(&self, mut to: &TcpStream) -> std::io::Result<()> {
        let length = self.length.map(|n| format!("Content-Length: {n}\r\n")).unwrap_or_default();
        let headers: String = self.headers.iter().map(|line| format!("{line}\r\n")).collect();
        write!(to, "HTTP/1.1 {} x\r\nConnection: close\r\n{length}{headers}\r\n", self.status)?;
        let body = &self.body[..self.body.len().min(self.cut)];
        if let Some((after, time)) = self.stall {
            to.write_all(&body[..after])?;
            thread::sleep(time);
            return Ok(());
        }
        for piece in body.chunks(self.pace.0.min(body.len().max(1))) {
            to.write_all(piece)?;
            thread::sleep(self.pace.1);
        }
        to.shutdown(Shutdown::Write)
    }
}

/// A server, and what it was asked.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers with `handler`, which is given the request and how many there were before.
    pub fn start(handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/weights", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, handler) = (Arc::clone(&requests), Arc::new(handler));
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                thread::spawn(move || {
                    if let Some(request) = read(&stream) {
                        let before = {
                            let mut log = log.lock().unwrap();
                            log.push(request.clone());
                            log.len() - 1
                        };
                        let _ = handler(&request, before).send(&stream);
                    }
                });
            }
        });
        Self { url, requests }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())));
    Some(Request { path, headers: headers.collect() })
}
