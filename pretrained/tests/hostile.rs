//! Files that are made to cost time or memory, and findings of the fuzzer.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use vovdet_pretrained::{Checkpoint, ErrorKind};

/// A pickle, written piece by piece.
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(b"\x80\x02".to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.raw(text.as_bytes())
    }

    fn put(self, index: u32) -> Self {
        self.raw(b"r").raw(&index.to_le_bytes())
    }

    fn get(self, index: u32) -> Self {
        self.raw(b"j").raw(&index.to_le_bytes())
    }

    fn repeat(mut self, n: u32, piece: impl Fn(Self, u32) -> Self) -> Self {
        for i in 0..n {
            self = piece(self, i);
        }
        self
    }

    /// A numpy array of one byte whose data are the value on top of the stack, by the memo at `data`.
    fn array(self, data: u32, len: u32) -> Self {
        self.raw(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R")
            .raw(b"(K\x01J")
            .raw(&len.to_le_bytes())
            .raw(b"\x85cnumpy\ndtype\nU\x02u1\x89\x88\x87R(K\x03U\x01|NNNtb\x89")
            .get(data)
            .raw(b"tb")
    }

    /// Opens it, which must be quick, and gives the refusal.
    fn refused(self) -> Refusal {
        self.open().map(|ok| format!("{ok:?}")).expect_err("refused")
    }

    fn open(self) -> Result<Checkpoint, Refusal> {
        let start = Instant::now();
        let opened = Checkpoint::from_bytes("hostile", self.0);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(4), "took {took:?}");
        opened.map_err(Refusal)
    }
}

/// An error whose kind is asked for.
#[derive(Debug)]
struct Refusal(vovdet_pretrained::Error);

impl Refusal {
    fn is_limit(&self) -> bool {
        matches!(self.0.kind(), ErrorKind::Limit(_))
    }
}

/// The most memory this process ever had, in megabytes.
fn peak_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().split(' ').next()?.parse::<u64>().ok()? / 1024)
}

/// Sixty megabytes of each instruction that keeps something: refused before memory is spent. The
/// tests of this file run in one process, so that the peak covers all of them.
#[test]
fn instructions_by_the_million_are_refused() {
    for piece in [&b"N"[..], b"(", b"]", b"}", b")", b"Nq\x01", b"N2", b"K\x01\x85", b"]]a", b"}NNs"] {
        let refusal = Pickle::new().raw(&piece.repeat(60_000_000 / piece.len())).refused();
        assert!(refusal.is_limit(), "{piece:?}: {refusal:?}");
    }
    for opcode in [b'p', b'g', b'S', b'V', b'c', b'I'] {
        let _ = Pickle::new().raw(&[opcode]).raw(&vec![b'1'; 20_000_000]).refused();
    }
    if let Some(peak) = peak_mb() {
        assert!(peak < 1000, "peak of {peak} MB");
    }
}

/// One text of a megabyte as the data of 20,000 arrays would make ten gigabytes of them.
#[test]
fn a_text_cannot_be_used_again_and_again() {
    let refusal = Pickle::new()
        .raw(b"c_codecs\nencode\n")
        .text(&"é".repeat(500_000))
        .text("latin1")
        .raw(b"\x86R")
        .put(0)
        .raw(b"0}(")
        .repeat(20_000, |p, i| p.text(&format!("a{i}")).array(0, 500_000))
        .raw(b"u.")
        .refused();
    assert!(refusal.is_limit(), "{refusal:?}");
}

/// Text that stands for bytes is checked when it is read: too short, too long, or no bytes at all.
#[test]
fn broken_text_as_data_is_an_error() {
    let array = |text: &str, len| {
        Pickle::new()
            .raw(b"c_codecs\nencode\n")
            .text(text)
            .text("latin1")
            .raw(b"\x86R")
            .put(0)
            .raw(b"0}(")
            .text("a")
            .array(0, len)
            .raw(b"u.")
    };
    let good = array("a\u{e9}\u{ff}\u{80}", 4).open().unwrap();
    assert_eq!(good.read("a").unwrap(), [b'a', 0xe9, 0xff, 0x80]);
    for (text, len) in [("a\u{e9}", 3), ("ab\u{e9}", 4), ("\u{100}b", 2), ("\u{20ac}", 2)] {
        let read = array(text, len).open().map(|checkpoint| checkpoint.read("a"));
        let error = read.unwrap().unwrap_err().to_string();
        assert!(error.contains("text that stands for the data"), "{error}");
    }
    for (text, len) in [("abc", 4), ("abc", 1), ("", 1)] {
        assert!(matches!(array(text, len).refused().0.kind(), ErrorKind::Tensor { .. }));
    }
}

/// Python 2 strings with escapes are copied when they are decoded; `_codecs.encode` would copy again.
#[test]
fn a_decoded_text_cannot_be_copied_again_and_again() {
    let refusal = Pickle::new()
        .raw(b"V\\u0041")
        .raw(&vec![b'a'; 1_000_000])
        .raw(b"\n")
        .put(0)
        .text("latin1")
        .put(1)
        .repeat(100_000, |p, _| p.raw(b"c_codecs\nencode\n").get(0).get(1).raw(b"\x86R0"))
        .raw(b".")
        .refused();
    assert!(refusal.is_limit(), "{refusal:?}");
}

/// A list copied into a dictionary or list again and again.
#[test]
fn copies_of_lists_are_counted() {
    for class in [&b"ccollections\nOrderedDict\n"[..], b"c__builtin__\nlist\n"] {
        let refusal = Pickle::new()
            .raw(b"](")
            .repeat(10_000, |p, _| p.raw(b"NN\x86"))
            .raw(b"e")
            .put(0)
            .repeat(10_000, |p, _| p.raw(class).get(0).raw(b"\x85R0"))
            .raw(b".")
            .refused();
        assert!(refusal.is_limit(), "{refusal:?}");
    }
}

