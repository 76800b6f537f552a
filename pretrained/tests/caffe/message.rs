//! Caffe models, written field by field.

use std::time::{Duration, Instant};

use vovdet_pretrained::Checkpoint;

/// Far above what any of these small files takes, far below what a bomb would.
pub const QUICK: Duration = Duration::from_secs(2);

/// A protocol buffer, field by field.
#[derive(Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn varint(mut self, mut n: u64) -> Self {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
        self
    }

    pub fn number(self, field: u64, n: u64) -> Self {
        self.varint(field << 3).varint(n)
    }

    pub fn float(mut self, field: u64, x: f32) -> Self {
        self = self.varint(field << 3 | 5);
        self.0.extend(x.to_le_bytes());
        self
    }

    pub fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    pub fn blob(shape: &[u64], values: &[f32]) -> Self {
        let dims = shape.iter().fold(Self::default(), |dims, &n| dims.varint(n));
        let data: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self::default().message(7, &Self::default().message(1, &dims)).bytes(5, &data)
    }

    pub fn layer(name: &str, kind: &str, bottom: &str, top: &str, blobs: &[Self]) -> Self {
        let mut layer = Self::default().bytes(1, name.as_bytes()).bytes(2, kind.as_bytes());
        for (field, name) in [(3, bottom), (4, top)] {
            if !name.is_empty() {
                layer = layer.bytes(field, name.as_bytes());
            }
        }
        blobs.iter().fold(layer, |layer, blob| layer.message(7, blob))
    }

    pub fn net(layers: &[Self]) -> Self {
        layers.iter().fold(Self::default().bytes(1, b"made"), |net, layer| net.message(100, layer))
    }

    pub fn open(self) -> Result<Checkpoint, vovdet_pretrained::Error> {
        let start = Instant::now();
        let opened = Checkpoint::from_bytes("made", self.0);
        assert!(start.elapsed() < 2 * QUICK, "{:?}", start.elapsed());
        opened
    }
}