/// Dictionaries that hold the same dictionary many times, on many levels: 200^10 entries.
#[test]
fn shared_dictionaries_are_not_expanded() {
    let mut pickle = Pickle::new().raw(b"}(").text("x").array_of_nothing().raw(b"u").put(0);
    for level in 0..10 {
        pickle = pickle.raw(b"}(").repeat(200, |p, i| p.text(&format!("k{i}")).get(level)).raw(b"u").put(level + 1);
    }
    let refusal = pickle.raw(b".").refused();
    assert!(refusal.is_limit(), "{refusal:?}");
}

impl Pickle {
    /// An array without elements, from a memo that it fills.
    fn array_of_nothing(self) -> Self {
        self.raw(b"C\x00").put(900).raw(b"0").array(900, 0)
    }
}

/// A key of sixty kilobytes under which dictionaries lie inside each other.
#[test]
fn long_names_are_counted() {
    let key = "k".repeat(60_000);
    let mut pickle = Pickle::new().text(&key).put(0).raw(b"0}(");
    pickle = pickle.text("x").array_of_nothing().raw(b"u").put(1);
    for level in 1..12 {
        pickle = pickle.raw(b"0}(").get(0).get(level);
        for i in 0..3 {
            pickle = pickle.text(&format!("{i}")).get(level);
        }
        pickle = pickle.raw(b"u").put(level + 1);
    }
    let refusal = pickle.raw(b".").refused();
    assert!(refusal.is_limit(), "{refusal:?}");
}

/// Names of classes and storages of a megabyte are not hashed again and again.
#[test]
fn long_class_names_are_refused() {
    let name = "n".repeat(1_000_000);
    let _ = Pickle::new().text(&name).put(0).repeat(300_000, |p, _| p.get(0).get(0).raw(b"\x930")).refused();
}

/// A dictionary of a megabyte of keys as every value of another one is not searched for each of them.
#[test]
fn big_dictionaries_are_not_searched_again_and_again() {
    let pickle = Pickle::new()
        .raw(b"}(")
        .repeat(100_000, |p, i| p.raw(b"J").raw(&i.to_le_bytes()).raw(b"N"))
        .raw(b"u")
        .put(0)
        .raw(b"0}(")
        .repeat(100_000, |p, i| p.text(&format!("{i}")).get(0))
        .raw(b"u.");
    let _ = pickle.refused();
}

/// An expanded view may be larger than its storage, to a point: one element as 2^40.
#[test]
fn expanded_views_are_capped() {
    let expanded = |size: i64| {
        Pickle::new()
            .raw(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.")
            .raw(b"\x80\x02}(")
            .text("a")
            .raw(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .raw(b"ctorch\nByteStorage\n")
            .text("0")
            .text("cpu")
            .raw(b"K\x01NtQK\x00\x8a\x08")
            .raw(&size.to_le_bytes())
            .raw(b"\x85K\x00\x85\x89}tRu.\x80\x02](")
            .text("0")
            .raw(b"e.\x01\0\0\0\0\0\0\0\x2a")
    };
    let small = expanded(1 << 20).open().unwrap();
    assert_eq!(small.read("a").unwrap(), vec![0x2a; 1 << 20]);
    assert!(expanded(1 << 40).refused().is_limit());
    assert!(matches!(expanded(i64::MAX).refused().0.kind(), ErrorKind::Limit(_) | ErrorKind::Tensor { .. }));
    assert!(matches!(expanded(-1).refused().0.kind(), ErrorKind::Tensor { .. }));
}

/// A safetensors header full of tiny lists, and one nested deeper than any stack.
#[test]
fn safetensors_headers_cost_little() {
    let open = |header: Vec<u8>| {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header);
        let start = Instant::now();
        let refused = Checkpoint::from_bytes("hostile", file).is_err();
        assert!(refused && start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    };
    let mut zeros = br#"{"a":{"dtype":"F32","shape":["#.to_vec();
    zeros.extend(b"0,".repeat(10_000_000));
    zeros.extend(br#"0],"data_offsets":[0,0]}}"#);
    open(zeros);
    let mut deep = br#"{"a":"#.to_vec();
    deep.extend(b"[".repeat(10_000_000));
    open(deep);
}

/// Some hundred bytes of pickle name any number of tensors: dictionaries inside each other, the same one ten times in
/// each. They are counted before they are kept.
#[test]
fn tensors_are_counted_before_they_are_kept() {
    let depth = 6;
    let bomb = |depth: u32| {
        let dictionaries = |pickle: Pickle, level: u32| {
            let entry = |pickle: Pickle, key: u32| pickle.text(&key.to_string()).get(level);
            pickle.raw(b"}(").repeat(10, entry).raw(b"u").put(level + 1)
        };
        Pickle::new().raw(b"U\x01x").put(1000).array(1000, 1).put(0).repeat(depth, dictionaries).raw(b".")
    };
    // A level less is within the limit: a hundred thousand.
    assert_eq!(bomb(depth - 1).open().map_err(|refusal| format!("{refusal:?}")).unwrap().tensors().len(), 100_000);
    let bomb = bomb(depth);
    assert!(bomb.0.len() < 1000, "{}", bomb.0.len());
    let refusal = format!("{:?}", bomb.refused());
    assert!(refusal.contains("100000 tensors"), "{refusal}");
}
